import Foundation
import Sandbox
import Testing

/// Both sides changed after they last agreed.
@Suite(.serialized) struct ConflictTests {
    enum Later: String, Sendable { case here, there }

    /// `c1` is closed here while vg accepts no writes, and a person at vg picks the chat up. Then vg accepts writes again.
    private func bothChanged(
        conflict: String?, later: Later, _ body: (ProgramScenario, ConvosyncProcess.Result) async throws -> Void
    ) async throws {
        try await withScenario({
            $0.poll()
            // Reads are reconciled before anything is written, however slow the machine is.
            $0["schedule", "stall"] = "\"20s\""
            if let conflict { $0["remotes.vg", "conflict"] = "\"\(conflict)\"" }
        }) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            var unavailable = FaultRule(.status)
            unavailable.status = 500
            unavailable.method = "PATCH"
            try scenario.world.setFaults([unavailable], on: "vg")
            if later == .here {
                try scenario.act(at: "vg", on: 1, ["state": "human-chatting"])
                try await nextSecond()
            }
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            if later == .there {
                try await scenario.sync(expecting: 75)
                try await nextSecond()
                try scenario.act(at: "vg", on: 1, ["state": "human-chatting"])
            }
            try scenario.world.setFaults([], on: "vg")
            scenario.world.clearRequests()
            let result = try await scenario.run("sync", "--drain", "10")
            #expect(result.exitCode == 0)
            try await body(scenario, result)
            #expect(result.events("conflict.resolved").count == 1)
            #expect(try await scenario.differences() == [])
            scenario.world.clearRequests()
            try await scenario.sync()
            #expect(scenario.writeCount() == 0)
        }
    }

    /// vg dates its changes in whole seconds.
    private func nextSecond() async throws {
        let second = Int(Date.now.timeIntervalSince1970)
        _ = try await eventually { Int(Date.now.timeIntervalSince1970) > second }
    }

    private func expectLocalWins(_ scenario: ProgramScenario, _ result: ConvosyncProcess.Result) async throws {
        let state = try await scenario.local("c1")
        #expect(state == "closed/agent_fin")
        #expect(scenario.world.state(of: "vg", conversation: "v1")?["state"] == "ended_chat")
        #expect(scenario.writeCount("vg") == 1)
        #expect(result.events("conflict.resolved").first?["winner"] == "local")
        #expect(try await scenario.adopted("c1") == [])
    }

    private func expectRemoteWins(_ scenario: ProgramScenario, _ result: ConvosyncProcess.Result) async throws {
        let state = try await scenario.local("c1")
        #expect(state == "open/agent_unknown")
        #expect(scenario.writeCount("vg") == 0)
        let event = try #require(result.events("conflict.resolved").first)
        #expect(event["winner"] == "remote")
        #expect(event["reason"]?.string?.contains("closed") == true)
        #expect(try await scenario.adopted("c1") == ["vg human-chatting: assignee_id agent_fin→agent_unknown, status closed→open"])
    }

    @Test(arguments: [Later.here, .there]) func `conflict = local keeps the local change`(later: Later) async throws {
        try await bothChanged(conflict: "local", later: later) { try await expectLocalWins($0, $1) }
    }

    @Test func `conflict = newest keeps the local change when it is the later one`() async throws {
        try await bothChanged(conflict: nil, later: .here) { try await expectLocalWins($0, $1) }
    }

    /// A later change by a person is not evidence for a reopening: the policy decides between changes, not about finished conversations.
    @Test func `a remote that wins does not reopen without evidence`() async throws {
        for conflict in ["remote", "newest"] {
            try await withScenario({
                $0.poll()
                $0["remotes.vg", "conflict"] = "\"\(conflict)\""
            }) { scenario in
                try await scenario.addConversations(1...1)
                try await scenario.sync()
                try await scenario.write("UPDATE conversations SET status = 'closed'")
                try await nextSecond()
                try scenario.act(at: "vg", on: 1, ["state": "human-chatting"])
                let result = try await scenario.run("sync")
                #expect(try await scenario.local("c1") == "closed/agent_fin", "\(conflict)")
                #expect(scenario.world.state(of: "vg", conversation: "v1")?["state"] == "ended_chat")
                #expect(result.events("status.kept").count == 1)
            }
        }
    }

    /// Two different owners: no reopening is involved.
    private func bothTook(conflict: String?, later: Later, winner: String) async throws {
        try await withScenario({
            $0.poll()
            // Reads are reconciled before anything is written, however slow the machine is.
            $0["schedule", "stall"] = "\"20s\""
            if let conflict { $0["remotes.vg", "conflict"] = "\"\(conflict)\"" }
        }) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            if later == .here {
                try scenario.act(at: "vg", on: 1, ["state": "human-chatting"])
                try await nextSecond()
            }
            try await scenario.write("UPDATE conversations SET assignee_id = NULL")
            if later == .there {
                try await nextSecond()
                try scenario.act(at: "vg", on: 1, ["state": "human-chatting"])
            }
            let result = try await scenario.run("sync")
            #expect(try await scenario.local("c1") == (winner == "local" ? "open/-" : "open/agent_unknown"))
            #expect(
                scenario.world.state(of: "vg", conversation: "v1")?["state"]?.string
                    == (winner == "local" ? "requested_chat" : "human-chatting"))
            #expect(result.events("conflict.resolved").map { $0["winner"]?.string } == [winner])
            #expect(try await scenario.differences() == [])
            scenario.world.clearRequests()
            try await scenario.sync()
            #expect(scenario.writeCount() == 0)
        }
    }

    @Test func `conflict = newest takes the later change, whichever side it is on`() async throws {
        try await bothTook(conflict: nil, later: .here, winner: "local")
        try await bothTook(conflict: "newest", later: .there, winner: "remote")
    }

    @Test func `conflict = remote and conflict = local ignore the times of the changes`() async throws {
        try await bothTook(conflict: "remote", later: .here, winner: "remote")
        try await bothTook(conflict: "local", later: .there, winner: "local")
    }

    @Test func `with reopen = always a remote that wins reopens the conversation`() async throws {
        try await withScenario({
            $0.poll()
            $0["remotes.vg", "reopen"] = "\"always\""
            $0["remotes.vg", "conflict"] = "\"remote\""
        }) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try scenario.act(at: "vg", on: 1, ["state": "human-chatting"])
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            scenario.world.clearRequests()
            let result = try await scenario.run("sync")
            try await expectRemoteWins(scenario, result)
            #expect(try await scenario.differences() == [])
        }
    }
}
