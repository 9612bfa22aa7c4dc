import Foundation
import Sandbox
import Testing

/// A conversation that ended here is reopened if a person at the remote picks it up or the customer writes again; a rule at the remote that
/// reopens everything is not corrected for ever.
@Suite(.serialized) struct StoryReopeningTests {
    // MARK: Rules

    struct Rule: Sendable {
        let remote: String
        let word: String
        let end: String
    }

    static let rules = [
        Rule(remote: "helpdesk", word: "open", end: "closed"), Rule(remote: "voicebot", word: "in-progress", end: "done"),
        Rule(remote: "vg", word: "human-chatting", end: "ended_chat"),
    ]

    /// A rule at a remote reopens every ended conversation at once, and this one is closed here; `sync` runs until nothing is sent.
    private func reopened(
        by rule: Rule, _ body: (ProgramScenario, _ events: [SandboxJSON]) async throws -> Void
    ) async throws {
        try await withHistory(at: [rule.remote]) { scenario in
            try scenario.world.setOptions(on: rule.remote) { $0.reopensWith = rule.word }
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await body(scenario, try await scenario.syncs(8, expecting: [0, 75]))
        }
    }

    private func expectHeld(_ scenario: ProgramScenario, _ rule: Rule, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        #expect(try await scenario.local("c1") == "closed/anna", sourceLocation: sourceLocation)
        #expect((2...4).contains(scenario.writeCount(rule.remote)), "\(scenario.calls)", sourceLocation: sourceLocation)
        let held = try await scenario.texts("SELECT last_error FROM outbox WHERE state = 'held'")
        #expect(held.count == 1, sourceLocation: sourceLocation)
        #expect(held.first?.contains("three times") == true, "\(held)", sourceLocation: sourceLocation)
        let status = try await scenario.run("status", "--json").json["remotes"]?[rule.remote]
        #expect(status?["held"] == 1, sourceLocation: sourceLocation)
    }

    /// Warnings about the conversation that report the hold.
    private func warnings(_ events: [SandboxJSON]) -> [SandboxJSON] {
        events.filter { $0["level"] == "warning" && $0["conversation"] == "c1" && $0.text.contains("three times") }
    }

    @Test(arguments: rules)
    func `a rule that reopens everything is corrected three times, then the row is held, with one warning`(rule: Rule) async throws {
        try await reopened(by: rule) { scenario, events in
            try await expectHeld(scenario, rule)
            #expect(warnings(events).count == 1, "\(warnings(events))")
            let before = scenario.writeCount()
            let later = try await scenario.syncs(3, expecting: [0, 75])
            #expect(scenario.writeCount() == before, "\(scenario.calls)")
            #expect(warnings(later).isEmpty)
        }
    }

    @Test func `a rule that reopens by webhook while the daemon runs is held as well`() async throws {
        try await withHistory(at: ["helpdesk"], configure: { $0.poll(["helpdesk"], interval: "1h") }) { scenario in
            let daemon = try await scenario.startListening(to: ["helpdesk"])
            try scenario.world.setOptions(on: "helpdesk") { $0.reopensWith = "open" }
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            #expect(
                try await eventually(.seconds(8)) { try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'held'") == 1 },
                "\(scenario.calls)")
            try await expectHeld(scenario, Self.rules[0])
            // A further call reports the same and does not restart the count.
            let reads = scenario.readCount("helpdesk")
            let writes = scenario.writeCount()
            try scenario.act(at: "helpdesk", on: 1, [:])
            #expect(try await eventually(.seconds(8)) { scenario.readCount("helpdesk") > reads })
            #expect(try await eventually(.seconds(8)) { try await scenario.number("SELECT count(*) FROM read_requests") == 0 })
            #expect(scenario.writeCount() == writes, "\(scenario.calls)")
            #expect(warnings(daemon.events).count == 1)
        }
    }

    @Test func `a rule at one remote delays nothing at the others`() async throws {
        try await withHistory { scenario in
            try scenario.world.setOptions(on: "helpdesk") { $0.reopensWith = "open" }
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.syncs(6, expecting: [0, 75])
            #expect(scenario.written("voicebot") == [["status": "done"]], "\(scenario.calls)")
            #expect(scenario.written("vg") == [["state": "ended_chat"]], "\(scenario.calls)")
            try await scenario.setTitle("Something else", of: "c1")
            try await scenario.syncs(2, expecting: [0, 75])
            #expect(scenario.held("title", at: "vg") == "Something else")
        }
    }

    @Test(arguments: rules) func `a release sends the held row`(rule: Rule) async throws {
        try await reopened(by: rule) { scenario, _ in
            try await expectHeld(scenario, rule)
            try scenario.world.setOptions(on: rule.remote) { $0.reopensWith = nil }
            let id = try await scenario.number("SELECT id FROM outbox WHERE state = 'held'")
            #expect(try await scenario.run("outbox", "release", "\(id)").exitCode == 0)
            let before = scenario.writeCount()
            try await scenario.syncs(2)
            #expect(scenario.writeCount() == before + 1, "\(scenario.calls)")
            #expect(try await scenario.differences(at: [rule.remote]) == [])
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'held'") == 0)
        }
    }

    @Test(arguments: rules) func `a local change of the status ends the hold`(rule: Rule) async throws {
        try await reopened(by: rule) { scenario, _ in
            try await expectHeld(scenario, rule)
            try scenario.world.setOptions(on: rule.remote) { $0.reopensWith = nil }
            let before = scenario.writeCount()
            try await scenario.write("UPDATE conversations SET status = 'resolved'")
            try await scenario.syncs(2)
            #expect(scenario.writeCount() == before + 1, "\(scenario.calls)")
            #expect(try await scenario.differences(at: [rule.remote]) == [])
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'held'") == 0)
        }
    }

    @Test func `after a local reopening nothing is held any more and nothing is sent`() async throws {
        let rule = Self.rules[1]
        try await reopened(by: rule) { scenario, _ in
            try await expectHeld(scenario, rule)
            let before = scenario.writeCount()
            try await scenario.write("UPDATE conversations SET status = 'open'")
            try await scenario.syncs(2)
            #expect(scenario.writeCount() == before, "\(scenario.calls)")
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'held'") == 0)
        }
    }

    // MARK: Evidence at vg

    /// `c1` is ended, by the AI unless an assignee is given; something happens at vg a second later.
    private func afterTheEnd(
        assignee: String? = "agent_fin", reopen: String? = nil, _ changes: [String: SandboxJSON],
        _ body: (ProgramScenario) async throws -> Void
    ) async throws {
        try await withHistory(
            assignee: assignee, sql: "UPDATE conversations SET status = 'ended'",
            configure: { if let reopen { $0["remotes.vg", "reopen"] = "\"\(reopen)\"" } }
        ) { scenario in
            try await scenario.nextSecond()
            try scenario.act(at: "vg", on: 1, changes)
            try await scenario.syncs(3)
            try await body(scenario)
        }
    }

    @Test func `a person who is named on an ended chat at vg gets it, and nothing is sent to vg`() async throws {
        try await afterTheEnd(["state": "human-chatting", "chatAssignedTo": "c_bert"]) { scenario in
            let local = try await scenario.local("c1")
            #expect(local == "open/bert")
            #expect(scenario.writeCount("vg") == 0, "\(scenario.calls)")
            #expect(scenario.held("state", at: "vg") == "human-chatting")
            #expect(scenario.written("voicebot") == [["status": "in-progress", "user_id": 78]], "\(scenario.calls)")
            #expect(scenario.held("status", at: "helpdesk") == "open")
        }
    }

    @Test func `an unknown person who is named on an ended chat of the AI at vg becomes agent_unknown`() async throws {
        try await afterTheEnd(["state": "human-chatting", "chatAssignedTo": "c_nobody"]) { scenario in
            let local = try await scenario.local("c1")
            #expect(local == "open/agent_unknown")
            #expect(scenario.writeCount("vg") == 0, "\(scenario.calls)")
        }
    }

    @Test func `a webhook call of vg leads to the same reopening`() async throws {
        try await withHistory(
            at: ["vg"], assignee: "agent_fin", sql: "UPDATE conversations SET status = 'ended'",
            configure: { $0.poll(["vg"], interval: "1h") }
        ) { scenario in
            try await scenario.nextSecond()
            _ = try await scenario.startListening(to: ["vg"])
            try scenario.act(at: "vg", on: 1, ["state": "human-chatting", "chatAssignedTo": "c_bert"])
            #expect(try await eventually(.seconds(8)) { try await scenario.local("c1") == "open/bert" }, "\(scenario.calls)")
            #expect(try await scenario.settle())
            #expect(scenario.writeCount() == 0, "\(scenario.calls)")
        }
    }

    @Test(arguments: ["lastMessageTS", "totalUserInteractions"])
    func `a customer who writes at vg again reopens an ended chat`(member: String) async throws {
        try await withHistory(assignee: "agent_fin") { scenario in
            try scenario.act(at: "vg", on: 1, [member: member == "lastMessageTS" ? .integer(Int(Date.now.timeIntervalSince1970)) : 3])
            try await scenario.syncs(2)
            try await scenario.write("UPDATE conversations SET status = 'ended'")
            try await scenario.syncs(2)
            scenario.world.clearRequests()
            try await scenario.nextSecond()
            let grown: SandboxJSON = member == "lastMessageTS" ? .integer(Int(Date.now.timeIntervalSince1970)) : 4
            try scenario.act(at: "vg", on: 1, ["state": "ai-chatting", member: grown])
            try await scenario.syncs(3)
            #expect(try await scenario.local("c1") == "open/agent_fin")
            #expect(scenario.writeCount("vg") == 0, "\(scenario.calls)")
            #expect(scenario.held("status", at: "helpdesk") == "open")
        }
    }

    @Test func `a message by the bot or an agent at vg does not reopen an ended chat`() async throws {
        try await withHistory(assignee: "agent_fin") { scenario in
            let before: [String: SandboxJSON] = [
                "lastMessageTS": .integer(Int(Date.now.timeIntervalSince1970)), "totalUserInteractions": 3,
            ]
            try scenario.act(at: "vg", on: 1, before)
            try await scenario.syncs(2)
            try await scenario.write("UPDATE conversations SET status = 'ended'")
            try await scenario.syncs(2)
            try await scenario.nextSecond()
            try scenario.act(at: "vg", on: 1, ["state": "ai-chatting", "lastMessageTS": .integer(Int(Date.now.timeIntervalSince1970))])
            try await scenario.syncs(3)
            #expect(try await scenario.local("c1") == "ended/agent_fin")
            #expect(scenario.held("state", at: "vg") == "ended_chat")
        }
    }

    @Test(
        arguments: [
            (nil, ["state": "human-chatting"]), ("never", ["state": "human-chatting", "chatAssignedTo": "c_bert"]),
        ] as [(String?, [String: SandboxJSON])])
    func `without a name, or with reopen = never, the chat is ended again at vg, once`(
        reopen: String?, changes: [String: SandboxJSON]
    ) async throws {
        try await afterTheEnd(reopen: reopen, changes) { scenario in
            let local = try await scenario.local("c1")
            // Assignee and status are decided separately.
            let isNamed = changes["chatAssignedTo"] != nil
            #expect(local == (isNamed ? "ended/bert" : "ended/agent_fin"))
            #expect(scenario.written("vg") == [["state": "ended_chat"]], "\(scenario.calls)")
        }
    }

    @Test func `a person who picked the chat up before it was ended here is not evidence`() async throws {
        try await withHistory(at: ["vg"], assignee: "agent_fin") { scenario in
            try await scenario.nextSecond()
            try scenario.act(at: "vg", on: 1, ["state": "human-chatting", "chatAssignedTo": "c_bert"])
            try await scenario.nextSecond()
            try await scenario.write("UPDATE conversations SET status = 'ended'")
            try await scenario.syncs(3)
            #expect(try await scenario.text("SELECT status FROM conversations") == "ended")
            #expect(scenario.held("state", at: "vg") == "ended_chat")
            #expect(scenario.writeCount() == 1, "\(scenario.calls)")
        }
    }
}
