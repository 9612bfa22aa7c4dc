import Fixtures
import Foundation
import Sandbox
import Testing

/// What a person has done at a remote since it was last read is not undone by a call that must not replace it.
@Suite(.serialized) struct ReadBeforeWriteTests {
    /// The daemon, after its first list, with state of a remote that was last heard of long ago.
    private func withOldKnowledge(
        of remote: String, assignee: String, isClosed: Bool = false, _ body: (ProgramScenario) async throws -> Void
    ) async throws {
        try await withHistory(
            at: [remote], assignee: assignee,
            configure: {
                $0.poll([remote], interval: "1h")
                $0["retry", "base"] = "\"1s\""
                $0["retry", "cap"] = "\"1s\""
            }
        ) { scenario in
            let before = try await scenario.text("SELECT last_read_at FROM remotes WHERE name = ?", [remote])
            _ = try await scenario.startDaemon()
            #expect(
                try await eventually {
                    try await scenario.text("SELECT last_read_at FROM remotes WHERE name = ?", [remote]) != before
                })
            if isClosed {
                try await scenario.write("UPDATE conversations SET status = 'closed'")
                #expect(try await eventually { scenario.writeCount(remote) == 1 })
            }
            #expect(try await scenario.settle())
            try await age(scenario)
            try await scenario.nextSecond()
            scenario.world.clearRequests()
            try await body(scenario)
        }
    }

    private func age(_ scenario: ProgramScenario) async throws {
        try await scenario.write("UPDATE link_state SET record = json_remove(record, '$.shown_at')")
    }

    private func open(_ scenario: ProgramScenario) async throws {
        try await scenario.write("UPDATE conversations SET status = 'open' WHERE id = 'c1'")
    }

    private func methods(_ scenario: ProgramScenario, at remote: String = "vg") -> [String] {
        scenario.world.requests(instance: remote).map(\.method)
    }

    private func status(_ code: Int, times: Int? = nil, method: String? = nil) -> FaultRule {
        var rule = FaultRule(.status, times: times)
        rule.status = code
        rule.method = method
        return rule
    }

    @Test func `a chat that a person took at vg since it was last read is not given to the AI`() async throws {
        try await withOldKnowledge(of: "vg", assignee: "agent_fin", isClosed: true) { scenario in
            try scenario.act(at: "vg", on: 1, ["state": "human-chatting"])
            try await open(scenario)
            #expect(try await eventually { scenario.readCount("vg") > 0 })
            #expect(try await scenario.settle())
            #expect(methods(scenario) == ["GET"], "\(scenario.calls)")
            #expect(scenario.held("state", at: "vg") == "human-chatting")
        }
    }

    @Test func `a chat that nobody took is read once, and given to the AI`() async throws {
        try await withOldKnowledge(of: "vg", assignee: "agent_fin", isClosed: true) { scenario in
            try await open(scenario)
            try await scenario.request("vg", containing: "ai-chatting")
            #expect(try await scenario.settle())
            #expect(methods(scenario) == ["GET", "PATCH"])
            #expect(try await scenario.states(at: "vg").last == "delivered")
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'discarded'") == 0)
        }
    }

    @Test func `a chat that a person has when vg is first told about the conversation is not given to the AI`() async throws {
        try await withScenario({ configuration in
            for remote in ScenarioConfiguration.remotes where remote != "vg" { configuration.remove("remotes.\(remote)") }
            configuration.poll(["vg"])
        }) { scenario in
            try scenario.world.seed([["conversation": "v1", "agent": "a1", "state": "human-chatting"]], on: "vg")
            try await scenario.addConversations(1...1)
            try await scenario.write("DELETE FROM links WHERE remote <> 'vg'")
            try await scenario.syncs(2)
            #expect(scenario.held("state", at: "vg") == "human-chatting", "\(scenario.calls)")
            #expect(scenario.held("title", at: "vg") == "revision 0 of c1", "\(scenario.calls)")
        }
    }

    @Test(arguments: [true, false])
    func `a row that waited to be sent again is decided again, whatever became of its first call`(isRefused: Bool) async throws {
        try await withOldKnowledge(of: "vg", assignee: "agent_fin", isClosed: true) { scenario in
            var fault = status(isRefused ? 503 : 500, method: "PATCH")
            if isRefused { fault.retryAfterSeconds = 1 }
            try scenario.world.setFaults([fault], on: "vg")
            try await open(scenario)
            try await scenario.request("vg", containing: "ai-chatting")
            try scenario.act(at: "vg", on: 1, ["state": "human-chatting"])
            try scenario.world.setFaults([], on: "vg")
            #expect(try await scenario.settle())
            #expect(methods(scenario).prefix(3) == ["GET", "PATCH", "GET"], "\(scenario.calls)")
            #expect(scenario.written("vg").count { $0["state"] == "ai-chatting" } == 1, "\(scenario.calls)")
            #expect(scenario.held("state", at: "vg") == "human-chatting")
        }
    }

    @Test(arguments: [503, 429])
    func `while the object cannot be read nothing is sent, and the row says why`(code: Int) async throws {
        try await withOldKnowledge(of: "vg", assignee: "agent_fin", isClosed: true) { scenario in
            try scenario.world.setFaults([status(code, method: "GET")], on: "vg")
            try await open(scenario)
            #expect(try await eventually { scenario.readCount("vg") > 1 })
            #expect(scenario.writeCount("vg") == 0, "\(scenario.calls)")
            let error = try await scenario.text("SELECT last_error FROM outbox WHERE remote = 'vg' ORDER BY id DESC LIMIT 1")
            #expect(error?.contains("could not be read before the call: HTTP \(code)") == true, "\(error ?? "no row")")
            try scenario.world.setFaults([], on: "vg")
            try await scenario.request("vg", containing: "ai-chatting")
            #expect(try await scenario.settle())
        }
    }

    @Test(arguments: [405, 404, 400, 401, 403, 501])
    func `where the object cannot be read at all, the row is sent without that`(code: Int) async throws {
        try await withOldKnowledge(of: "vg", assignee: "agent_fin", isClosed: true) { scenario in
            try scenario.world.setFaults([status(code, method: "GET")], on: "vg")
            try await open(scenario)
            try await scenario.request("vg", containing: "ai-chatting")
            #expect(try await scenario.settle())
            #expect(methods(scenario) == ["GET", "PATCH"])
        }
    }

    @Test func `a person who has the conversation at voicebot by now is not taken off`() async throws {
        try await withOldKnowledge(of: "voicebot", assignee: "anna") { scenario in
            try scenario.act(at: "voicebot", on: 1, ["user_id": 78])
            try await scenario.write("UPDATE conversations SET assignee_id = NULL WHERE id = 'c1'")
            #expect(try await eventually { scenario.readCount("voicebot") > 0 })
            #expect(try await scenario.settle())
            #expect(scenario.held("user_id", at: "voicebot") == 78, "\(scenario.calls)")
        }
    }
}
