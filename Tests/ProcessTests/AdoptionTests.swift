import Fixtures
import Foundation
import Sandbox
import Testing

/// Changes by people at one remote are adopted here and sent to the other remotes, once.
@Suite(.serialized) struct AdoptionTests {
    /// Conversations that were sent to all remotes, with nothing due.
    private func withPeople(
        _ count: Int = 1, assignee: String? = "agent_fin", _ configure: (inout ScenarioConfiguration) -> Void = { _ in },
        _ body: (ProgramScenario) async throws -> Void
    ) async throws {
        try await withScenario({
            $0.poll()
            configure(&$0)
        }) { scenario in
            try await scenario.write("INSERT INTO assignees VALUES ('jane', 'voicebot', '7'), ('jane', 'vg', 'client_jane')")
            try await scenario.addConversations(1...count, assignee: assignee)
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
            scenario.world.clearRequests()
            try await body(scenario)
        }
    }

    /// Another sync reads, but writes nothing at any remote.
    private func expectRest(_ scenario: ProgramScenario, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let state = try await scenario.texts("SELECT id || status || coalesce(assignee_id, '-') || updated_at FROM conversations")
        let changes = try await scenario.number("SELECT count(*) FROM adopted_changes")
        scenario.world.clearRequests()
        let outcome = try await scenario.sync(sourceLocation: sourceLocation)
        #expect(outcome["planned"] == 0, sourceLocation: sourceLocation)
        #expect(scenario.writeCount() == 0, sourceLocation: sourceLocation)
        #expect(scenario.readCount("voicebot") > 0, sourceLocation: sourceLocation)
        let after = try await scenario.texts("SELECT id || status || coalesce(assignee_id, '-') || updated_at FROM conversations")
        #expect(after == state, sourceLocation: sourceLocation)
        #expect(try await scenario.number("SELECT count(*) FROM adopted_changes") == changes, sourceLocation: sourceLocation)
    }

    @Test func `a conversation set to done at voicebot is closed here and finished at all remotes within one sync`() async throws {
        try await withPeople(3) { scenario in
            let actedAt = Date.now
            try scenario.act(at: "voicebot", on: 2, ["status": "done"])
            let result = try await scenario.run("sync")
            #expect(result.exitCode == 0)
            #expect(try await scenario.local("c2") == "closed/agent_fin")
            #expect(try await scenario.adopted("c2") == ["voicebot done: status open→closed"])
            let reported = try #require(try await scenario.text("SELECT reported_at FROM adopted_changes"))
            // Voicebot has no dates: the time of the read counts.
            #expect(reported >= actedAt.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
            #expect(scenario.written("vg") == [["state": "ended_chat"]])
            #expect(scenario.written("helpdesk") == [["conversation_id": "c2", "status": "closed"]])
            #expect(scenario.writeCount("voicebot") == 0)
            let event = try #require(result.events("status.adopted").first)
            #expect(event["remote"] == "voicebot")
            #expect(event["conversation"] == "c2")
            #expect(event["word"] == "done")
            #expect(try await scenario.differences() == [])
            try await expectRest(scenario)
        }
    }

    @Test func `an ended conversation stays ended although voicebot says done`() async throws {
        try await withPeople { scenario in
            try await scenario.write("UPDATE conversations SET status = 'ended'")
            try await scenario.sync()
            #expect(scenario.written("voicebot") == [["status": "done"]])
            try await expectRest(scenario)
            #expect(try await scenario.local("c1") == "ended/agent_fin")
            // Setting it to done at voicebot again is not a change.
            try scenario.act(at: "voicebot", on: 1, ["status": "done"])
            try await expectRest(scenario)
            #expect(try await scenario.local("c1") == "ended/agent_fin")
            #expect(try await scenario.adopted("c1") == [])
        }
    }

    @Test func `done at voicebot and ended here at the same time are not a conflict`() async throws {
        try await withPeople { scenario in
            try scenario.act(at: "voicebot", on: 1, ["status": "done"])
            try await scenario.write("UPDATE conversations SET status = 'ended'")
            try await scenario.sync()
            #expect(try await scenario.local("c1") == "ended/agent_fin")
            #expect(try await scenario.adopted("c1") == [])
            #expect(scenario.written("vg") == [["state": "ended_chat"]])
            // Voicebot has this value already.
            #expect(scenario.writeCount("voicebot") == 0)
            #expect(try await scenario.verdict("c1", at: "voicebot")?["decision"] == "kept")
            try await expectRest(scenario)
        }
    }

    @Test func `a chat picked up at vg gets its person here and at voicebot, and is returned to the AI`() async throws {
        try await withPeople { scenario in
            try scenario.act(at: "vg", on: 1, ["state": "human-chatting", "chatAssignedTo": "client_jane"])
            try await scenario.sync()
            #expect(try await scenario.local("c1") == "open/jane")
            #expect(try await scenario.adopted("c1") == ["vg human-chatting: assignee_id agent_fin→jane"])
            // `in-progress` is also voicebot's status value for a conversation of the AI.
            #expect(scenario.written("voicebot") == [["user_id": 7]])
            #expect(scenario.written("helpdesk") == [["conversation_id": "c1", "assignee_id": "jane"]])
            #expect(scenario.writeCount("vg") == 0)
            try await expectRest(scenario)
            // Nothing in vg's documents removes `chatAssignedTo`.
            try scenario.act(at: "vg", on: 1, ["state": "ai-chatting"])
            scenario.world.clearRequests()
            try await scenario.sync()
            #expect(try await scenario.local("c1") == "open/agent_fin")
            #expect(scenario.written("voicebot") == [["user_id": .null]])
            #expect(scenario.written("helpdesk") == [["conversation_id": "c1", "assignee_id": "agent_fin"]])
            #expect(scenario.writeCount("vg") == 0)
            #expect(try await scenario.differences() == [])
            try await expectRest(scenario)
        }
    }

    @Test func `an unknown person at vg becomes agent_unknown`() async throws {
        try await withPeople(assignee: nil) { scenario in
            try scenario.act(at: "vg", on: 1, ["state": "human-chatting", "chatAssignedTo": "client_nobody"])
            try await scenario.sync()
            #expect(try await scenario.local("c1") == "open/agent_unknown")
            #expect(scenario.written("voicebot") == [["status": "in-progress"]])
            #expect(scenario.written("helpdesk") == [["conversation_id": "c1", "assignee_id": "agent_unknown"]])
            #expect(scenario.writeCount("vg") == 0)
            try await expectRest(scenario)
        }
    }

    @Test func `a conversation picked up at voicebot gets a person here, and voicebot keeps its user`() async throws {
        try await withPeople(2) { scenario in
            try scenario.act(at: "voicebot", on: 1, ["user_id": 7])
            try scenario.act(at: "voicebot", on: 2, ["user_id": 99])
            try await scenario.sync()
            #expect(try await scenario.local("c1") == "open/jane")
            #expect(try await scenario.local("c2") == "open/agent_unknown")
            #expect(scenario.writeCount("voicebot") == 0)
            #expect(scenario.written("vg") == [["state": "human-chatting"], ["state": "human-chatting"]])
            try await expectRest(scenario)
            // Whatever happens here afterwards: a person who was assigned there is not removed.
            for (status, assignee) in [("open", "agent_fin"), ("open", nil), ("closed", nil), ("open", "agent_fin")] {
                try await scenario.write("UPDATE conversations SET status = ?, assignee_id = ?", [status, assignee])
                try await scenario.sync()
            }
            #expect(scenario.written("voicebot").filter { $0.object?["user_id"] != nil } == [])
            #expect(scenario.world.state(of: "voicebot", conversation: "1")?["user_id"] == 7)
            #expect(scenario.world.state(of: "voicebot", conversation: "2")?["user_id"] == 99)
        }
    }

    @Test func `a status set at the helpdesk is adopted unchanged and sent to the others`() async throws {
        try await withPeople { scenario in
            try scenario.act(at: "helpdesk", on: 1, ["status": "resolved"])
            try await scenario.sync()
            #expect(try await scenario.local("c1") == "resolved/agent_fin")
            #expect(try await scenario.adopted("c1") == ["helpdesk resolved: status open→resolved"])
            #expect(scenario.written("voicebot") == [["status": "done"]])
            #expect(scenario.written("vg") == [["state": "ended_chat"]])
            #expect(scenario.writeCount("helpdesk") == 0)
            try await expectRest(scenario)
        }
    }

    @Test func `values in the response to a call are adopted without polling`() async throws {
        try await withPeople(
            1,
            {
                $0.poll([]); for remote in ScenarioConfiguration.readable { $0.remove("remotes.\(remote).poll") }
            }
        ) {
            scenario in
            try scenario.act(at: "vg", on: 1, ["state": "human-chatting", "chatAssignedTo": "client_jane"])
            try await scenario.setTitle("Another title", of: "c1")
            try await scenario.sync()
            #expect(try await scenario.local("c1") == "open/jane")
            #expect(scenario.written("voicebot") == [["user_id": 7]])
            #expect(scenario.world.state(of: "helpdesk", conversation: "c1")?["assignee_id"] == "jane")
            scenario.world.clearRequests()
            try await scenario.sync()
            #expect(scenario.requestCount() == 0)
        }
    }

    @Test func `the daemon adopts what polls of all three remotes find at the same time`() async throws {
        try await withPeople(3) { scenario in
            let daemon = try await scenario.startDaemon()
            try scenario.act(at: "voicebot", on: 1, ["status": "done"])
            try scenario.act(at: "vg", on: 2, ["state": "requested_chat"])
            try scenario.act(at: "helpdesk", on: 3, ["status": "ended"])
            for _ in 1...3 { try await daemon.event("status.adopted") }
            let expected = ["closed/agent_fin", "open/-", "ended/agent_fin"]
            #expect(
                try await eventually {
                    try await scenario.texts("SELECT status || '/' || coalesce(assignee_id, '-') FROM conversations ORDER BY id")
                        == expected
                })
            #expect(try await scenario.remainingDifferences() == [])
            #expect(try await scenario.settle())
            let before = scenario.writeCount()
            try await scenario.reads("voicebot", more: 3)
            try await scenario.reads("vg", more: 3)
            #expect(scenario.writeCount() == before)
            #expect(daemon.events("status.adopted").count == 3)
            // One field, one call per remote: voicebot, vg and helpdesk get the two changes that were made at the others.
            #expect(before == 6)
        }
    }
}
