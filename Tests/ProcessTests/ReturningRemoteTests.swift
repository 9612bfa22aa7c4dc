import Fixtures
import Foundation
import Sandbox
import Testing

/// A configuration that changes: remotes that are removed and added again, and two processes with two configurations.
@Suite(.serialized) struct ReturningRemoteTests {
    @Test(arguments: ["removed", "disabled"])
    func `a returning remote is sent what changed meanwhile and no older state`(_ absence: String) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            // A row with an older state waits for a retry.
            try scenario.world.setFaults([FaultRule(.status)], on: "vg")
            try await scenario.setTitle("old", of: "c1")
            try await scenario.sync(expecting: 75)
            try scenario.world.setFaults([], on: "vg")
            let keys = ["url", "token_file", "timeouts", "agent_id"]
            let original = ScenarioConfiguration(url: scenario.sandbox.url(of:))
            try scenario.configure { configuration in
                if absence == "removed" { configuration.remove("remotes.vg") } else { configuration["remotes.vg", "enabled"] = "false" }
            }
            let before = scenario.requestCount("vg")
            try await scenario.setTitle("new", of: "c1")
            try await scenario.setTitle("new", of: "c2")
            try await scenario.sync()
            #expect(scenario.requestCount("vg") == before)
            try scenario.configure { configuration in
                configuration["remotes.vg", "enabled"] = nil
                for key in keys { configuration["remotes.vg", key] = original["remotes.vg", key] }
            }
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
            let written = scenario.written("vg").dropFirst(before)
            #expect(written.count == 2)
            #expect(written.allSatisfy { $0["title"] == "new" })
        }
    }

    @Test func `messages wait while Fin is not in the configuration`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.addMessage("m1", to: "c1", body: "first")
            try await scenario.sync()
            let original = ScenarioConfiguration(url: scenario.sandbox.url(of:))
            try scenario.configure { $0.remove("remotes.fin") }
            try await scenario.addMessage("m2", to: "c1", body: "second")
            try await scenario.sync()
            try scenario.configure { configuration in
                for key in ["url", "token_file", "timeouts"] { configuration["remotes.fin", key] = original["remotes.fin", key] }
            }
            try await scenario.addMessage("m3", to: "c1", body: "third")
            try await scenario.sync("--drain", "60")
            let messages = scenario.world.state(of: "fin", conversation: "c1")?["messages"]?.array ?? []
            #expect(messages.map { $0["body"]?.string } == ["first", "second", "third"])
        }
    }

    @Test func `after a sync with an edited file beside a daemon, a reload plans everything with the new mapping`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.settle())
            try scenario.configure { $0["remotes.vg.fields", "userName"] = "\"title\"" }
            // 75 while the daemon sends one of the rows.
            let synced = try await scenario.run("sync")
            #expect([0, 75].contains(synced.exitCode), "\(synced.output)")
            // The daemon still plans with the old mapping.
            try await scenario.setTitle("by the daemon", of: "c1")
            try await scenario.request("vg", containing: "by the daemon")
            #expect(try await scenario.settle())
            daemon.send(SIGHUP)
            try await daemon.event("config.reloaded")
            #expect(
                try await eventually {
                    scenario.written("vg", about: "v1").contains { $0["userName"]?.string == "by the daemon" }
                })
        }
    }
}
