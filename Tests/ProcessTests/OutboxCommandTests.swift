import Sandbox
import Testing

/// What operators do: pause and resume, outbox retry and discard.
@Suite(.serialized) struct OutboxCommandTests {
    @Test func `pause stops deliveries of a running daemon to one remote, and resume continues them`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences() == [])
            #expect(try await scenario.run("pause", "vg").exitCode == 0)
            let before = scenario.requestCount("vg")
            try await scenario.setTitle("while paused", of: "c1")
            try await scenario.request("helpdesk", containing: "while paused")
            #expect(scenario.requestCount("vg") == before)
            #expect(try await scenario.run("status", "--json").json["remotes"]?["vg"]?["paused_at"]?.string != nil)
            #expect(try await scenario.run("resume", "vg").exitCode == 0)
            try await scenario.request("vg", containing: "while paused")
            #expect(try await scenario.run("status", "--json").json["remotes"]?["vg"]?["paused_at"] == .null)
            #expect(!daemon.hasEnded)
        }
    }

    @Test func `without a limit the list shows people the newest 50 rows, and --json all`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            let before = try await scenario.number("SELECT count(*) FROM outbox")
            try await scenario.write(
                """
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
                INSERT INTO outbox (conversation_id, remote, payload, operation, method, path, body, target_id, idempotency_key, state,
                    due_at, created_at, updated_at, finished_at)
                SELECT 'c1', 'vg', 'state', 'o', 'PATCH', '/', '{}', 't', 'k' || i, 'superseded', '2026-01-01T00:00:00.000Z',
                    '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z' FROM n
                """)
            let lines = try await scenario.run("outbox", "list").output.split(separator: "\n")
            #expect(lines.count == 52 && lines.last == "… more; see --limit", "a header, 50 rows and a note")
            let all = try await scenario.run("outbox", "list", "--json").json["rows"]?.array
            #expect(all?.count == Int(before) + 60)
        }
    }

    @Test func `a pause survives a restart and stops a sync as well`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            #expect(try await scenario.run("pause", "vg").exitCode == 0)
            let outcome = try await scenario.sync(expecting: 75)
            #expect(outcome["waiting"] == 2)
            #expect(scenario.requestCount("vg") == 0)
            #expect(scenario.requestCount("helpdesk") == 2)
            #expect(try await scenario.run("resume", "vg").exitCode == 0)
            try await scenario.sync("--drain", "60")
            #expect(try await scenario.differences() == [])
        }
    }

    @Test func `a discarded row is never sent, and the next change sends what is still wanted`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.sync()
            try scenario.world.setFaults([FaultRule(.dropBefore)], on: "vg")
            try await scenario.setTitle("discarded", of: "c1")
            try await scenario.sync(expecting: 75)
            let id = try await scenario.number("SELECT id FROM outbox WHERE state = 'pending'")
            let preview = try await scenario.run("outbox", "discard", "\(id)", "--dry-run", "--json").json
            #expect(preview["action"] == "discard")
            #expect(preview["dry_run"] == true)
            #expect(preview["affected"] == [.integer(id)])
            #expect(preview["skipped"] == [])
            #expect(preview["rows"]?.array?.map { $0["effect"] } == ["drop"])
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'pending'") == 1)
            #expect(try await scenario.run("outbox", "discard", "\(id)").exitCode == 0)
            try scenario.world.setFaults([], on: "vg")
            scenario.world.clearRequests()
            try await scenario.sync()
            #expect(scenario.requestCount("vg") == 0)
            try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
            try await scenario.sync()
            let expected: SandboxJSON = ["conversation": ["title": "discarded", "state": "ended_chat"]]
            #expect(scenario.world.requests(instance: "vg").map(\.bodyJSON) == [expected])
        }
    }

    @Test func `outbox retry sends dead rows again with all attempts, in a running daemon at once`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            var rule = FaultRule(.status)
            rule.status = 422
            try scenario.world.setFaults([rule], on: "vg")
            let daemon = try await scenario.startDaemon()
            #expect(try await eventually { try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 3 })
            try scenario.world.setFaults([], on: "vg")
            let retried = try await scenario.run("outbox", "retry", "--state", "dead", "--remote", "vg", "--json").json
            #expect(retried["affected"]?.array?.count == 3)
            #expect(retried["skipped"] == [])
            #expect(try await scenario.remainingDifferences() == [])
            #expect(!daemon.hasEnded)
        }
    }

    @Test func `rows that an action does not apply to are skipped with the reason`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            let result = try await scenario.run("outbox", "discard", "1", "2", "--json")
            #expect(result.exitCode == 64)
            #expect(try result.json["affected"] == [])
            #expect(try result.json["skipped"]?.array?.map { $0["reason"]?.string } == ["is delivered", "is delivered"])
        }
    }

    @Test func `a newer change replaces an older one that waits, and the old row names the new one`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            #expect(try await scenario.run("pause", "vg").exitCode == 0)
            for title in ["first", "second", "third"] {
                try await scenario.setTitle(title, of: "c1")
                try await scenario.sync(expecting: 75)
            }
            #expect(try await scenario.run("resume", "vg").exitCode == 0)
            scenario.world.clearRequests()
            try await scenario.sync()
            #expect(scenario.world.requests(instance: "vg").map(\.bodyJSON) == [["conversation": ["title": "third"]]])
            let successors = try await scenario.texts(
                """
                SELECT o.state || ' ' || n.state FROM outbox o JOIN outbox n ON n.id = o.superseded_by WHERE o.remote = 'vg' ORDER BY o.id
                """)
            #expect(successors == ["superseded superseded", "superseded delivered"])
            // The last row lists the rows that it replaced, directly and indirectly.
            let id = try await scenario.number("SELECT max(id) FROM outbox WHERE remote = 'vg'")
            let shown = try await scenario.run("outbox", "show", "\(id)", "--json").json["rows"]?.array?.first
            let superseded = shown?["superseded"]?.array ?? []
            #expect(superseded.map { $0["superseded_by"] } == [superseded.last?["outbox_id"], .integer(id)])
            #expect(superseded.allSatisfy { $0["created_at"]?.string != nil && $0["superseded_at"]?.string != nil })
            #expect(shown?["absorbed"]?.array == superseded.last?["outbox_id"].map { [$0] })
            let text = try await scenario.run("outbox", "show", "\(id)").output
            for row in superseded { #expect(text.contains("    outbox \(row["outbox_id"]?.integer ?? 0)  written ")) }
            let replaced = try #require(shown?["absorbed"]?.array?.first?.integer)
            #expect(try await scenario.run("outbox", "show", "\(replaced)").output.contains("replaced by   \(id)"))
        }
    }
}
