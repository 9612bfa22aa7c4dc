import Foundation
import Sandbox
import Testing

/// The real program under a service manager: readiness, watchdog, status line, reload, stop.
@Suite(.serialized) struct ServiceManagerTests {
    private func start(_ scenario: ProgramScenario, _ manager: ServiceManager, watchdog: Int = 400_000) async throws -> ConvosyncProcess {
        let daemon = try scenario.start(
            ["run", "--config", scenario.configurationPath],
            environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "\(watchdog)"])
        try await manager.message("READY=1")
        return daemon
    }

    @Test func `the service reports ready, alive, reloading, ready and stopping in that order`() async throws {
        try await withScenario { scenario in
            let manager = try ServiceManager()
            let daemon = try await start(scenario, manager, watchdog: 20_000_000)
            try await manager.message("WATCHDOG=1")
            try await manager.message("STATUS=nothing waits")
            let seen = manager.messages.count
            daemon.send(SIGHUP)
            try await manager.message("RELOADING=1\nMONOTONIC_USEC=", from: seen)
            try await manager.message("READY=1", from: seen)
            daemon.send(SIGTERM)
            #expect(try await daemon.end().exitCode == 0)
            try await manager.message("STOPPING=1\nEXTEND_TIMEOUT_USEC=23000000", from: seen)
            let order = manager.messages.filter { !$0.hasPrefix("STATUS") && $0 != "WATCHDOG=1" }.map { $0.prefix { $0 != "=" } }
            #expect(order == ["READY", "RELOADING", "READY", "STOPPING"])
        }
    }

    @Test func `a refused reload ends with ready as well`() async throws {
        try await withScenario { scenario in
            let manager = try ServiceManager()
            let daemon = try await start(scenario, manager, watchdog: 20_000_000)
            try scenario.write("no toml [", to: "convosync.toml")
            let seen = manager.messages.count
            daemon.send(SIGHUP)
            try await manager.message("READY=1", from: seen)
            try await daemon.event("config.rejected")
        }
    }

    @Test func `remotes that refuse and hang do not count as a hang of the service`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            var refused = FaultRule(.status)
            refused.status = 401
            try scenario.world.setFaults([refused], on: "vg")
            try scenario.world.setFaults([FaultRule(.hangBefore)], on: "voicebot")
            let manager = try ServiceManager()
            let daemon = try await start(scenario, manager, watchdog: 4_000_000)
            try await daemon.event("remote.parked")
            _ = await scenario.world.wait(for: .seconds(20)) { $0.requests(instance: "voicebot").count == 3 }
            try await manager.message("STATUS=6 waiting, oldest")
            let seen = manager.messages.count
            for _ in 1...5 { try await manager.message("WATCHDOG=1", from: seen) }
            #expect(manager.messages.contains { $0.contains("; vg parked") })
            // A busy machine may keep the loop from responding for two seconds; that a remote does not respond is never a reason.
            let reasons = Set(daemon.events("service.stuck").compactMap { $0["reason"]?.string })
            #expect(reasons.subtracting(["the event loop of the engine does not respond"]) == [])
        }
    }

    @Test func `a database that stays locked does not count as a hang of the service`() async throws {
        try await withScenario { scenario in
            // With the waits for the lock, less than the eight seconds that a part may be silent.
            try scenario.configure { $0["schedule", "stall"] = "\"400ms\"" }
            try await scenario.addConversations(1...1)
            let manager = try ServiceManager()
            let daemon = try await start(scenario, manager, watchdog: 16_000_000)
            try await scenario.request("helpdesk", containing: "revision 0 of c1")
            try await scenario.execute("BEGIN EXCLUSIVE; UPDATE conversations SET title = 'locked'")
            let seen = manager.messages.count
            // Longer than the time that a part may be silent.
            _ = try await eventually(.seconds(40)) { manager.messages.dropFirst(seen).filter { $0 == "WATCHDOG=1" }.count >= 3 }
            #expect(!daemon.events.contains { $0["event"] == "service.stuck" })
            try await scenario.execute("COMMIT")
            try await scenario.request("helpdesk", containing: "locked")
        }
    }

    @Test func `a stopped process sends no sign of life`() async throws {
        try await withScenario { scenario in
            let manager = try ServiceManager()
            let daemon = try await start(scenario, manager, watchdog: 400_000)
            try await manager.message("WATCHDOG=1")
            daemon.send(SIGSTOP)
            #expect(try await eventually { try daemon.state() == "T" })
            // Datagrams keep their order: what it had sent is there before the mark. A command takes longer than the watchdog's time.
            try manager.mark("stopped")
            let arrived = try await manager.position(of: "stopped")
            _ = try await scenario.run("status")
            #expect(manager.messages.count == arrived + 1)
            daemon.send(SIGCONT)
            try await manager.message("WATCHDOG=1", from: manager.messages.count)
        }
    }
}
