/// The fault rules of one instance, in order. A request is hit by the first rule that matches it and is not used up.
package struct FaultPlan: Sendable {
    private struct Entry {
        let rule: FaultRule
        var remaining: Int?
        var skips: Int
        var hits = 0
    }

    private var entries: [Entry] = []
    private var random: SeededRandom

    /// - Parameter seed: the random numbers for `probability` are the same for the same seed and order of requests.
    init(seed: UInt64) {
        self.random = SeededRandom(seed: seed)
    }

    package mutating func replace(with rules: [FaultRule]) {
        entries = []
        append(rules)
    }

    package mutating func append(_ rules: [FaultRule]) {
        entries.append(contentsOf: rules.map { Entry(rule: $0, remaining: $0.times, skips: $0.skip) })
    }

    /// The rule that hits a request, if any.
    mutating func next(method: String, path: String, conversation: ConversationKey?) -> FaultRule? {
        for index in entries.indices {
            guard entries[index].remaining != 0, entries[index].rule.matches(method: method, path: path, conversation: conversation) else {
                continue
            }
            if entries[index].skips > 0 {
                entries[index].skips -= 1
                continue
            }
            if entries[index].rule.probability < 1, random.nextUnit() >= entries[index].rule.probability { continue }
            entries[index].remaining = entries[index].remaining.map { $0 - 1 }
            entries[index].hits += 1
            return entries[index].rule
        }
        return nil
    }

    /// What remains of each rule.
    package var description: SandboxJSON {
        .array(
            entries.map {
                ["kind": .string($0.rule.kind.rawValue), "remaining": .optional($0.remaining), "hits": .integer($0.hits)]
            }
        )
    }
}

extension FaultRule {
    fileprivate func matches(method: String, path: String, conversation: ConversationKey?) -> Bool {
        if let wanted = self.method, wanted != method { return false }
        if let part = pathContains, !path.contains(part) { return false }
        if let name = self.conversation, conversation?.matches(name) != true { return false }
        return true
    }
}

/// SplitMix64: small, fast, and the same on every machine for the same seed.
struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// A number from 0 up to but not including 1.
    mutating func nextUnit() -> Double {
        Double(next() >> 11) / 9_007_199_254_740_992
    }
}
