import Sandbox
import Testing

/// The documents that `--json` prints: one object each, with stable field names.
@Suite(.serialized) struct JSONOutputTests {
    @Test func `status --json has every documented field while the daemon is not running`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            let before = try await scenario.run("status", "--json").json
            #expect(before["unplanned"]?.integer ?? 0 > 0)
            #expect(before["last_run"] == .null)
            try scenario.world.setFaults([FaultRule(.dropBefore)], on: "vg")
            try await scenario.sync(expecting: 75)
            let status = try await scenario.run("status", "--json").json
            let remotes = try #require(status["remotes"]?.object)
            #expect(Set(remotes.keys) == ["helpdesk", "fin", "voicebot", "vg"])
            let fields: Set<String> = [
                "pending", "oldest_pending_at", "oldest_pending_age_s", "in_flight", "retrying", "held", "dead", "uncertain", "breaker",
                "breaker_open_until", "parked_at", "park_reason", "paused_at", "throttled_until", "last_success_at", "last_failure_at",
                "last_error", "concurrency", "concurrency_max", "rate", "state", "discarded", "put_aside", "reads",
            ]
            for (name, remote) in remotes { #expect(Set(remote.object?.keys.map { $0 } ?? []) == fields, "\(name)") }
            #expect(remotes["vg"]?["pending"] == 1)
            #expect(remotes["vg"]?["retrying"] == 1)
            #expect(remotes["vg"]?["last_error"]?.string != nil)
            #expect(remotes["voicebot"]?["pending"] == 0)
            #expect(remotes["voicebot"]?["last_success_at"]?.string != nil)
            #expect(status["service"]?["running"] == false)
            let run = try #require(status["last_run"])
            for name in ["id", "cause", "started_at", "finished_at", "examined", "planned", "delivered", "put_back", "dead", "error"] {
                #expect(run[name] != nil, "last_run.\(name)")
            }
        }
    }

    @Test func `plan shows what a run would send, and sends and writes nothing`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.addMessage("m1", to: "c2")
            let tables = ["outbox", "runs", "link_state", "change_feed", "message_feed", "remotes", "processes", "planned_messages"]
            let counts = tables.map { "(SELECT count(*) FROM \($0))" }.joined(separator: " || ',' || ")
            let before = try await scenario.text("SELECT \(counts)")
            let plan = try await scenario.run("plan", "--json").json
            let text = try await scenario.run("plan").output
            #expect(try await scenario.text("SELECT \(counts)") == before)
            #expect(scenario.requestCount() == 0)
            #expect(plan["planned"] == 7)
            #expect(plan["refused"] == 0)
            let calls = try #require(plan["calls"]?.array)
            for call in calls {
                for name in ["conversation_id", "remote", "operation", "method", "path", "body", "fields"] {
                    #expect(call[name] != nil, "\(name)")
                }
            }
            let vg = try #require(calls.first { $0["remote"] == "vg" && $0["conversation_id"] == "c1" })
            #expect(vg["fields"]?["state"] == ["to": "ai-chatting"])
            #expect(text.contains("(never sent)"))
            #expect(text.contains("7 calls to make"))
            try await scenario.sync()
            #expect(Set(scenario.world.requests().compactMap(\.bodyJSON)) == Set(calls.compactMap { $0["body"] }))
            try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
            let next = try await scenario.run("plan", "--json").json["calls"]?.array ?? []
            #expect(next.first { $0["remote"] == "vg" }?["fields"] == ["state": ["from": "ai-chatting", "to": "ended_chat"]])
            #expect(try await scenario.run("plan").output.contains("\"ai-chatting\" → \"ended_chat\""))
            try await scenario.sync()
            #expect(
                try await scenario.run("plan", "--json").json == [
                    "calls": [], "planned": 0, "refused": 0, "held": 0, "held_by": [:], "brake": .null,
                ])
        }
    }

    @Test func `outbox list and show have every documented field`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try scenario.world.setFaults([FaultRule(.status, times: 1)], on: "vg")
            try await scenario.sync("--drain", "60")
            let rows = try #require(try await scenario.run("outbox", "list", "--json").json["rows"]?.array)
            #expect(rows.count == 3)
            let columns: Set<String> = [
                "id", "run_id", "conversation_id", "remote", "payload", "operation", "method", "path", "idempotency_key", "state",
                "attempts", "due_at", "last_http_status", "last_error", "superseded_by", "created_at", "updated_at", "finished_at",
                "fields", "message_id", "held_by",
            ]
            for row in rows { #expect(Set(row.object?.keys.map { $0 } ?? []) == columns) }
            let vg = try #require(try await scenario.run("outbox", "list", "--remote", "vg", "--json").json["rows"]?.array?.first)
            let id = try #require(vg["id"]?.integer)
            let shown = try #require(try await scenario.run("outbox", "show", "\(id)", "--json").json["rows"]?[0])
            #expect(
                Set(shown.object?.keys.map { $0 } ?? [])
                    == columns.union(["attempt_history", "body", "absorbed", "superseded", "next_try"]))
            let history = try #require(shown["attempt_history"]?.array)
            #expect(history.map { $0["outcome"]?.string } == ["retry", "delivered"])
            #expect(history.map { $0["http_status"]?.integer } == [500, 200])
            for name in ["attempt", "started_at", "finished_at", "error", "response_excerpt"] { #expect(history[0][name] != nil) }
            let text = try await scenario.run("outbox", "show", "\(id)").output
            #expect(text.contains("state: (never sent) → \"ai-chatting\""))
        }
    }

    @Test func `outbox list narrows by state, conversation, age and number`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            func count(_ arguments: String...) async throws -> Int? {
                let arguments = ["outbox", "list", "--json"] + arguments + ["--config", scenario.configurationPath]
                return try await scenario.start(arguments).end().json["rows"]?.array?.count
            }
            #expect(try await count() == 9)
            #expect(try await count("--state", "delivered") == 9)
            #expect(try await count("--state", "pending", "--state", "dead") == 0)
            #expect(try await count("--conversation", "c2") == 3)
            #expect(try await count("--remote", "vg", "--conversation", "c2") == 1)
            #expect(try await count("--limit", "4") == 4)
            #expect(try await count("--since", "1h") == 9)
            #expect(try await count("--since", "2999-01-01T00:00:00Z") == 0)
            #expect(try await count("1", "2") == 2)
        }
    }

    @Test func `map shows the documented status values and which of them lose information`() async throws {
        try await withScenario { scenario in
            let map = try #require(try await scenario.run("map", "--json").json["remotes"])
            func word(_ remote: String, _ status: String, _ owner: String) -> String? {
                map[remote]?["outbound"]?.array?.first { $0["status"]?.string == status && $0["owner"]?.string == owner }?["word"]?.string
            }
            #expect(["ai", "none", "human"].map { word("voicebot", "open", $0) } == ["in-progress", "to-do", "in-progress"])
            #expect(["ai", "none", "human"].map { word("vg", "open", $0) } == ["ai-chatting", "requested_chat", "human-chatting"])
            for status in ["resolved", "closed", "ended"] {
                for owner in ["ai", "none", "human"] {
                    #expect(word("voicebot", status, owner) == "done")
                    #expect(word("vg", status, owner) == "ended_chat")
                    #expect(word("helpdesk", status, owner) == status)
                }
            }
            #expect(map["vg"]?["never_over"] == ["ai-chatting": ["human-chatting", "requested_chat"]])
            #expect(map["vg"]?["ambiguous"] == ["ended_chat"])
            #expect(map["voicebot"]?["ambiguous"] == ["done", "in-progress"])
            #expect(map["helpdesk"]?["ambiguous"] == [])
            let text = try await scenario.run("map").output
            #expect(text.contains("ended_chat *"))
            #expect(text.contains("vg: ended_chat stands for resolved, closed and ended"))
            #expect(text.contains("voicebot: in-progress stands for open (ai) and open (human)"))
            let helpdesk = text.split(separator: "\n").filter { $0.hasPrefix("helpdesk") }
            #expect(helpdesk.count == 4 && helpdesk.allSatisfy { !$0.contains("*") }, "\(text)")
        }
    }
}
