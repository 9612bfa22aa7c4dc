import Foundation
import Sandbox
import Testing

/// A value that a remote refuses is left out; everything else of the conversation still arrives.
@Suite(.serialized) struct StoryRefusedMemberTests {
    private static let laravel = RefusedMember("user_id", value: 77, message: "The selected user id is invalid.")

    private func expectDead(
        _ member: String, at remote: String, _ scenario: ProgramScenario, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(try await scenario.states(at: remote).count { $0 == "dead" } == 1, "\(scenario.calls)", sourceLocation: sourceLocation)
        #expect(try await scenario.run("status", "--json").json["remotes"]?[remote]?["dead"] == 1, sourceLocation: sourceLocation)
        let status = try await scenario.run("status").output
        #expect(status.contains(member), "\(status)", sourceLocation: sourceLocation)
        let explained = try await scenario.run("explain", "c1", "--json").json["remotes"]?[remote]
        let field = explained?["fields"]?[member]
        #expect(field?.text.contains("refused") == true, "\(field?.text ?? "no field \(member)")", sourceLocation: sourceLocation)
    }

    /// The number of calls with the member, refused or not.
    private func count(_ member: String, at remote: String, _ scenario: ProgramScenario) -> Int {
        scenario.written(remote).count { fields in
            var value: SandboxJSON? = fields
            for name in member.split(separator: ".") { value = value?[String(name)] }
            return value != nil
        }
    }

    // MARK: voicebot

    @Test func `a user whom voicebot refuses does not keep the status from being sent`() async throws {
        try await withHistory(at: ["voicebot"], assignee: nil) { scenario in
            try scenario.world.setOptions(on: "voicebot") { $0.refusedMembers = [Self.laravel] }
            try await scenario.write("UPDATE conversations SET status = 'closed', assignee_id = 'anna'")
            try await scenario.syncs(3, expecting: [0, 65])
            #expect(scenario.held("status", at: "voicebot") == "done", "\(scenario.calls)")
            #expect(scenario.held("user_id", at: "voicebot") == .null)
            #expect(try await scenario.local("c1") == "closed/anna")
            #expect(count("user_id", at: "voicebot", scenario) == 1, "\(scenario.calls)")
            try await expectDead("user_id", at: "voicebot", scenario)
            // Further changes are sent without it.
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET status = 'open'")
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(scenario.written("voicebot") == [["status": "in-progress"]], "\(scenario.calls)")
        }
    }

    @Test func `a user who is refused alone leaves nothing to send, until somebody else is assigned`() async throws {
        try await withHistory(at: ["voicebot"], assignee: "bert") { scenario in
            try scenario.world.setOptions(on: "voicebot") { $0.refusedMembers = [Self.laravel] }
            try await scenario.write("UPDATE conversations SET assignee_id = 'anna'")
            try await scenario.syncs(3, expecting: [0, 65])
            #expect(scenario.writeCount() == 1, "\(scenario.calls)")
            #expect(try await scenario.local("c1") == "open/anna")
            try await expectDead("user_id", at: "voicebot", scenario)
            try await scenario.write("INSERT INTO assignees VALUES ('zoe', 'voicebot', '79')")
            try await scenario.write("UPDATE conversations SET assignee_id = 'zoe'")
            try await scenario.syncs(2)
            #expect(scenario.written("voicebot").last == ["user_id": 79], "\(scenario.calls)")
            #expect(scenario.held("user_id", at: "voicebot") == 79)
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0, "another value is wanted")
        }
    }

    @Test func `only a retry sends the refused value again`() async throws {
        try await withHistory(at: ["voicebot"], assignee: nil) { scenario in
            try scenario.world.setOptions(on: "voicebot") { $0.refusedMembers = [Self.laravel] }
            try await scenario.write("UPDATE conversations SET status = 'closed', assignee_id = 'anna'")
            try await scenario.syncs(2, expecting: [0, 65])
            // The account is active again.
            try scenario.world.setOptions(on: "voicebot") { $0.refusedMembers = [] }
            scenario.world.clearRequests()
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(scenario.writeCount() == 0, "\(scenario.calls)")
            let id = try await scenario.number("SELECT id FROM outbox WHERE state = 'dead'")
            #expect(try await scenario.run("outbox", "retry", "\(id)").exitCode == 0)
            try await scenario.syncs(2)
            #expect(scenario.written("voicebot") == [["user_id": 77]], "\(scenario.calls)")
            #expect(scenario.held("user_id", at: "voicebot") == 77)
            #expect(try await scenario.states(at: "voicebot").contains("dead") == false)
        }
    }

    @Test func `a refused value that is wanted again before another one was sent can still be retried`() async throws {
        try await withHistory(at: ["voicebot"], assignee: "bert") { scenario in
            try scenario.world.setOptions(on: "voicebot") { $0.refusedMembers = [Self.laravel] }
            try await scenario.write("UPDATE conversations SET assignee_id = 'anna'")
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(try await scenario.run("pause", "voicebot").exitCode == 0)
            try await scenario.write("INSERT INTO assignees VALUES ('zoe', 'voicebot', '79')")
            for assignee in ["zoe", "anna"] {
                try await scenario.write("UPDATE conversations SET assignee_id = '\(assignee)'")
                try await scenario.syncs(2, expecting: [0, 65, 75])
            }
            try scenario.world.setOptions(on: "voicebot") { $0.refusedMembers = [] }
            #expect(try await scenario.run("resume", "voicebot").exitCode == 0)
            scenario.world.clearRequests()
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(scenario.writeCount() == 0, "\(scenario.calls)")
            try await expectDead("user_id", at: "voicebot", scenario)
            #expect(try await scenario.run("outbox", "retry", "--state", "dead").exitCode == 0)
            try await scenario.syncs(2)
            #expect(scenario.held("user_id", at: "voicebot") == 77)
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0)
        }
    }

    @Test func `a discarded refusal is counted until its value is accepted, whatever else is sent meanwhile`() async throws {
        try await withHistory(at: ["voicebot"], assignee: nil) { scenario in
            try scenario.world.setOptions(on: "voicebot") { $0.refusedMembers = [Self.laravel] }
            try await scenario.write("UPDATE conversations SET assignee_id = 'anna'")
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(try await scenario.run("outbox", "discard", "--state", "dead").exitCode == 0)
            let discarded = { try await scenario.run("status", "--json").json["remotes"]?["voicebot"]?["discarded"] }
            #expect(try await discarded() == 1)
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.syncs(2)
            #expect(scenario.written("voicebot") == [["status": "done"]], "\(scenario.calls)")
            #expect(try await discarded() == 1)
            try scenario.world.setOptions(on: "voicebot") { $0.refusedMembers = [] }
            let row = try await scenario.number("SELECT discarded_row FROM link_state WHERE remote = 'voicebot'")
            #expect(try await scenario.run("outbox", "retry", "\(row)").exitCode == 0)
            try await scenario.syncs(2)
            #expect(scenario.held("user_id", at: "voicebot") == 77, "\(scenario.calls)")
            #expect(try await discarded() == 0)
        }
    }

    @Test func `of several refused values of a member the row of the last one stays`() async throws {
        try await withHistory(at: ["voicebot"], assignee: "bert") { scenario in
            let other = RefusedMember("user_id", value: 79, message: "The selected user id is invalid.")
            try scenario.world.setOptions(on: "voicebot") { $0.refusedMembers = [Self.laravel, other] }
            try await scenario.write("INSERT INTO assignees VALUES ('zoe', 'voicebot', '79')")
            for assignee in ["anna", "zoe"] {
                try await scenario.write("UPDATE conversations SET assignee_id = '\(assignee)'")
                try await scenario.syncs(2, expecting: [0, 65])
            }
            #expect(count("user_id", at: "voicebot", scenario) == 2, "\(scenario.calls)")
            try await expectDead("user_id", at: "voicebot", scenario)
        }
    }

    @Test func `a change at the remote while a value is refused is not a conflict with it`() async throws {
        try await withHistory(at: ["voicebot"], assignee: nil) { scenario in
            try scenario.world.setOptions(on: "voicebot") { $0.refusedMembers = [Self.laravel] }
            try await scenario.write("UPDATE conversations SET assignee_id = 'anna'")
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(scenario.held("status", at: "voicebot") == "in-progress", "\(scenario.calls)")
            try scenario.act(at: "voicebot", on: 1, ["user_id": 78])
            let events = try await scenario.syncs(3, expecting: [0, 65])
            #expect(try await scenario.local("c1") == "open/bert")
            #expect(events.named("conflict.resolved").isEmpty)
            #expect(scenario.held("user_id", at: "voicebot") == 78)
        }
    }

    // MARK: helpdesk

    @Test(arguments: [false, true])
    func `an assignee whom the helpdesk refuses does not keep title and status from being sent`(isBare: Bool) async throws {
        try await withHistory(at: ["helpdesk"]) { scenario in
            try scenario.world.setOptions(on: "helpdesk") {
                $0.bareProblems = isBare
                $0.refusedMembers = [RefusedMember("assignee_id", value: "agent_unknown", message: "assignee_id: there is no such agent")]
            }
            try await scenario.write("UPDATE conversations SET status = 'closed', title = 'T', assignee_id = 'agent_unknown'")
            try await scenario.syncs(3, expecting: [0, 65])
            #expect(scenario.held("status", at: "helpdesk") == "closed", "\(scenario.calls)")
            #expect(scenario.held("title", at: "helpdesk") == "T", "\(scenario.calls)")
            #expect(scenario.held("assignee_id", at: "helpdesk") == "anna")
            #expect(count("assignee_id", at: "helpdesk", scenario) == 1, "\(scenario.calls)")
            try await expectDead("assignee_id", at: "helpdesk", scenario)
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET assignee_id = 'bert'")
            try await scenario.syncs(2)
            #expect(scenario.written("helpdesk") == [["conversation_id": "c1", "assignee_id": "bert"]], "\(scenario.calls)")
        }
    }

    @Test func `an address that the helpdesk refuses is left out alone`() async throws {
        try await withHistory(2, at: ["helpdesk"]) { scenario in
            try scenario.world.setOptions(on: "helpdesk") {
                $0.refusedMembers = [RefusedMember("user.email", value: "nonsense", message: "user.email is not an e-mail address")]
            }
            try await scenario.write("UPDATE users SET email = 'nonsense', name = 'Jane' WHERE id = 'u1'")
            try await scenario.write("UPDATE conversations SET status = 'resolved'")
            try await scenario.syncs(3, expecting: [0, 65])
            for number in 1...2 { #expect(scenario.held("status", at: "helpdesk", on: number) == "resolved", "\(scenario.calls)") }
            #expect(scenario.held("user", at: "helpdesk")?["name"] == "Jane", "\(scenario.calls)")
            #expect(scenario.held("user", at: "helpdesk")?["email"] == "u1@example.com")
            #expect(count("user.email", at: "helpdesk", scenario) == 1, "\(scenario.calls)")
            try await expectDead("user.email", at: "helpdesk", scenario)
        }
    }

    @Test func `what was refused together with a name is sent once another name is accepted`() async throws {
        try await withHistory(at: ["helpdesk"]) { scenario in
            try scenario.world.setOptions(on: "helpdesk") {
                $0.bareProblems = true
                $0.refusedMembers = [RefusedMember("user.name", value: "nonsense", message: "Invalid request")]
            }
            try await scenario.write("UPDATE users SET email = 'jane@example.com', name = 'nonsense'")
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(scenario.held("user", at: "helpdesk")?["email"] == "u1@example.com", "\(scenario.calls)")
            try await scenario.write("UPDATE users SET name = 'Jane'")
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(scenario.held("user", at: "helpdesk")?["name"] == "Jane", "\(scenario.calls)")
            #expect(scenario.held("user", at: "helpdesk")?["email"] == "jane@example.com", "\(scenario.calls)")
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0)
        }
    }

    /// Refuses the first call without a reason and accepts the status; the third one is answered with this status.
    private func refuseApart(_ scenario: ProgramScenario, third status: Int) throws {
        var (first, third) = (FaultRule(.status, times: 1), FaultRule(.status, times: 1))
        (first.status, first.body) = (400, ["error": "Invalid request"])
        (third.status, third.skip) = (status, 1)
        (first.pathContains, third.pathContains) = ("update_conversation", "update_conversation")
        try scenario.world.setFaults([first, third], on: "helpdesk")
    }

    @Test func `a member that is sent alone in vain does not keep a later status from being sent`() async throws {
        try await withHistory(at: ["helpdesk"]) { scenario in
            try refuseApart(scenario, third: 409)
            try await scenario.write("UPDATE users SET email = 'jane@example.com'")
            try await scenario.write("UPDATE conversations SET status = 'resolved', title = 'T'")
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(scenario.held("status", at: "helpdesk") == "resolved", "\(scenario.calls)")
            #expect(scenario.held("title", at: "helpdesk") != "T", "\(scenario.calls)")
            // What waits for the title says so.
            let waiting = try await scenario.run("explain", "c1", "--json").json["remotes"]?["helpdesk"]?["fields"]?["user.email"]
            #expect(waiting?.text.contains("waits for the response to title") == true, "\(waiting?.text ?? "-")")
            #expect(try await scenario.run("diff").output.contains("user.email"))
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(scenario.held("status", at: "helpdesk") == "closed", "\(scenario.calls)")
            #expect(try await scenario.run("outbox", "retry", "--state", "dead").exitCode == 0)
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(scenario.held("title", at: "helpdesk") == "T", "\(scenario.calls)")
        }
    }

    @Test func `another value of a member that is sent alone ends the search for the refused one`() async throws {
        try await withHistory(at: ["helpdesk"]) { scenario in
            try refuseApart(scenario, third: 409)
            try await scenario.write("UPDATE users SET email = 'jane@example.com'")
            try await scenario.write("UPDATE conversations SET status = 'resolved', title = 'bad'")
            try await scenario.syncs(1, expecting: [65])
            #expect(scenario.held("status", at: "helpdesk") == "resolved", "\(scenario.calls)")
            try await scenario.write("UPDATE conversations SET title = 'good'")
            try await scenario.syncs(2)
            #expect(scenario.held("title", at: "helpdesk") == "good", "\(scenario.calls)")
            #expect(scenario.held("user", at: "helpdesk")?["email"] == "jane@example.com", "\(scenario.calls)")
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0)
        }
    }

    @Test func `what is left when the refused member is found is sent together`() async throws {
        try await withHistory(at: ["helpdesk"]) { scenario in
            try scenario.world.setOptions(on: "helpdesk") {
                $0.bareProblems = true
                $0.refusedMembers = [RefusedMember("title", value: "bad", message: "Invalid request")]
            }
            try await scenario.write("UPDATE users SET email = 'jane@example.com'")
            try await scenario.write("UPDATE conversations SET status = 'resolved', title = 'bad', tags = '[\"a\"]', assignee_id = 'bert'")
            try await scenario.syncs(3, expecting: [0, 65])
            #expect(scenario.held("user", at: "helpdesk")?["email"] == "jane@example.com", "\(scenario.calls)")
            #expect(scenario.held("assignee_id", at: "helpdesk") == "bert", "\(scenario.calls)")
            #expect(scenario.held("tags", at: "helpdesk") == ["a"], "\(scenario.calls)")
            try await expectDead("title", at: "helpdesk", scenario)
        }
    }

    // MARK: vg

    @Test func `a member that vg refuses is left out alone`() async throws {
        try await withHistory(at: ["vg"]) { scenario in
            try scenario.world.setOptions(on: "vg") { $0.refusedMembers = [RefusedMember("userEmail", value: "nonsense")] }
            try await scenario.write("UPDATE users SET email = 'nonsense'")
            try await scenario.write("UPDATE conversations SET status = 'closed', title = 'T'")
            try await scenario.syncs(3, expecting: [0, 65])
            #expect(scenario.held("state", at: "vg") == "ended_chat", "\(scenario.calls)")
            #expect(scenario.held("title", at: "vg") == "T", "\(scenario.calls)")
            #expect(scenario.held("userEmail", at: "vg") == "u1@example.com")
            #expect(count("userEmail", at: "vg", scenario) == 1, "\(scenario.calls)")
            try await expectDead("userEmail", at: "vg", scenario)
        }
    }

    @Test func `a refusal that names no member does not block the status for ever`() async throws {
        try await withHistory(at: ["vg"]) { scenario in
            try scenario.world.setOptions(on: "vg") {
                $0.refusedMembers = [RefusedMember("userEmail", value: "nonsense", message: "Invalid request")]
            }
            try await scenario.write("UPDATE users SET email = 'nonsense'")
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.syncs(3, expecting: [0, 65])
            #expect(scenario.held("state", at: "vg") == "ended_chat", "\(scenario.calls)")
            #expect(scenario.held("userEmail", at: "vg") == "u1@example.com")
            let before = scenario.writeCount()
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(scenario.writeCount() == before, "what was refused is not tried again: \(scenario.calls)")
        }
    }

    @Test func `several members are refused one by one, and the rest is sent`() async throws {
        try await withHistory(at: ["helpdesk"]) { scenario in
            try scenario.world.setOptions(on: "helpdesk") {
                $0.refusedMembers = [
                    RefusedMember("assignee_id", value: "agent_unknown", message: "assignee_id: there is no such agent"),
                    RefusedMember("user.email", value: "nonsense", message: "user.email is not an e-mail address"),
                ]
            }
            try await scenario.write("UPDATE users SET email = 'nonsense'")
            try await scenario.write("UPDATE conversations SET status = 'closed', title = 'T', assignee_id = 'agent_unknown'")
            try await scenario.syncs(4, expecting: [0, 65])
            #expect(scenario.held("status", at: "helpdesk") == "closed", "\(scenario.calls)")
            #expect(scenario.held("title", at: "helpdesk") == "T", "\(scenario.calls)")
            #expect(scenario.held("assignee_id", at: "helpdesk") == "anna")
            let before = scenario.writeCount()
            try await scenario.syncs(2, expecting: [0, 65])
            #expect(scenario.writeCount() == before, "\(scenario.calls)")
        }
    }
}
