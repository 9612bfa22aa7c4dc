import Crypto
import SandboxModel
import Testing

struct RepeatabilityTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `the same seed has the same results, to the byte`(seed: UInt64) {
        let first = RandomWalk(seed: seed, steps: 700).transcript
        let second = RandomWalk(seed: seed, steps: 700).transcript
        #expect(first.count > 500)
        for (left, right) in zip(first, second) where Array(left.utf8) != Array(right.utf8) {
            Issue.record("seed \(seed): \(left) is not \(right)")
            return
        }
        #expect(first.count == second.count)
        #expect(RandomWalk(seed: seed + 100, steps: 700).transcript != first)
    }

    /// Dictionaries have another order in every process, so only a result of another process shows whether that order reaches an outcome.
    /// Where the sandbox responds differently on purpose, the digest changes with it.
    @Test func `the results are the same in every process`() {
        let transcript = RandomWalk(seed: 1, steps: 2_000).transcript.joined(separator: "\n")
        let digest = SHA256.hash(data: Array(transcript.utf8)).prefix(8).map { String($0, radix: 16) }.joined(separator: ":")
        #expect(digest == "af:51:6:b5:57:4a:de:70")
    }

    @Test func `a random walk contains every fault and every outcome`() {
        let transcript = RandomWalk(seed: 1, steps: 2_000).transcript
        let found = FaultRule.Kind.allCases.filter { kind in transcript.contains { $0.contains("\"fault\":\"\(kind.rawValue)\"") } }
        #expect(found == FaultRule.Kind.allCases)
        for outcome in RequestOutcome.allCases {
            #expect(transcript.contains { $0.contains("\"outcome\":\"\(outcome.rawValue)\"") }, "\(outcome)")
        }
        #expect(transcript.contains { $0.hasPrefix("http://hooks.example.com/") })
        // A body with more violations than are listed.
        #expect(transcript.contains { $0.components(of: "is not a documented field") >= 20 })
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { split(separator: part, omittingEmptySubsequences: false).count - 1 }
}
