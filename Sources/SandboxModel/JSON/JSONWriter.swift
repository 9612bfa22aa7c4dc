/// Writes compact JSON text with the members of every object sorted by name, so that equal values have equal texts.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 512) {
        bytes.reserveCapacity(capacity)
    }

    package mutating func write(_ value: SandboxJSON) {
        switch value {
        case .null: write(literal: "null")
        case .boolean(let flag): write(literal: flag ? "true" : "false")
        case .integer(let number): write(ascii: String(number))
        case .number(let number): write(ascii: number.isFinite ? String(describing: number) : "null")
        case .string(let text): write(string: text)
        case .array(let elements): write(array: elements)
        case .object(let members): write(object: members)
        }
    }

    /// Writes a text as a JSON string.
    mutating func write(string text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): write(literal: "\\\"")
            case UInt8(ascii: "\\"): write(literal: "\\\\")
            case 0x0A: write(literal: "\\n")
            case 0x0D: write(literal: "\\r")
            case 0x09: write(literal: "\\t")
            case 0..<0x20:
                write(literal: "\\u00")
                bytes.append(Self.hexadecimalDigits[Int(byte >> 4)])
                bytes.append(Self.hexadecimalDigits[Int(byte & 0x0F)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes text that is JSON already.
    mutating func write(raw text: some Sequence<UInt8>) {
        bytes.append(contentsOf: text)
    }

    package mutating func write(literal text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    private mutating func write(ascii text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func write(array elements: [SandboxJSON]) {
        bytes.append(UInt8(ascii: "["))
        for (position, element) in elements.enumerated() {
            if position > 0 { bytes.append(UInt8(ascii: ",")) }
            write(element)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private mutating func write(object members: [String: SandboxJSON]) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for name in members.keys.sorted() {
            guard let value = members[name] else { continue }
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            write(string: name)
            bytes.append(UInt8(ascii: ":"))
            write(value)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private static let hexadecimalDigits = Array("0123456789abcdef".utf8)
}

extension SandboxJSON {
    /// The compact text of this value.
    package var text: String { String(decoding: encoded, as: UTF8.self) }

    package var encoded: [UInt8] {
        var writer = JSONWriter()
        writer.write(self)
        return writer.bytes
    }
}
