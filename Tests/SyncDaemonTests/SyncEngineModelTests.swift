import Foundation
import GRDB
import SeededRandom
import SyncCore
import SyncStore
import Testing

@testable import SyncDaemon

/// Random changes, random faults, several remotes: afterwards every remote holds the right state, and no more calls are made.
@Suite struct EngineModelTests {
    private static let conversations = 25

    @Test(arguments: [UInt64(101), 102, 103, 104])
    func `whatever fails meanwhile, every remote ends with the wanted state`(seed: UInt64) async throws {
        let bench = try await Bench(seed: seed, faultShare: 40)
        var random = SeededGenerator(seed: seed &* 31)
        var version = 0
        var written: [String: [String]] = [:]
        for _ in 0..<12 {
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                version += 1
                let id = "c\(Int.random(in: 0..<Self.conversations, using: &random))"
                switch Int.random(in: 0..<5, using: &random) {
                case 0...2:
                    try bench.change(
                        id, title: "\(version)", status: ["open", "resolved", "closed", "ended"].randomElement(using: &random) ?? "open",
                        assignee: ["agent_fin", "jane", nil].randomElement(using: &random) ?? nil)
                case 3:
                    try bench.write(message: "m\(version)", of: id)
                    written[id, default: []].append("m\(version)")
                default:
                    try await bench.engine.run()
                }
            }
            try await bench.engine.run()
        }
        bench.remotes.world.withLock { $0.faultShare = 0 }
        try await bench.settle()

        let (violations, calls) = bench.remotes.world.withLock { ($0.violations, $0.calls) }
        #expect(violations.isEmpty, "seed \(seed): \(violations)")
        try bench.expectEverythingArrived(messages: written, seed: seed)

        // No call is made when nothing changed.
        let summary = try await bench.engine.run()
        #expect(summary.counts == RunCounts(), "seed \(seed)")
        #expect(bench.remotes.world.withLock { $0.calls } == calls, "seed \(seed)")
        await bench.close()
    }

    @Test func `one changed field causes one call per remote, with that field`() async throws {
        let bench = try await Bench(seed: 1, faultShare: 0)
        try await bench.settle()
        let before = bench.remotes.world.withLock { $0.calls }
        let last = try await bench.application.read { try Int64.fetchOne($0, sql: "SELECT max(id) FROM outbox") }
        try await bench.application.write { try $0.execute(sql: "UPDATE conversations SET status = 'closed' WHERE id = 'c3'") }
        let summary = try await bench.engine.run()
        #expect(summary.counts.delivered == 3)
        #expect(bench.remotes.world.withLock { $0.calls } - before == 3)
        let deltas = try await bench.application.read {
            try String.fetchAll($0, sql: "SELECT body FROM outbox WHERE id > ? ORDER BY remote", arguments: [last])
        }
        #expect(
            deltas == [#"{"conversation_id":"c3","status":"closed"}"#, #"{"conversation":{"state":"ended_chat"}}"#, #"{"status":"done"}"#])
        await bench.close()
    }

    @Test func `a field of a lost call is sent again even when its local value returns to the agreed one`() async throws {
        let bench = try await Bench(seed: 3, faultShare: 0)
        try await bench.settle()
        // The remote applies "closed", but the response is lost; then the application reverts the change.
        try await bench.application.write { try $0.execute(sql: "UPDATE conversations SET status = 'closed' WHERE id = 'c1'") }
        bench.remotes.world.withLock { $0.faultShare = 100 }
        try await bench.engine.run()
        bench.remotes.world.withLock { $0.faultShare = 0 }
        try await bench.application.write { try $0.execute(sql: "UPDATE conversations SET status = 'open' WHERE id = 'c1'") }
        try await bench.settle()
        try bench.expectEverythingArrived(messages: [:], seed: 3)
        await bench.close()
    }
}
