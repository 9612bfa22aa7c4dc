import SyncCore
import Testing

/// The machines of delivery together, over thousands of random steps. A seed that fails is named: pin it here.
@Suite struct DeliveryModelTests {
    @Test(arguments: (UInt64(1)...16).map { $0 })
    func `whatever happens, the promises of delivery are kept, and everything comes to an end`(seed: UInt64) {
        var model = DeliveryModel(seed: seed)
        for _ in 0..<10_000 { model.takeStep() }
        model.settle()
        model.expect(model.tally["settled"] == 1, "rows are left")
        model.expect(
            model.gate.parkedAt == nil && model.gate.throttledUntil ?? model.steady <= model.steady, "a hold outlasts good answers")
    }

    /// Nothing is proved where nothing happens.
    @Test func `the random lives contain everything that is promised about`() {
        var tally: [String: Int] = [:]
        for seed in UInt64(1)...16 {
            var model = DeliveryModel(seed: seed)
            for _ in 0..<10_000 { model.takeStep() }
            tally.merge(model.tally) { $0 + $1 }
        }
        let expected = [
            "admitted", "probe", "half open", "expired", "paused", "crash", "clock forward", "clock back", "clock step",
            "former credential", "breaker opened", "breaker closed", "limit lowered", "limit raised", "delivered", "retry", "throttled",
            "park", "gone",
            "dead", "interrupted", "repeated in its window",
        ]
        for what in expected { #expect(tally[what] ?? 0 >= 10, "\(what): \(tally[what] ?? 0)") }
    }
}
