import Fixtures
import SyncCore
import Testing

@Suite struct DurationTests {
    @Test(arguments: [
        ("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("12h", 43_200_000), ("3d", 259_200_000), ("1h30m", 5_400_000),
        ("0s", 0),
    ])
    func `a number with a unit is a duration`(text: String, milliseconds: Int64) {
        #expect(Duration(notation: text) == .milliseconds(milliseconds))
    }

    @Test(arguments: ["", "30", "s", "-5s", "1.5s", "5 s", "5x", "٣s"])
    func `text in any other form is not a duration`(text: String) {
        #expect(Duration(notation: text) == nil)
    }

    @Test(arguments: [
        "999999999999999999999s", "99999999999999999d", "9223372036854775807ms1ms", "9223372036854775807d9223372036854775807d",
    ])
    func `a duration that is too long to be counted becomes the longest one`(text: String) {
        #expect(Duration(notation: text) == .milliseconds(Int64.max))
    }

    @Test func `no sum or difference of durations and timestamps overflows`() {
        let extremes = [Int64.min, .min + 1, -1, 0, 1, .max - 1, .max]
        for left in extremes {
            for right in extremes {
                let (span, other) = (Duration.milliseconds(left), Duration.milliseconds(right))
                let moment = Instant(milliseconds: left)
                #expect(right >= 0 ? span + other >= span : span + other <= span)
                #expect(right >= 0 ? moment + other >= moment : moment + other <= moment)
                #expect(right >= 0 ? moment - other <= moment : moment - other >= moment)
                #expect((moment - Instant(milliseconds: right) > .zero) == (left > right))
            }
            #expect(Instant(milliseconds: left).iso8601.count == 24)
        }
        #expect(Instant(milliseconds: .max).iso8601 == "9999-12-31T23:59:59.999Z")
        #expect(Instant(milliseconds: .min).iso8601 == "0001-01-01T00:00:00.000Z")
    }

    @Test(arguments: ["250ms", "30s", "5m", "1h30m", "3d", "1d2h3m4s5ms"])
    func `a duration is written in the form in which it is read`(text: String) {
        #expect(Duration(notation: text)?.notation == text)
    }
}

@Suite struct InstantTests {
    @Test func `a timestamp is written in UTC with three digits and is read back`() throws {
        let moment = Instant(milliseconds: 1_737_712_880_007)
        #expect(moment.iso8601 == "2025-01-24T10:01:20.007Z")
        #expect(Instant(iso8601: moment.iso8601) == moment)
        #expect(Instant(iso8601: "2025-01-24T10:01:20Z") == Instant(milliseconds: 1_737_712_880_000))
    }

    @Test func `texts of timestamps sort like the timestamps`() {
        var random = SeededGenerator(seed: 11)
        let moments = (0..<2000).map { _ in Instant(milliseconds: .random(in: 0...4_000_000_000_000, using: &random)) }
        #expect(moments.sorted().map(\.iso8601) == moments.map(\.iso8601).sorted())
        #expect(moments.allSatisfy { Instant(iso8601: $0.iso8601) == $0 })
    }

    @Test(arguments: [
        "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00.001Z", "0099-12-31T23:59:59.999Z", "0400-02-29T12:00:00.500Z",
        "1500-02-28T23:59:59.999Z", "1500-03-01T00:00:00.000Z", "1582-10-10T09:30:00.007Z", "1599-12-31T23:59:59.999Z",
        "1600-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z",
    ])
    func `a timestamp of any year of four digits is written as it was read`(text: String) throws {
        let moment = try #require(Instant(iso8601: text))
        #expect(moment.iso8601 == text)
    }

    @Test func `texts of all writable years sort like the timestamps and are read back`() {
        var random = SeededGenerator(seed: 12)
        let moments = (0..<2000).map { _ in Instant(milliseconds: .random(in: -62_135_596_800_000...253_402_300_799_999, using: &random)) }
        #expect(moments.sorted().map(\.iso8601) == moments.map(\.iso8601).sorted())
        #expect(moments.allSatisfy { Instant(iso8601: $0.iso8601) == $0 })
    }

    @Test(arguments: [
        ("2025-01-24T10:01:20.5Z", 500), ("2025-01-24T10:01:20.123456789Z", 123), ("2025-01-24T10:01:20.9999z", 999),
        ("2025-01-24T12:01:20+02:00", 0), ("2025-01-24T12:01:20.25+0200", 250), ("2025-01-24T12:01:20+02", 0),
        ("2025-01-24T04:31:20-05:30", 0), ("2025-01-24T10:01:20-00:00", 0),
    ])
    func `a fraction of any length and an offset are read`(text: String, milliseconds: Int64) {
        #expect(Instant(iso8601: text) == Instant(milliseconds: 1_737_712_880_000 + milliseconds))
    }

    @Test(arguments: [
        ("2024-02-29T00:00:00Z", 1_709_164_800_000), ("2000-02-29T00:00:00Z", 951_782_400_000), ("1969-12-31T23:59:59.999Z", -1),
        ("2026-01-31T24:00:00Z", 1_769_904_000_000), ("2016-12-31T23:59:60Z", 1_483_228_800_000),
    ])
    func `a leap day, a leap second and the end of a day are times`(text: String, milliseconds: Int64) {
        #expect(Instant(iso8601: text) == Instant(milliseconds: milliseconds))
    }

    @Test(arguments: [
        "", "yesterday", "2025-01-24", "2025-13-24T10:01:20Z", "2025-01-24T10:01:20", "2025-01-24 10:01:20Z", "2025-01-24T10:01Z",
        "2026-01-31T09:30:00.000ZfooZ", "2026-01-31T09:30:00.000+02:00Z", "2026-01-31T09:30:00Z ", " 2026-01-31T09:30:00Z",
        "2026-01-31T09:30:00.Z", "2026-01-31T09:30:00,5Z", "2026-01-31T09:30:00+2", "2026-01-31T09:30:00+02:", "2026-01-31T09:30:00+02:0",
        "2026-01-31T09:30:00+24:00", "2026-01-31T09:30:00+02:60", "2026-1-31T09:30:00Z", "12026-01-31T09:30:00Z",
    ])
    func `text that is not a timestamp, or has anything behind it, is refused`(text: String) {
        #expect(Instant(iso8601: text) == nil)
    }

    @Test(arguments: [
        "2026-02-31T09:30:00Z", "2026-02-29T09:30:00Z", "2100-02-29T09:30:00Z", "2026-04-31T09:30:00Z", "2026-01-00T09:30:00Z",
        "2026-01-32T09:30:00Z", "2026-00-01T09:30:00Z", "2026-01-31T24:00:01Z", "2026-01-31T25:00:00Z", "2026-01-31T09:60:00Z",
        "2026-01-31T09:30:61Z",
    ])
    func `a day or a time of day that does not exist is refused`(text: String) {
        #expect(Instant(iso8601: text) == nil)
    }
}

@Suite struct JSONValueTests {
    @Test(arguments: [
        "null", "true", "17", "-9223372036854775808", "0.1", "1234567890.12345678", #""ü\u0000""#, "[1,[],{}]", #"{"a":null,"b":[true]}"#,
    ])
    func `a value written as text and read back is the same`(text: String) throws {
        let value = try JSONValue(text: text)
        #expect(try JSONValue(text: value.text) == value)
    }

    @Test func `numbers are kept to the digit`() throws {
        #expect(
            try JSONValue(text: #"{"n":0.1,"i":9007199254740993,"d":12345678901234567.89}"#).text
                == #"{"d":12345678901234567.89,"i":9007199254740993,"n":0.1}"#)
    }

    @Test func `true is not a number and 1 is not a boolean`() throws {
        #expect(try JSONValue(text: "[true,1,1.0]") == .array([.bool(true), .integer(1), .integer(1)]))
    }

    @Test func `null and absent are different`() throws {
        let object = try JSONValue(text: #"{"a":null}"#)
        #expect(object["a"] == .null)
        #expect(object["b"] == nil)
    }

    @Test(arguments: ["", "{", "[1", "nul", "\"", "{\"a\":}"])
    func `text that is not JSON is refused`(text: String) {
        #expect(throws: JSONTextError.self) { try JSONValue(text: text) }
    }

    @Test func `slashes are not escaped and members are sorted`() throws {
        #expect(try JSONValue(text: #"{"b":"a/b","a":1}"#).text == #"{"a":1,"b":"a/b"}"#)
    }
}

@Suite struct OwnerTests {
    @Test func `the owner follows from the assignee: nobody, the AI or a person`() {
        #expect(Owner(assigneeID: nil, ai: ["agent_fin"]) == .none)
        #expect(Owner(assigneeID: "agent_fin", ai: ["agent_fin"]) == .ai)
        #expect(Owner(assigneeID: "jane", ai: ["agent_fin"]) == .human)
        #expect(Owner(assigneeID: "agent_fin", ai: []) == .human)
    }
}
