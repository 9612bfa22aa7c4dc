extension String {
    /// Empty, or nothing but white space (Unicode's property White_Space): names nobody. The tables refuse such an assignee with the same
    /// rule (migrations/0008_keys_and_queues.sql).
    package var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }

    /// Without the white space at both ends.
    package var withoutOuterWhiteSpace: String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }
}
