import Foundation
import Sandbox
import Testing

/// What `status` reports about the service itself, and what prevents a second one.
@Suite struct ServiceLineTests {
    private func service(_ scenario: ProgramScenario) async throws -> SandboxJSON {
        let result = try await scenario.run("status", "--json")
        #expect(result.exitCode == 0, "\(result.errorOutput)")
        return try #require(try SandboxJSON(text: result.output)["service"])
    }

    private func stopped(_ daemon: ConvosyncProcess) async throws -> Int32 {
        daemon.send(SIGTERM)
        return try await daemon.end().exitCode
    }

    @Test func `status reports who runs the service and since when, and after a crash that it is not running`() async throws {
        try await withScenario { scenario in
            #expect(try await service(scenario)["running"]?.boolean == false)
            #expect(try await service(scenario)["last_seen"] == .null)
            #expect(try await scenario.run("status").output.hasPrefix("the service is not running"))
            let daemon = try await scenario.startDaemon()
            let running = try await service(scenario)
            #expect(running["running"]?.boolean == true)
            #expect(running["pid"]?.integer == Int(daemon.pid))
            #expect(running["since"]?.string != nil)
            #expect(try await scenario.run("status").output.hasPrefix("the service is running: started "))
            await daemon.killAndWait()
            let dead = try await service(scenario)
            #expect(dead["running"]?.boolean == false)
            #expect(dead["pid"] == .null)
            #expect(dead["last_seen"]?.string != nil)
            // A change that no process will send is not ok.
            try await scenario.addConversations(1...1)
            try await scenario.write("UPDATE change_feed SET since = '2026-01-01T00:00:00.000Z'")
            let status = try SandboxJSON(text: try await scenario.run("status", "--json").output)
            #expect(try #require(status["remotes"]?["vg"]?["oldest_pending_age_s"]?.integer) > 86_400)
            let text = try await scenario.run("status").output
            #expect(text.contains("stopped"))
            #expect(!text.contains(" ok "))
            #expect(text.contains("changes not planned yet, the oldest of 2026-01-01"))
        }
    }

    @Test func `a normal end and the time of the next start are reported`() async throws {
        try await withScenario { scenario in
            let daemon = try await scenario.startDaemon()
            #expect(try await stopped(daemon) == 0)
            #expect(try await service(scenario)["running"]?.boolean == false)
            _ = try await scenario.startDaemon()
            #expect(try await service(scenario)["running"]?.boolean == true)
        }
    }

    @Test func `a second service reports the running one, and changes nothing`() async throws {
        try await withScenario { scenario in
            let daemon = try await scenario.startDaemon()
            let second = try await scenario.run("run")
            #expect(second.exitCode == 69)
            #expect(second.errorOutput.contains("pid \(daemon.pid), running since "))
            #expect(try await scenario.run("sync").exitCode == 0, "one run beside it is safe")
            #expect(try await service(scenario)["pid"]?.integer == Int(daemon.pid))
            await daemon.killAndWait()
            // Whatever ended the first one, the next start does not have to wait.
            _ = try await scenario.startDaemon()
        }
    }

    @Test func `the table fits 80 columns and has the state directly after the name`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            #expect(try await scenario.run("sync").exitCode == 0)
            try await scenario.write("UPDATE outbox SET state = 'dead' WHERE remote = 'vg' AND conversation_id = 'c1'")
            try await scenario.write("UPDATE outbox SET state = 'uncertain' WHERE remote = 'vg' AND conversation_id = 'c2'")
            try await scenario.write(
                "UPDATE outbox SET state = 'held', held_by = 'undone' WHERE remote = 'voicebot' AND conversation_id = 'c1'")
            let lines = try await scenario.run("status").output.split(separator: "\n", omittingEmptySubsequences: false)
            let table = lines.drop { !$0.hasPrefix("REMOTE") }.prefix { !$0.isEmpty }
            #expect(table.first?.split(separator: " ").prefix(2) == ["REMOTE", "STATE"])
            #expect(table.allSatisfy { $0.count <= 80 })
            #expect(table.contains { $0.hasPrefix("vg ") && $0.contains("needs a person") && $0.hasSuffix(" 1          1") }, "\(table)")
            #expect(table.contains { $0.hasPrefix("voicebot ") && $0.contains(" held ") })
            #expect(lines.contains { $0.contains("convosync outbox list --remote vg --state uncertain") })
        }
    }
}
