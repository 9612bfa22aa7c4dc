import Foundation
import Sandbox
import Testing

/// `convosync diff`: which conversations differ, and why nothing is sent.
@Suite struct DiffTests {
    private func differences(_ scenario: ProgramScenario, _ arguments: String...) async throws -> [SandboxJSON] {
        let result = try await scenario.start(["diff", "--json"] + arguments + ["--config", scenario.configurationPath]).end()
        #expect(result.exitCode == 0, "\(result.errorOutput)")
        return try #require(try result.json["differences"]?.array)
    }

    private func reasons(_ scenario: ProgramScenario) async throws -> [String] {
        try await differences(scenario).map {
            "\($0["remote"]?.string ?? "") \($0["conversation"]?.string ?? "") \($0["reason"]?.string ?? "")"
        }
    }

    @Test func `nothing differs when everything is delivered, and a change differs until it is`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            #expect(try await differences(scenario) == [])
            #expect(try await scenario.run("diff").output.hasPrefix("nothing differs"))
            try await scenario.write("UPDATE conversations SET status = 'resolved' WHERE id = 'c2'")
            let found = try await differences(scenario)
            let vg = try #require(found.first { $0["remote"] == "vg" })
            #expect(vg["conversation"] == "c2")
            #expect(vg["field"] == "state")
            #expect(vg["local"]?.string != vg["theirs"]?.string)
            #expect(vg["reason"] == "waiting")
            #expect(Set(found.compactMap { $0["remote"]?.string }) == ["helpdesk", "vg", "voicebot"])
            #expect(Set(try await differences(scenario, "--remote", "vg").compactMap { $0["remote"]?.string }) == ["vg"])
            #expect(try await scenario.run("diff", "--remote", "nosuch").exitCode == 64)
            try await scenario.sync()
            #expect(try await differences(scenario) == [])
        }
    }

    @Test func `refused, held, discarded and retried rows are distinguished`() async throws {
        try await withScenario { scenario in
            try scenario.configure {
                $0["retry", "base"] = "\"1h\""
                $0["retry", "cap"] = "\"1h\""
            }
            try await scenario.addConversations(1...4)
            try await scenario.sync()
            try scenario.world.setFaults([FaultRule(.dropBefore)], on: "vg")
            try await scenario.write("UPDATE conversations SET status = 'resolved'")
            try await scenario.sync(expecting: 75)
            try await scenario.write(
                """
                UPDATE outbox SET state = 'dead', last_error = 'HTTP 422: no' WHERE remote = 'vg' AND state = 'pending' AND conversation_id = 'c1';
                UPDATE outbox SET state = 'held', held_by = 'undone' WHERE remote = 'vg' AND state = 'pending' AND conversation_id = 'c2';
                """)
            let row = try #require(
                try await scenario.texts("SELECT id FROM outbox WHERE remote = 'vg' AND conversation_id = 'c3' AND state = 'pending'").first
            )
            #expect(try await scenario.run("outbox", "discard", row).exitCode == 0)
            #expect(try await reasons(scenario) == ["vg c1 refused", "vg c2 held", "vg c3 discarded", "vg c4 retrying"])
            #expect(try await scenario.run("explain", "--history", "0", "c1").output.contains("is dead: HTTP 422: no"))
            // `status` counts what needs an operator, `explain` says how to correct it.
            let status = try await scenario.run("status")
            #expect(status.output.contains("1 conversation differs and nothing is due"), "\(status.output)")
            #expect(try await scenario.run("status", "--json").json["discarded"] == 1)
            let explained = try await scenario.run("explain", "c3").output
            #expect(explained.contains("row \(row) was discarded"), "\(explained)")
            #expect(explained.contains("convosync outbox retry \(row)"))
            try scenario.world.setFaults([], on: "vg")
            #expect(try await scenario.run("outbox", "retry", "--remote", "vg", "--conversation", "c4").exitCode == 0)
            #expect(try await scenario.run("outbox", "retry", row).exitCode == 0)
            #expect(try await scenario.run("sync").exitCode == 0)
            #expect(try await reasons(scenario) == ["vg c1 refused", "vg c2 held"])
            #expect(try await scenario.run("status", "--json").json["discarded"] == 0)
        }
    }

    @Test func `a value that may be at a remote, and about which nothing is sent any more, is omitted with the reason`() async throws {
        try await withScenario { scenario in
            try scenario.configure {
                $0["retry", "base"] = "\"1h\""
                $0["retry", "cap"] = "\"1h\""
            }
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try scenario.world.setFaults([FaultRule(.dropAfter, times: 1)], on: "vg")
            try await scenario.write("UPDATE users SET email = 'a@x.example'")
            try await scenario.sync(expecting: 75)
            try await scenario.write("UPDATE users SET email = NULL")
            try await scenario.sync()
            // Another change is acknowledged.
            try await scenario.setTitle("Another title", of: "c1")
            try await scenario.sync()
            let found = try await differences(scenario)
            #expect(found.map { $0["field"] } == ["userEmail"], "\(found)")
            #expect(found.map { $0["reason"] } == ["omitted"], "\(found)")
            #expect(found.first?["detail"]?.string?.hasPrefix(#"vg may hold "a@x.example""#) == true, "\(found)")
            #expect(try await scenario.run("diff").output.contains("here nothing, there not known"))
            let explained = try await scenario.run("explain", "c1").output
            #expect(explained.contains("no_statement"), "\(explained)")
            let discarded = try await scenario.texts("SELECT last_error FROM outbox WHERE remote = 'vg' AND state = 'discarded'")
            #expect(discarded == ["not needed any more: there is nothing to send now"])
        }
    }

    @Test func `a value that is empty on both sides does not differ, and an assignee without a counterpart does`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.write("UPDATE conversations SET assignee_id = NULL")
            // Nothing has been sent yet, and a value that is empty on both sides is not a difference.
            let before = try await differences(scenario)
            #expect(before.contains { $0["field"] == "status" })
            #expect(before.allSatisfy { $0["local"] != $0["theirs"] }, "\(before)")
            try await scenario.sync()
            #expect(try await differences(scenario) == [])
            try await scenario.write(
                "INSERT INTO assignees VALUES ('agent_sam', 'voicebot', '77'); UPDATE conversations SET assignee_id = 'agent_nobody'")
            try await scenario.sync()
            let all = try await differences(scenario)
            let found = all.filter { $0["reason"] == "unmapped" }

            #expect(!found.isEmpty, "\(all)")
            #expect(found.allSatisfy { $0["local"] == "agent_nobody" }, "\(found)")
        }
    }

    @Test func `a gone object, a shared one and a message that was not delivered are differences`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            try await scenario.write(
                """
                UPDATE link_state SET gone_at = '2026-01-01T00:00:00.000Z' WHERE remote = 'vg' AND conversation_id = 'c1';
                UPDATE links SET remote_id = (SELECT remote_id FROM links WHERE remote = 'voicebot' AND conversation_id = 'c2')
                    WHERE remote = 'voicebot' AND conversation_id = 'c3';
                """)
            try await scenario.addMessage("m1", to: "c1", body: "a secret")
            let found = try await differences(scenario)
            let told = found.map {
                "\($0["remote"]?.string ?? "") \($0["conversation"]?.string ?? "") \($0["field"]?.string ?? "") \($0["reason"]?.string ?? "")"
            }
            #expect(told.contains("fin c1 message waiting"))
            #expect(told.contains("vg c1 link link_gone"))
            #expect(told.contains("voicebot c2 link link_shared"))
            #expect(found.first { $0["reason"] == "link_shared" }?["local"]?.string?.isEmpty == false)
            #expect(told.contains("voicebot c3 link link_shared"))
            #expect(!(try await scenario.run("diff").output.contains("a secret")))
        }
    }
}
