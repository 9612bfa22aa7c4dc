import Sandbox
import Testing

/// Finished conversations are reopened with evidence only.
@Suite(.serialized) struct ReopeningTests {
    /// Conversation `c1` is closed everywhere; somebody may write; a person at voicebot sets it to in-progress, and one `sync` runs.
    private func reopenedAtVoicebot(
        user: SandboxJSON? = nil, reopen: String? = nil, since writers: [String] = [],
        _ body: (ProgramScenario, ConvosyncProcess.Result) async throws -> Void
    ) async throws {
        try await withScenario({
            $0.poll()
            // Messages are evidence here; sending them to Fin is not tested.
            $0.remove("remotes.fin")
            if let reopen { $0["remotes.voicebot", "reopen"] = "\"\(reopen)\"" }
        }) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.addMessage("m0", to: "c1", body: "the first question")
            try await scenario.sync()
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.sync()
            #expect(try await scenario.differences().filter { !$0.contains(" fin: ") } == [])
            for author in writers {
                try await scenario.write(
                    "INSERT INTO messages (id, conversation_id, author, body) VALUES (?1, 'c1', ?1, 'it is broken again')", [author])
            }
            scenario.world.clearRequests()
            var changes: [String: SandboxJSON] = ["status": "in-progress"]
            changes["user_id"] = user
            try scenario.act(at: "voicebot", on: 1, changes)
            let result = try await scenario.run("sync")
            #expect(result.exitCode == 0)
            try await body(scenario, result)
            scenario.world.clearRequests()
            try await scenario.sync()
            #expect(scenario.writeCount() == 0)
        }
    }

    @Test func `without a newer message a conversation stays finished and is closed again there, once`() async throws {
        try await reopenedAtVoicebot { scenario, result in
            let state = try await scenario.local("c1")
            #expect(state == "closed/agent_fin")
            #expect(try await scenario.adopted("c1") == [])
            #expect(scenario.written("voicebot") == [["status": "done"]])
            #expect(scenario.writeCount() == 1)
            let kept = result.events("status.kept")
            #expect(kept.map { $0["conversation"] } == ["c1"])
            #expect(kept.first?["reason"]?.string?.contains("nobody has written") == true)
            #expect(try await scenario.verdict("c1", at: "voicebot")?["decision"] == "refused")
        }
    }

    @Test func `a person who takes the conversation is not evidence either, and remains assigned there`() async throws {
        try await reopenedAtVoicebot(user: 99) { scenario, _ in
            let state = try await scenario.local("c1")
            #expect(state == "closed/agent_unknown", "who has it is one thing, whether it goes on another")
            #expect(scenario.written("voicebot") == [["status": "done"]])
            #expect(scenario.world.state(of: "voicebot", conversation: "1")?["user_id"] == 99)
        }
    }

    @Test func `a message that the user wrote since reopens the conversation everywhere`() async throws {
        try await reopenedAtVoicebot(since: ["user"]) { scenario, result in
            let state = try await scenario.local("c1")
            #expect(state == "open/agent_fin")
            #expect(try await scenario.adopted("c1") == ["voicebot in-progress: status closed→open"])
            #expect(result.events("status.adopted").count == 1)
            #expect(scenario.written("vg") == [["state": "ai-chatting"]])
            #expect(scenario.written("helpdesk") == [["conversation_id": "c1", "status": "open"]])
            #expect(scenario.writeCount("voicebot") == 0)
        }
    }

    @Test func `a later message by Fin or an agent is not evidence`() async throws {
        try await reopenedAtVoicebot(since: ["fin", "agent"]) { scenario, _ in
            let state = try await scenario.local("c1")
            #expect(state == "closed/agent_fin")
        }
    }

    @Test func `reopen = always needs no evidence`() async throws {
        try await reopenedAtVoicebot(user: 99, reopen: "always") { scenario, _ in
            let state = try await scenario.local("c1")
            #expect(state == "open/agent_unknown")
            #expect(scenario.written("vg") == [["state": "human-chatting"]])
            #expect(scenario.writeCount("voicebot") == 0)
        }
    }

    @Test func `reopen = never accepts no evidence`() async throws {
        try await reopenedAtVoicebot(reopen: "never", since: ["user"]) { scenario, _ in
            let state = try await scenario.local("c1")
            #expect(state == "closed/agent_fin")
            #expect(scenario.written("voicebot") == [["status": "done"]])
        }
    }

    @Test func `the application itself reopens without any evidence`() async throws {
        try await reopenedAtVoicebot { scenario, _ in
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET status = 'open'")
            try await scenario.sync()
            #expect(try await scenario.differences().filter { !$0.contains(" fin: ") } == [])
            #expect(scenario.written("voicebot") == [["status": "in-progress"]])
        }
    }

    @Test func `a chat that ended here is not reopened by vg's outdated list`() async throws {
        try await withScenario({ $0.poll() }) { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            // The list shows the state before the last changes.
            try scenario.world.setOptions(on: "vg") { $0.staleChanges = 3 }
            try await scenario.write("UPDATE conversations SET status = 'resolved'")
            try await scenario.sync()
            let before = scenario.writeCount()
            for _ in 1...3 { try await scenario.sync() }
            #expect(scenario.writeCount() == before)
            #expect(try await scenario.number("SELECT count(*) FROM adopted_changes") == 0)
            #expect(try await scenario.number("SELECT count(*) FROM conversations WHERE status = 'resolved'") == 3)
            #expect(try await scenario.differences() == [])
            // The list is current again.
            try scenario.world.setOptions(on: "vg") { $0.staleChanges = 0 }
            try await scenario.sync()
            #expect(scenario.writeCount() == before)
            // A person's change is found even while the list lags: conversations are read in rotation.
            try scenario.world.setOptions(on: "vg") { $0.staleChanges = 1 }
            try scenario.act(at: "vg", on: 2, ["state": "ai-chatting"])
            try await scenario.sync()
            #expect(try await scenario.verdict("c2", at: "vg")?["decision"] == "refused")
            #expect(scenario.world.state(of: "vg", conversation: "v2")?["state"] == "ended_chat")
        }
    }
}
