import Foundation
import Sandbox
import Testing

/// Reads have a health of their own: reported once, counted, and reset when they succeed.
@Suite struct ReadHealthTests {
    private func failing() -> FaultRule {
        var rule = FaultRule(.status)
        rule.status = 500
        rule.method = "GET"
        return rule
    }

    @Test func `a remote that cannot be read is one warning, and its recovery is logged with the number of failures`() async throws {
        try await withScenario { scenario in
            try scenario.configure { $0["remotes.vg.poll", "interval"] = "\"1s\"" }
            try await scenario.addConversations(1...5)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences() == [])
            try scenario.world.setFaults([failing()], on: "vg")
            try await daemon.event("poll.failed") { $0["remote"] == "vg" }
            let isCounted = try await eventually(.seconds(90)) {
                try await scenario.number("SELECT read_failures FROM remotes WHERE name = 'vg'") >= 3
            }
            #expect(isCounted)
            let reads = try await scenario.run("status", "--json").json["remotes"]?["vg"]?["reads"]
            #expect(reads?["failing_since"]?.string != nil)
            #expect(reads?["error"]?.string?.contains("500") == true)
            let text = try await scenario.run("status").output
            #expect(text.contains("vg has not been readable since"), "\(text)")
            #expect(text.contains("reads fail"))
            try scenario.world.setFaults([], on: "vg")
            let recovered = try await daemon.event("poll.recovered", within: .seconds(90)) { $0["remote"] == "vg" }
            #expect(recovered["failures"]?.integer ?? 0 >= 3)
            #expect(daemon.events.filter { $0["event"] == "poll.failed" }.count == 1)
            #expect(daemon.events.filter { $0["event"] == "poll.unreadable" }.isEmpty)
            #expect(try await scenario.run("status", "--json").json["remotes"]?["vg"]?["reads"]?["failing_since"] == .null)
        }
    }

    @Test func `a stop during a read causes no warning`() async throws {
        try await withScenario { scenario in
            try scenario.configure { $0["remotes.vg.poll", "interval"] = "\"1s\"" }
            try await scenario.addConversations(1...5)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences() == [])
            var rule = FaultRule(.hangBefore)
            rule.method = "GET"
            try scenario.world.setFaults([rule], on: "vg")
            scenario.world.clearRequests()
            #expect(try await eventually(.seconds(60)) { scenario.requestCount("vg") > 0 })
            let before = daemon.events.count
            daemon.send(SIGTERM)
            #expect(try await daemon.end().exitCode == 0)
            let late = daemon.events.dropFirst(before)
            #expect(late.allSatisfy { $0["level"] != "warning" && $0["level"] != "error" }, "\(late)")
        }
    }
}
