/// A key from the application's tables, byte for byte as the file contains it.
package struct StoredKey: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    package init(_ text: String) {
        self.init(bytes: Array(text.utf8))
    }

    /// Nil for a key that other clients and remotes would read as a different one: such a row is put aside.
    package var text: String? {
        guard !bytes.contains(0) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// For people, and for our own columns: U+FFFD replaces NUL characters and bytes that are not UTF-8.
    package var repaired: String { text ?? String(decoding: bytes, as: UTF8.self).replacing("\0", with: "\u{FFFD}") }

    /// Why ``text`` is nil.
    package var problem: String? {
        if bytes.contains(0) { return "contains a NUL character" }
        return String(validating: bytes, as: UTF8.self) == nil ? "is not valid UTF-8" : nil
    }

    /// For people: `61 00 62` as `610062`, as SQLite's hex() writes it.
    package var hex: String {
        bytes.reduce(into: "") { text, byte in
            let digits = String(byte, radix: 16, uppercase: true)
            text += digits.count == 1 ? "0\(digits)" : digits
        }
    }
}

extension String {
    /// Whether it can be a key (see ``StoredKey/text``): a text with a NUL character matches nothing in the tables.
    package var isUsableKey: Bool { !utf8.contains(0) }
}
