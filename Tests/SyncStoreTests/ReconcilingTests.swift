import SyncCore
import Testing

@testable import SyncStore

/// Reconciling reports on a real database: what is compared, what is written, and that all of it is one transaction.
@Suite struct ReconcilingTests {
    static let start = StoreScenario.start
    static func at(_ seconds: Int64) -> Instant { start + .seconds(seconds) }

    func context(_ scenario: StoreScenario, now: Instant = start) -> InboundContext { scenario.inbound(now: now) }

    func report(_ scenario: StoreScenario, _ remote: String, _ word: String, readAt: Instant, changedAt: Instant? = nil) async throws
        -> [Reconciled]
    {
        let object = ReadRequest(remoteID: remote == "helpdesk" ? "c1" : "r-c1", agentID: remote == "vg" ? "agent9" : nil)
        let report = Report(
            remote: remote, subject: .object(object), observation: Observation(word: word, changedAt: changedAt), readAt: readAt)
        return try await scenario.store.reconcile([report], context(scenario, now: max(readAt, Self.start)))
            .filter { $0.verdict.kind != .stale }
    }

    private func converged() async throws -> StoreScenario { try await StoreScenario.converged() }

    // MARK: Adopting

    @Test func `an adopted value is in the row and in the history, has the remote's date, and is sent to all other remotes`() async throws {
        let scenario = try await converged()
        let results = try await report(scenario, "voicebot", "closed", readAt: Self.at(5), changedAt: Self.at(3))
        #expect(results.map(\.verdict.kind) == [.adopted])
        #expect(try scenario.lines("SELECT status, updated_at FROM conversations") == ["closed|\(Self.at(5).iso8601)"])
        #expect(try scenario.lines("SELECT status_changed_at FROM local_changes") == [Self.at(3).iso8601])
        #expect(
            try scenario.lines("SELECT conversation_id, remote, word, reported_at, adopted_at, changes, rule FROM adopted_changes") == [
                "c1|voicebot|closed|\(Self.at(3).iso8601)|\(Self.at(5).iso8601)|{\"status\":{\"from\":\"open\",\"to\":\"closed\"}}|scripted"
            ])
        #expect(try scenario.feed() == ["c1||0"])
        try await scenario.plan(now: Self.at(6))
        #expect(try scenario.lines("SELECT remote FROM outbox WHERE state = 'pending' ORDER BY 1") == ["helpdesk", "vg"])
    }

    @Test func `an adoption is written completely or not at all`() async throws {
        let scenario = try await converged()
        let before = try scenario.lines("SELECT * FROM link_state ORDER BY conversation_id, remote")
        try scenario.write("CREATE TRIGGER full BEFORE INSERT ON adopted_changes BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        await #expect(throws: StoreError.self) { _ = try await report(scenario, "voicebot", "closed", readAt: Self.at(5)) }
        #expect(try scenario.lines("SELECT status FROM conversations") == ["open"])
        #expect(try scenario.lines("SELECT * FROM link_state ORDER BY conversation_id, remote") == before)
        #expect(try scenario.feed() == [])
        try scenario.write("DROP TRIGGER full")
        #expect(try await report(scenario, "voicebot", "closed", readAt: Self.at(5)).count == 1)
    }

    @Test func `the same report again changes nothing, and its verdict is not new`() async throws {
        let scenario = try await converged()
        #expect(try await report(scenario, "vg", "ended", readAt: Self.at(1)).map(\.isNew) == [true])
        try await scenario.converge(now: Self.at(2))
        #expect(try await report(scenario, "vg", "ended", readAt: Self.at(3)).map(\.isNew) == [false])
        #expect(try scenario.lines("SELECT count(*) FROM adopted_changes") == ["1"])
        #expect(try scenario.feed() == [])
    }

    @Test func `an unmapped status value is recorded for the link, and nothing else is written`() async throws {
        let scenario = try await converged()
        #expect(try await report(scenario, "vg", "snoozed", readAt: Self.at(1)).map(\.isNew) == [true])
        #expect(try await report(scenario, "vg", "snoozed", readAt: Self.at(2)).map(\.isNew) == [false])
        #expect(try scenario.lines("SELECT status FROM conversations") == ["open"])
        #expect(try scenario.lines("SELECT count(*) FROM adopted_changes") == ["0"])
        let verdict = "json_extract(verdicts, '$.status.decision') || ' ' || json_extract(verdicts, '$.status.word')"
        #expect(try scenario.lines("SELECT \(verdict) FROM link_state WHERE remote = 'vg'") == ["unmapped snoozed"])
    }

    @Test func `a refused report makes the conversation due at that remote alone`() async throws {
        let scenario = try await converged()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.converge(now: Self.at(1))
        // Without any evidence that somebody continues the conversation.
        #expect(try await report(scenario, "vg", "open", readAt: Self.at(20), changedAt: Self.at(19)).map(\.verdict.mustPlan) == [true])
        #expect(try scenario.lines("SELECT status FROM conversations") == ["closed"])
        #expect(try scenario.feed() == ["c1|vg|0"])
    }

    @Test func `a report of an object that two conversations link to is ignored`() async throws {
        let scenario = try await converged()
        try scenario.write("INSERT INTO conversations (id) VALUES ('c2')")
        try scenario.write("INSERT INTO links VALUES ('c2', 'vg', 'r-c1', NULL), ('c2', 'voicebot', 'r-c2', NULL)")
        try await scenario.converge(now: Self.at(1))
        #expect(try await report(scenario, "vg", "ended", readAt: Self.at(2)).isEmpty)
        try scenario.write("DELETE FROM links WHERE conversation_id = 'c1' AND remote = 'vg'")
        #expect(try await report(scenario, "vg", "ended", readAt: Self.at(2)).map(\.conversationID) == ["c2"])
    }

    // MARK: Stale reports

    @Test func `a report that was read before the last acknowledgement is ignored`() async throws {
        let scenario = try await converged()
        try scenario.write("UPDATE conversations SET status = 'resolved'")
        try await scenario.converge(now: Self.at(10))
        #expect(try await report(scenario, "voicebot", "closed", readAt: Self.at(9)).isEmpty)
        // Whatever its date is: the read began before the call.
        _ = try await report(scenario, "vg", "resolved", readAt: Self.at(11), changedAt: Self.at(4))
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.converge(now: Self.at(20))
        #expect(try await report(scenario, "vg", "ended", readAt: Self.at(19), changedAt: Self.at(18)).isEmpty)
        #expect(try scenario.lines("SELECT status FROM conversations") == ["closed"])
        #expect(try await report(scenario, "voicebot", "ended", readAt: Self.at(20)).count == 1)
    }

    @Test func `of two reads the later one counts, whatever the order in which they arrive`() async throws {
        let scenario = try await converged()
        #expect(try await report(scenario, "voicebot", "closed", readAt: Self.at(8)).count == 1)
        #expect(try await report(scenario, "voicebot", "open", readAt: Self.at(7)).isEmpty)
        #expect(try scenario.lines("SELECT status FROM conversations") == ["closed"])
    }

    @Test func `reports with dates are ordered by them, even against later reads of a lagging copy`() async throws {
        let scenario = try await converged()
        #expect(try await report(scenario, "vg", "closed", readAt: Self.at(8), changedAt: Self.at(7)).count == 1)
        #expect(try await report(scenario, "vg", "open", readAt: Self.at(9), changedAt: Self.at(2)).isEmpty)
        // Read earlier: overtaken, whatever its date is.
        #expect(try await report(scenario, "vg", "ended", readAt: Self.at(8), changedAt: Self.at(8)).isEmpty)
        #expect(try await report(scenario, "vg", "ended", readAt: Self.at(10), changedAt: Self.at(10)).count == 1)
        #expect(try scenario.lines("SELECT status FROM conversations") == ["ended"])
        // Within the same second of the remote's clock the times of the reads decide.
        #expect(try await report(scenario, "vg", "open", readAt: Self.at(9), changedAt: Self.at(10)).isEmpty)
        #expect(try await report(scenario, "vg", "resolved", readAt: Self.at(11), changedAt: Self.at(10)).count == 1)
    }

    @Test func `a date far in the future does not make later reports outdated`() async throws {
        let scenario = try await converged()
        #expect(try await report(scenario, "vg", "closed", readAt: Self.at(1), changedAt: Self.at(900_000)).count == 1)
        #expect(try await report(scenario, "vg", "ended", readAt: Self.at(2), changedAt: Self.at(2)).count == 1)
    }
}
