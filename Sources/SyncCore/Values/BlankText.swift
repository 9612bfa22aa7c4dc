extension String {
    /// Empty, or nothing but white space (Unicode's property White_Space): names nobody. The tables refuse such an assignee with the same
    /// rule (migrations/0008_keys_and_queues.sql).
    package var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }
}
