import SyncCore
import Testing

@testable import SyncStore

/// After a crash: no row stays claimed, and whatever may have arrived is in doubt.
@Suite struct RecoveryTests {
    private static let gone = ProcessIdentity(bootID: "boot", pidNamespace: "ns", pid: 41, startedTicks: 7)
    private static let alive = ProcessIdentity(bootID: "boot", pidNamespace: "ns", pid: 42, startedTicks: 8)
    private let isGone: @Sendable (ProcessIdentity) -> Bool = { $0 == RecoveryTests.gone }

    private func states() async throws -> StoreScenario {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.plan()
        return scenario
    }

    @Test func `a process gets an id of its own that is never used again`() async throws {
        let scenario = try StoreScenario()
        let first = try await scenario.store.register(Self.gone, now: StoreScenario.start)
        try scenario.write("DELETE FROM processes")
        #expect(try await scenario.store.register(Self.alive, now: StoreScenario.start) > first)
    }

    @Test func `a claim of a living process is left alone until its lease has ended`() async throws {
        let scenario = try await states()
        let process = try await scenario.store.register(Self.alive, now: StoreScenario.start)
        _ = try await scenario.claimOne("vg", process: process)
        let early = try await scenario.store.recover(now: StoreScenario.start + .milliseconds(59_999), isGone: isGone)
        #expect(early.rows == 0 && early.claimedUntil == StoreScenario.start + .seconds(60))
        #expect(try scenario.lines("SELECT state FROM outbox") == ["sending"])
        #expect(try await scenario.store.recover(now: StoreScenario.start + .seconds(60), isGone: isGone).rows == 1)
        #expect(try scenario.lines("SELECT state, lease, lease_until FROM outbox") == ["pending|-|-"])
    }

    @Test func `a claim of an ended process is put back at once`() async throws {
        let scenario = try await states()
        let process = try await scenario.store.register(Self.gone, now: StoreScenario.start)
        _ = try await scenario.claimOne("vg", process: process)
        #expect(try await scenario.store.recover(now: StoreScenario.start, isGone: isGone).rows == 1)
        #expect(try await scenario.store.recover(now: StoreScenario.start, isGone: isGone).rows == 0)
        #expect(try await scenario.claimOne("vg").idempotencyKey == StoreScenario.firstKey)
    }

    @Test func `a process does not put back its own calls in flight, whatever its clock says`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2")
        try await scenario.plan()
        let process = try await scenario.store.register(Self.alive, now: StoreScenario.start)
        let claimed = try await scenario.claim("vg", process: process)
        let later = StoreScenario.start + .days(1)
        #expect(try await scenario.store.recover(now: later, except: [claimed[0].id], isGone: isGone).rows == 1)
        #expect(try scenario.outbox() == ["1|c1|vg|sending", "2|c2|vg|pending"])
        #expect(try await scenario.finish(claimed[0], DeliveryOutcome(.delivered, httpStatus: 200), now: later).fenced.isEmpty)
        #expect(try scenario.outbox("id = 1") == ["1|c1|vg|delivered"])
    }

    @Test func `a claim of an unknown process waits for its lease`() async throws {
        let scenario = try await states()
        _ = try await scenario.claimOne("vg", process: 999)
        #expect(try await scenario.store.recover(now: StoreScenario.start, isGone: { _ in true }).rows == 0)
    }

    @Test func `the fields of an interrupted call are in doubt, and the interruption is in the history`() async throws {
        let scenario = try await states()
        _ = try await scenario.claimOne("vg")
        let now = StoreScenario.start + .minutes(2)
        _ = try await scenario.store.recover(now: now, isGone: isGone)
        #expect(try scenario.doubts() == [#"status=["open"]"#, "title=[null]"])
        #expect(try scenario.lines("SELECT attempts, in_doubt_since FROM outbox") == ["0|-"], "no attempt, and no message")
        let attempts = try await scenario.store.attempts(of: 1)
        #expect(attempts.map(\.outcome) == ["interrupted"])
        #expect(attempts.map(\.startedAt) == [StoreScenario.start.iso8601])
        #expect(attempts.map(\.finishedAt) == [now.iso8601])
    }

    @Test func `doubts add up and end with the acknowledgement`() async throws {
        let scenario = try await states()
        try scenario.write("UPDATE link_state SET fields = '{\"user_id\":{\"doubt\":[\"7\"]}}'")
        _ = try await scenario.claimOne("vg")
        _ = try await scenario.store.recover(now: StoreScenario.start + .minutes(2), isGone: isGone)
        #expect(try scenario.doubts() == [#"status=["open"]"#, "title=[null]", #"user_id=["7"]"#])
        let claimed = try await scenario.claimOne("vg", now: StoreScenario.start + .minutes(2))
        #expect(claimed.earlierAttempts == 1)
        try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        #expect(try scenario.doubts() == [#"user_id=["7"]"#])
    }

    @Test func `an interrupted message is in doubt since its first claim`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        for claimedAt in [StoreScenario.start, StoreScenario.start + .minutes(2)] {
            _ = try await scenario.claimOne("fin", now: claimedAt)
            _ = try await scenario.store.recover(now: claimedAt + .seconds(60), isGone: isGone)
        }
        #expect(try scenario.lines("SELECT state, attempts, in_doubt_since FROM outbox") == ["pending|0|\(StoreScenario.start.iso8601)"])
        let claimed = try await scenario.claimOne("fin", now: StoreScenario.start + .minutes(4))
        #expect(claimed.row.inDoubtSince == StoreScenario.start)
        #expect(!claimed.row.mayBeSent(now: StoreScenario.start + .minutes(5), timeout: .seconds(10)))
    }

    @Test func `planning that waited for the interrupted call continues`() async throws {
        let scenario = try await states()
        _ = try await scenario.claimOne("vg")
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        #expect(try scenario.feed() == ["c1|vg|1"])
        _ = try await scenario.store.recover(now: StoreScenario.start + .minutes(2), isGone: isGone)
        #expect(try scenario.feed() == ["c1|vg|0"])
    }

    @Test func `times that are far ahead because the clock was set are brought back`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET due_at = ? WHERE id = 1", [(StoreScenario.start + .days(400)).iso8601])
        try scenario.write("UPDATE outbox SET due_at = ? WHERE id = 2", [(StoreScenario.start + .days(3)).iso8601])
        try await scenario.store.repair(now: StoreScenario.start, farthestDue: .days(3))
        #expect(
            try scenario.lines("SELECT due_at FROM outbox ORDER BY id") == [
                StoreScenario.start.iso8601, (StoreScenario.start + .days(3)).iso8601,
            ])
    }

    @Test func `an entry that waits for a call which is not in flight is freed, and others are not`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2")
        try await scenario.plan()
        _ = try await scenario.claim("vg", 1)
        try scenario.write(
            "INSERT INTO change_feed (conversation_id, remote, changed_at, deferred) VALUES ('c1', 'vg', 'x', 1), ('c2', 'vg', 'x', 1)")
        try await scenario.store.repair(now: StoreScenario.start, farthestDue: .days(3))
        #expect(try scenario.feed() == ["c1|vg|1", "c2|vg|0"])
    }
}
