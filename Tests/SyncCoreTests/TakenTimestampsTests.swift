import SyncCore
import Testing

/// A remote that recognises repetitions by a timestamp compares times, not texts.
@Suite struct TakenTimestampsTests {
    @Test(arguments: [
        ("2026-03-02T09:30:00Z", "2026-03-02T09:30:00.000Z"), ("2026-03-02T09:30:00.000Z", "2026-03-02T09:30:00Z"),
        ("2026-03-02T09:30:00.5Z", "2026-03-02T09:30:00.500Z"), ("2026-03-02T09:30:00.120Z", "2026-03-02T09:30:00.12Z"),
        ("2026-03-02T09:30:00.000Z", "2026-03-02T09:30:00.0004Z"), ("2026-03-02T09:30:00.0009Z", "2026-03-02T09:30:00.000Z"),
    ])
    func `two spellings of one millisecond are one timestamp`(_ taken: String, _ timestamp: String) throws {
        let moment = try #require(Instant(iso8601: timestamp))
        #expect(TakenTimestamps([taken]).free(timestamp) == (moment + .milliseconds(1)).iso8601)
    }

    @Test(arguments: ["2026-03-02T09:30:00Z", "2026-03-02T09:30:00.5Z", "2026-03-02T09:30:00.000Z"])
    func `a free timestamp is kept to the character`(_ timestamp: String) {
        #expect(TakenTimestamps().free(timestamp) == timestamp)
        #expect(TakenTimestamps(["2026-03-02T09:29:59.999Z", "2026-03-02T09:30:00.501Z"]).free(timestamp) == timestamp)
    }

    @Test func `a taken timestamp becomes the next free millisecond, after all that follow it directly`() throws {
        let start = try #require(Instant(iso8601: "2026-03-02T09:30:00.998Z")).milliseconds
        let taken = TakenTimestamps(range: start...(start + 3999))
        #expect(taken.free("2026-03-02T09:30:00.998Z") == "2026-03-02T09:30:04.998Z")
        #expect(taken.free("2026-03-02T09:30:01Z") == "2026-03-02T09:30:04.998Z")
        #expect(taken.free("2026-03-02T09:30:04.998Z") == "2026-03-02T09:30:04.998Z")
    }

    /// The zero time of Go and .NET.
    @Test func `of a time in the year 1 the next free milliseconds are used as well`() {
        var taken: [String] = []
        for _ in 1...4 { taken.append(TakenTimestamps(taken).free("0001-01-01T00:00:00Z") ?? "none") }
        #expect(taken == ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.001Z", "0001-01-01T00:00:00.002Z", "0001-01-01T00:00:00.003Z"])
    }

    @Test func `after the end of the year 9999 no millisecond is free`() {
        #expect(TakenTimestamps(["9999-12-31T23:59:59.998Z"]).free("9999-12-31T23:59:59.998Z") == "9999-12-31T23:59:59.999Z")
        #expect(TakenTimestamps(["9999-12-31T23:59:59.999Z"]).free("9999-12-31T23:59:59.999Z") == nil)
        #expect(TakenTimestamps(["9999-12-31T24:00:00Z"]).free("9999-12-31T24:00:00Z") == nil)
    }
}
