import FoundationEssentials

/// Reads one JSON text (RFC 8259), strictly: no trailing commas, no comments, valid UTF-8, at most ``maximumDepth`` levels.
///
/// Why not `JSONDecoder`: decoding into an enumeration tries one type after the other, each failure costs a thrown error, and every
/// row is read three times on its way (`make bench` took half as long again with it). It also takes trailing commas and rounds
/// long decimals to integers. The tests compare both readers over random values.
struct JSONReader {
    static let maximumDepth = 256

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var depth = 0

    static func read(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONTextError) -> JSONValue {
        var reader = JSONReader(bytes: bytes)
        reader.skipSpace()
        let value = try reader.value()
        reader.skipSpace()
        guard reader.position == bytes.count else { throw JSONTextError() }
        return value
    }

    private init(bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func value() throws(JSONTextError) -> JSONValue {
        switch next {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONTextError) -> JSONValue {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count else { throw JSONTextError() }
        for offset in 0..<word.utf8CodeUnitCount where bytes[position + offset] != word.utf8Start[offset] { throw JSONTextError() }
        position = end
        return value
    }

    // MARK: Containers

    private mutating func object() throws(JSONTextError) -> JSONObject {
        try enter()
        var members: JSONObject = [:]
        if take(UInt8(ascii: "}")) {
            depth -= 1
            return members
        }
        repeat {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw JSONTextError() }
            let name = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw JSONTextError() }
            skipSpace()
            members[name] = try value()
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw JSONTextError() }
        depth -= 1
        return members
    }

    private mutating func array() throws(JSONTextError) -> [JSONValue] {
        try enter()
        var values: [JSONValue] = []
        if take(UInt8(ascii: "]")) {
            depth -= 1
            return values
        }
        repeat {
            skipSpace()
            values.append(try value())
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw JSONTextError() }
        depth -= 1
        return values
    }

    private mutating func enter() throws(JSONTextError) {
        position += 1
        depth += 1
        guard depth <= JSONReader.maximumDepth else { throw JSONTextError() }
        skipSpace()
    }

    // MARK: Numbers

    private mutating func number() throws(JSONTextError) -> JSONValue {
        let start = position
        _ = take(UInt8(ascii: "-"))
        let digitsStart = position
        skipDigits()
        let digits = position - digitsStart
        guard digits > 0, digits == 1 || bytes[digitsStart] != UInt8(ascii: "0") else { throw JSONTextError() }
        var isWhole = true
        if take(UInt8(ascii: ".")) {
            isWhole = false
            try needDigits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isWhole = false
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            try needDigits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let integer = Int64(text) { return .integer(integer) }
        guard let decimal = Decimal(string: text), !decimal.isNaN else { throw JSONTextError() }
        // 1.0 is 1: equal values have one form.
        if let integer = Int64(decimal.description) { return .integer(integer) }
        return .decimal(decimal)
    }

    private mutating func skipDigits() {
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
    }

    private mutating func needDigits() throws(JSONTextError) {
        let before = position
        skipDigits()
        guard position > before else { throw JSONTextError() }
    }

    // MARK: Strings

    private mutating func string() throws(JSONTextError) -> String {
        position += 1
        let start = position
        while let byte = next, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { throw JSONTextError() }
            if byte == UInt8(ascii: "\\") { return try stringWithEscapes(from: start) }
            position += 1
        }
        guard let string = String(validating: bytes[start..<position], as: UTF8.self), take(UInt8(ascii: "\"")) else {
            throw JSONTextError()
        }
        return string
    }

    private mutating func stringWithEscapes(from start: Int) throws(JSONTextError) -> String {
        var buffer = Array(bytes[start..<position])
        while let byte = next, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { throw JSONTextError() }
            position += 1
            if byte == UInt8(ascii: "\\") {
                buffer.append(contentsOf: try escape())
            } else {
                buffer.append(byte)
            }
        }
        guard let string = String(validating: buffer, as: UTF8.self), take(UInt8(ascii: "\"")) else { throw JSONTextError() }
        return string
    }

    private mutating func escape() throws(JSONTextError) -> [UInt8] {
        guard let byte = next else { throw JSONTextError() }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw JSONTextError()
        }
    }

    /// `\uXXXX`, and pairs of surrogates for what lies beyond the basic plane. A lone surrogate is no text.
    private mutating func unicodeEscape() throws(JSONTextError) -> [UInt8] {
        var code = try fourHexDigits()
        if (0xD800...0xDBFF).contains(code) {
            guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw JSONTextError() }
            let low = try fourHexDigits()
            guard (0xDC00...0xDFFF).contains(low) else { throw JSONTextError() }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw JSONTextError() }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func fourHexDigits() throws(JSONTextError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw JSONTextError() }
        var code: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[position]
            let digit: UInt8? =
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
                case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
                case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
                default: nil
                }
            guard let digit else { throw JSONTextError() }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
