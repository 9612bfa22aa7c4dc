import SyncCore
import Testing

@testable import SyncStore

/// When the customer last wrote, by the rows of `messages`: the latest date that can be read and is not far ahead.
@Suite struct CustomerMessageTests {
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }

    /// The message that counts unless a later one does.
    private static let earlier = "2026-03-01T11:00:00.000Z"

    private func customerWrote(_ scenario: StoreScenario, asOf now: Instant = StoreScenario.start) async throws -> String? {
        try await scenario.store.read { session in try LocalConversation.fetch(session, "c1", now: now)?.row.customerWroteAt?.iso8601 }
    }

    /// A conversation with a message of the customer for each of these dates.
    private func scenario(_ dates: String...) throws -> StoreScenario {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        for (number, date) in dates.enumerated() { try scenario.addMessage("m\(number)", of: "c1", at: date) }
        return scenario
    }

    // MARK: Dates that lie ahead

    @Test func `a message of the year 2099 does not count, and the one before it does`() async throws {
        let scenario = try scenario(Self.earlier, "2099-01-01T00:00:00.000Z")
        #expect(try await customerWrote(scenario) == Self.earlier)
        try scenario.write("DELETE FROM messages WHERE id = 'm0'")
        #expect(try await customerWrote(scenario) == nil)
    }

    @Test func `a message that is dated a few minutes ahead counts with its own date`() async throws {
        let scenario = try scenario(Self.earlier, "2026-03-01T12:05:00.000Z", "2026-03-01T12:05:00.001Z")
        #expect(try await customerWrote(scenario) == "2026-03-01T12:05:00.000Z")
    }

    @Test func `a message that is dated further ahead counts once the clock has come that near`() async throws {
        let scenario = try scenario(Self.earlier, "2026-03-01T14:00:00.000Z")
        #expect(try await customerWrote(scenario, asOf: Self.at(6899)) == Self.earlier)
        #expect(try await customerWrote(scenario, asOf: Self.at(6900)) == "2026-03-01T14:00:00.000Z")
    }

    // MARK: Dates that cannot be read

    /// All of these pass the CHECK, and all sort behind the message that counts.
    @Test(arguments: [
        "2026-03-01T11:59:00+00:00Z", "2026-03-01T11:59:00.123456+00:00Z", "2026-03-01T11:59:00.Z", "2026-03-01T11:59:00.1ZZ",
        "2026-03-01T11:59:00.12x4Z", "2026-03-01T11:59:00 Z", "2026-03-01T11:60:00.000Z", "2026-03-01T11:59:61.000Z",
    ])
    func `a message whose date cannot be read does not count, and the one before it does`(date: String) async throws {
        #expect(Instant(iso8601: date) == nil)
        #expect(try await customerWrote(try scenario(Self.earlier, date)) == Self.earlier)
    }

    @Test(arguments: ["2026-02-29T10:00:00.000Z", "2026-02-31T10:00:00.000Z", "2026-02-28T25:00:00.000Z"])
    func `a day or an hour that does not exist is no date`(date: String) async throws {
        #expect(Instant(iso8601: date) == nil)
        #expect(try await customerWrote(try scenario("2026-01-31T10:00:00.000Z", date)) == "2026-01-31T10:00:00.000Z")
    }

    @Test(arguments: [
        "2026-03-01T11:59:00Z", "2026-03-01T11:59:00.5Z", "2026-03-01T11:59:59.999712Z", "2026-03-01T11:59:00.123456789Z",
        "2024-02-29T23:59:59.999Z",
    ])
    func `a date with any number of digits behind the point can be read`(date: String) async throws {
        let expected = try #require(Instant(iso8601: date))
        #expect(try await customerWrote(try scenario(date)) == expected.iso8601)
    }

    // MARK: Ends and reopenings

    private func report(_ scenario: StoreScenario, _ word: String, readAt: Instant, changedAt: Instant) async throws -> [Verdict.Kind] {
        let report = Report(
            remote: "vg", subject: .object(ReadRequest(remoteID: "r-c1", agentID: "agent9")),
            observation: Observation(word: word, changedAt: changedAt), readAt: readAt)
        return try await scenario.store.reconcile([report], scenario.inbound(now: readAt)).map(\.verdict.kind)
    }

    @Test func `an end is adopted beside a message of the year 2099`() async throws {
        let scenario = try await StoreScenario.converged()
        try scenario.addMessage("m1", of: "c1", at: Self.earlier)
        try scenario.addMessage("m2", of: "c1", at: "2099-01-01T00:00:00.000Z")
        #expect(try await report(scenario, "ended", readAt: Self.at(5), changedAt: Self.at(3)) == [.adopted])
        #expect(try scenario.lines("SELECT status FROM conversations") == ["ended"])
    }

    @Test func `an end before a message that is dated a minute ahead is not adopted`() async throws {
        let scenario = try await StoreScenario.converged()
        try scenario.addMessage("m1", of: "c1", at: Self.at(60).iso8601)
        _ = try await report(scenario, "ended", readAt: Self.at(5), changedAt: Self.at(3))
        #expect(try scenario.lines("SELECT status FROM conversations") == ["open"])
        #expect(try scenario.feed() == ["c1|vg|0"])
    }

    @Test func `a message of the year 2099 does not reopen a conversation`() async throws {
        let scenario = try await StoreScenario.converged()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.converge(now: Self.at(1))
        try scenario.addMessage("m1", of: "c1", at: "2099-01-01T00:00:00.000Z")
        _ = try await report(scenario, "open", readAt: Self.at(20), changedAt: Self.at(19))
        #expect(try scenario.lines("SELECT status FROM conversations") == ["closed"])
        #expect(try scenario.feed() == ["c1|vg|0"])
    }
}
