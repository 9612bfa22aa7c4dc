extension String {
    /// Whether the text is empty or only white space (Unicode's property White_Space), and so names nobody. The tables refuse such an
    /// assignee by the same rule (migrations/0008_keys_and_queues.sql).
    package var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }

    /// The text without the white space at both ends.
    package var withoutOuterWhiteSpace: String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }
}
