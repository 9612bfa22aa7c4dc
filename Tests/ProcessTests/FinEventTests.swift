import Sandbox
import Testing

/// Fin's webhook events: statuses in any order, and replies.
@Suite(.serialized) struct FinEventTests {
    /// Waits until a conversation has the expected state, and checks that it keeps it when everything has been processed.
    private func ends(
        _ scenario: ProgramScenario, _ conversation: String, as expected: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        _ = try await eventually {
            let unfinished = try await scenario.number("SELECT count(*) FROM inbox WHERE state = 'pending'")
            let local = try await scenario.local(conversation)
            return unfinished == 0 && local == expected
        }
        let local = try await scenario.local(conversation)
        #expect(local == expected, sourceLocation: sourceLocation)
    }

    /// Processed one by one: the order of arrival is the order of processing.
    private func say(_ events: [(String, Int64)], of conversation: String, _ scenario: ProgramScenario, _ hooks: HookCaller) async throws {
        for (word, at) in events {
            #expect(try await hooks.status(word, of: conversation, at: at) == 200)
            #expect(try await eventually { try await scenario.number("SELECT count(*) FROM inbox WHERE state <> 'done'") == 0 })
        }
    }

    @Test func `after complete and escalated with the same timestamp a person must take over, whichever arrives first`() async throws {
        try await withHooks { scenario, _, hooks in
            try await scenario.addConversations(1...2)
            let at = HookCaller.now
            try await say([("complete", at), ("escalated", at)], of: "c1", scenario, hooks)
            try await say([("escalated", at), ("complete", at)], of: "c2", scenario, hooks)
            for number in 1...2 {
                try await ends(scenario, "c\(number)", as: "open/-")
                #expect(
                    try await eventually { scenario.world.state(of: "voicebot", conversation: "\(number)")?["status"] == "to-do" })
            }
        }
    }

    @Test func `a resolved conversation stays so and with the AI, whenever complete arrives, and complete alone closes nothing`()
        async throws
    {
        try await withHooks { scenario, _, hooks in
            try await scenario.addConversations(1...5)
            try await scenario.write("UPDATE conversations SET assignee_id = 'jane' WHERE id = 'c5'")
            let at = HookCaller.now + 10
            try await say([("resolved", at), ("complete", at + 1)], of: "c1", scenario, hooks)
            try await say([("complete", at + 1), ("resolved", at)], of: "c2", scenario, hooks)
            try await say([("complete", at), ("resolved", at)], of: "c3", scenario, hooks)
            try await say([("complete", at)], of: "c4", scenario, hooks)
            try await say([("complete", at)], of: "c5", scenario, hooks)
            for number in 1...3 { try await ends(scenario, "c\(number)", as: "resolved/agent_fin") }
            try await ends(scenario, "c4", as: "open/-")
            try await ends(scenario, "c5", as: "open/jane")
            #expect(try await scenario.settle())
            #expect(scenario.world.state(of: "vg", conversation: "v4")?["state"] == "requested_chat")
            #expect(scenario.world.state(of: "vg", conversation: "v2")?["state"] == "ended_chat")
        }
    }

    @Test func `after complete Fin takes no replies, even if an older status arrived later`() async throws {
        try await withHooks { scenario, daemon, hooks in
            try await scenario.addConversations(1...1)
            let at = HookCaller.now
            try await say([("complete", at), ("replying", at - 1), ("resolved", at - 2)], of: "c1", scenario, hooks)
            try await scenario.addMessage("m1", to: "c1", createdAt: "2026-01-31T09:30:00.000Z")
            let held = try await daemon.event("delivery.held") { $0["conversation"] == "c1" }
            #expect(held["reason"]?.string?.contains("complete") == true)
            #expect(scenario.requestCount("fin") == 0)
        }
    }

    // MARK: Replies

    @Test func `two conversations may have messages with the same id, and a collision within one is logged`() async throws {
        try await withHooks { scenario, daemon, hooks in
            try await scenario.addConversations(1...2)
            let at = HookCaller.now
            for (conversation, text) in [("c1", "one"), ("c2", "two"), ("c1", "one"), ("c1", "three")] {
                #expect(try await hooks.replied(#"{"id":"1","author":"fin","body":"\#(text)"}"#, in: conversation, at: at) == 200)
            }
            let collision = try await daemon.event("message.collision")
            #expect(collision["conversation"] == "c1" && collision["remote"] == "fin")
            #expect(
                try await scenario.texts("SELECT conversation_id || ' ' || body FROM messages WHERE author = 'fin' ORDER BY 1")
                    == ["c1 one", "c2 two"])
            #expect(daemon.events("message.collision").count == 1)
            #expect(!daemon.output.contains("three"))
        }
    }

    @Test(arguments: ["null", "{}", #"{"body":null}"#, #"{"body":7}"#, #"{"body":["secret text"]}"#, #""secret text""#])
    func `a reply without a usable text gets a 200, delivers its status and is logged`(message: String) async throws {
        try await withHooks { scenario, daemon, hooks in
            try await scenario.addConversations(1...1)
            #expect(try await hooks.replied(message, in: "c1", status: "escalated", at: HookCaller.now) == 200)
            try await ends(scenario, "c1", as: "open/-")
            #expect(try await daemon.event("message.unusable")["conversation"] == "c1")
            #expect(try await scenario.number("SELECT count(*) FROM messages") == 0)
            #expect(!daemon.output.contains("secret text"))
        }
    }

    // MARK: Unknown conversations

    @Test func `an event for a conversation that is inserted shortly afterwards counts`() async throws {
        try await withHooks { scenario, _, hooks in
            let at = HookCaller.now
            for (number, word) in [(1, "escalated"), (2, "resolved"), (3, "complete")] {
                #expect(try await hooks.status(word, of: "c\(number)", at: at) == 200)
            }
            #expect(try await eventually { try await scenario.number("SELECT count(*) FROM inbox WHERE state = 'waiting'") == 3 })
            try await scenario.addConversations(1...3)
            try await ends(scenario, "c1", as: "open/-")
            try await ends(scenario, "c2", as: "resolved/agent_fin")
            try await ends(scenario, "c3", as: "open/-")
            // An event that was sent while the row was written.
            try await scenario.addConversations(4...4)
            try await say([("escalated", at)], of: "c4", scenario, hooks)
            try await ends(scenario, "c4", as: "open/-")
            // A later local change is newer than the event.
            try await scenario.addConversations(5...5)
            try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c5'")
            try await say([("resolved", at)], of: "c5", scenario, hooks)
            try await ends(scenario, "c5", as: "closed/agent_fin")
        }
    }

    @Test func `an event that waited for its conversation for a day is dropped with its texts, and the log says so`() async throws {
        try await withHooks { scenario, daemon, hooks in
            #expect(
                try await hooks.replied(#"{"id":"1","body":"a text of strangers"}"#, in: "x1", status: "resolved", at: HookCaller.now)
                    == 200)
            #expect(try await eventually { try await scenario.number("SELECT count(*) FROM inbox WHERE state = 'waiting'") == 2 })
            try await scenario.write("UPDATE inbox SET received_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-25 hours')")
            let dropped = try await daemon.event("inbox.dropped")
            #expect(dropped["remote"] == "fin" && dropped["events"] == 2 && dropped["reason"] == "age")
            #expect(try await scenario.number("SELECT count(*) FROM inbox") == 0)
        }
    }

    // MARK: The configuration

    @Test func `silent_after is refused with its path and a solution, and map shows the meaning of complete`() async throws {
        try await withScenario { scenario in
            try scenario.configure {
                $0["remotes.fin.status.inbound", "complete"] = #"{ status = "closed", silent_after = ["resolved"] }"#
            }
            let refused = try await scenario.run("check")
            #expect(refused.exitCode == 78)
            let text = refused.output + refused.errorOutput
            #expect(text.contains("remotes.fin.status.inbound.complete.silent_after") && text.contains("delete the line"), "\(text)")
            try scenario.configure { $0["remotes.fin.status.inbound", "complete"] = #""ends_ai""# }
            #expect(try await scenario.run("map").exitCode == 0)
            let inbound = try await scenario.run("map", "--json").json["remotes"]?["fin"]?["inbound"]?.array ?? []
            #expect(inbound.first { $0["word"] == "complete" }?["owner"] == "ends_ai")
            try scenario.configure { $0["remotes.fin.status.inbound", "complete"] = #""ends-ai""# }
            let misspelled = try await scenario.run("check")
            #expect((misspelled.output + misspelled.errorOutput).contains("did you mean"))
        }
    }
}
