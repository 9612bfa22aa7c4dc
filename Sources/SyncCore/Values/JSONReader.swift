/// Reads one JSON text by the grammar of RFC 8259: no trailing commas, no comments, a bounded number of levels.
///
/// Besides valid JSON, it reads common mistakes that do not affect the rest of the text: a byte order mark before it (section 8.1 lets
/// readers ignore it), half of a surrogate pair (section 8.2; JavaScript writes one when it cuts an emoji in two) and bytes in a string
/// that are not UTF-8. The latter two become U+FFFD. If several members have the same name, the last one counts.
///
/// The position of an error is the number of bytes before the first one that cannot follow: the text up to there is refused nowhere earlier,
/// whatever comes after it.
///
/// Why not `JSONDecoder`: decoding into an enumeration tries one type after the other, each failure costs a thrown error, and every row is
/// parsed three times on its way (`make bench` took half as long again with it). It also accepts trailing commas and rounds long decimals
/// to integers. The tests compare both readers over random values.
struct JSONReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let maximumDepth: Int
    private var position = 0
    private var depth = 0

    static func read(_ bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int) throws(JSONTextError) -> JSONValue {
        var reader = JSONReader(bytes: bytes, maximumDepth: maximumDepth)
        reader.skipByteOrderMark()
        reader.skipSpace()
        let value = try reader.value()
        reader.skipSpace()
        guard reader.position == bytes.count else { throw reader.invalid }
        return value
    }

    private init(bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    private mutating func skipByteOrderMark() {
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { position = 3 }
    }

    /// The byte at the position, or the end of the text, cannot follow.
    private var invalid: JSONTextError { .invalid(at: position) }

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
        for offset in 0..<word.utf8CodeUnitCount {
            guard take(word.utf8Start[offset]) else { throw invalid }
        }
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
            guard next == UInt8(ascii: "\"") else { throw invalid }
            let name = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw invalid }
            skipSpace()
            members[name] = try value()
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw invalid }
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
        guard take(UInt8(ascii: "]")) else { throw invalid }
        depth -= 1
        return values
    }

    private mutating func enter() throws(JSONTextError) {
        guard depth < maximumDepth else { throw .tooDeep(at: position) }
        position += 1
        depth += 1
        skipSpace()
    }

    // MARK: Numbers

    private mutating func number() throws(JSONTextError) -> JSONValue {
        let start = position
        _ = take(UInt8(ascii: "-"))
        // Nothing but a fraction or an exponent follows a leading zero.
        if !take(UInt8(ascii: "0")) { try needDigits() }
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
        if isWhole, let integer = integer(from: start) { return .integer(integer) }
        return .number(JSONNumber(checked: String(decoding: bytes[start..<position], as: UTF8.self)))
    }

    /// The whole number that was read, if writing it gives the same text: `-0` does not.
    private func integer(from start: Int) -> Int64? {
        let isNegative = bytes[start] == UInt8(ascii: "-")
        var magnitude: UInt64 = 0
        for index in (isNegative ? start + 1 : start)..<position {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(bytes[index] - UInt8(ascii: "0")))
            guard !overflow, !carry else { return nil }
            magnitude = sum
        }
        guard isNegative else { return Int64(exactly: magnitude) }
        guard magnitude > 0, magnitude <= Int64.min.magnitude else { return nil }
        return magnitude == Int64.min.magnitude ? .min : -Int64(magnitude)
    }

    private mutating func skipDigits() {
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
    }

    private mutating func needDigits() throws(JSONTextError) {
        let before = position
        skipDigits()
        guard position > before else { throw invalid }
    }

    // MARK: Strings

    private mutating func string() throws(JSONTextError) -> String {
        position += 1
        let start = position
        while let byte = next, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { throw invalid }
            if byte == UInt8(ascii: "\\") { return try stringWithEscapes(from: start) }
            position += 1
        }
        let end = position
        guard take(UInt8(ascii: "\"")) else { throw invalid }
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    private mutating func stringWithEscapes(from start: Int) throws(JSONTextError) -> String {
        var buffer = Array(bytes[start..<position])
        while let byte = next, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { throw invalid }
            position += 1
            if byte == UInt8(ascii: "\\") {
                try appendEscape(to: &buffer)
            } else {
                buffer.append(byte)
            }
        }
        guard take(UInt8(ascii: "\"")) else { throw invalid }
        return String(decoding: buffer, as: UTF8.self)
    }

    private mutating func appendEscape(to buffer: inout [UInt8]) throws(JSONTextError) {
        guard let byte = next else { throw invalid }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(byte)
        case UInt8(ascii: "b"): buffer.append(0x08)
        case UInt8(ascii: "f"): buffer.append(0x0C)
        case UInt8(ascii: "n"): buffer.append(0x0A)
        case UInt8(ascii: "r"): buffer.append(0x0D)
        case UInt8(ascii: "t"): buffer.append(0x09)
        case UInt8(ascii: "u"): buffer += UTF8.encode(try unicodeEscape()) ?? UTF8.encodedReplacementCharacter
        default: throw .invalid(at: position - 1)
        }
    }

    /// `\uXXXX`, and surrogate pairs for scalars beyond the basic plane. Half of a pair becomes U+FFFD; the text after it is kept.
    private mutating func unicodeEscape() throws(JSONTextError) -> Unicode.Scalar {
        let code = try fourHexDigits()
        if (0xD800...0xDBFF).contains(code), let low = try lowSurrogate() {
            return Unicode.Scalar(0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)) ?? "\u{FFFD}"
        }
        return Unicode.Scalar(code) ?? "\u{FFFD}"
    }

    /// The second half of a pair; nil, with nothing consumed, if something else follows.
    private mutating func lowSurrogate() throws(JSONTextError) -> UInt32? {
        let before = position
        guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            position = before
            return nil
        }
        let code = try fourHexDigits()
        if (0xDC00...0xDFFF).contains(code) { return code }
        position = before
        return nil
    }

    private mutating func fourHexDigits() throws(JSONTextError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            let digit: UInt8? =
                switch next {
                case let byte? where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte): byte - UInt8(ascii: "0")
                case let byte? where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte): byte - UInt8(ascii: "a") + 10
                case let byte? where (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte): byte - UInt8(ascii: "A") + 10
                default: nil
                }
            guard let digit else { throw invalid }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
