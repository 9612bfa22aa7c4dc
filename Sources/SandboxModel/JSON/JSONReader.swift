/// Why a body is not valid JSON, and where.
package struct JSONReadError: Error, Equatable, CustomStringConvertible {
    package let reason: String
    package let offset: Int

    package var description: String { "\(reason) at byte \(offset)" }
}

/// A strict reader of RFC 8259 text: UTF-8, no trailing comma, no duplicate names, one value, at most ``maximumDepth`` levels.
struct JSONReader {
    /// Far deeper than any documented body, and shallow enough for the stack of a small thread.
    static let maximumDepth = 64

    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0

    private init(bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    /// Reads exactly one value from `buffer`; white space around it is allowed, anything else is an error.
    static func read(_ buffer: UnsafeRawBufferPointer) throws(JSONReadError) -> SandboxJSON {
        var reader = JSONReader(bytes: buffer.assumingMemoryBound(to: UInt8.self))
        let value = try reader.readValue(depth: 0)
        reader.skipWhitespace()
        guard reader.position == reader.bytes.count else { throw reader.failure("unexpected text after the value") }
        return value
    }

    func failure(_ reason: String) -> JSONReadError {
        JSONReadError(reason: reason, offset: position)
    }

    var current: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    private mutating func skipWhitespace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        position += 1
        return true
    }

    private mutating func readValue(depth: Int) throws(JSONReadError) -> SandboxJSON {
        guard depth < Self.maximumDepth else { throw failure("more than \(Self.maximumDepth) levels") }
        skipWhitespace()
        switch current {
        case UInt8(ascii: "{"): return try readObject(depth: depth)
        case UInt8(ascii: "["): return try readArray(depth: depth)
        case UInt8(ascii: "\""): return .string(try readString())
        case UInt8(ascii: "t"): return try readWord("true", .boolean(true))
        case UInt8(ascii: "f"): return try readWord("false", .boolean(false))
        case UInt8(ascii: "n"): return try readWord("null", .null)
        case .none: throw failure("unexpected end")
        default: return try readNumber()
        }
    }

    private mutating func readWord(_ word: StaticString, _ value: SandboxJSON) throws(JSONReadError) -> SandboxJSON {
        for offset in 0..<word.utf8CodeUnitCount {
            guard take(word.utf8Start[offset]) else { throw failure("unknown word") }
        }
        return value
    }

    private mutating func readObject(depth: Int) throws(JSONReadError) -> SandboxJSON {
        position += 1
        var members: [String: SandboxJSON] = [:]
        skipWhitespace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipWhitespace()
            guard current == UInt8(ascii: "\"") else { throw failure("expected a member name") }
            let name = try readString()
            skipWhitespace()
            guard take(UInt8(ascii: ":")) else { throw failure("expected ':'") }
            let value = try readValue(depth: depth + 1)
            guard members.updateValue(value, forKey: name) == nil else { throw failure("duplicate member '\(name)'") }
            skipWhitespace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw failure("expected ',' or '}'") }
        }
    }

    private mutating func readArray(depth: Int) throws(JSONReadError) -> SandboxJSON {
        position += 1
        var elements: [SandboxJSON] = []
        skipWhitespace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try readValue(depth: depth + 1))
            skipWhitespace()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw failure("expected ',' or ']'") }
        }
    }
}

extension SandboxJSON {
    /// Reads JSON text.
    package init(text: String) throws(JSONReadError) {
        self = try Self.reading(Array(text.utf8)).get()
    }

    /// Reads a body.
    package static func reading(_ bytes: [UInt8]) -> Result<SandboxJSON, JSONReadError> {
        bytes.withUnsafeBytes { buffer in
            do throws(JSONReadError) { return .success(try JSONReader.read(buffer)) } catch { return .failure(error) }
        }
    }
}
