import Foundation
import Sandbox
import Testing

/// Ends of very many conversations that a remote reports are adopted only with an operator's release.
@Suite(.serialized) struct StoryBrakeTests {
    /// 24 conversations: the limits are 4 and a quarter, so six are adopted at most.
    private static let count = 24
    private static let limit = 6

    private func withBrake(at remote: String, _ body: (ProgramScenario) async throws -> Void) async throws {
        try await withHistory(
            Self.count, at: [remote], assignee: "agent_fin",
            configure: {
                $0["brake", "finish_percent"] = "25"
                $0["brake", "finish_min"] = "4"
                $0["remotes.\(remote).poll", "rotate"] = "50"
            }, body)
    }

    private func finished(_ scenario: ProgramScenario) async throws -> Int {
        try await scenario.number("SELECT count(*) FROM conversations WHERE status <> 'open'")
    }

    private static let ends = ["voicebot": "done", "vg": "ended_chat", "helpdesk": "closed"]

    @Test(arguments: ["voicebot", "vg", "helpdesk"], [4, 24])
    func `ends are adopted up to the limits of the brake, however small the portions, and continue after a release`(
        remote: String, portion: Int
    ) async throws {
        try await withBrake(at: remote) { scenario in
            if remote == "vg" { try await scenario.nextSecond() }
            var events: [SandboxJSON] = []
            for first in stride(from: 1, through: Self.count, by: portion) {
                for number in first..<first + portion {
                    try scenario.act(at: remote, on: number, Self.ends[remote, default: ""].status(at: remote))
                }
                events += try await scenario.syncs(expecting: [0, 75])
            }
            let adopted = try await finished(scenario)
            #expect((4...Self.limit).contains(adopted), "\(adopted) were adopted")
            #expect(events.named("brake.engaged").count >= 1)
            #expect(scenario.writeCount() == 0, "what waits is not sent back: \(scenario.calls)")
            let waiting = Self.count - adopted
            let status = try await scenario.run("status").output
            let says = status.split(separator: "\n").contains { $0.contains("brake") && $0.contains("\(waiting)") }
            #expect(says, "status does not say that \(waiting) wait: \(status)")

            // Ends are no rows, and are not counted by a limit.
            #expect(try await scenario.run("outbox", "release", "--held-by", "brake", "--limit", "1").output == "no rows match\n")
            let refused = try await scenario.run("outbox", "release", "--held-by", "brake")
            #expect(refused.exitCode == 64)
            #expect(refused.errorOutput.contains("adopt the end of \(waiting) conversations"), "\(refused.errorOutput)")
            #expect(try await scenario.number("SELECT count(*) FROM link_state WHERE is_brake_released = 1") == 0)
            let released = try await scenario.run("outbox", "release", "--held-by", "brake", "--yes")
            #expect(released.exitCode == 0, "\(released.errorOutput)")
            try await scenario.syncs(3)
            #expect(try await finished(scenario) == Self.count)
            #expect(scenario.writeCount() == 0, "\(scenario.calls)")
            #expect(try await scenario.differences(at: [remote]) == [])
        }
    }

    @Test func `a busy remote that stays below the limits is adopted`() async throws {
        try await withBrake(at: "voicebot") { scenario in
            for number in 1...Self.limit - 1 { try scenario.act(at: "voicebot", on: number, ["status": "done"]) }
            let events = try await scenario.syncs(2)
            #expect(try await finished(scenario) == Self.limit - 1)
            #expect(events.named("brake.engaged").isEmpty)
        }
    }

    @Test func `conversations closed here do not count, because the remote only repeats them`() async throws {
        try await withBrake(at: "voicebot") { scenario in
            try scenario.configure { $0["brake", "enabled"] = "false" }
            try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id <> 'c24'")
            try await scenario.syncs(2)
            try scenario.configure { $0["brake", "enabled"] = "true" }
            try await scenario.syncs(2)
            try scenario.act(at: "voicebot", on: 24, ["status": "done"])
            let events = try await scenario.syncs(2)
            #expect(try await finished(scenario) == Self.count)
            #expect(events.named("brake.engaged").isEmpty)
        }
    }

    @Test func `with the brake off everything is adopted`() async throws {
        try await withBrake(at: "voicebot") { scenario in
            try scenario.configure { $0["brake", "enabled"] = "false" }
            for number in 1...Self.count { try scenario.act(at: "voicebot", on: number, ["status": "done"]) }
            try await scenario.syncs(2)
            #expect(try await finished(scenario) == Self.count)
        }
    }
}
