import SyncCore
import Testing

@testable import SyncDaemon

/// One change by somebody at one system, without faults: who is written because of it, exactly.
@Suite struct BridgeChangeTests {
    struct Change: CustomTestStringConvertible, Sendable {
        var place: BridgeWorld.Place
        var word: String
        /// `status|assignee` afterwards; the conversation is open and nobody's before.
        var local: String
        /// Calls to helpdesk, voicebot and vg.
        var writes: [Int]
        var adoptions = 1
        var testDescription: String { "\(place) says \(word)" }
    }

    @Test(arguments: [
        Change(place: .voicebot, word: "done", local: "closed|-", writes: [1, 0, 1]),
        Change(place: .vg, word: "human-chatting", local: "open|agent_unknown", writes: [1, 1, 0]),
        Change(place: .vg, word: "ai-chatting", local: "open|agent_fin", writes: [1, 1, 0]),
        Change(place: .vg, word: "completed", local: "ended|-", writes: [1, 1, 0]),
        Change(place: .helpdesk, word: "resolved", local: "resolved|-", writes: [0, 1, 1]),
        // Says nothing about who answers: it agrees as it is.
        Change(place: .voicebot, word: "in-progress", local: "open|-", writes: [0, 0, 0], adoptions: 0),
        Change(place: .vg, word: "a word of tomorrow", local: "open|-", writes: [0, 0, 0], adoptions: 0),
    ])
    func `a change over there is written to each of the others once, and never back`(change: Change) async throws {
        let bench = try await BridgeBench(seed: 1, rules: .init())
        _ = try await bench.settle(quiet: 2)
        let before = bench.remotes.world.withLock { $0.writes }
        let key = try #require(BridgeBench.key(change.place, "c1"))
        bench.remotes.world.withLock { world in
            world.objects[key]?.word = change.word
            world.objects[key]?.changedAt = bench.clock.now() + .seconds(60)
        }
        _ = try await bench.settle()
        let select = "SELECT status, assignee_id FROM conversations WHERE id = 'c1'"
        #expect(try bench.lines(select) == [change.local])
        #expect(
            try bench.lines("SELECT remote, word FROM adopted_changes") == (change.adoptions == 0 ? [] : ["\(change.place)|\(change.word)"])
        )
        let places: [BridgeWorld.Place] = [.helpdesk, .voicebot, .vg]
        #expect(writes(bench, since: before, at: places) == change.writes)

        // Something else changes here: nothing of what they agreed on is said again.
        try bench.write("c1", "title = 'another'", [])
        _ = try await bench.settle()
        #expect(try bench.lines(select) == [change.local])
        #expect(writes(bench, since: before, at: places) == zip(change.writes, [1, 0, 1]).map { $0 + $1 })
        await bench.close()
    }

    /// A word that only a mapping could explain is overwritten by the next change of the status, and by nothing before that.
    @Test func `an unmapped word stays until something is to be said about the status`() async throws {
        let bench = try await BridgeBench(seed: 2, rules: .init())
        _ = try await bench.settle(quiet: 2)
        let key = try #require(BridgeBench.key(.vg, "c1"))
        bench.remotes.world.withLock { $0.objects[key]?.word = BridgeWorld.unmappedWord }
        _ = try await bench.settle()
        try bench.write("c1", "tags = '[\"late\"]'", [])
        _ = try await bench.settle()
        #expect(bench.remotes.world.withLock { $0.objects[key]?.word } == BridgeWorld.unmappedWord)
        try bench.write("c1", "status = 'ended'", [])
        _ = try await bench.settle()
        #expect(bench.remotes.world.withLock { $0.objects[key]?.word == $0.finishedWord })
        await bench.close()
    }

    private func writes(_ bench: BridgeBench, since before: [BridgeWorld.Key: Int], at places: [BridgeWorld.Place]) -> [Int] {
        let now = bench.remotes.world.withLock { $0.writes }
        return places.map { place in
            BridgeBench.key(place, "c1").map { (now[$0] ?? 0) - (before[$0] ?? 0) } ?? 0
        }
    }
}
