import SeededRandom
import SyncCore
import Testing

@Suite struct RunPatienceTests {
    private let start = Instant(milliseconds: 1_700_000_000_000)

    @Test func `a run goes on after a stall without progress`() {
        var patience = RunPatience(stall: .seconds(2), now: start)
        #expect(patience.verdict(now: start) == .wait(until: start + .seconds(2)))
        #expect(patience.verdict(now: start + .milliseconds(1999)) == .wait(until: start + .seconds(2)))
        #expect(patience.verdict(now: start + .seconds(2)) == .goOn)
    }

    @Test func `progress is waited for`() {
        var patience = RunPatience(stall: .seconds(2), now: start)
        patience.progressed(at: start + .seconds(1))
        #expect(patience.verdict(now: start + .seconds(2)) == .wait(until: start + .seconds(3)))
        patience.progressed(at: start - .hours(1))
        #expect(patience.verdict(now: start + .seconds(2)) == .wait(until: start + .seconds(3)), "older progress changes nothing")
    }

    @Test func `a remote that is slow for ever is waited for six stalls`() {
        var patience = RunPatience(stall: .seconds(2), now: start)
        var now = start
        while case .wait = patience.verdict(now: now), now < start + .hours(1) {
            now = now + .milliseconds(100)
            patience.progressed(at: now)
        }
        #expect(now == start + .seconds(12))
    }

    @Test func `a clock that is set back does not make a run wait for hours`() {
        var patience = RunPatience(stall: .seconds(2), now: start)
        patience.progressed(at: start + .seconds(1))
        let back = start - .hours(5)
        #expect(patience.verdict(now: back) == .wait(until: back + .seconds(2)))
        #expect(patience.verdict(now: back + .seconds(2)) == .goOn)
    }

    /// Random progress, with a clock that goes forward: never over before a stall, never later than six.
    @Test(arguments: [UInt64(41), 42, 43, 44])
    func `random waits end between one stall and six`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let stall = Duration.milliseconds(Int64.random(in: 100...5000, using: &random))
            var patience = RunPatience(stall: stall, now: start)
            var now = start
            var latest = start
            while case .wait(let until) = patience.verdict(now: now) {
                #expect(until > now && until <= now + stall, "seed \(seed)")
                now = now + .milliseconds(Int64.random(in: 1...(until - now).milliseconds, using: &random))
                if Bool.random(using: &random) {
                    latest = now
                    patience.progressed(at: now)
                }
            }
            #expect(now >= start + stall && now <= start + stall * 6, "seed \(seed)")
            #expect(now >= min(latest + stall, start + stall * 6), "seed \(seed)")
        }
    }
}
