import SyncCore
import Testing

/// The cases of "JSON Parsing Test Suite" (https://github.com/nst/JSONTestSuite, folder `test_parsing`), each by the name of its file
/// without the extension.
enum JSONSuite {}

/// One text, and what the reader does with it.
struct JSONSuiteCase: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    /// The text that is written for the value; nil: the text is refused.
    let written: [UInt8]?
    /// Nil: the value is read, or refused at any position.
    let error: JSONTextError?

    init(_ name: String, _ bytes: JSONBytes, is written: JSONBytes? = nil, error: JSONTextError? = nil) {
        self.name = name
        self.bytes = bytes.bytes
        self.written = written?.bytes
        self.error = error
    }

    var testDescription: String { name }
}

/// A text as UTF-8 (a string literal), or any bytes (an array literal).
struct JSONBytes: ExpressibleByStringLiteral, ExpressibleByArrayLiteral {
    let bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }
    init(stringLiteral text: String) { self.init(text) }
    init(arrayLiteral bytes: UInt8...) { self.bytes = bytes }

    static func repeated(_ unit: String, _ count: Int, then end: String = "") -> JSONBytes {
        JSONBytes(String(repeating: unit, count: count) + end)
    }

    /// Arrays within arrays.
    static func nested(_ levels: Int) -> JSONBytes {
        JSONBytes(String(repeating: "[", count: levels) + String(repeating: "]", count: levels))
    }
}
