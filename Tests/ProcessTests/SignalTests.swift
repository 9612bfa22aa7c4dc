import Foundation
import Sandbox
import Testing

/// SIGTERM, SIGINT and SIGHUP.
@Suite(.serialized) struct SignalTests {
    @Test(arguments: [SIGTERM, SIGINT])
    func `an idle daemon ends with 0 at once`(signal: Int32) async throws {
        try await withScenario { scenario in
            let daemon = try await scenario.startDaemon()
            daemon.send(signal)
            #expect(try await daemon.end().exitCode == 0)
            try await daemon.event("service.stopping")
            #expect(daemon.events.last?["event"] == "service.stopped")
        }
    }

    @Test func `a stop lets calls in flight end and records their outcome`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try scenario.world.setFaults([FaultRule(.latency, latencyMilliseconds: 700)], on: "vg")
            let daemon = try await scenario.startDaemon()
            _ = await scenario.world.wait(for: .seconds(30)) { $0.requests(instance: "vg").count == 3 }
            daemon.send(SIGTERM)
            #expect(try await daemon.end().exitCode == 0)
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE remote = 'vg' AND state = 'delivered'") == 3)
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'sending'") == 0)
            try await scenario.sync("--drain", "60")
            #expect(scenario.requestCount("vg") == 3)
        }
    }

    @Test func `a stop ends within its bound while calls hang, uses no attempt and leaves the rows due`() async throws {
        try await withScenario { scenario in
            try scenario.configure { configuration in
                configuration["schedule", "shutdown_timeout"] = "\"1s\""
                configuration["remotes.vg", "timeouts"] = "{ connect = \"2s\", read = \"60s\", total = \"60s\" }"
            }
            try await scenario.addConversations(1...3)
            try scenario.world.setFaults([FaultRule(.hangBefore)], on: "vg")
            let daemon = try await scenario.startDaemon()
            _ = await scenario.world.wait(for: .seconds(30)) { $0.requests(instance: "vg").count == 3 }
            let stoppedAt = ContinuousClock.now
            daemon.send(SIGTERM)
            #expect(try await daemon.end().exitCode == 0)
            #expect(ContinuousClock.now - stoppedAt < .seconds(20))
            #expect(try await scenario.texts("SELECT DISTINCT state || attempts FROM outbox WHERE remote = 'vg'") == ["pending0"])
            let keys = Set(scenario.world.requests(instance: "vg").map(\.idempotencyKey))
            try scenario.world.setFaults([], on: "vg")
            scenario.world.clearRequests()
            try await scenario.sync("--drain", "60")
            #expect(Set(scenario.world.requests(instance: "vg").map(\.idempotencyKey)) == keys)
            #expect(try await scenario.differences() == [])
        }
    }

    @Test func `a sync that is interrupted ends within the bound and leaves the rows due`() async throws {
        try await withScenario { scenario in
            try scenario.configure { $0["schedule", "shutdown_timeout"] = "\"1s\"" }
            try await scenario.addConversations(1...2)
            try scenario.world.setFaults([FaultRule(.hangBefore)], on: "vg")
            let sync = try scenario.start(["sync", "--drain", "60", "--config", scenario.configurationPath])
            _ = await scenario.world.wait(for: .seconds(30)) { $0.requests(instance: "vg").count == 2 }
            sync.send(SIGTERM)
            #expect(try await sync.end().exitCode == 75)
            #expect(try await scenario.texts("SELECT DISTINCT state || attempts FROM outbox WHERE remote = 'vg'") == ["pending0"])
        }
    }

    @Test func `a sync that is stopped before everything was planned ends with 75, although no row waits`() async throws {
        try await withScenario({
            $0["schedule", "stall"] = "\"60s\""
            $0["schedule", "shutdown_timeout"] = "\"20s\""
        }) { scenario in
            try await scenario.addConversations(1...2)
            try scenario.world.setFaults([FaultRule(.latency, latencyMilliseconds: 3000)], on: "vg")
            let sync = try scenario.start(["sync", "--json", "--config", scenario.configurationPath])
            _ = await scenario.world.wait(for: .seconds(30)) { world in
                ["vg", "voicebot"].allSatisfy { world.requests(instance: $0).count == 2 }
            }
            sync.send(SIGINT)
            let ended = try await sync.end()
            #expect(ended.exitCode == 75)
            // The helpdesk waits for vg.
            let outcome = try ended.json
            #expect(outcome["waiting"] == 0)
            #expect(outcome["unplanned"] == 2)
            try await scenario.sync()
            #expect(scenario.requestCount("vg") == 2)
            #expect(try await scenario.differences() == [])
        }
    }

    @Test func `SIGHUP with a wrong file keeps the present configuration and reports the mistakes`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            let daemon = try await scenario.startDaemon()
            try await scenario.request("helpdesk", containing: "revision 0 of c1")
            try scenario.configure { $0["remotes.vg", "concurency"] = "1" }
            daemon.send(SIGHUP)
            let rejected = try await daemon.event("config.rejected")
            #expect(rejected["error"]?.string?.contains("remotes.vg.concurency") == true)
            try scenario.write("no toml [", to: "convosync.toml")
            let seen = daemon.events.count
            daemon.send(SIGHUP)
            try await daemon.event("config.rejected", from: seen)
            try await scenario.setTitle("still at work", of: "c1")
            try await scenario.request("vg", containing: "still at work")
            #expect(!daemon.events.contains { $0["event"] == "config.reloaded" })
        }
    }

    @Test func `SIGHUP with another database or an unreadable token is rejected`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            let daemon = try await scenario.startDaemon()
            try scenario.configure { $0["database", "path"] = "\"other.db\"" }
            daemon.send(SIGHUP)
            #expect(try await daemon.event("config.rejected")["error"]?.string?.contains("database.path") == true)
            try scenario.configure { configuration in
                configuration["database", "path"] = "\"convosync.db\""
                configuration["remotes.vg", "token_file"] = "\"missing.token\""
            }
            daemon.send(SIGHUP)
            try await daemon.event("config.rejected") { $0["error"]?.string?.contains("missing.token") == true }
            try await scenario.setTitle("still at work", of: "c1")
            try await scenario.request("vg", containing: "still at work")
        }
    }

    @Test func `SIGHUP with a valid file takes effect, and sends what it projects differently`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...6)
            try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id IN ('c1', 'c2')")
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences() == [])
            #expect(try await scenario.settle())
            scenario.world.clearRequests()
            try scenario.configure { $0["remotes.vg.status", "closed"] = "\"completed\"" }
            daemon.send(SIGHUP)
            try await daemon.event("config.reloaded")
            let requests = try await scenario.requests("vg", reach: 2)
            #expect(requests.allSatisfy { $0.bodyJSON == ["conversation": ["state": "completed"]] })
            #expect(Set(requests.map(\.conversation)) == ["v1", "v2"])
            #expect(try await scenario.settle())
            #expect(scenario.requestCount() == 2)
            try await scenario.setTitle("after the reload", of: "c3")
            try await scenario.request("vg", containing: "after the reload")
        }
    }

    @Test func `a remote that a reload adds gets everything, and one that it disables gets nothing more`() async throws {
        try await withScenario { scenario in
            try scenario.configure { $0["remotes.helpdesk", "enabled"] = "false" }
            try await scenario.addConversations(1...3)
            let daemon = try await scenario.startDaemon()
            #expect(try await eventually { scenario.world.state(of: "vg").count == 3 })
            #expect(scenario.requestCount("helpdesk") == 0)
            try scenario.configure { configuration in
                configuration["remotes.helpdesk", "enabled"] = "true"
                configuration["remotes.voicebot", "enabled"] = "false"
            }
            daemon.send(SIGHUP)
            #expect(try await eventually { scenario.world.state(of: "helpdesk").count == 3 })
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET status = 'ended'")
            #expect(try await eventually { scenario.requestCount("helpdesk") == 3 && scenario.requestCount("vg") == 3 })
            #expect(scenario.requestCount("voicebot") == 0)
        }
    }
}
