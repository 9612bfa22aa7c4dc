import SyncCore
import Testing

@testable import SyncStore

/// What an operator does with a remote: pause, resume, resume now.
@Suite struct PausingTests {
    private let later = StoreScenario.start + .hours(1)
    private let far = StoreScenario.start + .hours(20)

    /// c1 … c4 with a row each for vg: throttled, retrying, held by Fin's rule until a moment, and new; the breaker is open.
    private func scenario() async throws -> StoreScenario {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2", "c3", "c4")
        try await scenario.store.enterRemotes(scenario.remotes)
        try await scenario.plan()
        let rows = try await scenario.claim("vg")
        try await scenario.finish(rows[0], DeliveryOutcome(.throttled, httpStatus: 429, error: "HTTP 429", notBefore: far))
        try await scenario.finish(rows[1], DeliveryOutcome(.retry, httpStatus: 500, error: "HTTP 500", notBefore: far))
        try scenario.write("UPDATE outbox SET state = 'pending', lease = NULL, lease_until = NULL WHERE id > 2")
        try scenario.write("UPDATE outbox SET due_at = ?, held_by = 'fin' WHERE id = 3", [far.iso8601])
        let gate = RemoteGate.Stored(
            parkedAt: StoreScenario.start, parkReason: "HTTP 401", parkCause: .access, throttledUntil: far, breakerOpenUntil: far,
            breakerOpenings: 2)
        _ = try await scenario.exchange("vg", gate: gate)
        return scenario
    }

    private func due(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT id, due_at FROM outbox ORDER BY id").map {
            $0.replacing(far.iso8601, with: "far").replacing(later.iso8601, with: "later")
        }
    }

    @Test func `a pause stores its time and lifts nothing`() async throws {
        let scenario = try await scenario()
        let before = try scenario.lines("SELECT * FROM outbox")
        #expect(try await scenario.store.pause("vg", now: later) == PauseRecord(pausedAt: later, wasPaused: false))
        #expect(try await scenario.store.pause("vg", now: far) == PauseRecord(pausedAt: later, wasPaused: true))
        #expect(try await scenario.store.pause("nobody", now: later) == nil)
        #expect(try scenario.lines("SELECT * FROM outbox") == before)
        #expect(try await scenario.store.storedRemotes()["vg"]?.gate.throttledUntil == far)
    }

    @Test func `resuming lifts a pause and a throttle, including the rows that wait for its end and no others`() async throws {
        let scenario = try await scenario()
        _ = try await scenario.store.pause("vg", now: StoreScenario.start)
        let resumption = try #require(try await scenario.store.resume("vg", now: later))
        #expect(resumption.before.pausedAt == StoreScenario.start)
        #expect(resumption.before.throttledUntil == far)
        #expect(resumption.after.pausedAt == nil && resumption.after.throttledUntil == nil)
        #expect(resumption.after.parkedAt == StoreScenario.start, "only a call that succeeds ends a parking")
        #expect(resumption.after.breakerOpenUntil == far)
        #expect(resumption.madeDue == 1)
        #expect(resumption.waiting == 1)
        #expect(resumption.nextDueAt == far)
        #expect(try due(scenario) == ["1|later", "2|far", "3|far", "4|\(StoreScenario.start.iso8601)"])
        #expect(try await scenario.store.storedRemotes()["vg"]?.gate == resumption.after)
        #expect(try await scenario.store.resume("nobody", now: later) == nil)
    }

    @Test func `resuming now also ends the breaker's pause and the waits of all rows except those held for Fin`() async throws {
        let scenario = try await scenario()
        let resumption = try #require(try await scenario.store.resume("vg", attemptsNow: true, now: later))
        #expect(resumption.before.breakerOpenUntil == far)
        #expect(resumption.after.breakerOpenUntil == later, "the next call is the probe")
        #expect(resumption.after.breakerOpenings == 2, "if that fails, the pause is as long as it would have been")
        #expect(resumption.madeDue == 2)
        #expect(resumption.waiting == 0)
        #expect(try due(scenario) == ["1|later", "2|later", "3|far", "4|\(StoreScenario.start.iso8601)"])
        // A wait that is over already is not moved.
        _ = try await scenario.store.resume("vg", attemptsNow: true, now: later + .hours(1))
        #expect(try await scenario.store.storedRemotes()["vg"]?.gate.breakerOpenUntil == later)
    }

    @Test func `an exchange tells the lane that the breaker's pause was ended, and then stores the lane's gate`() async throws {
        let scenario = try await scenario()
        _ = try await scenario.store.resume("vg", attemptsNow: true, now: later)
        let mine = RemoteGate.Stored(breakerOpenUntil: far, breakerOpenings: 2)
        let orders = try await scenario.exchange("vg", gate: mine).orders
        #expect(orders.resumedAt == later.iso8601)
        #expect(orders.breakerOpenUntil == later)
        #expect(try await scenario.store.storedRemotes()["vg"]?.gate.breakerOpenUntil == far)
    }
}
