import SyncCore
import Testing

/// The machines of delivery together, over thousands of random steps. A seed that fails is printed: pin it here.
@Suite struct DeliveryModelTests {
    @Test(arguments: (UInt64(1)...16).map { $0 })
    func `the promises of delivery hold in random histories, and every row is finished`(seed: UInt64) {
        var model = DeliveryModel(seed: seed)
        for _ in 0..<10_000 { model.takeStep() }
        model.settle()
        model.expect(model.tally["settled"] == 1, "rows are left")
        model.expect(
            model.gate.parkedAt == nil && model.gate.throttledUntil ?? model.steady <= model.steady, "a hold outlasts good answers")
    }

    /// A test in which nothing happens cannot fail.
    @Test func `the random histories contain every kind of event that the promises are about`() {
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
