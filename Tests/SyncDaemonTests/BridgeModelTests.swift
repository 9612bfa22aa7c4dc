import Foundation
import GRDB
import SeededRandom
import SyncCore
import SyncStore
import Testing

@testable import SyncDaemon

/// Random changes at all five places, in random order, with random faults, lost and repeated notifications and lists that lag behind.
/// Afterwards all agree, a further look at everything does nothing, and nobody was written or taken over from more often than something
/// changed.
@Suite struct BridgeModelTests {
    @Test(arguments: [UInt64(501), 502, 503, 504, 505, 506, 507, 508, 509])
    func `whatever changes anywhere, all come to agree and to rest`(seed: UInt64) async throws {
        let rules = BridgeBench.Rules.of(seed: seed)
        let bench = try await BridgeBench(seed: seed, rules: rules)
        _ = try await bench.settle(quiet: 2)
        bench.remotes.world.withLock { $0.faultShare = 25 }
        var walk = BridgeWalk(random: SeededGenerator(seed: seed &* 37))
        for _ in 0..<20 {
            if Bool.random(using: &walk.random) { bench.clock.skip(.seconds(5)) }
            async let run: Void = bench.run()
            try await walk.step(bench)
            try await run
        }
        bench.remotes.world.withLock { world in
            world.faultShare = 0
            world.refreshMirror(share: 100)
        }
        let rounds = try await bench.settle()
        let activity = try bench.activity()
        print("bridge model: seed \(seed), \(rules), \(walk.summary), at rest after \(rounds) runs; writes, adoptions: \(activity)")
        try bench.expectAgreement(seed: seed)
        try bench.expectBounds(seed: seed)

        let before = try bench.activity()
        _ = try await bench.settle()
        let after = try bench.activity()
        #expect(after == before, "seed \(seed): a further look at everything does nothing")
        await bench.close()
    }

    @Test(arguments: AdoptionPolicy.Conflict.allCases)
    func `what was sent without an answer is not a change of the remote's, whoever wins conflicts`(conflict: AdoptionPolicy.Conflict)
        async throws
    {
        let bench = try await BridgeBench(seed: 1, rules: .init(conflict: conflict, reopen: .always))
        _ = try await bench.settle(quiet: 2)
        // "Closed" arrives everywhere, and nobody's answer comes back; meanwhile the application thinks better of it.
        bench.remotes.world.withLock { $0.losesAnswers = true }
        try bench.write("c1", "status = 'closed'", [])
        try await bench.run()
        bench.remotes.world.withLock { $0.losesAnswers = false }
        try bench.write("c1", "status = 'open', assignee_id = 'jane'", [])
        // Before anything is sent again, everybody is looked at.
        bench.remotes.world.withLock { $0.refreshMirror(share: 100) }
        _ = try await bench.settle()
        #expect(try bench.lines("SELECT status, assignee_id FROM conversations WHERE id = 'c1'") == ["open|jane"])
        #expect(try bench.lines("SELECT * FROM adopted_changes") == [])
        try bench.expectAgreement(seed: 1)
        await bench.close()
    }
}

/// One random walk: which changes are made, and how many.
struct BridgeWalk {
    var random: SeededGenerator
    var local = 0
    var people = 0
    var messages = 0
    var notifications = 0

    init(random: SeededGenerator) {
        self.random = random
    }

    var summary: String { "\(local) local changes, \(people) by people elsewhere, \(messages) messages, \(notifications) notifications" }

    mutating func step(_ bench: BridgeBench) async throws {
        for _ in 0..<Int.random(in: 1...9, using: &random) {
            let id = BridgeBench.conversations.randomElement(using: &random) ?? "c0"
            switch Int.random(in: 0..<12, using: &random) {
            case 0...2: try change(id, bench)
            case 3: try write(id, bench)
            case 4...7: try await act(id, bench)
            case 8...9: try await deliver(bench)
            case 10: bench.clock.skip(.milliseconds(Int64.random(in: 1...4000, using: &random)))
            default: try? await Task.sleep(for: .milliseconds(Int.random(in: 0...3, using: &random)))
            }
            bench.remotes.world.withLock { $0.refreshMirror(share: 30) }
        }
    }

    private mutating func change(_ id: String, _ bench: BridgeBench) throws {
        local += 1
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            try bench.write(id, "title = ?", ["title \(local)"])
        case 1:
            let tags = (0..<6).filter { _ in Bool.random(using: &random) }.map { "\"t\($0)\"" }.shuffled(using: &random)
            try bench.write(id, "tags = ?", ["[\(tags.joined(separator: ","))]"])
        default:
            let assignee = ["agent_fin", "jane", "bob", nil].randomElement(using: &random) ?? nil
            let status = ["open", "open", "resolved", "closed", "ended"].randomElement(using: &random) ?? "open"
            try bench.write(id, "status = ?, assignee_id = ?", [status, assignee])
        }
    }

    private mutating func write(_ id: String, _ bench: BridgeBench) throws {
        messages += 1
        try bench.write(message: "m\(messages)", of: id)
        // voicebot hears the user as well; its own time of that is the remote's.
        if let key = BridgeBench.key(.voicebot, id), Bool.random(using: &random) {
            bench.remotes.world.withLock { $0.objects[key]?.lastUserMessageAt = bench.clock.now() }
        }
    }

    /// Somebody does something over there; a hook may say so, once or twice, or not at all.
    private mutating func act(_ id: String, _ bench: BridgeBench) async throws {
        let place = BridgeWorld.Place.allCases.randomElement(using: &random) ?? .vg
        guard let key = BridgeBench.key(place, id) else { return }
        people += 1
        bench.remotes.world.withLock { $0.act(at: key, now: bench.clock.now()) }
        guard place != .helpdesk else { return }
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            notifications += 1
            let notice: Notice =
                Int.random(in: 0..<4, using: &random) == 0
                ? .somethingChanged : .changed(remoteID: key.id, agentID: place == .vg ? "a" : nil)
            _ = try await bench.engine.owner.receive([notice], from: place.rawValue)
        }
    }

    private mutating func deliver(_ bench: BridgeBench) async throws {
        let events = bench.remotes.world.withLock { $0.takeEvents(share: 60, losing: 10) }
        notifications += events.count
        _ = try await bench.engine.owner.receive(events, from: "fin")
    }
}
