import SyncCore
import Testing

@testable import SyncStore

/// After a crash: no row stays claimed, and whatever may have arrived is in doubt.
@Suite struct RecoveryTests {
    private static let gone = ProcessIdentity(bootID: "boot", pidNamespace: "ns", pid: 41, startedTicks: 7)
    private static let alive = ProcessIdentity(bootID: "boot", pidNamespace: "ns", pid: 42, startedTicks: 8)
    private let isGone: @Sendable (ProcessIdentity) -> Bool = { $0 == RecoveryTests.gone }

    private func states() async throws -> Bench {
        let bench = try Bench([.vg])
        try bench.addConversations("c1")
        try await bench.plan()
        return bench
    }

    @Test func `a process gets an id of its own that is never used again`() async throws {
        let bench = try Bench()
        let first = try await bench.store.register(Self.gone, now: Bench.start)
        try bench.write("DELETE FROM processes")
        #expect(try await bench.store.register(Self.alive, now: Bench.start) > first)
    }

    @Test func `a claim of a living process is left alone until its lease has ended`() async throws {
        let bench = try await states()
        let process = try await bench.store.register(Self.alive, now: Bench.start)
        _ = try await bench.claimOne("vg", process: process)
        #expect(try await bench.store.recover(now: Bench.start + .milliseconds(59_999), isGone: isGone) == 0)
        #expect(try bench.lines("SELECT state FROM outbox") == ["sending"])
        #expect(try await bench.store.recover(now: Bench.start + .seconds(60), isGone: isGone) == 1)
        #expect(try bench.lines("SELECT state, lease, lease_until FROM outbox") == ["pending|-|-"])
    }

    @Test func `a claim of an ended process is put back at once`() async throws {
        let bench = try await states()
        let process = try await bench.store.register(Self.gone, now: Bench.start)
        _ = try await bench.claimOne("vg", process: process)
        #expect(try await bench.store.recover(now: Bench.start, isGone: isGone) == 1)
        #expect(try await bench.store.recover(now: Bench.start, isGone: isGone) == 0)
        #expect(try await bench.claimOne("vg").idempotencyKey == Bench.firstKey)
    }

    @Test func `a process does not put back its own calls in flight, whatever its clock says`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1", "c2")
        try await bench.plan()
        let process = try await bench.store.register(Self.alive, now: Bench.start)
        let claimed = try await bench.claim("vg", process: process)
        let later = Bench.start + .days(1)
        #expect(try await bench.store.recover(now: later, except: [claimed[0].id], isGone: isGone) == 1)
        #expect(try bench.outbox() == ["1|c1|vg|sending", "2|c2|vg|pending"])
        #expect(try await bench.finish(claimed[0], DeliveryOutcome(.delivered, httpStatus: 200), now: later).fenced.isEmpty)
        #expect(try bench.outbox("id = 1") == ["1|c1|vg|delivered"])
    }

    @Test func `a claim of an unknown process waits for its lease`() async throws {
        let bench = try await states()
        _ = try await bench.claimOne("vg", process: 999)
        #expect(try await bench.store.recover(now: Bench.start, isGone: { _ in true }) == 0)
    }

    @Test func `the fields of an interrupted call are in doubt, and the interruption is in the history`() async throws {
        let bench = try await states()
        _ = try await bench.claimOne("vg")
        let now = Bench.start + .minutes(2)
        _ = try await bench.store.recover(now: now, isGone: isGone)
        #expect(try bench.doubts() == [#"status=["open"]"#, "title=[null]"])
        #expect(try bench.lines("SELECT attempts, in_doubt_since FROM outbox") == ["0|-"], "no attempt, and no message")
        let attempts = try await bench.store.attempts(of: 1)
        #expect(attempts.map(\.outcome) == ["interrupted"])
        #expect(attempts.map(\.startedAt) == [Bench.start.iso8601])
        #expect(attempts.map(\.finishedAt) == [now.iso8601])
    }

    @Test func `doubts add up and end with the acknowledgement`() async throws {
        let bench = try await states()
        try bench.write("UPDATE link_state SET fields = '{\"user_id\":{\"doubt\":[\"7\"]}}'")
        _ = try await bench.claimOne("vg")
        _ = try await bench.store.recover(now: Bench.start + .minutes(2), isGone: isGone)
        #expect(try bench.doubts() == [#"status=["open"]"#, "title=[null]", #"user_id=["7"]"#])
        let claimed = try await bench.claimOne("vg", now: Bench.start + .minutes(2))
        #expect(claimed.earlierAttempts == 1)
        try await bench.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        #expect(try bench.doubts() == [#"user_id=["7"]"#])
    }

    @Test func `an interrupted message is in doubt since its first claim`() async throws {
        let bench = try Bench([.fin])
        try bench.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try bench.addMessage("m1", of: "c1")
        try await bench.plan()
        for claimedAt in [Bench.start, Bench.start + .minutes(2)] {
            _ = try await bench.claimOne("fin", now: claimedAt)
            _ = try await bench.store.recover(now: claimedAt + .seconds(60), isGone: isGone)
        }
        #expect(try bench.lines("SELECT state, attempts, in_doubt_since FROM outbox") == ["pending|0|\(Bench.start.iso8601)"])
        let claimed = try await bench.claimOne("fin", now: Bench.start + .minutes(4))
        #expect(claimed.row.inDoubtSince == Bench.start)
        #expect(!claimed.row.mayBeSent(now: Bench.start + .minutes(5), timeout: .seconds(10)))
    }

    @Test func `planning that waited for the interrupted call continues`() async throws {
        let bench = try await states()
        _ = try await bench.claimOne("vg")
        try bench.write("UPDATE conversations SET status = 'closed'")
        try await bench.plan()
        #expect(try bench.feed() == ["c1|vg|1"])
        _ = try await bench.store.recover(now: Bench.start + .minutes(2), isGone: isGone)
        #expect(try bench.feed() == ["c1|vg|0"])
    }

    @Test func `times that are far ahead because the clock was set are brought back`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1", "c2")
        try await bench.plan()
        try bench.write("UPDATE outbox SET due_at = ? WHERE id = 1", [(Bench.start + .days(400)).iso8601])
        try bench.write("UPDATE outbox SET due_at = ? WHERE id = 2", [(Bench.start + .days(3)).iso8601])
        try await bench.store.repair(now: Bench.start, farthestDue: .days(3))
        #expect(
            try bench.lines("SELECT due_at FROM outbox ORDER BY id") == [Bench.start.iso8601, (Bench.start + .days(3)).iso8601])
    }

    @Test func `an entry that waits for a call which is not in flight is freed, and others are not`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1", "c2")
        try await bench.plan()
        _ = try await bench.claim("vg", 1)
        try bench.write(
            "INSERT INTO change_feed (conversation_id, remote, changed_at, deferred) VALUES ('c1', 'vg', 'x', 1), ('c2', 'vg', 'x', 1)")
        try await bench.store.repair(now: Bench.start, farthestDue: .days(3))
        #expect(try bench.feed() == ["c1|vg|1", "c2|vg|0"])
    }
}
