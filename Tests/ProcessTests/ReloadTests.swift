import Foundation
import Sandbox
import Testing

/// SIGHUP during work: calls in flight, and a remote that waits for a credential.
@Suite(.serialized) struct ReloadTests {
    @Test func `calls in flight survive a reload, and are made once`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try scenario.world.setFaults([FaultRule(.latency, latencyMilliseconds: 900)], on: "vg")
            let daemon = try await scenario.startDaemon()
            _ = await scenario.world.wait(for: .seconds(30)) { $0.requests(instance: "vg").count == 3 }
            try scenario.configure { $0["remotes.helpdesk", "concurrency"] = "2" }
            daemon.send(SIGHUP)
            try await daemon.event("config.reloaded")
            #expect(try await scenario.remainingDifferences() == [])
            #expect(try await scenario.settle())
            #expect(scenario.requestCount("vg") == 3)
            #expect(try await scenario.texts("SELECT DISTINCT state || attempts FROM outbox WHERE remote = 'vg'") == ["delivered1"])
            #expect(!daemon.events.contains { $0["outcome"] == "interrupted" })
        }
    }

    @Test func `a reload that is requested during the start is carried out when the service is ready`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            // The start waits for the write lock.
            try await scenario.execute("BEGIN IMMEDIATE")
            let daemon = try scenario.start(["run", "--config", scenario.configurationPath])
            #expect(try await eventually { Self.waitsForHangUp(daemon.pid) })
            daemon.send(SIGHUP)
            try await scenario.execute("COMMIT")
            try await daemon.event("config.reloaded")
            let events = daemon.events.compactMap { $0["event"]?.string }
            let (ready, reloaded) = (events.firstIndex(of: "service.ready"), events.firstIndex(of: "config.reloaded"))
            #expect(try #require(ready) < (try #require(reloaded)))
            #expect(try await scenario.settle() && !daemon.hasEnded)
        }
    }

    /// Whether the process has a disposition for SIGHUP (proc(5): the lowest bit of the masks).
    private static func waitsForHangUp(_ pid: pid_t) -> Bool {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        return status.split(separator: "\n").contains { line in
            (line.hasPrefix("SigIgn:") || line.hasPrefix("SigCgt:")) && UInt64(line.suffix(16), radix: 16).map { $0 & 1 == 1 } == true
        }
    }

    @Test func `a reload with a changed credential probes its parked remote at once`() async throws {
        try await withScenario { scenario in
            try scenario.write("wrong-token", to: "vg.token")
            // Neither a run nor a probe happens by itself during this test.
            try scenario.configure { configuration in
                configuration["remotes.vg", "token_file"] = "\"vg.token\""
                configuration["remotes.vg", "probe_interval"] = "\"1h\""
            }
            try await scenario.addConversations(1...2)
            let daemon = try await scenario.startDaemon()
            try await daemon.event("remote.parked") { $0["remote"] == "vg" }
            #expect(try await eventually { scenario.world.state(of: "helpdesk").count == 2 })
            try scenario.write("sandbox-token", to: "vg.token")
            daemon.send(SIGHUP)
            try await daemon.event("remote.resumed") { $0["remote"] == "vg" }
            #expect(try await scenario.remainingDifferences() == [])
        }
    }

    @Test func `a file with several mistakes changes nothing, and all mistakes are reported`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            let daemon = try await scenario.startDaemon()
            try scenario.configure { configuration in
                configuration["remotes.vg", "concurency"] = "1"
                configuration["schedule", "interval"] = "5"
                configuration["log", "format"] = "\"xml\""
            }
            daemon.send(SIGHUP)
            for key in ["remotes.vg.concurency", "schedule.interval", "log.format"] {
                try await daemon.event("config.rejected") { $0["error"]?.string?.contains(key) == true }
            }
            try await scenario.setTitle("still at work", of: "c1")
            try await scenario.request("vg", containing: "still at work")
        }
    }
}
