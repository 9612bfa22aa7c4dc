/// Writes JSON text with member names in the order of their bytes (RFC 8259 section 7).
///
/// As with ``JSONReader``, `JSONEncoder` would do the same at several times the cost, several times per row.
struct JSONWriter {
    private var bytes: [UInt8] = []
    /// Whether characters that control a terminal or break lines are escaped although JSON does not require it.
    private let isPrintable: Bool

    static func text(of value: JSONValue, isPrintable: Bool) -> String {
        var writer = JSONWriter(isPrintable: isPrintable)
        writer.write(value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private init(isPrintable: Bool) {
        self.isPrintable = isPrintable
    }

    private mutating func write(_ value: JSONValue) {
        switch value {
        case .null: bytes += "null".utf8
        case .bool(let bool): bytes += (bool ? "true" : "false").utf8
        case .integer(let integer): bytes += String(integer).utf8
        case .number(let number): bytes += number.text.utf8
        case .string(let string): write(string)
        case .array(let array):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in array.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                write(element)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in object.sorted.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                write(member.key)
                bytes.append(UInt8(ascii: ":"))
                write(member.value)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private mutating func write(_ string: String) {
        bytes.append(UInt8(ascii: "\""))
        // Escapes are rare, so the check is made once for the whole string.
        let needsEscapes = string.utf8.contains {
            $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") || (isPrintable && $0 >= 0x7F)
        }
        if needsEscapes {
            for scalar in string.unicodeScalars { write(scalar) }
        } else {
            bytes += string.utf8
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func write(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\"": bytes += #"\""#.utf8
        case "\\": bytes += #"\\"#.utf8
        case "\n": bytes += #"\n"#.utf8
        case "\r": bytes += #"\r"#.utf8
        case "\t": bytes += #"\t"#.utf8
        case _ where scalar.value < 0x20 || (isPrintable && scalar.controlsDisplay):
            // Display controls lie in the basic plane, so four digits are enough.
            let digits = String(scalar.value, radix: 16)
            bytes += #"\u"#.utf8
            bytes += Array(repeating: UInt8(ascii: "0"), count: 4 - digits.utf8.count)
            bytes += digits.utf8
        default: bytes += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
        }
    }
}
