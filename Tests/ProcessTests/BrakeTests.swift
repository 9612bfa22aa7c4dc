import Fixtures
import Sandbox
import Testing

/// The brake: rows of a run that exceeds a rule are written as held, and an operator releases or discards them.
@Suite(.serialized) struct BrakeTests {
    private static func configure(_ configuration: inout ScenarioConfiguration) {
        configuration["brake", "touch_percent"] = "60"
        configuration["brake", "touch_min"] = "4"
        configuration["brake", "finish_percent"] = "30"
        configuration["brake", "finish_min"] = "2"
    }

    @Test func `closing everything is held before the first call, and is sent after a release`() async throws {
        try await withScenario(Self.configure) { scenario in
            try await scenario.addConversations(1...8)
            let first = try await scenario.sync()
            #expect(first["held"] == 0, "the first sync of a new database does not concern the brake")
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            let preview = try await scenario.run("plan", "--json").json
            #expect(preview["brake"] == ["rule": "finish", "touched": 8, "finished": 8, "conversations": 8])
            #expect(preview["planned"] == 24)
            #expect(try await scenario.run("plan").output.contains("the brake would hold this back"))

            let daemon = try await scenario.startDaemon()
            let engaged = try await daemon.event("brake.engaged")
            #expect(engaged["level"] == "error")
            #expect(engaged["finished"] == 8)
            #expect(engaged["hint"]?.string?.contains("outbox release --held-by brake") == true)
            try await daemon.event("run.finished") { $0["planned"]?.integer == 24 }
            #expect(scenario.requestCount() == 0)
            let held = try await scenario.run("outbox", "list", "--state", "held", "--json").json
            #expect(held["rows"]?.array?.count == 24)
            #expect(held["rows"]?.array?.first?["held_by"] == "brake")
            #expect(try await scenario.run("plan", "--json").json["held"] == 24)
            #expect(try await scenario.run("status").output.contains("the brake holds 24 rows"))

            // Other conversations are not delayed, and the replacement of a held row stays held.
            try await scenario.addConversations(9...9)
            try await scenario.request("helpdesk", containing: "revision 0 of c9")
            try await scenario.setTitle("newer", of: "c1")
            try await scenario.request("helpdesk", containing: "c9")
            #expect(try await eventually { try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'superseded'") > 0 })
            #expect(!scenario.world.requests().contains { $0.bodyText.contains("closed") || $0.bodyText.contains("newer") })

            let released = try await scenario.run("outbox", "release", "--held-by", "brake", "--yes", "--json").json
            #expect(released["affected"]?.array?.count == 24)
            #expect(try await scenario.remainingDifferences() == [])
            #expect(daemon.events.filter { $0["event"] == "brake.engaged" }.count == 1, "once")
            #expect(!daemon.hasEnded)
        }
    }

    @Test func `the effect of a wrong mapping is held, and correcting the mapping discards the held rows`() async throws {
        try await withScenario(Self.configure) { scenario in
            try await scenario.addConversations(1...6)
            try await scenario.sync()
            scenario.world.clearRequests()
            try scenario.configure { $0["remotes.vg.fields", "title"] = "\"id\"" }
            let outcome = try await scenario.sync()
            #expect(outcome["held"] == 6)
            #expect(scenario.requestCount() == 0)
            try scenario.configure { $0["remotes.vg.fields", "title"] = nil }
            let corrected = try await scenario.sync()
            #expect(corrected["held"] == 0)
            #expect(scenario.requestCount() == 0)
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'discarded'") == 6)
        }
    }

    @Test func `after link_state was emptied, everything is held instead of being sent again`() async throws {
        try await withScenario(Self.configure) { scenario in
            try await scenario.addConversations(1...6)
            try await scenario.sync()
            scenario.world.clearRequests()
            try await scenario.write("DELETE FROM link_state")
            try await scenario.write("UPDATE conversations SET updated_at = '2027-01-01T00:00:00.000Z'")
            #expect(try await scenario.sync()["held"] == 18)
            #expect(scenario.requestCount() == 0)
            let discarded = try await scenario.run("outbox", "discard", "--held-by", "brake", "--yes", "--json").json
            #expect(discarded["affected"]?.array?.count == 18)
            #expect(try await scenario.sync()["held"] == 0)
            #expect(scenario.requestCount() == 0)
        }
    }

    @Test func `a busy run is sent, and so is everything with the brake off`() async throws {
        try await withScenario(Self.configure) { scenario in
            try await scenario.addConversations(1...10)
            try await scenario.sync()
            try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id IN ('c1', 'c2')")
            try await scenario.write("UPDATE conversations SET title = 'x' WHERE id IN ('c3', 'c4', 'c5', 'c6')")
            #expect(try await scenario.sync()["held"] == 0)
            try scenario.configure { $0["brake", "enabled"] = "false" }
            try await scenario.write("UPDATE conversations SET status = 'ended'")
            #expect(try await scenario.sync()["held"] == 0)
            #expect(try await scenario.differences() == [])
        }
    }
}
