import Foundation
import Sandbox
import Testing

/// `convosync resend`, for a remote that was restored from a backup.
@Suite(.serialized) struct ResendTests {
    /// These remotes have an older state again, and whatever can be read is read.
    private func restored(_ scenario: ProgramScenario, _ remotes: [String], _ numbers: ClosedRange<Int> = 1...3) async throws {
        try await scenario.write("INSERT INTO assignees VALUES ('agent_sam', 'voicebot', '77')")
        try await scenario.addConversations(numbers, assignee: "agent_sam")
        try await scenario.sync()
        for remote in remotes { try scenario.world.backUp(remote) }
        try await scenario.write("UPDATE conversations SET title = 'present ' || id, status = 'closed', assignee_id = NULL")
        try await scenario.sync()
        #expect(try await scenario.differences() == [])
        for remote in remotes { try scenario.world.restore(remote) }
        #expect(try await scenario.differences() != [])
    }

    private func rows(_ scenario: ProgramScenario) async throws -> [String] {
        try await scenario.texts("SELECT id || title || status || coalesce(assignee_id, '-') || updated_at FROM conversations ORDER BY id")
    }

    @Test(arguments: ["helpdesk", "vg", "voicebot"])
    func `a restored remote is sent the present state, and nothing changes here`(_ remote: String) async throws {
        try await withScenario({ $0.poll(["vg", "voicebot"]) }) { scenario in
            try await restored(scenario, [remote])
            let before = try await rows(scenario)
            let others = ["helpdesk", "vg", "voicebot"].filter { $0 != remote }
            let result = try await scenario.run("resend", remote)
            #expect(result.exitCode == 0, "\(result.errorOutput)")
            #expect(result.output.contains("3 conversations is forgotten"), "\(result.output)")
            try await scenario.sync()
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
            #expect(try await rows(scenario) == before)
            #expect(try await scenario.number("SELECT count(*) FROM adopted_changes") == 0)
            for other in others { #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE remote = ?", [other]) == 6) }
        }
    }

    @Test func `a daemon sends a conversation again whose remotes have lost it`() async throws {
        try await withScenario({ $0.poll(["vg", "voicebot"]) }) { scenario in
            try await restored(scenario, ["helpdesk", "vg", "voicebot"], 1...1)
            let before = try await rows(scenario)
            let result = try await scenario.run("resend", "--conversation", "c1", "--json")
            #expect(try result.json["remotes"]?.object?.keys.sorted() == ["helpdesk", "vg", "voicebot"])
            #expect(try result.json["messages_left_out"]?.array?.compactMap(\.string) == ["fin"])
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.settle())
            daemon.send(SIGTERM)
            #expect(try await daemon.end().exitCode == 0)
            #expect(try await scenario.differences() == [])
            #expect(try await rows(scenario) == before)
            #expect(try await scenario.number("SELECT count(*) FROM adopted_changes") == 0)
        }
    }

    @Test func `a command that is killed between its transactions has everything sent by the next run`() async throws {
        try await withScenario { scenario in
            try await restored(scenario, ["vg"])
            let before = try await rows(scenario)
            // Once something is forgotten, the position in the feed is not stored before the command is killed.
            try await scenario.write(
                """
                CREATE TRIGGER endless BEFORE UPDATE OF replan_cursor ON remotes
                WHEN EXISTS (SELECT 1 FROM link_state WHERE record LIKE '%forgotten_at%')
                BEGIN
                    SELECT count(*) FROM sqlite_master a, sqlite_master b, sqlite_master c, sqlite_master d, sqlite_master e, sqlite_master f;
                END
                """)
            let command = try scenario.start(["resend", "vg", "--config", scenario.configurationPath])
            let hasBegun = """
                SELECT EXISTS (SELECT 1 FROM link_state WHERE record LIKE '%forgotten_at%')
                    OR EXISTS (SELECT 1 FROM remotes WHERE name = 'vg' AND replan_cursor IS NOT NULL)
                """
            #expect(try await eventually { try await scenario.number(hasBegun) == 1 })
            #expect(!command.hasEnded)
            await command.killAndWait()
            try await scenario.write("DROP TRIGGER endless")
            let differences = try await scenario.run("diff", "--json").json["differences"]?.array ?? []
            #expect(!differences.contains { $0["reason"] == "unexplained" }, "\(differences)")
            #expect(try await scenario.sync()["delivered"] == 3)
            #expect(try await scenario.differences() == [])
            #expect(try await rows(scenario) == before)
            #expect(try await scenario.number("SELECT count(*) FROM adopted_changes") == 0)
        }
    }

    @Test func `a dry run reports what would be sent and changes nothing`() async throws {
        try await withScenario { scenario in
            try await restored(scenario, ["vg"])
            let result = try await scenario.run("resend", "vg", "--dry-run")
            #expect(result.exitCode == 0)
            #expect(result.output.contains("vg: 3 calls for 3 conversations"), "\(result.output)")
            let json = try await scenario.run("resend", "vg", "--dry-run", "--json").json
            #expect(json["dry_run"] == true)
            #expect(json["remotes"]?["vg"]?["calls"] == 3)
            #expect(json["remotes"]?["vg"]?["first_calls"]?.array?.count == 3)
            #expect(try await scenario.sync()["planned"] == 0)
        }
    }

    @Test func `more than a few conversations require confirmation, and invalid arguments are refused`() async throws {
        try await withScenario { scenario in
            try await restored(scenario, ["vg"], 1...6)
            let refused = try await scenario.run("resend", "vg")
            #expect(refused.exitCode == 64)
            #expect(
                refused.errorOutput.contains("convosync resend vg ") && refused.errorOutput.contains("--yes\n"), "\(refused.errorOutput)")
            #expect(try await scenario.sync()["planned"] == 0)
            #expect(try await scenario.run("resend", "vg", "--yes").exitCode == 0)
            #expect(try await scenario.sync()["delivered"] == 6)
            for arguments in [["resend"], ["resend", "fin"], ["resend", "nobody"], ["resend", "--conversation", "c99"]] {
                let result = try await scenario.start(arguments + ["--config", scenario.configurationPath]).end()
                #expect(result.exitCode == 64, "\(arguments): \(result.output)")
            }
        }
    }
}
