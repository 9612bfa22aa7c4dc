import Sandbox
import Testing

/// `explain` shows differences and decisions, with their times.
@Suite(.serialized) struct ExplainTests {
    private static func block(_ remote: String, _ text: String) -> String {
        text.components(separatedBy: "\n\n").first { $0.hasPrefix("\(remote)  ") } ?? ""
    }

    @Test func `fields on which both sides agree are counted, and shown on request`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            let agreed = Self.block("vg", try await scenario.run("explain", "c1").output)
            #expect(!agreed.contains("FIELD"), "\(agreed)")
            #expect(agreed.contains("fields: nothing differs (--all shows them)"), "\(agreed)")
            let all = Self.block("vg", try await scenario.run("explain", "c1", "--all").output)
            #expect(all.contains("FIELD") && all.contains("  state "), "\(all)")
            #expect(!all.contains("--all"))
            #expect(try await scenario.run("pause", "vg").exitCode == 0)
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.sync("--drain", "1", expecting: 75)
            let due = Self.block("vg", try await scenario.run("explain", "c1").output)
            #expect(due.contains("state  ") && due.contains("due"), "\(due)")
            #expect(due.contains("further field"), "\(due)")
        }
    }

    @Test func `an acknowledgement is not shown as a read, and a verdict is shown with its time`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            let sent = Self.block("vg", try await scenario.run("explain", "c1").output)
            #expect(!sent.contains("last seen"), "\(sent)")
            #expect(sent.contains("last acknowledged 20"), "\(sent)")
            try scenario.configure { $0.poll(["vg"]) }
            try scenario.act(at: "vg", on: 1, ["state": "human-chatting"])
            try await scenario.sync()
            let link = try await scenario.text("SELECT seen_at FROM link_state WHERE remote = 'vg'") ?? ""
            let seen = Self.block("vg", try await scenario.run("explain", "c1").output)
            #expect(seen.contains("last seen \(link), last acknowledged 20"), "\(seen)")
            #expect(seen.contains("says `human-chatting`, 20"), "\(seen)")
        }
    }

    @Test func `a message that is kept for a disabled remote is no change that waits for the next run`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try scenario.configure { $0["remotes.fin", "enabled"] = "false" }
            try await scenario.addMessage("m1", to: "c1")
            try await scenario.sync()
            #expect(try await scenario.texts("SELECT remote FROM message_feed") == ["fin"])
            let text = try await scenario.run("explain", "c1").output
            for remote in ["helpdesk", "vg", "voicebot"] {
                #expect(Self.block(remote, text).contains("next: nothing to do"), "\(text)")
            }
            #expect(try await scenario.run("explain", "c1", "--json").json["unplanned"]?.boolean == false)
            try await scenario.setTitle("another one", of: "c1")
            let changed = try await scenario.run("explain", "c1").output
            #expect(Self.block("vg", changed).contains("next: a change waits for the next run"), "\(changed)")
        }
    }
}
