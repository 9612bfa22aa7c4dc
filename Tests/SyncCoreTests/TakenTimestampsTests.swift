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
}
