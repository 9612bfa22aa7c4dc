import Testing

@testable import SandboxModel

struct JSONTests {
    @Test(arguments: [
        #"{"a":[1,-2.5,true,null,"x"],"b":{}}"#,
        #"[]"#,
        #""ä€😀\"\\\n\u0001""#,
        #"-9223372036854775808"#,
        #"[[[[[]]]]]"#,
    ])
    func `a value that is read and written again is the same`(text: String) throws {
        let value = try SandboxJSON(text: text)
        #expect(try SandboxJSON(text: value.text) == value)
    }

    @Test func `an escaped surrogate pair is one character`() throws {
        #expect(try SandboxJSON(text: #""\ud83d\ude00""#) == "😀")
    }

    @Test func `integers and other numbers are distinguished`() throws {
        #expect(try SandboxJSON(text: "1") == .integer(1))
        #expect(try SandboxJSON(text: "1.0") == .number(1))
        #expect(try SandboxJSON(text: "1e2") == .number(100))
        #expect(try SandboxJSON(text: "18446744073709551616") == .number(18_446_744_073_709_551_616))
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "01", "1.", "+1", ".5", "nul", "'a'", "{a:1}", "[1] x", "\"\t\"", "\"\\x\"",
        "\"\\ud83d\"", "1e999", "{\"a\":1,\"a\":2}",
    ])
    func `text that is not JSON is refused`(text: String) {
        #expect(throws: JSONReadError.self) { try SandboxJSON(text: text) }
    }

    @Test func `too many levels are refused instead of exhausting the stack`() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: JSONReadError.self) { try SandboxJSON(text: deep) }
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        #expect(throws: JSONReadError.self) { try SandboxJSON.reading([0x22, 0xC3, 0x28, 0x22]).get() }
    }
}

struct InstantTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
        (1_761_579_900_007, "2025-10-27T15:45:00.007Z", "Mon, 27 Oct 2025 15:45:00 GMT"),
        (1_709_164_799_999, "2024-02-28T23:59:59.999Z", "Wed, 28 Feb 2024 23:59:59 GMT"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z", "Thu, 29 Feb 2024 00:00:00 GMT"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z", "Mon, 01 Mar 2100 00:00:00 GMT"),
    ])
    func `a timestamp has its ISO 8601 and HTTP texts`(milliseconds: Int, iso: String, http: String) {
        let instant = SandboxInstant(milliseconds: milliseconds)
        #expect(instant.iso8601 == iso)
        #expect(instant.httpDate == http)
    }

    @Test(arguments: [
        "2025-10-27T15:45:00Z", "2025-10-27T15:45:00.1Z", "2024-02-29T00:00:00.000+02:00", "2025-10-27T15:45:00.123456789-11:30",
    ])
    func `a date-time with a time zone is accepted`(text: String) {
        #expect(SandboxInstant.isISO8601(text))
    }

    @Test(arguments: [
        "", "2025-10-27", "2025-10-27T15:45:00", "2025-10-27 15:45:00Z", "2025-02-29T00:00:00Z", "2025-13-01T00:00:00Z",
        "2025-10-27T24:00:00Z", "2025-10-27T15:45:00.Z", "2025-10-27T15:45:00.000", "2025-10-27T15:45:00+0200", "2025-10-27T15:45:00Zx",
        "1761579900", "2025-10-27T15:45:00.1",
    ])
    func `any other text is not a date-time`(text: String) {
        #expect(!SandboxInstant.isISO8601(text))
    }
}
