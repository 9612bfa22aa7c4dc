import SyncCore

/// The reader and writer of JSON.
enum JSONPromises {
    @Sendable static func check(_ bytes: [UInt8]) throws(BrokenPromise) -> FuzzTarget.Reading {
        switch read(bytes) {
        case .success(let value):
            try checkRoundTrip(of: value)
            try checkNumbers(of: value, in: bytes)
            return .accepted
        case .failure(let error):
            try checkPosition(of: error, in: bytes)
            return .refused
        }
    }

    private static func read(_ bytes: some Collection<UInt8>) -> Result<JSONValue, JSONTextError> {
        Result { () throws(JSONTextError) in try JSONValue(bytes: bytes) }
    }

    /// What is written is read again as the same value, and written again to the byte.
    private static func checkRoundTrip(of value: JSONValue) throws(BrokenPromise) {
        let text = value.text
        for (form, written) in [("text", text), ("printable text", value.printableText)] {
            guard case .success(let again) = read(Array(written.utf8)) else {
                throw BrokenPromise("the \(form) of a value is JSON: \(written)")
            }
            try BrokenPromise.unless(again == value, "the \(form) is read as the same value: \(written)")
            try BrokenPromise.unless(again.hashValue == value.hashValue, "equal values have equal hashes: \(written)")
            try BrokenPromise.unless(again.text.hasSameBytes(as: text), "a value is written to the same bytes again: \(written)")
        }
        try TextPromises.checkLine(value.printableText, "the printable text", limit: .max)
    }

    /// No digit of a number is added, lost or changed, and none of the numbers is lost.
    private static func checkNumbers(of value: JSONValue, in bytes: [UInt8]) throws(BrokenPromise) {
        let tokens = JSONTokens(bytes)
        var written: [String] = []
        var members = 0
        collect(value, &written, &members)
        let known = Set(tokens.numbers)
        if let other = written.first(where: { !known.contains($0) }) { throw BrokenPromise("the number \(other) is in the text") }
        // Otherwise a name occurs twice, and the last value counts.
        if tokens.colons == members {
            try BrokenPromise.unless(written.sorted() == tokens.numbers.sorted(), "every number is kept: \(tokens.numbers)")
        }
    }

    private static func collect(_ value: JSONValue, _ numbers: inout [String], _ members: inout Int) {
        switch value {
        case .integer(let integer): numbers.append(String(integer))
        case .number(let number): numbers.append(number.text)
        case .array(let values): for value in values { collect(value, &numbers, &members) }
        case .object(let object):
            members += object.count
            for (_, value) in object { collect(value, &numbers, &members) }
        case .null, .bool, .string: break
        }
    }

    /// The text before the position is not refused earlier, and the byte there is refused whatever follows it.
    private static func checkPosition(of error: JSONTextError, in bytes: [UInt8]) throws(BrokenPromise) {
        let offset = error.offset
        try BrokenPromise.unless((0...bytes.count).contains(offset), "the position \(offset) is in the text")
        if case .failure(let before) = read(bytes[..<offset]) {
            try BrokenPromise.unless(before == .invalid(at: offset), "the text before \(offset) is refused at its end: \(before)")
        }
        guard offset < bytes.count else { return }
        guard case .failure(let same) = read(bytes[...offset]), same == error else {
            throw BrokenPromise("the byte at \(offset) is refused whatever follows it")
        }
    }
}

/// The numbers of a JSON text as written, and its colons, found without a parser: outside of strings.
private struct JSONTokens {
    private(set) var numbers: [String] = []
    private(set) var colons = 0

    init(_ bytes: [UInt8]) {
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                while index < bytes.count, bytes[index] != UInt8(ascii: "\"") { index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1 }
            case UInt8(ascii: ":"): colons += 1
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                let number = bytes[index...].prefix { "+-.eE0123456789".utf8.contains($0) }
                numbers.append(String(decoding: number, as: UTF8.self))
                index += number.count - 1
            default: break
            }
            index += 1
        }
    }
}
