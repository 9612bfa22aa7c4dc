import SeededRandom
import SyncCore
import Testing

/// Fields that are no status: a title is replaced as a whole, tags are a set.
@Suite struct FieldReconciliationTests {
    typealias Decision = FieldReconciliation.Decision

    private func merge(_ remote: String, base: String?, local: String?, remoteWins: Bool = false) -> Decision<String> {
        FieldReconciliation.merge(remote: remote, base: base, local: local, remoteWins: remoteWins)
    }

    @Test func `a title that only the remote changed is taken over`() {
        #expect(merge("new", base: "old", local: "old") == .adopted("new"))
    }

    @Test func `a title that only the local row changed is left alone`() {
        #expect(merge("old", base: "old", local: "new", remoteWins: true) == .unchanged)
    }

    @Test func `a title that both changed goes by the policy, unless both say the same`() {
        #expect(merge("theirs", base: "old", local: "ours") == .conflictWon)
        #expect(merge("theirs", base: "old", local: "ours", remoteWins: true) == .conflictLost("theirs"))
        #expect(merge("same", base: "old", local: "same", remoteWins: true) == .unchanged)
    }

    @Test func `before anything is known the local title is sent, and nothing is taken over`() {
        #expect(merge("theirs", base: nil, local: "ours", remoteWins: true) == .unchanged)
        #expect(merge("theirs", base: nil, local: nil, remoteWins: true) == .unchanged)
    }

    @Test func `a title that was emptied here has changed, too`() {
        #expect(merge("theirs", base: "old", local: nil) == .conflictWon)
    }

    // MARK: Tags

    private func mergeSet(_ remote: [String], base: [String]?, local: [String]) -> Decision<[String]> {
        FieldReconciliation.mergeSet(remote: remote, base: base, local: local)
    }

    @Test func `a tag that was removed here and is still over there does not come back`() {
        // vg merges tags: the base keeps what it holds.
        #expect(mergeSet(["vip", "billing"], base: ["vip", "billing"], local: ["billing"]) == .unchanged)
        // Neither when somebody adds another one.
        #expect(mergeSet(["vip", "billing", "late"], base: ["vip", "billing"], local: ["billing"]) == .adopted(["billing", "late"]))
    }

    @Test func `a tag that somebody really adds comes, also one that was removed here before`() {
        #expect(mergeSet(["a", "b"], base: ["a"], local: ["a"]) == .adopted(["a", "b"]))
        // It was taken off there, which was seen, and put on again.
        #expect(mergeSet(["vip"], base: [], local: []) == .adopted(["vip"]))
    }

    @Test func `a tag that somebody removes goes, and one that both removed is gone already`() {
        #expect(mergeSet(["a"], base: ["a", "b"], local: ["a", "b", "c"]) == .adopted(["a", "c"]))
        #expect(mergeSet(["a"], base: ["a", "b"], local: ["a"]) == .unchanged)
    }

    @Test func `another order is no change, and nothing is known before the first report`() {
        #expect(mergeSet(["b", "a"], base: ["a", "b"], local: ["a", "b"]) == .unchanged)
        #expect(mergeSet(["theirs"], base: nil, local: ["ours"]) == .unchanged)
    }

    @Test func `tags that differ in bytes only are two tags`() {
        #expect(
            mergeSet(["caf\u{E9}", "cafe\u{301}"], base: ["caf\u{E9}"], local: ["caf\u{E9}"]) == .adopted(["caf\u{E9}", "cafe\u{301}"]))
        #expect(
            mergeSet(["cafe\u{301}"], base: ["caf\u{E9}", "cafe\u{301}"], local: ["caf\u{E9}", "cafe\u{301}"]) == .adopted(["cafe\u{301}"]))
    }

    @Test(arguments: [UInt64(71), 72, 73])
    func `tags merge as sets: changes of both sides, nothing else, and the same again changes nothing`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        func draw() -> [String] { ["a", "b", "c", "d", "e"].filter { _ in Bool.random(using: &random) }.shuffled(using: &random) }
        for _ in 0..<2000 {
            let (remote, base, local) = (draw(), draw(), draw())
            var merged = local
            if case .adopted(let adopted) = mergeSet(remote, base: base, local: local) { merged = adopted }
            let expected = Set(local).subtracting(Set(base).subtracting(remote)).union(Set(remote).subtracting(base))
            #expect(Set(merged) == expected && merged.count == expected.count, "seed \(seed): \(remote), \(base), \(local)")
            #expect(mergeSet(remote, base: remote, local: merged) == .unchanged, "seed \(seed): \(remote), \(base), \(local)")
        }
    }
}
