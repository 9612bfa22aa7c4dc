import Fixtures
import Sandbox

/// What goes wrong at the remotes for a while.
enum Mishaps {
    /// A few faults with a probability, and a small delay of every other response.
    static func draw(for remote: String, using random: inout SeededGenerator) -> [FaultRule] {
        // Not for Fin: a message without a usable response is uncertain and waits for a person (docs/remotes/fin.md).
        let unusable = remote == "fin" ? [] : Self.unusable
        var rules = (applied(&random) + refused(&random) + unusable).shuffled(using: &random).prefix(Int.random(in: 0...4, using: &random))
        for index in rules.indices { rules[index].probability = [0.02, 0.1, 0.3].randomElement(using: &random) ?? 0.1 }
        return rules + [FaultRule(.latency, latencyMilliseconds: Int.random(in: 0...40, using: &random))]
    }

    private static func applied(_ random: inout SeededGenerator) -> [FaultRule] {
        var reset = FaultRule(.dropAfter)
        reset.resets = true
        return [
            FaultRule(.dropAfter), reset, FaultRule(.hangAfter, latencyMilliseconds: Int.random(in: 100...900, using: &random)),
            FaultRule(.slowBody, latencyMilliseconds: Int.random(in: 50...500, using: &random)),
            FaultRule(.latency, latencyMilliseconds: Int.random(in: 100...900, using: &random)),
        ]
    }

    private static func refused(_ random: inout SeededGenerator) -> [FaultRule] {
        let statuses = [500, 502, 503].map { status in
            var rule = FaultRule(.status)
            rule.status = status
            return rule
        }
        var throttled = FaultRule(.status, times: 3)
        (throttled.status, throttled.retryAfterSeconds) = (429, 1)
        return statuses + [
            throttled, FaultRule(.dropBefore), FaultRule(.hangBefore, latencyMilliseconds: Int.random(in: 100...900, using: &random)),
        ]
    }

    private static let unusable = [FaultRule(.garbage), FaultRule(.truncated), FaultRule(.wrongType)]
}
