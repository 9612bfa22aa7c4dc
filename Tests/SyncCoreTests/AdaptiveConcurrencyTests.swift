import Fixtures
import SyncCore
import Testing

@Suite struct AdaptiveConcurrencyTests {
    private let start = Instant(milliseconds: 1_700_000_000_000)

    /// Ends as many calls as the limit allows, all sent at `now` and all `latency` long; returns the time afterwards.
    private func round(
        _ adaptive: inout AdaptiveConcurrency, _ sign: AdaptiveConcurrency.Sign = .well, at now: Instant, latency: Int64 = 50
    ) -> Instant {
        let end = now + .milliseconds(latency)
        let calls = adaptive.limit
        for call in 1...calls { adaptive.started(inFlight: call) }
        for _ in 1...calls { adaptive.finished(sign, startedAt: now, now: end) }
        return end + .milliseconds(1)
    }

    /// The limit has been lowered once and is back at the maximum.
    private func grown(maximum: Int) -> (AdaptiveConcurrency, Instant) {
        var adaptive = AdaptiveConcurrency(maximum: maximum)
        var now = start
        while adaptive.limit < maximum { now = round(&adaptive, at: now) }
        return (adaptive, now)
    }

    @Test func `the limit begins at four calls, or at the stored value`() {
        #expect(AdaptiveConcurrency(maximum: 32).limit == 4)
        #expect(AdaptiveConcurrency(maximum: 3).limit == 3)
        #expect(AdaptiveConcurrency(maximum: 8, stored: 3).limit == 3)
        #expect(AdaptiveConcurrency(maximum: 2, stored: 8).limit == 2)
        #expect(AdaptiveConcurrency(maximum: 2, stored: 0).limit == 1)
    }

    @Test func `the start is slow: each round that goes well doubles the limit, until one does not`() {
        var adaptive = AdaptiveConcurrency(maximum: 32)
        var now = start
        var limits: [Int] = []
        for _ in 0..<2 {
            now = round(&adaptive, at: now)
            limits.append(adaptive.limit)
        }
        now = round(&adaptive, .overloaded, at: now)
        limits.append(adaptive.limit)
        for _ in 0..<2 {
            now = round(&adaptive, at: now)
            limits.append(adaptive.limit)
        }
        #expect(limits == [8, 16, 8, 9, 10])
    }

    @Test func `only a limit that was lowered is stored`() {
        var adaptive = AdaptiveConcurrency(maximum: 8)
        #expect(adaptive.stored == nil)
        var now = round(&adaptive, .overloaded, at: start)
        #expect(adaptive.stored == 2)
        while adaptive.limit < 8 { now = round(&adaptive, at: now) }
        #expect(adaptive.stored == nil)
    }

    @Test func `a failure lowers the limit as long as more than one call is allowed`() {
        var adaptive = AdaptiveConcurrency(maximum: 2)
        let end = start + .milliseconds(50)
        let ends = [start, start, end + .milliseconds(1)].map { startedAt in
            adaptive.finished(.overloaded, startedAt: startedAt, now: max(end, startedAt + .milliseconds(5)))
        }
        // The second belongs to the same round; the third was the only call.
        #expect(ends == [true, true, false])
    }

    @Test func `a failure of the only call in flight does not lower the limit`() {
        var adaptive = AdaptiveConcurrency(maximum: 8)
        let wasTooMany = adaptive.finished(.overloaded, startedAt: start, isAlone: true, now: start + .milliseconds(9))
        #expect(!wasTooMany && adaptive.limit == 2)
    }

    @Test func `calls that succeed leave the limit at the maximum`() {
        var adaptive = AdaptiveConcurrency(maximum: 8)
        var now = start
        for _ in 0..<100 { now = round(&adaptive, at: now) }
        #expect(adaptive.limit == 8)
    }

    @Test func `however many calls of a round fail, the limit is halved once`() {
        var (adaptive, now) = grown(maximum: 8)
        now = round(&adaptive, .overloaded, at: now)
        #expect(adaptive.limit == 4)
        _ = round(&adaptive, .overloaded, at: now)
        #expect(adaptive.limit == 2)
    }

    @Test func `the limit is at least one call`() {
        var adaptive = AdaptiveConcurrency(maximum: 8)
        var now = start
        for _ in 0..<10 { now = round(&adaptive, .overloaded, at: now) }
        #expect(adaptive.limit == 1)
    }

    @Test func `the limit grows by one for every round that used it up`() {
        var adaptive = AdaptiveConcurrency(maximum: 8, stored: 1)
        var now = start
        var limits: [Int] = []
        for _ in 0..<9 {
            now = round(&adaptive, at: now)
            limits.append(adaptive.limit)
        }
        #expect(limits == [2, 3, 4, 5, 6, 7, 8, 8, 8])
    }

    @Test func `a limit that is not used up does not grow`() {
        var adaptive = AdaptiveConcurrency(maximum: 8, stored: 4)
        for step in 0..<100 {
            let now = start + .seconds(Int64(step))
            adaptive.started(inFlight: 1)
            adaptive.finished(.well, startedAt: now, now: now + .milliseconds(50))
        }
        #expect(adaptive.limit == 4)
    }

    @Test func `a remote that becomes far slower gets fewer calls, and more again once that latency is the usual one`() {
        var adaptive = AdaptiveConcurrency(maximum: 8)
        var now = start
        for _ in 0..<20 { now = round(&adaptive, at: now, latency: 50) }
        now = round(&adaptive, at: now, latency: 600)
        #expect(adaptive.limit == 4)
        for _ in 0..<40 { now = round(&adaptive, at: now, latency: 600) }
        #expect(adaptive.limit == 8)
    }

    @Test func `ordinary variation of the latency does not change the limit`() {
        var random = SeededGenerator(seed: 81)
        var (adaptive, now) = grown(maximum: 8)
        for _ in 0..<2000 {
            now = round(&adaptive, at: now, latency: .random(in: 20...180, using: &random))
            #expect(adaptive.limit == 8)
        }
    }

    @Test func `an interrupted call and a refused credential do not change the limit`() {
        var adaptive = AdaptiveConcurrency(maximum: 8, stored: 4)
        _ = round(&adaptive, .nothing, at: start)
        #expect(adaptive.limit == 4)
    }

    @Test(arguments: [UInt64(91), 92, 93])
    func `in random histories the limit stays between one and the maximum`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var adaptive = AdaptiveConcurrency(maximum: 6)
        var now = start
        var lowered = 0
        for step in 0..<20_000 {
            now = now + .milliseconds(Int64.random(in: 0...6000, using: &random))
            let before = adaptive.limit
            adaptive.started(inFlight: .random(in: 1...6, using: &random))
            let sign: AdaptiveConcurrency.Sign = [.well, .well, .well, .overloaded, .nothing].randomElement(using: &random) ?? .well
            adaptive.finished(sign, startedAt: now - .milliseconds(Int64.random(in: 0...5000, using: &random)), now: now)
            #expect((1...6).contains(adaptive.limit), "seed \(seed), step \(step)")
            let grown = lowered == 0 ? min(before * 2, 6) : before + 1
            #expect([before, grown, max(before / 2, 1)].contains(adaptive.limit), "seed \(seed)")
            lowered += adaptive.limit < before ? 1 : 0
        }
        #expect(lowered > 100, "seed \(seed)")
    }
}
