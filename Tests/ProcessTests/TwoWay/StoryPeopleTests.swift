import Foundation
import Sandbox
import Testing

/// Assignees: people come and go on both sides, and nobody is replaced because of another change.
@Suite(.serialized) struct StoryPeopleTests {
    // MARK: People who are not in the table assignees

    @Test func `an unknown user who picked the conversation up at voicebot is not removed by another change, and explain names the user`()
        async throws
    {
        try await withHistory { scenario in
            try scenario.act(at: "voicebot", on: 1, ["user_id": 99])
            try await scenario.syncs(2)
            #expect(try await scenario.local("c1") == "open/anna")
            try await scenario.setTitle("Another title", of: "c1")
            try await scenario.syncs(2)
            #expect(scenario.writeCount("voicebot") == 0, "\(scenario.calls)")
            #expect(scenario.held("user_id", at: "voicebot") == 99)
            #expect(try await scenario.local("c1") == "open/anna")
            let fields = try await scenario.run("explain", "c1", "--json").json["remotes"]?["voicebot"]?["fields"]?["user_id"]
            #expect(fields?.text.contains("99") == true, "\(fields?.text ?? "no field user_id")")
        }
    }

    @Test func `a change of the status is sent to voicebot without the user whom an unknown one replaced`() async throws {
        try await withHistory(at: ["voicebot"]) { scenario in
            try scenario.act(at: "voicebot", on: 1, ["user_id": 99])
            try await scenario.syncs()
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.syncs(2)
            #expect(scenario.written("voicebot") == [["status": "done"]], "\(scenario.calls)")
            #expect(scenario.held("user_id", at: "voicebot") == 99)
        }
    }

    @Test func `a row in assignees makes the user known, who then gets the conversation`() async throws {
        try await withHistory(at: ["voicebot"]) { scenario in
            try scenario.act(at: "voicebot", on: 1, ["user_id": 99])
            try await scenario.syncs()
            try await scenario.write("INSERT INTO assignees VALUES ('zoe', 'voicebot', '99')")
            try await scenario.syncs(2)
            #expect(try await scenario.local("c1") == "open/zoe")
            #expect(scenario.writeCount() == 0, "\(scenario.calls)")
        }
    }

    // MARK: Picked up and finished

    /// - Parameter bySync: whether it is found by a poll of voicebot, else by its webhook call.
    private func tookOverAndFinished(user: SandboxJSON, bySync: Bool, expecting local: String) async throws {
        try await withHistory(configure: { if !bySync { $0.poll(interval: "1h") } }) { scenario in
            if bySync {
                try scenario.act(at: "voicebot", on: 1, ["user_id": user])
                try scenario.act(at: "voicebot", on: 1, ["status": "done"])
                try await scenario.syncs(2)
            } else {
                _ = try await scenario.startListening(to: ["voicebot"])
                try scenario.act(at: "voicebot", on: 1, ["status": "done", "user_id": user])
                #expect(try await eventually(.seconds(8)) { try await scenario.local("c1") == local })
                #expect(try await scenario.settle())
            }
            #expect(try await scenario.local("c1") == local, "\(scenario.calls)")
            #expect(scenario.writeCount("voicebot") == 0, "\(scenario.calls)")
            #expect(scenario.held("user_id", at: "voicebot") == user)
            #expect(scenario.held("state", at: "vg") == "ended_chat")
            #expect(scenario.held("status", at: "helpdesk") == "closed")
        }
    }

    @Test(arguments: [true, false])
    func `a person who takes over at voicebot and finishes before the next read gets the conversation, closed`(bySync: Bool) async throws {
        try await tookOverAndFinished(user: 78, bySync: bySync, expecting: "closed/bert")
    }

    @Test func `an unknown user who takes over and finishes closes the conversation, and remains assigned there`() async throws {
        try await tookOverAndFinished(user: 99, bySync: true, expecting: "closed/anna")
    }

    @Test func `a conversation closed here while voicebot assigns it to somebody is closed and theirs`() async throws {
        try await withHistory(at: ["voicebot"]) { scenario in
            try scenario.act(at: "voicebot", on: 1, ["user_id": 78])
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            let events = try await scenario.syncs(2)
            #expect(try await scenario.local("c1") == "closed/bert")
            #expect(scenario.held("status", at: "voicebot") == "done")
            #expect(scenario.held("user_id", at: "voicebot") == 78)
            #expect(events.named("conflict.resolved").isEmpty)
        }
    }

    // MARK: One account, two people

    @Test(arguments: ["anna", "zoe"])
    func `of two people here who share an account at voicebot, the present assignee keeps the conversation`(present: String) async throws {
        try await withHistory(
            at: ["voicebot"], assignee: present, sql: "INSERT INTO assignees VALUES ('zoe', 'voicebot', '77')"
        ) { scenario in
            try scenario.act(at: "voicebot", on: 1, ["status": "done"])
            try await scenario.syncs()
            #expect(try await scenario.local("c1") == "closed/\(present)")
            try await scenario.customerWrites()
            try scenario.act(at: "voicebot", on: 1, ["status": "in-progress", "user_id": 77])
            try await scenario.syncs(2)
            #expect(try await scenario.local("c1") == "open/\(present)")
            #expect(scenario.writeCount() == 0, "\(scenario.calls)")
        }
    }

    @Test func `a shared account at vg also stands for the present assignee`() async throws {
        try await withHistory(at: ["vg"], assignee: "zoe", sql: "INSERT INTO assignees VALUES ('zoe', 'vg', 'c_anna')") { scenario in
            try await scenario.nextSecond()
            try scenario.act(at: "vg", on: 1, ["state": "human-chatting", "chatAssignedTo": "c_anna"])
            try await scenario.syncs(2)
            #expect(try await scenario.local("c1") == "open/zoe")
            #expect(scenario.writeCount() == 0, "\(scenario.calls)")
        }
    }

    // MARK: To-do

    @Test func `to-do with a user, after the customer wrote, is open and assigned to that user, who is not removed`() async throws {
        try await withHistory(sql: "UPDATE conversations SET status = 'closed'") { scenario in
            try await scenario.customerWrites()
            try scenario.act(at: "voicebot", on: 1, ["status": "to-do", "user_id": 77])
            try await scenario.syncs(3)
            #expect(try await scenario.local("c1") == "open/anna")
            #expect(scenario.writeCount("voicebot") == 0, "\(scenario.calls)")
            #expect(scenario.held("user_id", at: "voicebot") == 77)
            #expect(scenario.held("state", at: "vg") == "human-chatting")
        }
    }

    @Test func `to-do without a user, after the customer wrote, is open and unassigned`() async throws {
        try await withHistory(sql: "UPDATE conversations SET status = 'closed'") { scenario in
            try await scenario.customerWrites()
            try scenario.act(at: "voicebot", on: 1, ["status": "to-do", "user_id": .null])
            try await scenario.syncs(3)
            #expect(try await scenario.local("c1") == "open/-")
            #expect(scenario.writeCount("voicebot") == 0, "\(scenario.calls)")
            #expect(scenario.held("state", at: "vg") == "requested_chat")
        }
    }

    @Test(arguments: [("c_bert", "open/bert"), (nil, "open/-")] as [(String?, String)])
    func `a requested chat at vg is open, and assigned to the person who is named there`(named: String?, local: String) async throws {
        try await withHistory(at: ["vg"], sql: "UPDATE conversations SET status = 'closed'") { scenario in
            try await scenario.nextSecond()
            try await scenario.customerWrites()
            var changes: [String: SandboxJSON] = ["state": "requested_chat"]
            changes["chatAssignedTo"] = named.map(SandboxJSON.string)
            try scenario.act(at: "vg", on: 1, changes)
            try await scenario.syncs(3)
            #expect(try await scenario.local("c1") == local)
            #expect(scenario.writeCount() == 0, "\(scenario.calls)")
        }
    }

    // MARK: An unmapped status

    @Test func `a user who arrived with an unmapped status is adopted when a mapped one follows`() async throws {
        try await withHistory(at: ["voicebot"]) { scenario in
            try scenario.act(at: "voicebot", on: 1, ["status": "snoozed", "user_id": 78])
            let events = try await scenario.syncs(2)
            #expect(try await scenario.local("c1") == "open/anna")
            #expect(events.named("status.unmapped", remote: "voicebot").count >= 1)
            try scenario.act(at: "voicebot", on: 1, ["status": "in-progress"])
            try await scenario.syncs(3)
            #expect(try await scenario.local("c1") == "open/bert")
            #expect(scenario.writeCount() == 0, "\(scenario.calls)")
        }
    }

    @Test func `a user who arrived at vg with an unmapped status is adopted with the next mapped one, and sent on once`() async throws {
        try await withHistory { scenario in
            try await scenario.nextSecond()
            try scenario.act(at: "vg", on: 1, ["state": "open", "chatAssignedTo": "c_bert"])
            try await scenario.syncs(2)
            #expect(try await scenario.local("c1") == "open/anna")
            #expect(scenario.writeCount() == 0, "\(scenario.calls)")
            try await scenario.nextSecond()
            try scenario.act(at: "vg", on: 1, ["state": "human-chatting"])
            try await scenario.syncs(3)
            #expect(try await scenario.local("c1") == "open/bert")
            #expect(scenario.writeCount("vg") == 0, "\(scenario.calls)")
            #expect(scenario.written("voicebot") == [["user_id": 78]], "\(scenario.calls)")
        }
    }

    // MARK: Removed

    @Test(arguments: [("anna", 77), ("bert", 78)])
    func `a user removed at voicebot and then assigned here again is sent`(assignee: String, user: Int) async throws {
        try await withHistory(at: ["voicebot"]) { scenario in
            try scenario.act(at: "voicebot", on: 1, ["user_id": .null])
            try await scenario.syncs(2)
            #expect(scenario.writeCount() == 0, "\(scenario.calls)")
            try await scenario.write("UPDATE conversations SET assignee_id = NULL")
            try await scenario.syncs()
            try await scenario.write("UPDATE conversations SET assignee_id = ?", [assignee])
            try await scenario.syncs(2)
            #expect(scenario.written("voicebot").last?["user_id"] == .integer(user), "\(scenario.calls)")
            #expect(scenario.held("user_id", at: "voicebot") == .integer(user))
            #expect(try await scenario.local("c1") == "open/\(assignee)")
        }
    }

    @Test func `a user removed at voicebot is not restored by a change of the status`() async throws {
        try await withHistory(at: ["voicebot"]) { scenario in
            try scenario.act(at: "voicebot", on: 1, ["user_id": .null])
            try await scenario.syncs(2)
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.syncs(2)
            #expect(scenario.written("voicebot") == [["status": "done"]], "\(scenario.calls)")
            #expect(scenario.held("user_id", at: "voicebot") == .null)
        }
    }
}
