import Sandbox
import Testing

/// Two links to one object, objects that webhook calls name without their agent, and responses about another object.
@Suite(.serialized) struct SharedObjectTests {
    private static let shared: @Sendable (SandboxJSON) -> Bool = { $0["event"] == "link.shared" }

    @Test func `two links to one object are not synchronised until one is gone, and every command says so`() async throws {
        try await withScenario({ $0.poll(["voicebot"]) }) { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            // c2 is pointed to the object of c1.
            try await scenario.write("UPDATE links SET remote_id = '1' WHERE conversation_id = 'c2' AND remote = 'voicebot'")
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id IN ('c2', 'c3')")
            let result = try await scenario.run("sync")
            let event = try #require(result.events("link.shared").first)
            #expect(event["remote"] == "voicebot" && event["object"] == "1" && event["conversations"] == "c1,c2")
            #expect(scenario.written("voicebot", about: "1").isEmpty)
            #expect(scenario.written("voicebot", about: "3") == [["status": "done"]])
            #expect(scenario.written("vg").count == 2, "at the other remotes it is as ever")
            try scenario.act(at: "voicebot", on: 1, ["status": "to-do", "user_id": 78])
            try await scenario.sync()
            #expect(try await scenario.texts("SELECT status FROM conversations ORDER BY id") == ["open", "closed", "closed"])
            let check = try await scenario.run("check")
            #expect(check.output.contains("c1 and c2 link to one object of voicebot, 1"), "\(check.output)")
            let status = try await scenario.run("status")
            #expect(status.output.contains("c1 and c2 link to one object of voicebot, 1"))
            let json = try await scenario.run("status", "--json").json["shared_objects"]
            #expect(json == [["remote": "voicebot", "object": "1", "agent": .null, "conversations": ["c1", "c2"]]])
            #expect(try await scenario.run("explain", "c1").output.contains("c2 links to the same object"))
            // One link is gone: the other continues by itself.
            try await scenario.write("DELETE FROM links WHERE conversation_id = 'c1' AND remote = 'voicebot'")
            try await scenario.sync()
            #expect(scenario.written("voicebot", about: "1").map { $0["status"] } == ["done"])
            #expect(try await scenario.run("status", "--json").json["shared_objects"] == [])
        }
    }

    @Test func `a shared object is reported once, and again when it returns`() async throws {
        try await withScenario({ $0.remove("remotes.voicebot") }) { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.write("UPDATE links SET remote_id = 'v1' WHERE remote = 'vg' AND conversation_id = 'c2'")
            let daemon = try await scenario.startDaemon()
            try await daemon.event("link.shared")
            for status in ["closed", "open", "ended"] {
                try await scenario.write("UPDATE conversations SET status = ?", [status])
                try await scenario.request("helpdesk", containing: status)
            }
            #expect(daemon.events("link.shared").count == 1)
            #expect(scenario.writeCount("vg") == 0)
            try await scenario.write("UPDATE links SET remote_id = 'v2' WHERE remote = 'vg' AND conversation_id = 'c2'")
            #expect(try await eventually { scenario.writeCount("vg") >= 2 })
            #expect(try await scenario.settle())
            // The configured agent is the one of a link without an agent.
            try await scenario.write("UPDATE links SET remote_id = 'v1', agent_id = 'a1' WHERE remote = 'vg' AND conversation_id = 'c2'")
            try await daemon.event("link.shared", from: daemon.events.lastIndex(where: Self.shared).map { $0 + 1 } ?? 0)
            #expect(daemon.events("link.shared").map { $0["agent"] } == ["a1", "a1"])
        }
    }

    /// vg's webhook call names `convo-9` and no agent; the link has `agent-2`, the configured one is `a1`.
    @Test func `a webhook call without an agent concerns the link's own agent`() async throws {
        try await withScenario { scenario in
            let hook = try VGHook(scenario)
            try await scenario.addConversations(1...2)
            try await scenario.write("UPDATE links SET remote_id = 'convo-9' WHERE remote = 'vg'")
            try await scenario.write("UPDATE links SET agent_id = 'agent-2' WHERE remote = 'vg' AND conversation_id = 'c1'")
            try await scenario.sync()
            let daemon = try await scenario.startDaemon()
            try scenario.sandbox.act(["conversation": "convo-9", "agent": "agent-2", "state": "ended_chat"], on: "vg")
            try await hook.name("convo-9", daemon)
            try await daemon.event("status.adopted") { $0["conversation"] == "c1" }
            #expect(try await scenario.local("c1") == "ended/agent_fin")
            #expect(try await scenario.local("c2") == "open/agent_fin")
        }
    }

    private static func body(_ text: String, method: String) throws -> FaultRule {
        var rule = FaultRule(.status)
        rule.status = 200
        rule.method = method
        rule.body = try SandboxJSON(text: text)
        return rule
    }

    @Test(arguments: [
        ("voicebot", #"{"id": 18, "status": "done"}"#, "1", "18"), ("voicebot", #"{"data": {"id": "18", "status": "done"}}"#, "1", "18"),
        ("vg", #"{"success": true, "data": {"ID": "convo-8", "state": "ended_chat"}}"#, "v1", "convo-8"),
        ("vg", #"{"success": true, "data": {"id": "convo-8", "state": "ended_chat"}}"#, "v1", "convo-8"),
        ("helpdesk", #"{"data": {"id": "c7", "status": "ended"}}"#, "c1", "c7"),
    ])
    func `a read with a response about another object is ignored, and both ids are reported`(
        remote: String, body: String, asked: String, answered: String
    ) async throws {
        try await withScenario({ $0.poll([remote]) }) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            var rule = try Self.body(body, method: remote == "helpdesk" ? "POST" : "GET")
            rule.pathContains = remote == "voicebot" ? "/conversations/1" : remote == "vg" ? "/convos/v1" : "/get_conversation"
            try scenario.world.setFaults([rule], on: remote)
            let result = try await scenario.run("sync")
            #expect(try await scenario.local("c1") == "open/agent_fin")
            let event = try #require(result.events("poll.unreadable").first, "\(result.output)")
            #expect(event["object"]?.string == asked)
            #expect(event["error"]?.string == "the response is about \"\(answered)\", not about \"\(asked)\"")
            #expect(result.events("poll.failed").isEmpty)
            try scenario.world.setFaults([], on: remote)
            #expect(try await scenario.number("SELECT count(*) FROM adopted_changes") == 0)
        }
    }

    @Test func `a response about another object is logged and ignored, and the write counts as delivered`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try scenario.world.setFaults(
                [Self.body(#"{"id": 18, "status": "in-progress", "user": {"id": 9}}"#, method: "PATCH")], on: "voicebot")
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            let result = try await scenario.run("sync")
            #expect(result.exitCode == 0)
            let event = try #require(result.events("delivery.unbelieved").first)
            #expect(event["asked"] == "1" && event["answered"] == "18" && event["conversation"] == "c1")
            #expect(result.events("drift.detected").isEmpty)
            #expect(try await scenario.texts("SELECT DISTINCT state FROM outbox WHERE remote = 'voicebot'") == ["delivered"])
            #expect(try await scenario.text("SELECT json_extract(seen, '$.user_id') FROM link_state WHERE remote = 'voicebot'") == nil)
            #expect(try await scenario.local("c1") == "closed/agent_fin")
            let notes = try await scenario.texts("SELECT error FROM outbox_attempts WHERE error IS NOT NULL")
            #expect(notes == ["the response is about \"18\", not about \"1\""])
        }
    }
}
