/// One header field of a request or a response.
package struct HTTPHeader: Sendable, Hashable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// Names are compared case-insensitively (RFC 9110 section 5.1).
    func isNamed(_ other: String) -> Bool {
        name.utf8.count == other.utf8.count && name.lowercased() == other.lowercased()
    }
}

extension [HTTPHeader] {
    /// The value of the first field with this name.
    package subscript(_ name: String) -> String? {
        first { $0.isNamed(name) }?.value
    }

    /// Adds a field, or replaces the one with the same name.
    mutating func set(_ header: HTTPHeader) {
        if let position = firstIndex(where: { $0.isNamed(header.name) }) {
            self[position] = header
        } else {
            append(header)
        }
    }
}
