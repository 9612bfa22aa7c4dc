import GRDB
import Sandbox
import Testing

/// A local field that cannot be sent is left out, without affecting the rest of the conversation or another remote.
@Suite(.serialized) struct UnsendableFieldTests {
    /// Valid JSON for SQLite, nested more deeply than is read.
    private static let deep = "{\"a\":" + String(repeating: "[", count: 300) + String(repeating: "]", count: 300) + "}"

    /// Writes although the table's CHECKs forbid it.
    private func force(_ scenario: ProgramScenario, _ sql: String, _ arguments: StatementArguments = []) async throws {
        try await scenario.execute("PRAGMA ignore_check_constraints = ON")
        try await scenario.write(sql, arguments)
        try await scenario.execute("PRAGMA ignore_check_constraints = OFF")
    }

    private func omitted(_ result: ConvosyncProcess.Result) -> [String] {
        result.events("projection.omitted").map { "\($0["remote"]?.string ?? "") \($0["field"]?.string ?? "")" }.sorted()
    }

    @Test func `attributes that are nested too deeply delay nothing else, and are sent once they can be read`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.addMessage("m2", to: "c2")
            try await scenario.write("UPDATE conversations SET attributes = ?, status = 'resolved' WHERE id = 'c2'", [Self.deep])
            try await scenario.write("UPDATE users SET attributes = ? WHERE id = 'u2'", [Self.deep])
            let plan = try await scenario.run("plan")
            #expect(plan.output.contains("attributes is left out: conversations.attributes of \"c2\" is nested deeper than 256 levels"))
            let result = try await scenario.run("sync")
            #expect(result.exitCode == 0, "\(result.output)")
            #expect(omitted(result) == ["fin user.attributes", "helpdesk attributes", "helpdesk user.attributes"])
            #expect(try await scenario.differences() == [])
            #expect(scenario.written("helpdesk", about: "c2").first?["attributes"] == nil)
            let explained = try await scenario.run("explain", "c2").output
            #expect(explained.contains("omitted"))
            #expect(try await scenario.run("explain", "c2", "--json").json["remotes"]?["fin"]?["fields"]?["user.attributes"] != nil)
            // Unreadable is not empty: the value that becomes readable is sent, and only that one.
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET attributes = '{\"plan\":\"pro\"}' WHERE id = 'c2'")
            try await scenario.sync()
            #expect(scenario.written("helpdesk") == [["conversation_id": "c2", "attributes": ["plan": "pro"]]])
            #expect(scenario.requestCount() == 1)
        }
    }

    @Test func `values that the CHECKs would refuse leave out only the fields that depend on them`() async throws {
        try await withScenario({ $0["remotes.vg.fields", "leadScore"] = "\"attributes.score\"" }) { scenario in
            try await scenario.addConversations(1...2)
            try await scenario.sync()
            try await scenario.addMessage("m1", to: "c1")
            try await force(
                scenario,
                """
                UPDATE conversations SET title = 'changed', tags = '{"no":"list"}', attributes = 'NaN', status = 'Open',
                    last_user_read_at = 'yesterday' WHERE id = 'c1'
                """)
            try await force(scenario, "UPDATE users SET attributes = '[]', user_type = 'agent', name = 'Other' WHERE id = 'u1'")
            scenario.world.clearRequests()
            let result = try await scenario.run("sync")
            #expect(result.exitCode == 0, "\(result.output)")
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0)
            #expect(
                scenario.written("helpdesk") == [
                    ["conversation_id": "c1", "title": "changed", "user": ["id": "u1", "name": "Other"]]
                ])
            #expect(scenario.written("vg") == [["title": "changed", "userName": "Other"]])
            #expect(scenario.written("voicebot") == [])
            #expect(scenario.world.state(of: "fin", conversation: "c1")?["message_count"] == 1)
            #expect(
                omitted(result) == [
                    "fin user.attributes", "helpdesk attributes", "helpdesk last_user_read_at", "helpdesk status", "helpdesk tags",
                    "helpdesk user.attributes", "helpdesk user.user_type", "vg leadScore", "vg state", "vg tags", "voicebot status",
                ])
            try await force(
                scenario,
                """
                UPDATE conversations SET tags = '["new","late"]', attributes = '{"score":3}', status = 'closed',
                    last_user_read_at = NULL WHERE id = 'c1'
                """)
            try await force(scenario, "UPDATE users SET attributes = '{}', user_type = 'end_user' WHERE id = 'u1'")
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
            #expect(scenario.world.state(of: "vg", conversation: "v1")?["leadScore"] == 3)
        }
    }

    @Test func `a user with eleven attributes does not prevent a message`() async throws {
        let eleven = "{" + (1...11).map { "\"a\($0)\":\($0)" }.joined(separator: ",") + "}"
        try await withScenario { scenario in
            try await scenario.addConversations(1...2)
            for number in 1...2 { try await scenario.addMessage("m\(number)", to: "c\(number)") }
            try await scenario.write("UPDATE users SET attributes = ? WHERE id = 'u2'", [eleven])
            let result = try await scenario.run("sync")
            #expect(result.exitCode == 0, "\(result.output)")
            #expect(try await scenario.differences() == [])
            let event = try #require(result.events("projection.omitted").first)
            #expect(event["remote"] == "fin")
            #expect(event["field"] == "user.attributes")
            for word in ["u2", "11 attributes", "10", "remotes.fin.user_attributes"] {
                #expect(event["reason"]?.string?.contains(word) == true)
            }
        }
    }

    @Test func `lone surrogates and extreme numbers in attributes reach every remote`() async throws {
        let digits = "123456789012345678901234567890123456789012345"
        let attributes = #"{"cut":"\ud83d","big":1e200,"small":1e-400,"long":\#(digits),"one":1.0,"zero":-0,"exponent":1E+2}"#
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.addMessage("m1", to: "c1")
            // SQLite accepts no byte order mark.
            try await force(scenario, "UPDATE conversations SET attributes = ? WHERE id = 'c1'", ["\u{FEFF}" + attributes])
            try await scenario.write("UPDATE users SET attributes = ?", [attributes])
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
            for remote in ["helpdesk", "fin"] {
                let body = scenario.world.requests(instance: remote).first?.bodyText ?? ""
                for part in ["1e200", "1e-400", digits, "1.0", "-0", "1E+2", "\"\u{FFFD}\""] {
                    #expect(body.contains(part), "\(remote): \(body)")
                }
            }
            scenario.world.clearRequests()
            try await scenario.write("UPDATE conversations SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')")
            try await scenario.sync()
            #expect(scenario.requestCount() == 0, "what was sent is known")
        }
    }

    @Test(arguments: [
        #"{"success":true,"data":{"title":"\ud83d"}}"#, #"{"success":true,"data":{"ts":1e200,"averageLatency":1e-400}}"#,
        "\u{FEFF}{\"success\":true,\"data\":{}}",
    ])
    func `a successful response with such values counts as a success`(body: String) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.addMessage("m1", to: "c1")
            var rule = FaultRule(.status)
            rule.status = 200
            rule.body = .string(body)
            for remote in ["vg", "fin"] { try scenario.world.setFaults([rule], on: remote) }
            try await scenario.sync()
            #expect(try await scenario.texts("SELECT DISTINCT state FROM outbox") == ["delivered"])
        }
    }
}
