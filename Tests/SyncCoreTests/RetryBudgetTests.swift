import SeededRandom
import SyncCore
import Testing

@Suite struct RetryBudgetTests {
    private let start = Instant(milliseconds: 1_700_000_000_000)

    /// Retries as often as the budget allows for a while; returns how many went out.
    private func retries(
        _ budget: inout RetryBudget, from start: Instant, for span: Duration, step: Int64 = 10, failing: Bool, firstTries: Int = 0
    ) -> Int {
        var count = 0
        for offset in stride(from: 0, to: span.milliseconds, by: Int64.Stride(step)) {
            let now = start + .milliseconds(offset)
            for _ in 0..<firstTries { budget.firstTry(now: now) }
            while budget.opensAt(now: now) <= now, count < 1_000_000 {
                budget.retry(now: now)
                count += 1
                budget.retryEnded(failed: failing)
                // An answered retry costs nothing: this many at a time are enough to see that.
                if !failing, count % 100 == 0 { break }
            }
        }
        return count
    }

    @Test func `retries that fail are limited to the minimum per second, and what was saved up`() {
        var budget = RetryBudget(now: start)
        let count = retries(&budget, from: start, for: .seconds(60), failing: true)
        #expect((100 + 580...100 + 600).contains(count), "\(count)")
    }

    @Test func `first tries pay for a share`() {
        var budget = RetryBudget(now: start)
        // 300 first tries a second pay for 60 retries.
        let count = retries(&budget, from: start, for: .seconds(60), failing: true, firstTries: 3)
        #expect((100 + 4150...100 + 4200).contains(count), "\(count)")
    }

    @Test func `what is saved up does not pay for a storm`() {
        var budget = RetryBudget(now: start)
        for _ in 0..<1_000_000 { budget.firstTry(now: start) }
        #expect(budget.available(now: start + .hours(9)) == 100)
    }

    @Test func `a remote that answers again is not slowed down, without a single fresh call`() {
        var budget = RetryBudget(.init(percent: 0), now: start)
        _ = retries(&budget, from: start, for: .seconds(60), failing: true)
        let count = retries(&budget, from: start + .seconds(60), for: .seconds(10), failing: false)
        #expect(count > 50_000, "\(count)")
    }

    @Test func `a retry that has to wait gets its turn within a second`() {
        for minimum in [1, 2, 10, 1000] {
            var budget = RetryBudget(.init(minimumPerSecond: minimum), now: start)
            while budget.opensAt(now: start) <= start { budget.retry(now: start) }
            let until = budget.opensAt(now: start)
            #expect(until > start && until <= start + .seconds(1), "\(minimum) per second: \((until - start).milliseconds) ms")
            #expect(budget.opensAt(now: until) == until)
            #expect(budget.available(now: until) >= 1)
        }
    }

    @Test func `a clock that is set back neither stops the budget nor fills it`() {
        var budget = RetryBudget(now: start)
        while budget.opensAt(now: start) <= start { budget.retry(now: start) }
        let back = start - .hours(5)
        #expect(budget.available(now: back) == 0)
        #expect(budget.opensAt(now: back) <= back + .seconds(1))
        #expect(budget.available(now: back + .seconds(1)) == 10)
    }

    @Test(arguments: [UInt64(31), 32, 33])
    func `over any ten seconds and more, failing retries stay within share and minimum`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let settings = RetryBudget.Settings(
            percent: .random(in: 0...50, using: &random), minimumPerSecond: .random(in: 1...20, using: &random))
        var budget = RetryBudget(settings, now: start)
        var now = start
        var (firstTries, failed) = (0, 0)
        for _ in 0..<50_000 {
            now = now + .milliseconds(Int64.random(in: 0...20, using: &random))
            if Bool.random(using: &random) {
                budget.firstTry(now: now)
                firstTries += 1
            } else if budget.opensAt(now: now) <= now {
                budget.retry(now: now)
                let fails = Int.random(in: 0..<3, using: &random) > 0
                budget.retryEnded(failed: fails)
                failed += fails ? 1 : 0
            }
            let seconds = (now - start).seconds
            let allowed = Double(settings.minimumPerSecond) * (10 + seconds) + Double(firstTries * settings.percent) / 100
            #expect(Double(failed) <= allowed + 1, "seed \(seed)")
        }
        #expect(failed > 0)
    }
}
