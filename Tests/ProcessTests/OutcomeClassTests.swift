import Sandbox
import Testing

/// Each outcome class once, with the real program: its log events, its outbox rows, its exit code.
@Suite(.serialized) struct OutcomeClassTests {
    private struct Seen {
        var exitCode: Int32
        var events: [SandboxJSON]

        func events(_ name: String) -> [SandboxJSON] { events.filter { $0["event"]?.string == name } }
        /// Outcomes at a remote in the order of its calls.
        func outcomes(_ remote: String) -> [String] {
            events("delivery.attempted").filter { $0["remote"]?.string == remote }.compactMap { $0["outcome"]?.string }
        }
    }

    private func sync(_ scenario: ProgramScenario) async throws -> Seen {
        let process = try scenario.start(["sync", "--config", scenario.configurationPath])
        let code = try await process.end().exitCode
        return Seen(exitCode: code, events: process.events)
    }

    private func row(_ scenario: ProgramScenario, _ remote: String) async throws -> String? {
        try await scenario.text(
            """
            SELECT state || ' ' || attempts || ' ' || coalesce(last_http_status, '-') FROM outbox WHERE remote = ? ORDER BY id DESC LIMIT 1
            """, [remote])
    }

    private func fault(_ status: Int, retryAfter: Int? = nil, times: Int? = nil) -> FaultRule {
        var rule = FaultRule(.status, times: times)
        rule.status = status
        rule.retryAfterSeconds = retryAfter
        return rule
    }

    @Test func `delivered: the agreed state moves, and the row is finished`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            let seen = try await sync(scenario)
            #expect(seen.exitCode == 0)
            #expect(seen.outcomes("vg") == ["delivered"])
            #expect(try await row(scenario, "vg") == "delivered 1 200")
            #expect(try await scenario.text("SELECT fields FROM link_state WHERE remote = 'vg'")?.contains("ai-chatting") == true)
        }
    }

    @Test func `retry: the attempt is counted, and the row waits and is sent again with the same key`() async throws {
        // A pause is random from zero on: a short one may end within the run.
        try await withScenario({
            $0["retry", "base"] = "\"1h\""
            $0["retry", "cap"] = "\"1h\""
        }) { scenario in
            try await scenario.addConversations(1...1)
            try scenario.world.setFaults([fault(500, times: 1)], on: "vg")
            let seen = try await sync(scenario)
            #expect(seen.exitCode == 75)
            #expect(seen.outcomes("vg") == ["retry"])
            #expect(try await row(scenario, "vg") == "pending 1 500")
            try await scenario.write("UPDATE outbox SET due_at = updated_at WHERE state = 'pending'")
            try await scenario.sync("--drain", "60")
            #expect(try await row(scenario, "vg") == "delivered 2 200")
            #expect(
                try await scenario.number("SELECT count(*) FROM outbox_attempts a JOIN outbox o ON o.id = outbox_id WHERE remote = 'vg'")
                    == 2)
        }
    }

    @Test(arguments: [429, 503])
    func `throttled: the remote waits, and no attempt is used`(status: Int) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try scenario.world.setFaults([fault(status, retryAfter: 3600)], on: "vg")
            let seen = try await sync(scenario)
            #expect(seen.exitCode == 75)
            #expect(Set(seen.outcomes("vg")) == ["throttled"])
            #expect(seen.events("remote.throttled").first?["remote"] == "vg")
            #expect(try await scenario.texts("SELECT DISTINCT state || attempts FROM outbox WHERE remote = 'vg'") == ["pending0"])
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'delivered'") == 6, "the others do not wait")
            let before = scenario.requestCount("vg")
            _ = try await sync(scenario)
            #expect(scenario.requestCount("vg") == before)
            #expect(try await scenario.run("status", "--json").json["remotes"]?["vg"]?["throttled_until"]?.string != nil)
        }
    }

    @Test(arguments: [401, 403])
    func `park: one log line, no attempt is used, and all other remotes continue`(status: Int) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try scenario.world.setFaults([fault(status)], on: "vg")
            let seen = try await sync(scenario)
            #expect(seen.exitCode == 75)
            #expect(Set(seen.outcomes("vg")) == ["park"])
            #expect(seen.events("remote.parked").count == 1)
            #expect(try await scenario.texts("SELECT DISTINCT state || attempts FROM outbox WHERE remote = 'vg'") == ["pending0"])
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'delivered'") == 6)
            #expect(try await scenario.run("status").output.contains("parked since"))
        }
    }

    @Test func `gone: the link gets a tombstone, the log says how to undo it, and writing the link again does`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try scenario.world.setFaults([fault(404, times: 1)], on: "vg")
            let seen = try await sync(scenario)
            #expect(seen.exitCode == 65)
            #expect(seen.outcomes("vg") == ["gone"])
            #expect(seen.events("delivery.dead").first?["hint"]?.string?.contains("links") == true)
            #expect(try await row(scenario, "vg") == "dead 1 404")
            let before = scenario.requestCount("vg")
            try await scenario.setTitle("changed", of: "c1")
            _ = try await sync(scenario)
            #expect(scenario.requestCount("vg") == before)
            try await scenario.write("INSERT OR REPLACE INTO links (conversation_id, remote, remote_id) VALUES ('c1', 'vg', 'v1')")
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
        }
    }

    @Test(arguments: [400, 422])
    func `dead: the row needs an operator and delays no other row`(status: Int) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            var rule = fault(status)
            rule.conversation = "v1"
            try scenario.world.setFaults([rule], on: "vg")
            let seen = try await sync(scenario)
            #expect(seen.exitCode == 65)
            // The response names no member: the status is refused alone, and so is everything else. Then no member is the cause.
            #expect(seen.outcomes("vg").sorted() == ["dead", "dead", "dead", "delivered"])
            #expect(try await scenario.texts("SELECT conversation_id FROM outbox WHERE state = 'dead'") == ["c1"])
            #expect(seen.events("delivery.dead").first?["conversation"] == "c1")
            try scenario.world.setFaults([], on: "vg")
            #expect(try await scenario.run("outbox", "retry", "--state", "dead").exitCode == 0)
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
        }
    }

    @Test func `uncertain: a message without any usable response waits for an operator`() async throws {
        try await withScenario({ $0["retry", "max_attempts"] = "2" }) { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.addMessage("m1", to: "c1")
            try await scenario.addMessage("m2", to: "c2")
            var unreadable = FaultRule(.garbage)
            unreadable.conversation = "c1"
            var lost = FaultRule(.dropAfter)
            lost.conversation = "c2"
            try scenario.world.setFaults([unreadable, lost], on: "fin")
            let process = try scenario.start(["sync", "--drain", "20", "--config", scenario.configurationPath])
            #expect(try await process.end().exitCode == 65)
            #expect(process.events.filter { $0["event"] == "delivery.uncertain" }.count == 2)
            #expect(try await scenario.texts("SELECT DISTINCT state FROM outbox WHERE remote = 'fin'") == ["uncertain"])
            let keys = Set(scenario.world.requests(instance: "fin", conversation: "c2").map(\.idempotencyKey))
            #expect(keys.count == 1)
            try scenario.world.setFaults([], on: "fin")
            let refused = try await scenario.run("outbox", "retry", "--state", "uncertain", "--json")
            #expect(refused.exitCode == 64)
            #expect(refused.errorOutput.contains("outbox retry --state uncertain --json"))
            #expect(refused.errorOutput.contains("--accept-duplicate"))
            #expect(try refused.json["affected"] == [])
            #expect(try refused.json["skipped"]?.array?.count == 2)
            // A retry that does not select them reports that they are left alone.
            let others = try await scenario.run("outbox", "retry", "--remote", "fin", "--json")
            #expect(others.exitCode == 0)
            #expect(try others.json["left_uncertain"] == 2)
            #expect(try others.json["affected"] == [])
            // Discarding it first does not avoid the check.
            _ = try await scenario.run("outbox", "discard", "--state", "uncertain", "--remote", "fin", "--conversation", "c1")
            let id = try await scenario.number("SELECT id FROM outbox WHERE state = 'discarded' AND remote = 'fin'")
            let skipped = try await scenario.run("outbox", "retry", "\(id)", "--json").json["skipped"]?.array?.first
            #expect(skipped?["reason"]?.string?.contains("--accept-duplicate") == true)
            let accepted = try await scenario.run("outbox", "retry", "--state", "uncertain", "--accept-duplicate", "--json").json
            #expect(accepted["rows"]?.array?.map { $0["effect"] } == ["send_again"])
            try await scenario.sync()
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE remote = 'fin' AND state = 'delivered'") == 1)
        }
    }
}
