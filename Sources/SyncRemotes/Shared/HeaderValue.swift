/// A configured text that is sent as the value of a header.
enum HeaderValue {
    /// Nil for printable ASCII without spaces at its ends: other bytes are either not allowed in a header (RFC 9110 section 5.5), or nobody
    /// can say how they are read.
    static func problem(with text: String) -> String? {
        let isPrintable = text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
        guard isPrintable, text.utf8.first != 0x20, text.utf8.last != 0x20 else {
            return "cannot be the value of a header: it has to be printable ASCII, without spaces at its ends"
        }
        return nil
    }
}
