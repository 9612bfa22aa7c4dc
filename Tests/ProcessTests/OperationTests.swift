import Fixtures
import Foundation
import Sandbox
import Testing

/// What an operator sees, and what is kept: metrics, repeats, retention.
@Suite(.serialized) struct OperationTests {
    private func metrics(_ scenario: ProgramScenario) -> String {
        (try? String(contentsOfFile: "\(scenario.directory)/convosync.prom", encoding: .utf8)) ?? ""
    }

    @Test func `the metrics file is updated by the daemon, and a second process does not disturb it`() async throws {
        try await withScenario({ $0["metrics", "textfile"] = "\"convosync.prom\"" }) { scenario in
            try await scenario.addConversations(1...3)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences() == [])
            #expect(
                try await eventually(.seconds(40)) {
                    metrics(scenario).contains("convosync_calls_total{remote=\"vg\",outcome=\"delivered\"} 3\n")
                })
            let text = metrics(scenario)
            #expect(text.contains("convosync_oldest_undelivered_age_seconds{remote=\"vg\"} 0\n"))
            #expect(text.contains("\nconvosync_written_timestamp_seconds "))
            try await scenario.sync()
            #expect(metrics(scenario).contains("convosync_calls_total{remote=\"vg\",outcome=\"delivered\"} 3\n"))
            let files = try FileManager.default.contentsOfDirectory(atPath: scenario.directory)
            #expect(!files.contains { $0.hasSuffix(".tmp") })
            // Another file from the next run on; the counters continue.
            try scenario.configure { $0["metrics", "textfile"] = "\"other.prom\"" }
            daemon.send(SIGHUP)
            try await daemon.event("config.reloaded")
            let other = "\(scenario.directory)/other.prom"
            #expect(
                try await eventually(.seconds(40)) {
                    (try? String(contentsOfFile: other, encoding: .utf8))?.contains("remote=\"vg\",outcome=\"delivered\"} 3\n") == true
                })
            #expect(!daemon.hasEnded)
        }
    }

    @Test func `a metrics file that cannot be written is one warning and has no other effect`() async throws {
        try await withScenario({ $0["metrics", "textfile"] = "\"missing/convosync.prom\"" }) { scenario in
            try await scenario.addConversations(1...2)
            #expect(try await scenario.run("check").output.contains("metrics.textfile"))
            let daemon = try await scenario.startDaemon()
            #expect(try await daemon.event("metrics.unavailable")["level"] == "warning")
            #expect(try await scenario.remainingDifferences() == [])
            daemon.send(SIGTERM)
            #expect(try await daemon.end().exitCode == 0)
            #expect(daemon.events.filter { $0["event"] == "metrics.unavailable" }.count == 1)
        }
    }

    @Test func `a remote that fails every call causes a few log lines and one count, and every attempt is in the database`() async throws {
        let configure: (inout ScenarioConfiguration) -> Void = {
            $0["log", "level"] = "\"info\""
            $0["log", "repeats"] = "3"
            $0["remotes.vg.breaker", "min_sample"] = "100000"
        }
        try await withScenario(configure) { scenario in
            try await scenario.addConversations(1...60)
            var rule = FaultRule(.status)
            rule.status = 500
            try scenario.world.setFaults([rule], on: "vg")
            let process = try scenario.start(["sync", "--config", scenario.configurationPath])
            #expect(try await process.end().exitCode == 75)
            let lines = process.events.filter { $0["event"] == "delivery.attempted" && $0["remote"] == "vg" }
            #expect(lines.count == 3)
            let repeated = process.events.filter { $0["event"] == "delivery.repeated" }
            let tries = try await scenario.number(
                "SELECT count(*) FROM outbox_attempts a JOIN outbox o ON o.id = a.outbox_id WHERE o.remote = 'vg'")
            #expect(tries >= 60)
            #expect(repeated.count == 1)
            #expect(repeated.first?["repeats"] == .integer(tries - 3))
            #expect(repeated.first?["status"] == 500)
            #expect(process.events.filter { $0["event"] == "delivery.attempted" && $0["outcome"] == "delivered" }.count == 120)
        }
    }

    @Test func `all rows that became dead are in the log, however many they are`() async throws {
        try await withScenario({ $0["log", "level"] = "\"info\"" }) { scenario in
            try await scenario.addConversations(1...20)
            var rule = FaultRule(.status)
            rule.status = 422
            try scenario.world.setFaults([rule], on: "vg")
            let process = try scenario.start(["sync", "--config", scenario.configurationPath])
            #expect(try await process.end().exitCode == 65)
            let dead = process.events.filter { $0["event"] == "delivery.dead" }.compactMap { $0["conversation"]?.string }
            #expect(Set(dead).count == 20)
        }
    }

    @Test func `retention prunes old rows and keeps the newest acknowledged row of every link`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...4)
            try await scenario.addMessage("m1", to: "c1")
            try await scenario.sync()
            for title in ["one", "two"] {
                try await scenario.write("UPDATE conversations SET title = ?", [title])
                try await scenario.sync()
            }
            try scenario.world.setFaults([FaultRule(.dropBefore)], on: "vg")
            try await scenario.setTitle("waits", of: "c1")
            try await scenario.sync(expecting: 75)
            try await scenario.write(
                """
                UPDATE outbox SET finished_at = '2020-01-01T00:00:00.000Z', created_at = '2020-01-01T00:00:00.000Z',
                    updated_at = '2020-01-01T00:00:00.000Z' WHERE finished_at IS NOT NULL
                """)
            try await scenario.sync(expecting: 75)
            let kept = try await scenario.texts(
                "SELECT state || ' ' || remote || ' ' || count(*) FROM outbox GROUP BY state, remote ORDER BY 1")
            #expect(kept == ["delivered fin 1", "delivered helpdesk 4", "delivered vg 4", "delivered voicebot 4", "pending vg 1"])
            #expect(
                try await scenario.number("SELECT count(*) FROM outbox_attempts WHERE outbox_id NOT IN (SELECT id FROM outbox)") == 0)
            // A pruned state is not sent again.
            try scenario.world.setFaults([], on: "vg")
            try await scenario.sync("--drain", "60")
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET updated_at = '2027-01-01T00:00:00.000Z'")
            try await scenario.sync()
            #expect(scenario.requestCount() == 0)
            #expect(try await scenario.differences() == [])
        }
    }
}
