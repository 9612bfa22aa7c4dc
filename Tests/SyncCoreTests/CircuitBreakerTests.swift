import Fixtures
import SyncCore
import Testing

@Suite struct CircuitBreakerTests {
    private let start = Instant(milliseconds: 1_700_000_000_000)

    @Test func `fewer failures than the minimum sample do not open the breaker`() {
        var breaker = CircuitBreaker(now: start)
        for _ in 0..<9 { #expect(breaker.finished(failed: true, now: start) == nil) }
        #expect(breaker.finished(failed: true, now: start) == .opened)
        #expect(breaker.state == .open(until: start + .seconds(15)))
    }

    @Test func `a success never opens the breaker`() {
        var breaker = CircuitBreaker(now: start)
        for _ in 0..<9 { #expect(breaker.finished(failed: true, now: start) == nil) }
        #expect(breaker.finished(failed: false, now: start) == nil)
        #expect(breaker.state == .closed)
        #expect(breaker.finished(failed: true, now: start) == .opened)
    }

    @Test func `the breaker stays closed below the failure rate`() {
        var breaker = CircuitBreaker(now: start)
        for index in 0..<300 { #expect(breaker.finished(failed: index % 3 == 0, now: start) == nil) }
    }

    @Test func `failures older than the window do not count`() {
        var breaker = CircuitBreaker(now: start)
        for _ in 0..<9 { _ = breaker.finished(failed: true, now: start) }
        #expect(breaker.finished(failed: true, now: start + .seconds(61)) == nil)
    }

    @Test func `a half-open breaker allows one probe, whose outcome closes or opens it`() {
        var breaker = CircuitBreaker(.init(minimumSample: 1, pause: .seconds(10), longestPause: .seconds(30)), now: start)
        #expect(breaker.finished(failed: true, now: start) == .opened)
        #expect(breaker.admit(now: start + .seconds(9)).admitted == false)
        #expect(breaker.admit(now: start + .seconds(10)) == (true, .halfOpen))
        #expect(breaker.admit(now: start + .seconds(10)).admitted == false)
        #expect(breaker.finished(failed: true, now: start + .seconds(10)) == .opened)
        #expect(breaker.state == .open(until: start + .seconds(30)), "twice the pause")
        _ = breaker.admit(now: start + .seconds(30))
        #expect(breaker.finished(failed: true, now: start + .seconds(30)) == .opened)
        #expect(breaker.state == .open(until: start + .seconds(60)), "at most the longest pause")
        _ = breaker.admit(now: start + .seconds(60))
        #expect(breaker.finished(failed: false, now: start + .seconds(60)) == .closed)
        #expect(breaker.openings == 0)
    }

    @Test func `a pause that is ended by hand leads to a probe, and a failed probe doubles the pause`() {
        var breaker = CircuitBreaker(.init(minimumSample: 1, pause: .seconds(10), longestPause: .seconds(30)), now: start)
        breaker.endPause(now: start)
        #expect(breaker.state == .closed, "there is nothing to end")
        #expect(breaker.finished(failed: true, now: start) == .opened)
        breaker.endPause(now: start + .seconds(1))
        #expect(breaker.openUntil == start + .seconds(1))
        #expect(breaker.admit(now: start + .seconds(1)) == (true, .halfOpen))
        breaker.endPause(now: start + .seconds(1))
        #expect(breaker.admit(now: start + .seconds(1)).admitted == false, "one probe at a time")
        #expect(breaker.finished(failed: true, now: start + .seconds(1)) == .opened)
        #expect(breaker.state == .open(until: start + .seconds(21)))
    }

    @Test func `the window slides, so failures within one window count together wherever it begins`() {
        // Nine failures, then one more: within a minute, whenever the first one occurs.
        for offset in stride(from: 0, through: 59, by: 1) {
            var breaker = CircuitBreaker(now: start)
            let first = start + .seconds(Int64(offset))
            for index in 0..<9 { #expect(breaker.finished(failed: true, now: first + .seconds(Int64(index * 5))) == nil) }
            #expect(breaker.finished(failed: true, now: first + .seconds(50)) == .opened, "offset \(offset)")
        }
    }

    @Test func `older successes do not outweigh the failures within the window`() {
        var breaker = CircuitBreaker(now: start)
        for index in 0..<500 { _ = breaker.finished(failed: false, now: start + .milliseconds(Int64(index))) }
        let later = start + .seconds(61)
        for _ in 0..<9 { #expect(breaker.finished(failed: true, now: later) == nil) }
        #expect(breaker.finished(failed: true, now: later) == .opened)
    }

    @Test func `an inconclusive probe leaves the breaker half-open and does not lengthen the pause`() {
        var breaker = CircuitBreaker(.init(minimumSample: 1, pause: .seconds(10)), now: start)
        _ = breaker.finished(failed: true, now: start)
        #expect(breaker.admit(now: start + .seconds(10)) == (true, .halfOpen))
        #expect(breaker.finished(failed: nil, now: start + .seconds(11)) == nil)
        #expect(breaker.admit(now: start + .seconds(11)) == (true, nil))
        #expect(breaker.admit(now: start + .seconds(11)).admitted == false)
        #expect(breaker.openings == 1)
    }

    @Test func `after a crash during a probe the breaker begins with another probe`() {
        var breaker = CircuitBreaker(.init(minimumSample: 1, pause: .seconds(10)), now: start)
        _ = breaker.finished(failed: true, now: start)
        _ = breaker.admit(now: start + .seconds(10))
        let openUntil = breaker.openUntil
        #expect(openUntil == start + .seconds(10))
        var restarted = CircuitBreaker(now: start + .seconds(12), openUntil: openUntil, openings: breaker.openings)
        #expect(restarted.admit(now: start + .seconds(12)) == (true, .halfOpen))
        #expect(restarted.admit(now: start + .seconds(12)).admitted == false)
    }

    @Test func `a stored pause is limited to the longest one`() {
        let breaker = CircuitBreaker(now: start, openUntil: start + .days(400), openings: 1)
        #expect(breaker.opensAt(now: start) == start + .minutes(5))
    }
}

@Suite struct OutcomeWindowTests {
    private let start = Instant(milliseconds: 1_700_000_000_000)

    /// The ring compared with a list of everything that ended.
    @Test(arguments: [UInt64(61), 62, 63])
    func `the window counts what ended within it, with a resolution of a tenth of it`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let length = Duration.seconds(60)
        var window = OutcomeWindow(length: length, now: start)
        var all: [(at: Instant, failed: Bool)] = []
        var now = start
        for step in 0..<5000 {
            now = now + .milliseconds(Int64.random(in: 0...(step % 100 == 0 ? 70_000 : 900), using: &random))
            let failed = Bool.random(using: &random)
            window.count(failed: failed, now: now)
            all.append((now, failed))
            let certain = all.suffix(1000).filter { now - $0.at < .seconds(54) }
            let possible = all.suffix(1000).filter { now - $0.at < .seconds(60) }
            #expect((certain.count...possible.count).contains(window.ends), "seed \(seed), step \(step)")
            #expect((certain.count(where: \.failed)...possible.count(where: \.failed)).contains(window.failures), "seed \(seed)")
        }
    }
}
