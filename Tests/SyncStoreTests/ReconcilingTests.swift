import GRDB
import SyncCore
import Testing

@testable import SyncStore

/// Reconciling reports on a real database: what is compared, what is written, and that all of it is one transaction.
@Suite struct ReconcilingTests {
    static let start = Bench.start
    static func at(_ seconds: Int64) -> Instant { start + .seconds(seconds) }

    func context(_ bench: Bench, now: Instant = start) -> InboundContext { bench.inbound(now: now) }

    func report(_ bench: Bench, _ remote: String, _ word: String, readAt: Instant, changedAt: Instant? = nil) async throws -> [Reconciled] {
        let object = ReadRequest(remoteID: remote == "helpdesk" ? "c1" : "r-c1", agentID: remote == "vg" ? "agent9" : nil)
        let report = Report(
            remote: remote, subject: .object(object), observation: Observation(word: word, changedAt: changedAt), readAt: readAt)
        return try await bench.store.reconcile([report], context(bench, now: max(readAt, Self.start)))
            .filter { $0.verdict.kind != .stale }
    }

    private func converged() async throws -> Bench { try await Bench.converged() }

    // MARK: Adopting

    @Test func `an adopted value is in the row and in the history, has the remote's date, and is sent to all other remotes`() async throws {
        let bench = try await converged()
        let results = try await report(bench, "voicebot", "closed", readAt: Self.at(5), changedAt: Self.at(3))
        #expect(results.map(\.verdict.kind) == [.adopted])
        #expect(try bench.lines("SELECT status, updated_at FROM conversations") == ["closed|\(Self.at(5).iso8601)"])
        #expect(try bench.lines("SELECT status_changed_at FROM local_changes") == [Self.at(3).iso8601])
        #expect(
            try bench.lines("SELECT conversation_id, remote, word, reported_at, adopted_at, changes, rule FROM adopted_changes") == [
                "c1|voicebot|closed|\(Self.at(3).iso8601)|\(Self.at(5).iso8601)|{\"status\":{\"from\":\"open\",\"to\":\"closed\"}}|scripted"
            ])
        #expect(try bench.feed() == ["c1||0"])
        try await bench.plan(now: Self.at(6))
        #expect(try bench.lines("SELECT remote FROM outbox WHERE state = 'pending' ORDER BY 1") == ["helpdesk", "vg"])
    }

    @Test func `an adoption is written completely or not at all`() async throws {
        let bench = try await converged()
        let before = try bench.lines("SELECT * FROM link_state ORDER BY conversation_id, remote")
        try bench.write("CREATE TRIGGER full BEFORE INSERT ON adopted_changes BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        await #expect(throws: StoreError.self) { _ = try await report(bench, "voicebot", "closed", readAt: Self.at(5)) }
        #expect(try bench.lines("SELECT status FROM conversations") == ["open"])
        #expect(try bench.lines("SELECT * FROM link_state ORDER BY conversation_id, remote") == before)
        #expect(try bench.feed() == [])
        try bench.write("DROP TRIGGER full")
        #expect(try await report(bench, "voicebot", "closed", readAt: Self.at(5)).count == 1)
    }

    @Test func `the same report again changes nothing, and its verdict is not new`() async throws {
        let bench = try await converged()
        #expect(try await report(bench, "vg", "ended", readAt: Self.at(1)).map(\.isNew) == [true])
        try await bench.converge(now: Self.at(2))
        #expect(try await report(bench, "vg", "ended", readAt: Self.at(3)).map(\.isNew) == [false])
        #expect(try bench.lines("SELECT count(*) FROM adopted_changes") == ["1"])
        #expect(try bench.feed() == [])
    }

    @Test func `an unmapped status value is recorded for the link, and nothing else is written`() async throws {
        let bench = try await converged()
        #expect(try await report(bench, "vg", "snoozed", readAt: Self.at(1)).map(\.isNew) == [true])
        #expect(try await report(bench, "vg", "snoozed", readAt: Self.at(2)).map(\.isNew) == [false])
        #expect(try bench.lines("SELECT status FROM conversations") == ["open"])
        #expect(try bench.lines("SELECT count(*) FROM adopted_changes") == ["0"])
        let verdict = "json_extract(verdicts, '$.status.decision') || ' ' || json_extract(verdicts, '$.status.word')"
        #expect(try bench.lines("SELECT \(verdict) FROM link_state WHERE remote = 'vg'") == ["unmapped snoozed"])
    }

    @Test func `a refused report makes the conversation due at that remote alone`() async throws {
        let bench = try await converged()
        try bench.write("UPDATE conversations SET status = 'closed'")
        try await bench.converge(now: Self.at(1))
        // Without any evidence that somebody continues the conversation.
        #expect(try await report(bench, "vg", "open", readAt: Self.at(20), changedAt: Self.at(19)).map(\.verdict.mustPlan) == [true])
        #expect(try bench.lines("SELECT status FROM conversations") == ["closed"])
        #expect(try bench.feed() == ["c1|vg|0"])
    }

    @Test func `a report of an object that two conversations link to is ignored`() async throws {
        let bench = try await converged()
        try bench.write("INSERT INTO conversations (id) VALUES ('c2')")
        try bench.write("INSERT INTO links VALUES ('c2', 'vg', 'r-c1', NULL), ('c2', 'voicebot', 'r-c2', NULL)")
        try await bench.converge(now: Self.at(1))
        #expect(try await report(bench, "vg", "ended", readAt: Self.at(2)).isEmpty)
        try bench.write("DELETE FROM links WHERE conversation_id = 'c1' AND remote = 'vg'")
        #expect(try await report(bench, "vg", "ended", readAt: Self.at(2)).map(\.conversationID) == ["c2"])
    }

    // MARK: Stale reports

    @Test func `a report that was read before the last acknowledgement is ignored`() async throws {
        let bench = try await converged()
        try bench.write("UPDATE conversations SET status = 'resolved'")
        try await bench.converge(now: Self.at(10))
        #expect(try await report(bench, "voicebot", "closed", readAt: Self.at(9)).isEmpty)
        // Whatever its date is: the read began before the call.
        _ = try await report(bench, "vg", "resolved", readAt: Self.at(11), changedAt: Self.at(4))
        try bench.write("UPDATE conversations SET status = 'closed'")
        try await bench.converge(now: Self.at(20))
        #expect(try await report(bench, "vg", "ended", readAt: Self.at(19), changedAt: Self.at(18)).isEmpty)
        #expect(try bench.lines("SELECT status FROM conversations") == ["closed"])
        #expect(try await report(bench, "voicebot", "ended", readAt: Self.at(20)).count == 1)
    }

    @Test func `of two reads the later one counts, whatever the order in which they arrive`() async throws {
        let bench = try await converged()
        #expect(try await report(bench, "voicebot", "closed", readAt: Self.at(8)).count == 1)
        #expect(try await report(bench, "voicebot", "open", readAt: Self.at(7)).isEmpty)
        #expect(try bench.lines("SELECT status FROM conversations") == ["closed"])
    }

    @Test func `reports with dates are ordered by them, even against later reads of a lagging copy`() async throws {
        let bench = try await converged()
        #expect(try await report(bench, "vg", "closed", readAt: Self.at(8), changedAt: Self.at(7)).count == 1)
        #expect(try await report(bench, "vg", "open", readAt: Self.at(9), changedAt: Self.at(2)).isEmpty)
        // Read earlier: overtaken, whatever its date is.
        #expect(try await report(bench, "vg", "ended", readAt: Self.at(8), changedAt: Self.at(8)).isEmpty)
        #expect(try await report(bench, "vg", "ended", readAt: Self.at(10), changedAt: Self.at(10)).count == 1)
        #expect(try bench.lines("SELECT status FROM conversations") == ["ended"])
        // Within the same second of the remote's clock the times of the reads decide.
        #expect(try await report(bench, "vg", "open", readAt: Self.at(9), changedAt: Self.at(10)).isEmpty)
        #expect(try await report(bench, "vg", "resolved", readAt: Self.at(11), changedAt: Self.at(10)).count == 1)
    }

    @Test func `a date far in the future does not make later reports outdated`() async throws {
        let bench = try await converged()
        #expect(try await report(bench, "vg", "closed", readAt: Self.at(1), changedAt: Self.at(900_000)).count == 1)
        #expect(try await report(bench, "vg", "ended", readAt: Self.at(2), changedAt: Self.at(2)).count == 1)
    }
}
