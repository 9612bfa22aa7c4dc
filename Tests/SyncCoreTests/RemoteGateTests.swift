import Fixtures
import SyncCore
import Testing

@Suite struct RemoteGateTests {
    private let start = Instant(milliseconds: 1_700_000_000_000)

    private func gate(
        concurrency: Int = 2, rate: RateLimit? = nil, stored: RemoteGate.Stored = .init(), minimumSample: Int = 10
    ) -> RemoteGate {
        RemoteGate(
            .init(concurrency: concurrency, rate: rate, breaker: .init(minimumSample: minimumSample)), stored: stored, now: start)
    }

    @Test func `no more calls are admitted than the concurrency allows`() {
        var gate = gate()
        #expect(gate.admit(now: start).0 == .admitted)
        #expect(gate.admit(now: start).0 == .admitted)
        #expect(gate.admit(now: start).0 == .full)
        _ = gate.finished(DeliveryOutcome(.delivered), now: start)
        #expect(gate.admit(now: start).0 == .admitted)
    }

    @Test func `a 429 with Retry-After holds the remote until then`() {
        var gate = gate()
        _ = gate.admit(now: start)
        let changes = gate.finished(DeliveryOutcome(.throttled, notBefore: start + .seconds(30)), now: start)
        #expect(changes == [.throttled(until: start + .seconds(30))])
        #expect(gate.admit(now: start + .seconds(29)).0 == .wait(until: start + .seconds(30)))
        #expect(gate.admit(now: start + .seconds(30)).0 == .admitted)
    }

    @Test func `an acknowledged call that used up the quota pauses the remote until the reset, and is reported once`() {
        var gate = gate(concurrency: 4)
        for _ in 0..<4 { _ = gate.admit(now: start) }
        let outcome = DeliveryOutcome(.delivered, quotaResetsAt: start + .seconds(8))
        #expect(gate.finished(outcome, now: start) == [.throttled(until: start + .seconds(8))])
        #expect(gate.finished(outcome, now: start + .seconds(1)).isEmpty)
        #expect(gate.finished(DeliveryOutcome(.dead, quotaResetsAt: start + .seconds(9)), now: start + .seconds(1)).isEmpty)
        #expect(gate.concurrency == 4, "no failure: as many calls as before when it is over")
        #expect(gate.admit(now: start + .seconds(8)).0 == .wait(until: start + .seconds(9)))
        #expect(gate.stored.throttledUntil == start + .seconds(9))
        #expect(gate.admit(now: start + .seconds(9)).0 == .admitted)
    }

    @Test func `a 429 without Retry-After pauses the remote for one second, and longer each time in a row`() {
        var gate = gate()
        var now = start
        var pauses: [Int64] = []
        for _ in 0..<8 {
            guard case .admitted = gate.admit(now: now).0 else { break }
            _ = gate.finished(DeliveryOutcome(.throttled), now: now)
            let until = gate.opensAt(now: now) ?? now
            pauses.append((until - now).milliseconds / 1000)
            now = until
        }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60])
    }

    /// As many calls as are allowed, all in flight at once and ended in the same way.
    private func volley(_ gate: inout RemoteGate, _ outcome: DeliveryOutcome, at now: Instant) -> [RemoteGate.Change] {
        var calls = 0
        while case .admitted = gate.admit(now: now).0 { calls += 1 }
        return (0..<calls).flatMap { call in
            gate.finished(outcome, startedAt: now, now: now + .milliseconds(100 + Int64(call)))
        }
    }

    @Test func `eight 429s in flight together pause the remote for as long as one`() {
        var gate = gate(concurrency: 8, stored: .init(concurrency: 8))
        let changes = volley(&gate, DeliveryOutcome(.throttled), at: start)
        #expect(changes == [.throttled(until: start + .milliseconds(1100))])
        #expect(gate.opensAt(now: start + .milliseconds(200)) == start + .milliseconds(1100))
    }

    @Test func `of several 429s in flight together the longest Retry-After counts`() {
        var gate = gate(concurrency: 2)
        _ = gate.admit(now: start)
        _ = gate.admit(now: start)
        _ = gate.finished(DeliveryOutcome(.throttled), startedAt: start, now: start + .milliseconds(100))
        _ = gate.finished(
            DeliveryOutcome(.throttled, notBefore: start + .seconds(9)), startedAt: start, now: start + .milliseconds(101))
        #expect(gate.throttledUntil == start + .seconds(9))
    }

    @Test func `eight 401s in flight together park the remote once, and the first probe goes out as after one`() {
        var gate = gate(concurrency: 8, stored: .init(concurrency: 8))
        let changes = volley(&gate, DeliveryOutcome(.park, error: "HTTP 401"), at: start)
        #expect(changes == [.parked(reason: "HTTP 401")])
        #expect(gate.opensAt(now: start + .seconds(1)) == start + .milliseconds(10_100))
    }

    @Test func `a read that was in flight when the remote was parked does not reset the pause between probes`() {
        var gate = gate(concurrency: 4)
        _ = gate.admitRead(now: start)
        _ = gate.admit(now: start)
        _ = gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), startedAt: start, now: start)
        _ = gate.readFinished(DeliveryOutcome(.delivered), startedAt: start, now: start)
        let probe = start + .seconds(10)
        _ = gate.admit(now: probe)
        _ = gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), startedAt: probe, now: probe)
        #expect(gate.opensAt(now: probe) == probe + .seconds(20))
    }

    @Test func `a remote that accepts four calls at once gets about four, and its breaker stays closed`() {
        var gate = gate(concurrency: 32)
        var now = start
        var acknowledged = 0
        for _ in 0..<100 {
            var calls = 0
            while case .admitted = gate.admit(now: now).0 { calls += 1 }
            for call in 0..<calls {
                let outcome = DeliveryOutcome(call < 4 ? .delivered : .retry)
                #expect(gate.finished(outcome, startedAt: now, now: now + .milliseconds(50)).isEmpty)
            }
            acknowledged += min(calls, 4)
            now = now + .milliseconds(60)
        }
        #expect(acknowledged > 300, "of 400 that were possible")
    }

    @Test func `a remote that is down gets single calls, and then none`() {
        var gate = gate(concurrency: 32)
        var now = start
        var volleys = 0
        while gate.breaker.state == .closed, volleys < 100 {
            _ = volley(&gate, DeliveryOutcome(.retry), at: now)
            volleys += 1
            now = now + .milliseconds(200)
        }
        // 4 and 2 at once, then one at a time until the breaker has its minimum sample.
        #expect(volleys == 12)
        #expect(gate.concurrency == 1)
        let opensAt = gate.opensAt(now: now)
        #expect(opensAt.map { $0 > now + .seconds(10) } == true)
    }

    @Test func `a failure of the only call in flight is counted by the breaker at once`() {
        var gate = gate(concurrency: 8, minimumSample: 2)
        _ = gate.admit(now: start)
        #expect(gate.finished(DeliveryOutcome(.retry), startedAt: start, now: start + .seconds(1)).isEmpty)
        _ = gate.admit(now: start + .seconds(2))
        let changes = gate.finished(DeliveryOutcome(.retry), startedAt: start + .seconds(2), now: start + .seconds(3))
        #expect(changes == [.breaker(.opened)])
    }

    @Test func `failed reads do not open the breaker, park the remote or lower its concurrency`() {
        var gate = gate(concurrency: 4, minimumSample: 1)
        for _ in 0..<20 {
            #expect(gate.admitRead(now: start) == .admitted)
            for outcome in [DeliveryOutcome(.retry), DeliveryOutcome(.park, error: "HTTP 401")] {
                #expect(gate.readFinished(outcome, startedAt: start, now: start).isEmpty)
                #expect(gate.admitRead(now: start) == .admitted)
            }
            _ = gate.readFinished(DeliveryOutcome(.delivered), startedAt: start, now: start)
        }
        #expect(gate.breaker.state == .closed && gate.parkedAt == nil && gate.concurrency == 4 && gate.inFlight == 0)
    }

    @Test(arguments: [Duration.microseconds(100), .milliseconds(1), .milliseconds(499)])
    func `a remote that names almost no time, again and again, is left alone for longer each time`(named: Duration) {
        var gate = RemoteGate(.init(), now: start)
        var (now, waits) = (start, [Duration]())
        for _ in 0..<4 {
            #expect(gate.admit(now: now).0 == .admitted)
            _ = gate.finished(DeliveryOutcome(.throttled, notBefore: now + named), now: now)
            let opensAt = gate.opensAt(now: now) ?? now
            waits.append(opensAt - now)
            now = opensAt + .milliseconds(1)
        }
        #expect(waits[0] <= named && waits[1...] == [.seconds(2), .seconds(4), .seconds(8)])
        // A time that is worth waiting for is that of the remote.
        #expect(gate.admit(now: now).0 == .admitted)
        _ = gate.finished(DeliveryOutcome(.throttled, notBefore: now + .milliseconds(990)), now: now)
        #expect(gate.opensAt(now: now) == now + .milliseconds(990))
    }

    @Test func `reads count towards concurrency, and a throttled read pauses deliveries`() {
        var gate = gate(concurrency: 2)
        #expect(gate.admitRead(now: start) == .admitted)
        #expect(gate.admit(now: start).0 == .admitted)
        #expect(gate.admit(now: start).0 == .full)
        #expect(gate.admitRead(now: start) == .full)
        let changes = gate.readFinished(DeliveryOutcome(.throttled, notBefore: start + .seconds(5)), startedAt: start, now: start)
        #expect(changes == [.throttled(until: start + .seconds(5))])
        #expect(gate.admit(now: start).0 == .wait(until: start + .seconds(5)))
    }

    @Test func `a read does not take the place of the probe, and does not count as one`() {
        var gate = gate(stored: .init(breakerOpenUntil: start, breakerOpenings: 1))
        #expect(gate.admitRead(now: start) == .admitted)
        #expect(gate.admitRead(now: start) == .full, "one at a time")
        let (admission, change) = gate.admit(now: start)
        #expect(admission == .admitted && change == .breaker(.halfOpen))
        _ = gate.readFinished(DeliveryOutcome(.delivered), startedAt: start, now: start)
        #expect(gate.breaker.state == .halfOpen, "the delivery decides")
        #expect(gate.finished(DeliveryOutcome(.delivered), startedAt: start, now: start) == [.breaker(.closed)])
    }

    @Test func `resume lifts a throttle, and the next throttle begins with a short pause again`() {
        var gate = gate()
        _ = gate.admit(now: start)
        _ = gate.finished(DeliveryOutcome(.throttled, notBefore: start + .hours(20)), now: start)
        gate.resume()
        #expect(gate.throttledUntil == nil && gate.stored.throttledUntil == nil)
        #expect(gate.opensAt(now: start) == start)
        #expect(gate.admit(now: start).0 == .admitted)
        #expect(gate.finished(DeliveryOutcome(.throttled), now: start) == [.throttled(until: start + .seconds(1))])
    }

    @Test func `a resume that is known late lifts no throttle that has begun since`() {
        var gate = gate()
        _ = gate.admit(now: start)
        _ = gate.finished(DeliveryOutcome(.throttled, notBefore: start + .hours(1)), now: start + .seconds(3))
        gate.resume(at: start + .seconds(2))
        #expect(gate.throttledUntil == start + .hours(1) && gate.opensAt(now: start + .seconds(4)) == start + .hours(1))
        gate.configure(.init(concurrency: 8), now: start + .seconds(5))
        gate.resume(at: start + .seconds(2))
        #expect(gate.throttledUntil == start + .hours(1))
        gate.resume(at: start + .seconds(3))
        #expect(gate.throttledUntil == nil)
    }

    @Test func `a throttle is reported with the reason why it differs from Retry-After`() {
        var gate = gate()
        _ = gate.admit(now: start)
        let outcome = DeliveryOutcome(.throttled, notBefore: start + .days(1), waitNote: "cut")
        #expect(gate.finished(outcome, now: start) == [.throttled(until: start + .days(1), note: "cut")])
    }

    @Test func `calls that were in flight when the remote was parked do not count as probes`() {
        var gate = gate(concurrency: 8, stored: .init(concurrency: 8))
        for _ in 0..<8 { _ = gate.admit(now: start) }
        for _ in 0..<8 { _ = gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), now: start) }
        #expect(gate.opensAt(now: start) == start + .seconds(10), "one refusal, be it said eight times")
        #expect(gate.admit(now: start + .seconds(10)).0 == .admitted)
        _ = gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), now: start + .seconds(10))
        #expect(gate.opensAt(now: start + .seconds(10)) == start + .seconds(30))
    }

    @Test func `a URL that seems wrong parks the remote as a refused credential does, and is probed sooner`() {
        var gate = gate()
        _ = gate.admit(now: start)
        let outcome = DeliveryOutcome(.park, error: "URL wrong?", absence: .object)
        #expect(gate.finished(outcome, hadPresentCredential: false, now: start) == [.parked(reason: "URL wrong?")])
        #expect(gate.parkCause == .url && gate.stored.parkCause == .url)
        #expect(gate.opensAt(now: start) == start + .seconds(5))
        let restarted = RemoteGate(.init(), stored: gate.stored, now: start)
        #expect(restarted.parkCause == .url)
        #expect(gate.respondedProperly() == .resumed)
        #expect(gate.parkCause == nil && gate.parkedAt == nil && gate.stored.parkCause == nil)
        #expect(gate.park(for: .url, reason: "again", now: start) == .parked(reason: "again"))
        #expect(gate.park(for: .url, reason: "a probe", now: start + .seconds(5)) == nil)
        #expect(gate.parkReason == "again")
        _ = gate.admit(now: start + .minutes(1))
        #expect(gate.finished(DeliveryOutcome(.delivered), now: start + .minutes(1)) == [.resumed])
        #expect(gate.parkCause == nil)
    }

    @Test func `an earlier throttle never shortens a later one`() {
        var gate = gate()
        _ = gate.admit(now: start)
        _ = gate.admit(now: start)
        _ = gate.finished(DeliveryOutcome(.throttled, notBefore: start + .seconds(60)), now: start)
        #expect(gate.finished(DeliveryOutcome(.throttled, notBefore: start + .seconds(5)), now: start).isEmpty)
        #expect(gate.opensAt(now: start) == start + .seconds(60))
    }

    @Test func `a refused credential parks the remote with one report, and single probes test when it is accepted again`() {
        var gate = gate(concurrency: 4)
        _ = gate.admit(now: start)
        _ = gate.admit(now: start)
        #expect(gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), now: start) == [.parked(reason: "HTTP 401")])
        #expect(gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), now: start).isEmpty)
        guard case .wait(let probe) = gate.admit(now: start).0 else { return #expect(Bool(false), "parked means waiting") }
        #expect(gate.admit(now: probe).0 == .admitted)
        #expect(gate.admit(now: probe).0 == .full, "one probe at a time")
        #expect(gate.finished(DeliveryOutcome(.delivered), now: probe) == [.resumed])
        #expect(gate.concurrency == 4)
    }

    @Test func `the pauses between probes double up to the configured interval`() {
        var gate = gate()
        var now = start
        var pauses: [Int64] = []
        for _ in 0..<8 {
            guard case .admitted = gate.admit(now: now).0 else { break }
            _ = gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), now: now)
            let until = gate.opensAt(now: now) ?? now
            pauses.append((until - now).milliseconds / 1000)
            now = until
        }
        #expect(pauses == [10, 20, 40, 80, 160, 300, 300, 300])
    }

    @Test func `a new credential is probed at once`() {
        var gate = gate()
        _ = gate.admit(now: start)
        _ = gate.finished(DeliveryOutcome(.park), now: start)
        gate.credentialChanged()
        #expect(gate.admit(now: start).0 == .admitted)
    }

    @Test func `a refusal of the former credential does not count against the new one`() {
        var gate = gate(concurrency: 4)
        for _ in 0..<3 { _ = gate.admit(now: start) }
        gate.credentialChanged()
        #expect(gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), hadPresentCredential: false, now: start).isEmpty)
        #expect(gate.parkedAt == nil)
        #expect(gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), now: start).count == 1)
        // Parked: the last call with the former token does not postpone the probe with the new one.
        gate.credentialChanged()
        #expect(gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), hadPresentCredential: false, now: start).isEmpty)
        #expect(gate.admit(now: start).0 == .admitted)
    }

    @Test func `after a start or reload a parked remote is probed at once, and a pause continues`() {
        var parked = gate(stored: .init(parkedAt: start, parkReason: "HTTP 401"))
        #expect(parked.admit(now: start).0 == .admitted)
        #expect(parked.admit(now: start).0 == .full)
        var paused = gate(stored: .init(pausedAt: start))
        #expect(paused.admit(now: start + .days(9)).0 == .paused)
        #expect(paused.opensAt(now: start) == nil)
        paused.resume()
        #expect(paused.admit(now: start).0 == .admitted)
    }

    @Test func `the breaker survives a restart`() {
        var gate = gate(stored: .init(breakerOpenUntil: start + .seconds(20), breakerOpenings: 3))
        #expect(gate.admit(now: start).0 == .wait(until: start + .seconds(20)))
        #expect(gate.stored.breakerOpenings == 3)
    }

    @Test func `a lowered concurrency survives a restart, and the configured one is not stored`() {
        var gate = gate(concurrency: 8, stored: .init(concurrency: 8))
        for _ in 0..<8 { _ = gate.admit(now: start) }
        for _ in 0..<8 { _ = gate.finished(DeliveryOutcome(.retry), startedAt: start, now: start + .milliseconds(20)) }
        #expect(gate.concurrency == 4)
        #expect(gate.stored.concurrency == 4)
        #expect(self.gate(concurrency: 8, stored: gate.stored).concurrency == 4)
        #expect(self.gate(concurrency: 8).stored.concurrency == nil)
    }

    @Test func `a throttled remote gets fewer calls at once afterwards`() {
        var gate = gate(concurrency: 8)
        _ = gate.admit(now: start)
        _ = gate.finished(DeliveryOutcome(.throttled, notBefore: start + .seconds(3)), startedAt: start, now: start + .seconds(1))
        #expect(gate.concurrency == 2)
    }

    @Test func `a stored throttle is limited to a day`() {
        var restarted = gate(stored: .init(throttledUntil: start + .days(400)))
        #expect(restarted.opensAt(now: start) == start + .days(1))
    }

    @Test func `the stored times of a gate are moved from one clock to another together`() {
        let stored = RemoteGate.Stored(
            pausedAt: start, parkedAt: start + .seconds(1), parkReason: "HTTP 401", parkCause: .url, throttledUntil: start + .seconds(2),
            breakerOpenUntil: start + .seconds(3), breakerOpenings: 4, concurrency: 2)
        let later = RemoteGate.Stored(
            pausedAt: start + .hours(1), parkedAt: start + .hours(1) + .seconds(1), parkReason: "HTTP 401", parkCause: .url,
            throttledUntil: start + .hours(1) + .seconds(2), breakerOpenUntil: start + .hours(1) + .seconds(3), breakerOpenings: 4,
            concurrency: 2)
        #expect(stored.moved(by: .hours(1)) == later)
        #expect(later.moved(by: .hours(-1)) == stored)
        #expect(RemoteGate.Stored().moved(by: .hours(1)) == RemoteGate.Stored())
    }

    /// The lane asks an idle gate when it opens, and calls only then.
    @Test(arguments: [true, false])
    func `a gate that is asked again at the time it gave is open then, unless a call changed it`(isBreaker: Bool) {
        var gate = gate(minimumSample: 1)
        _ = gate.admit(now: start)
        _ = gate.finished(isBreaker ? DeliveryOutcome(.retry) : DeliveryOutcome(.throttled, notBefore: start + .seconds(30)), now: start)
        let opensAt = gate.opensAt(now: start) ?? start
        #expect(opensAt == start + .seconds(isBreaker ? 15 : 30))
        #expect(gate.heldUntil(now: start) == opensAt)
        #expect(gate.opensAt(now: opensAt) == opensAt && gate.heldUntil(now: opensAt) == opensAt)
        #expect(gate.admit(now: opensAt).0 == .admitted)
    }

    @Test func `a hold on the remote is distinguished from its rate`() {
        var gate = gate(rate: RateLimit(calls: 1, period: .minutes(1)))
        _ = gate.admit(now: start)
        #expect(gate.opensAt(now: start) == start + .minutes(1))
        #expect(gate.heldUntil(now: start) == start)
        gate.pause(now: start)
        #expect(gate.heldUntil(now: start) == nil)
    }

    @Test func `a reload keeps what was learned and the calls in flight, and probes a parked remote at once`() {
        var gate = gate(concurrency: 8, rate: RateLimit(calls: 4, period: .seconds(1)), stored: .init(concurrency: 8))
        for _ in 0..<3 { _ = gate.admit(now: start) }
        _ = gate.admitRead(now: start)
        _ = gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), startedAt: start, now: start)
        #expect(gate.heldUntil(now: start) == start + .seconds(10))
        gate.configure(.init(concurrency: 4, rate: RateLimit(calls: 4, period: .seconds(1))), now: start)
        #expect(gate.inFlight == 3)
        #expect(gate.parkedAt == start && gate.heldUntil(now: start) == start)
        // The calls that were in flight before are not probes, and the rate continues.
        for _ in 0..<2 { _ = gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), startedAt: start, now: start + .seconds(1)) }
        #expect(gate.heldUntil(now: start + .seconds(1)) == start + .seconds(1))
        #expect(gate.opensAt(now: start) == start + .milliseconds(250))
        gate.configure(.init(concurrency: 4), now: start)
        #expect(gate.opensAt(now: start) == start, "another rate begins anew")
    }

    @Test func `a hold that becomes longer is reported once`() {
        var gate = gate()
        _ = gate.admit(now: start)
        _ = gate.admit(now: start)
        #expect(gate.finished(DeliveryOutcome(.throttled, notBefore: start + .seconds(5)), now: start).count == 1)
        #expect(gate.finished(DeliveryOutcome(.throttled, notBefore: start + .seconds(60)), now: start).isEmpty)
        #expect(gate.stored.throttledUntil == start + .seconds(60))
    }

    @Test func `no more calls are admitted than the rate allows`() {
        var gate = gate(concurrency: 1000, rate: RateLimit(calls: 10, period: .seconds(1)))
        var now = start
        var admitted = 0
        while now < start + .seconds(10) {
            switch gate.admit(now: now).0 {
            case .admitted:
                admitted += 1
                _ = gate.finished(DeliveryOutcome(.delivered), now: now)
            case .wait(let until): now = until
            default: return #expect(Bool(false), "the gate can only be open or waiting")
            }
        }
        // The bucket holds the tokens of one second at the beginning.
        #expect((100...110).contains(admitted))
    }

    /// Random calls and outcomes: never more in flight than allowed, never closed for good.
    @Test(arguments: [UInt64(71), 72, 73, 74])
    func `random histories keep the gate's invariants`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var gate = gate(concurrency: 5, rate: RateLimit(calls: 50, period: .seconds(1)))
        var now = start
        var inFlight = 0
        for step in 0..<20_000 {
            now = now + Duration.milliseconds(Int64.random(in: 0...400, using: &random))
            if Bool.random(using: &random) {
                if case .admitted = gate.admit(now: now).0 { inFlight += 1 }
            } else if inFlight > 0 {
                inFlight -= 1
                let outcome = OutcomeClass.allCases.randomElement(using: &random) ?? .retry
                _ = gate.finished(DeliveryOutcome(outcome), now: now)
            }
            #expect(gate.inFlight == inFlight && inFlight <= 5, "seed \(seed), step \(step)")
        }
        while inFlight > 0 {
            inFlight -= 1
            _ = gate.finished(DeliveryOutcome(.delivered), now: now)
        }
        // Whatever happened, the gate opens by itself, and a call that gets a response restores it.
        var tries = 0
        while tries < 100 {
            tries += 1
            switch gate.admit(now: now).0 {
            case .admitted:
                _ = gate.finished(DeliveryOutcome(.delivered), now: now)
                if gate.parkedAt == nil, gate.breaker.state == .closed { return }
            case .wait(let until): now = until
            default: now = now + .seconds(1)
            }
        }
        #expect(Bool(false), "the gate did not open again, seed \(seed)")
    }
}

@Suite struct RateLimitTests {
    @Test(arguments: [
        ("10/s", 10, Duration.seconds(1)), ("600/min", 600, .minutes(1)), ("600/m", 600, .minutes(1)), ("1500/h", 1500, .hours(1)),
    ])
    func `a rate is a number of calls per period`(text: String, calls: Int, period: Duration) {
        #expect(RateLimit(text) == RateLimit(calls: calls, period: period))
    }

    @Test(arguments: ["", "10", "0/s", "-1/s", "10/d", "1.5/s", "10/s/s"])
    func `text in any other form is not a rate`(text: String) {
        #expect(RateLimit(text) == nil)
    }

    @Test func `a slow rate is exact over days`() {
        let start = Instant(milliseconds: 1_700_000_000_000)
        var bucket = TokenBucket(RateLimit(calls: 7, period: .hours(1)), now: start)
        var now = start
        var taken = 0
        while now < start + .days(7) {
            if let later = bucket.take(now: now) { now = later } else { taken += 1 }
        }
        #expect((7 * 24 * 7...7 * 24 * 7 + 1).contains(taken))
    }

    /// Asking takes no token and rounds nothing, however often it is done.
    @Test(arguments: [(1, Duration.days(1)), (1, .hours(1)), (7, .hours(1)), (1500, .hours(1)), (25, .minutes(1)), (3, .seconds(1))])
    func `a bucket that is asked repeatedly has as many tokens as one that is not`(calls: Int, period: Duration) {
        let start = Instant(milliseconds: 1_700_000_000_000)
        let bucket = Held(TokenBucket(RateLimit(calls: calls, period: period), now: start))
        var now = start
        while bucket.machine.available(now: now) > 0 {
            #expect(bucket.machine.opensAt(now: now) == now)
            let later = bucket.machine.take(now: now)
            #expect(later == nil)
        }
        let opensAt = bucket.machine.opensAt(now: now)
        #expect(opensAt == now + .milliseconds((period.milliseconds + Int64(calls) - 1) / Int64(calls)))
        #expect(bucket.machine.opensAt(leaving: 1, now: now) - now <= (opensAt - now) * 2)
        // A thousand times at irregular intervals, and just before the token is available.
        let step = max((opensAt - now).milliseconds / 1000, 1)
        while now < opensAt - .milliseconds(1) {
            now = min(now + .milliseconds(step), opensAt - .milliseconds(1))
            #expect(bucket.machine.opensAt(now: now) == opensAt)
            #expect(bucket.machine.available(now: now) == 0)
        }
        #expect(bucket.machine.available(within: .milliseconds(1), now: now) == 1)
        #expect(bucket.machine.take(now: now) == opensAt)
        #expect(bucket.machine.take(now: opensAt) == nil)
    }
}

/// The gate with a rate that is used up.
@Suite struct RatedGateTests {
    private let start = Instant(milliseconds: 1_700_000_000_000)

    private func gate(_ rate: RateLimit) -> Held<RemoteGate> { Held(RemoteGate(.init(concurrency: 8, rate: rate), now: start)) }

    @Test(arguments: [(1, Duration.hours(1), Int64(3_600_000)), (1500, .hours(1), 2400), (20, .minutes(1), 3000), (1, .seconds(1), 1000)])
    func `the gate says when the next call may go out before one is asked for`(calls: Int, period: Duration, wait: Int64) {
        let gate = gate(RateLimit(calls: calls, period: period))
        #expect(gate.machine.opensAt(now: start) == start)
        #expect(gate.machine.callsAvailable(within: .zero, now: start) == 1)
        #expect(gate.machine.admit(now: start).0 == .admitted)
        #expect(gate.machine.opensAt(now: start) == start + .milliseconds(wait))
        #expect(gate.machine.callsAvailable(within: .zero, now: start) == 0)
        let opensAt = start + .milliseconds(wait)
        #expect(gate.machine.admit(now: opensAt - .milliseconds(1)).0 == .wait(until: opensAt))
        #expect(gate.machine.opensAt(now: opensAt) == opensAt)
        #expect(gate.machine.admit(now: opensAt).0 == .admitted)
    }

    @Test func `the longest of all waits counts, and an operator's pause is not a wait`() {
        let gate = gate(RateLimit(calls: 1, period: .minutes(1)))
        _ = gate.machine.admit(now: start)
        _ = gate.machine.finished(DeliveryOutcome(.throttled, notBefore: start + .seconds(10)), now: start)
        #expect(gate.machine.opensAt(now: start) == start + .minutes(1))
        _ = gate.machine.admit(now: start + .minutes(1))
        _ = gate.machine.finished(DeliveryOutcome(.throttled, notBefore: start + .minutes(5)), now: start + .minutes(1))
        #expect(gate.machine.opensAt(now: start + .minutes(1)) == start + .minutes(5))
        gate.machine.pause(now: start)
        #expect(gate.machine.opensAt(now: start) == nil)
    }

    @Test func `a gate without a rate does not bound what is claimed`() {
        let gate = Held(RemoteGate(.init(), now: start))
        #expect(gate.machine.callsAvailable(within: .seconds(1), now: start) == nil)
    }
}

@Suite struct ReadTurnTests {
    /// For each of the given number of free slots, whether it goes to a read while reads wait.
    private func turns(_ slots: Int, deliveriesWait: Bool) -> [Bool] {
        var turn = ReadTurn()
        return (0..<slots).map { _ in
            let mayRead = turn.mayRead(deliveriesWait: deliveriesWait)
            if mayRead { turn.readAdmitted() } else { turn.deliveryAdmitted() }
            return mayRead
        }
    }

    @Test func `while deliveries wait, every fourth call is a read`() {
        #expect(turns(9, deliveriesWait: true) == [false, false, false, true, false, false, false, true, false])
    }

    @Test func `where no delivery waits, reads go out one after another`() {
        #expect(turns(5, deliveriesWait: false) == [true, true, true, true, true])
    }

    @Test func `asking does not use up a turn, and deliveries that went out before a read waited count`() {
        var turn = ReadTurn()
        for _ in 0..<7 { turn.deliveryAdmitted() }
        for _ in 0..<3 { #expect(turn.mayRead(deliveriesWait: true)) }
        turn.readAdmitted()
        for _ in 0..<3 { #expect(!turn.mayRead(deliveriesWait: true)) }
    }
}

/// A machine whose events may be part of expectations, which see a copy of everything else.
private final class Held<Machine> {
    var machine: Machine
    init(_ machine: Machine) { self.machine = machine }
}
