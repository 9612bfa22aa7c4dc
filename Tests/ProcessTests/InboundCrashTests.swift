import Fixtures
import Foundation
import Sandbox
import Testing

/// SIGKILL while remotes are read and reports are adopted.
@Suite(.serialized) struct InboundCrashTests {
    private static let conversations = 60
    private static let kills = 6

    @Test func `kills while people change all remotes lose nothing and adopt nothing twice`() async throws {
        let seed = ProcessInfo.processInfo.environment["CONVOSYNC_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 1...UInt64(UInt32.max))
        print("inbound crash test: CONVOSYNC_TEST_SEED=\(seed)")
        var random = SeededGenerator(seed: seed)
        try await withScenario({
            $0.poll()
            for remote in ScenarioConfiguration.readable { $0["remotes.\(remote).poll", "rotate"] = "100" }
        }) { scenario in
            try await scenario.addConversations(1...Self.conversations)
            try await scenario.sync("--drain", "60")
            for instance in ScenarioConfiguration.remotes {
                try scenario.world.setFaults([FaultRule(.latency, latencyMilliseconds: 10)], on: instance)
            }
            scenario.world.clearRequests()
            let numbers = (1...Self.conversations).shuffled(using: &random)
            let share = Self.conversations / Self.kills
            var expected: [String: String] = [:]
            for round in 0..<Self.kills {
                let daemon = try scenario.start(["run", "--config", scenario.configurationPath])
                for number in numbers[(round * share)..<((round + 1) * share)] {
                    expected["c\(number)"] = try Self.act(scenario, number, using: &random)
                }
                let reached = scenario.requestCount() + Int.random(in: 1...120, using: &random)
                _ = await scenario.world.wait(for: .seconds(3)) { $0.summary()["recorded"]?.integer ?? 0 >= reached }
                await daemon.killAndWait()
            }
            let daemon = try await scenario.startDaemon()
            let wanted = expected
            #expect(
                try await eventually(.seconds(60)) {
                    try await scenario.number("SELECT count(*) FROM adopted_changes") >= wanted.count
                })
            #expect(try await scenario.remainingDifferences(within: .seconds(60)).prefix(5) == [])
            #expect(try await scenario.settle())
            for (conversation, change) in wanted { #expect(try await scenario.adopted(conversation) == [change]) }
            Self.checkWrites(scenario)
            let before = scenario.writeCount()
            for remote in ScenarioConfiguration.readable { try await scenario.reads(remote, more: 2) }
            #expect(scenario.writeCount() == before)
            daemon.send(SIGTERM)
            #expect(try await daemon.end().exitCode == 0)
        }
    }

    /// Finishes a conversation at some remote; returns what should be adopted.
    private static func act(_ scenario: ProgramScenario, _ number: Int, using random: inout SeededGenerator) throws -> String {
        switch ScenarioConfiguration.readable.randomElement(using: &random) {
        case "voicebot":
            try scenario.act(at: "voicebot", on: number, ["status": "done"])
            return "voicebot done: status open→closed"
        case "vg":
            try scenario.act(at: "vg", on: number, ["state": "ended_chat"])
            return "vg ended_chat: status open→ended"
        default:
            try scenario.act(at: "helpdesk", on: number, ["status": "resolved"])
            return "helpdesk resolved: status open→resolved"
        }
    }

    /// Two remotes get a change that was made at the third one, each with one idempotency key.
    private static func checkWrites(_ scenario: ProgramScenario) {
        let writes = scenario.world.requests().filter(\.isWrite)
        for (place, same) in Dictionary(grouping: writes, by: { "\($0.instance) \($0.path) \($0.conversation ?? "")" }) {
            #expect(Set(same.map(\.idempotencyKey)).count == 1, "\(place) was written more than once")
        }
        #expect(Set(writes.map(\.idempotencyKey)).count == 2 * conversations)
    }
}
