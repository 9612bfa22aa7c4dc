import SyncCore
import Testing

@testable import SyncEngine

/// What `convosync sync` waits for.
@Suite struct DrainTests {
    private func drain(until span: Duration? = nil) -> Drain { Drain(until: span.map { MadeUp.noon + $0 }, MadeUp.time()) }

    /// A lane that has claimed once, and was told when the next row falls due.
    private func lane(nextDueAt: Duration? = nil, stored: RemoteGate.Stored = .init()) -> Lane {
        var lane = Lane(MadeUp.remote("vg"), stored: StoredRemote(gate: stored), MadeUp.time())
        var context = MadeUp.context()
        _ = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
        var result = LaneResult()
        result.orders.isPaused = stored.pausedAt != nil
        result.nextDueAt = nextDueAt.map { MadeUp.noon + $0 }
        _ = lane.take(result, &context)
        return lane
    }

    @Test func `a lane is done when nothing is due`() {
        #expect(drain().isDone(lane(), MadeUp.time()))
        var lane = lane()
        lane.claims.mayBeDue()
        #expect(!drain().isDone(lane, MadeUp.time()))
    }

    @Test func `a lane is not done while a row is at hand or in flight, or an outcome is not stored`() {
        var lane = lane()
        lane.buffer = [MadeUp.claimedRow(1, "c1", at: "vg")]
        #expect(!drain().isDone(lane, MadeUp.time()))
        lane.buffer = []
        lane.append(MadeUp.finishedCall(MadeUp.claimedRow(1, "c1", at: "vg")), MadeUp.time())
        #expect(!drain().isDone(lane, MadeUp.time()))
    }

    @Test func `a remote that is paused, or on hold for long, is not waited for`() {
        for stored in [RemoteGate.Stored(pausedAt: MadeUp.noon), .init(throttledUntil: MadeUp.noon + .seconds(3))] {
            var lane = lane(stored: stored)
            lane.claims.mayBeDue()
            #expect(drain().isDone(lane, MadeUp.time()))
        }
    }

    @Test(arguments: [("25/min", true), ("1/min", true), ("30/h", false)])
    func `a drain waits for the first call that the rate admits after a list was read`(rate: String, waits: Bool) {
        let remote = MadeUp.remote("vg", rate: RateLimit(rate))
        var lane = Lane(remote, stored: StoredRemote(gate: .init()), MadeUp.time())
        lane.claims.mayBeDue()
        // The list takes the only call there is.
        #expect(lane.gate.admitRead(now: MadeUp.noon) == .admitted)
        lane.hasRead = true
        _ = lane.gate.readFinished(DeliveryOutcome(.delivered), startedAt: MadeUp.noon, now: MadeUp.noon)
        #expect(drain().isDone(lane, MadeUp.time()) == !waits && drain().putsOff(lane, MadeUp.time()) == !waits)
        // Once a row has been sent, the rest is left to the next run.
        lane.hasSent = true
        #expect(drain().isDone(lane, MadeUp.time()) && drain().putsOff(lane, MadeUp.time()))
    }

    @Test func `a short hold is waited out once, and a remote that throttles repeatedly counts as on hold`() {
        var lane = lane()
        lane.claims.mayBeDue()
        var context = MadeUp.context()
        for isOnHold in [false, true] {
            let until = MadeUp.noon + .seconds(1)
            _ = lane.gate.admit(now: MadeUp.noon)
            for change in lane.gate.finished(DeliveryOutcome(.throttled, notBefore: until), now: MadeUp.noon) {
                lane.note(change, &context)
            }
            #expect(drain().isDone(lane, MadeUp.time()) == isOnHold)
            lane.gate.resume()
        }
        lane.noteDelivered()
        #expect(lane.holdsInARow == 0)
    }

    @Test func `a parked remote is not waited for until its next probe, and the first probe is made`() {
        var lane = lane(stored: .init(parkedAt: MadeUp.noon - .hours(1)))
        lane.claims.mayBeDue()
        #expect(!drain().isDone(lane, MadeUp.time()) && !drain().putsOff(lane, MadeUp.time()), "it may be called at once")
        _ = lane.gate.park(for: .access, reason: "HTTP 401", now: MadeUp.noon)
        // The pause is ten seconds: it is almost over.
        let soon = MadeUp.time(.milliseconds(9500))
        #expect(drain().isDone(lane, soon) && drain().putsOff(lane, soon))
        #expect(!drain(until: .seconds(20)).isDone(lane, soon), "a probe before the deadline is waited for")
    }

    /// Otherwise `sync` would wait for a read that never begins.
    @Test func `rows of a remote that is not waited for take no turn of its reads`() {
        var lane = lane()
        lane.claims.mayBeDue()
        #expect(lane.admitRead(MadeUp.context()) == .full)
        lane.isPutOff = true
        #expect(lane.admitRead(MadeUp.context()) == .admitted)
    }

    @Test func `with a deadline, holds and retries that end before it are waited for`() {
        let drain = drain(until: .seconds(10))
        #expect(!drain.isDone(lane(nextDueAt: .seconds(9)), MadeUp.time()))
        #expect(drain.isDone(lane(nextDueAt: .seconds(11)), MadeUp.time()))
        var throttled = lane(stored: .init(throttledUntil: MadeUp.noon + .seconds(9)))
        throttled.claims.mayBeDue()
        #expect(!drain.isDone(throttled, MadeUp.time()))
        throttled = lane(stored: .init(throttledUntil: MadeUp.noon + .seconds(11)))
        throttled.claims.mayBeDue()
        #expect(drain.isDone(throttled, MadeUp.time()))
        #expect(!drain.isOver(MadeUp.time(.milliseconds(9999))) && drain.isOver(MadeUp.time(.seconds(10))))
    }

    @Test func `a hold that ends soon after the deadline is waited out, as it is without a deadline`() {
        var throttled = lane(stored: .init(throttledUntil: MadeUp.noon + .seconds(11)))
        throttled.claims.mayBeDue()
        for waiting in [drain(), drain(until: .seconds(10)), drain(until: .zero)] {
            for second in [Int64(9), 10] { #expect(!waiting.isDone(throttled, MadeUp.time(.seconds(second)))) }
        }
    }

    @Test func `after the deadline, neither retries nor long holds are waited for`() {
        let drain = drain(until: .seconds(10))
        let over = MadeUp.time(.seconds(10))
        #expect(!drain.isDone(lane(nextDueAt: .milliseconds(9999)), MadeUp.time(.milliseconds(9998))))
        #expect(drain.isDone(lane(nextDueAt: .milliseconds(10_001)), over))
        var throttled = lane(stored: .init(throttledUntil: MadeUp.noon + .seconds(13)))
        throttled.claims.mayBeDue()
        #expect(drain.isDone(throttled, over) && drain.putsOff(throttled, over))
        #expect(!drain.putsOff(throttled, MadeUp.time()), "the others may take long")
    }

    @Test func `without a deadline and after it, rows that fail are attempted once`() {
        #expect(drain().retriesDueBy(MadeUp.time(.seconds(5))) == MadeUp.noon)
        #expect(drain(until: .seconds(10)).retriesDueBy(MadeUp.time(.milliseconds(9999))) == nil)
        #expect(drain(until: .seconds(10)).retriesDueBy(MadeUp.time(.seconds(10))) == MadeUp.noon)
        #expect(!drain().isOver(MadeUp.time(.hours(1))))
    }

    @Test func `which rows were due when a drain began does not change with the clock`() {
        var drain = drain()
        drain.clockWasSet(by: .hours(-5))
        #expect(drain.retriesDueBy(MadeUp.time(.seconds(5))) == MadeUp.noon - .hours(5))
    }

    @Test func `an application that keeps writing delays the end of a drain by ten seconds at most`() {
        var drain = drain()
        #expect(drain.mayPlan(MadeUp.time(.hours(1))))
        drain.feedIsEmpty(MadeUp.time(.seconds(1)))
        drain.feedIsEmpty(MadeUp.time(.seconds(9)))
        #expect(drain.mayPlan(MadeUp.time(.milliseconds(10_999))) && !drain.mayPlan(MadeUp.time(.seconds(11))))
    }

    @Test func `a drain waits for a locked database, but not for a damaged one`() {
        var drain = drain()
        drain.failed(.passing, since: MadeUp.noon, MadeUp.time(.seconds(14)))
        #expect(!drain.hasGivenUp && drain.error == nil)
        drain.failed(.passing, since: MadeUp.noon, MadeUp.time(.seconds(15)))
        #expect(drain.hasGivenUp && drain.error == StoreError.passing.description)
        var other = self.drain()
        other.failed(.lasting, since: MadeUp.noon, MadeUp.time())
        #expect(other.hasGivenUp && other.error == StoreError.lasting.description)
    }
}
