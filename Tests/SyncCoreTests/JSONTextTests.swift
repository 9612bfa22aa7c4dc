import Fixtures
import FoundationEssentials
import SyncCore
import Testing

@Suite struct JSONTextTests {
    @Test(arguments: [
        "", " ", "{", "}", "[1,]", "[,1]", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "nul", "truex", "01", "-", "1.", ".5", "1e", "+1", "\"",
        "\"\n\"",
        "\"\\x\"", "\"\\u12\"", "\"\\ud800\\u12\"", "\"\\ud800\\\"", "[1] 2", "'a'", "NaN", "Infinity", "-Infinity", "{\"a\":}", "\u{FEFF}",
        "\u{FEFF}\u{FEFF}1",
        "1\u{FEFF}", "0x1", "1e+", "1.e1", "--1", "-", "1_000",
    ])
    func `text that is not JSON is refused`(text: String) {
        #expect(throws: JSONTextError.self) { try JSONValue(text: text) }
    }

    @Test func `bytes that are not UTF-8 are replaced inside strings and refused elsewhere`() throws {
        #expect(try JSONValue(bytes: [0x22, 0x61, 0xFF, 0x62, 0x22]) == "a\u{FFFD}b")
        #expect(try JSONValue(bytes: [0x22, 0x5C, 0x6E, 0xC3, 0x22]) == "\n\u{FFFD}")
        // A surrogate in UTF-8 (CESU-8).
        #expect(try JSONValue(bytes: [0x22, 0xED, 0xA0, 0xBD, 0x22]).stringValue?.contains("\u{FFFD}") == true)
        #expect(throws: JSONTextError.self) { try JSONValue(bytes: [0xFF]) }
        #expect(throws: JSONTextError.self) { try JSONValue(bytes: [0x22, 0x61, 0xC3]) }
    }

    @Test(arguments: [
        (#""\ud83d""#, "\u{FFFD}"), (#""\ude00""#, "\u{FFFD}"), (#""a\ud83db""#, "a\u{FFFD}b"), (#""\ud83d\n""#, "\u{FFFD}\n"),
        (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"), (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
        (#""\uD83D\\""#, "\u{FFFD}\\"), (#""\ud83d\ude00\ude00""#, "😀\u{FFFD}"), (#""\udbff\udfff""#, "\u{10FFFF}"),
    ])
    func `half of a surrogate pair becomes U+FFFD, and the text after it is kept`(text: String, value: String) throws {
        #expect(try JSONValue(text: text) == .string(value))
        #expect(try JSONValue(text: "{\(text):1}") == .object([value: 1]))
    }

    @Test func `a byte order mark before the text is skipped`() throws {
        #expect(try JSONValue(text: "\u{FEFF} {\"a\":1}") == ["a": 1])
        #expect(try JSONValue(bytes: [0xEF, 0xBB, 0xBF] + Array("[1]".utf8)) == [1])
        #expect(try JSONValue(text: "\"\u{FEFF}a\"") == "\u{FEFF}a", "inside of a string it is a character")
    }

    @Test func `of several members with the same name the last one counts`() throws {
        #expect(try JSONValue(text: #"{"a":1,"b":2,"a":3}"#) == ["a": 3, "b": 2])
    }

    @Test func `escape sequences are read`() throws {
        #expect(try JSONValue(text: #""\"\\\/\b\f\n\r\t\u00e9\ud83d\uDE00é""#) == "\"\\/\u{8}\u{C}\n\r\té😀é")
    }

    @Test func `white space is allowed where the grammar has it`() throws {
        #expect(try JSONValue(text: " \n{ \"a\" :\t[ 1 , 2 ] , \"b\":{ } }\r\n") == ["a": [1, 2], "b": [:]])
    }

    @Test func `nesting deeper than the limit is refused`() throws {
        let deep = String(repeating: "[", count: 256) + String(repeating: "]", count: 256)
        #expect(try JSONValue(text: deep).arrayValue?.count == 1)
        #expect(throws: JSONTextError.tooDeep(at: 256)) { try JSONValue(text: "[\(deep)]") }
    }

    @Test func `a value that was read at the deepest level can be stored and read again`() throws {
        let deep = String(repeating: "[", count: 256) + String(repeating: "]", count: 256)
        let delta: JSONValue = ["attributes": ["from": try JSONValue(text: deep), "to": try JSONValue(text: deep)]]
        #expect(try JSONValue(stored: delta.text) == delta)
    }

    /// Foundation's reader and writer are the reference: texts written by either are read alike by both.
    @Test(arguments: [UInt64(41), 42, 43])
    func `random values are read as Foundation reads them`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<1500 {
            let value = Self.value(depth: 4, using: &random)
            let object: JSONValue = ["v": value]
            let ours = object.text
            let reference = try JSONDecoder().decode([String: Reference].self, from: Data(ours.utf8))
            #expect(reference["v"]?.value == value, "seed \(seed): \(ours)")
            let encoder = JSONEncoder()
            let theirs = String(decoding: try encoder.encode(["v": Reference(value: value)]), as: UTF8.self)
            #expect(try JSONValue(text: theirs) == object, "seed \(seed): \(theirs)")
        }
    }

    /// Random bytes and random damage never crash the reader.
    @Test(arguments: [UInt64(51), 52])
    func `damaged texts are refused or read, and never crash the reader`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var read = 0
        for _ in 0..<20_000 {
            var bytes = Array(Self.value(depth: 3, using: &random).text.utf8)
            for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if (try? JSONValue(bytes: bytes)) != nil { read += 1 }
        }
        #expect(read > 1000, "undamaged texts are among them")
    }

    private static func value(depth: Int, using random: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &random) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &random))
        case 2: return .integer(Int64.random(in: -999_999_999_999...999_999_999_999, using: &random))
        case 3:
            return JSONNumber((Decimal(Int.random(in: 1...99_999, using: &random) * 10 + 1) / 1000).description).map(JSONValue.number)
                ?? .null
        case 4: return .string(string(using: &random))
        case 5: return .array((0..<Int.random(in: 0...4, using: &random)).map { _ in value(depth: depth - 1, using: &random) })
        default:
            var object: JSONObject = [:]
            for _ in 0..<Int.random(in: 0...4, using: &random) { object[string(using: &random)] = value(depth: depth - 1, using: &random) }
            return .object(object)
        }
    }

    private static func string(using random: inout SeededGenerator) -> String {
        let alphabet: [Character] = ["a", "Z", " ", "\"", "\\", "/", "\n", "\u{1}", "é", "返", "😀", "\u{7F}", "\u{2028}"]
        return String((0..<Int.random(in: 0...8, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "x" })
    }
}

/// The same value, read by Foundation.
private struct Reference: Codable {
    var value: JSONValue

    init(value: JSONValue) {
        self.value = value
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let string = try? container.decode(String.self) {
            value = .string(string)
        } else if container.decodeNil() {
            value = .null
        } else if let bool = try? container.decode(Bool.self) {
            value = .bool(bool)
        } else if let integer = try? container.decode(Int64.self) {
            value = .integer(integer)
        } else if let object = try? container.decode([String: Reference].self) {
            value = .object(JSONObject(object.mapValues(\.value)))
        } else if let array = try? container.decode([Reference].self) {
            value = .array(array.map(\.value))
        } else {
            value = JSONNumber(try container.decode(Decimal.self).description).map(JSONValue.number) ?? .null
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch value {
        case .null: try container.encodeNil()
        case .bool(let bool): try container.encode(bool)
        case .integer(let integer): try container.encode(integer)
        case .number(let number): try container.encode(Decimal(string: number.text))
        case .string(let string): try container.encode(string)
        case .array(let array): try container.encode(array.map(Reference.init))
        case .object(let object): try container.encode(object.reduce(into: [:]) { $0[$1.key] = Reference(value: $1.value) })
        }
    }
}
