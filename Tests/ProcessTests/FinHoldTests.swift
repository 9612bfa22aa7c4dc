import Sandbox
import Testing

/// Fin's last status of a conversation decides whether the next message is sent to it.
@Suite(.serialized) struct FinHoldTests {
    private func bodies(_ scenario: ProgramScenario, of conversation: String = "c1") -> [String?] {
        scenario.world.requests(instance: "fin", conversation: conversation).map { $0.bodyJSON?["message"]?["body"]?.string }
    }

    @Test func `while Fin is thinking the next messages wait, at most for reply_hold, and keep their order`() async throws {
        try await withScenario({ $0["remotes.fin", "reply_hold"] = "\"1500ms\"" }) { scenario in
            try await scenario.addConversations(1...2)
            try scenario.world.setOptions(on: "fin") {
                $0.finStatusByConversation = ["c1": "thinking"]
                $0.finReplies = false
            }
            let daemon = try await scenario.startDaemon()
            try await scenario.addMessage("m1", to: "c1", body: "one")
            #expect(
                try await eventually {
                    try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'delivered' AND remote = 'fin'") == 1
                })
            for (id, body) in [("m2", "two"), ("m3", "three")] { try await scenario.addMessage(id, to: "c1", body: body) }
            let held = try await daemon.event("delivery.held") { $0["conversation"] == "c1" }
            #expect(held["reason"]?.string?.contains("thinking") == true)
            #expect(held["until"]?.string != nil)
            // Other conversations do not wait.
            try await scenario.addMessage("n1", to: "c2", body: "another conversation")
            try await scenario.request("fin", containing: "another conversation")
            let requests = try await scenario.requests("fin", reach: 4).filter { $0.conversation == "c1" }
            #expect(bodies(scenario) == ["one", "two", "three"])
            for (first, second) in zip(requests, requests.dropFirst()) {
                #expect(second.arrivedAt.milliseconds - first.arrivedAt.milliseconds >= 1400)
                #expect(second.arrivedAt.milliseconds - first.arrivedAt.milliseconds < 20000)
            }
            // A wait is not an attempt.
            #expect(try await scenario.settle())
            #expect(try await scenario.texts("SELECT DISTINCT attempts FROM outbox WHERE remote = 'fin'") == ["1"])
            #expect(try await scenario.local("c1") == "open/agent_fin")
        }
    }

    @Test func `after a response with the status escalated further messages are held with the reason, until released`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try scenario.world.setOptions(on: "fin") { $0.finStatus = "escalated" }
            try await scenario.addMessage("m1", to: "c1", body: "one")
            try await scenario.sync()
            // Fin hands over to people: all remotes are told in the same run.
            #expect(try await scenario.local("c1") == "open/-")
            #expect(try await scenario.adopted("c1") == ["fin escalated: assignee_id agent_fin→-"])
            #expect(scenario.world.state(of: "vg", conversation: "v1")?["state"] == "requested_chat")
            #expect(scenario.world.state(of: "voicebot", conversation: "1")?["status"] == "to-do")
            #expect(scenario.world.state(of: "helpdesk", conversation: "c1")?["assignee_id"] == .null)
            for (id, body) in [("m2", "two"), ("m3", "three")] { try await scenario.addMessage(id, to: "c1", body: body) }
            let outcome = try await scenario.sync()
            #expect(outcome["held"]?.integer ?? 0 >= 1)
            #expect(outcome["dead"] == 0)
            #expect(bodies(scenario) == ["one"])
            let rows = try await scenario.run("outbox", "list", "--state", "held", "--json").json["rows"]?.array ?? []
            #expect(rows.first?["last_error"]?.string?.contains("escalated") == true)
            try await scenario.sync()
            #expect(bodies(scenario) == ["one"])
            while case let held = try await scenario.texts("SELECT id FROM outbox WHERE state = 'held' ORDER BY id"), let id = held.first {
                #expect(try await scenario.run("outbox", "release", id).exitCode == 0)
                let before = bodies(scenario).count
                try await scenario.sync()
                try #require(bodies(scenario).count > before)
            }
            #expect(bodies(scenario) == ["one", "two", "three"])
            #expect(try await scenario.differences() == [])
        }
    }

    @Test func `a message that is released behind a held one is said to wait for it`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try scenario.world.setOptions(on: "fin") { $0.finStatus = "escalated" }
            try await scenario.addMessage("m1", to: "c1")
            try await scenario.sync()
            for id in ["m2", "m3"] { try await scenario.addMessage(id, to: "c1") }
            try await scenario.sync()
            try await scenario.write("UPDATE outbox SET state = 'held', held_by = 'fin' WHERE message_id IN ('m2', 'm3')")
            let rows = try await scenario.texts("SELECT id FROM outbox WHERE state = 'held' ORDER BY id")
            let (first, second) = (try #require(rows.first), try #require(rows.last))
            let turn = "row \(first) comes first"
            let released = try await scenario.run("outbox", "release", second)
            #expect(released.exitCode == 0)
            #expect(released.output == "released 1 row: \(second)\nrow \(second) waits: \(turn)\n")
            #expect(try await scenario.run("outbox", "show", second).output.contains("  next attempt  \(turn)\n"))
            let differences = try await scenario.run("diff", "--json").json["differences"]?.array ?? []
            let details = differences.compactMap { $0["detail"]?.string }
            #expect(details.contains("row \(second), waiting; \(turn)"), "\(details)")
            #expect(try await scenario.run("outbox", "retry", second, "--json").json["rows"]?[0]?["waits_for"] == .integer(Int(first) ?? 0))
        }
    }

    @Test func `releasing all held messages at once sends them in order`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try scenario.world.setOptions(on: "fin") { $0.finStatus = "resolved" }
            try await scenario.addMessage("m1", to: "c1", body: "one")
            try await scenario.sync()
            #expect(try await scenario.local("c1") == "resolved/agent_fin")
            for number in 2...5 { try await scenario.addMessage("m\(number)", to: "c1", body: "\(number)") }
            try await scenario.sync()
            let daemon = try await scenario.startDaemon()
            #expect(bodies(scenario) == ["one"])
            #expect(try await scenario.run("outbox", "release", "--state", "held", "--remote", "fin").exitCode == 0)
            // One release applies to all waiting messages: the second one is not held again.
            _ = try await eventually(.seconds(30)) { bodies(scenario).count == 5 }
            #expect(bodies(scenario) == ["one", "2", "3", "4", "5"])
            #expect(!daemon.hasEnded)
        }
    }

    @Test func `a response of Fin does not remove a person from a conversation`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1, assignee: "jane")
            try await scenario.addMessage("m1", to: "c1")
            try await scenario.sync()
            // `awaiting_user_reply` is Fin's initial status: no reason to take the conversation from jane.
            #expect(try await scenario.local("c1") == "open/jane")
            #expect(try await scenario.adopted("c1") == [])
        }
    }
}
