import Fixtures
import Sandbox
import Testing

/// Personal data in polled objects and failed reads appears nowhere except in the remote's own response.
@Suite(.serialized) struct InboundSecrecyTests {
    private static let marks = ["Marktitle", "Markname", "markmail", "Markmessage", "marktoken", "Marktag"]
    private static let token = "marktoken-0123456789abcdef"

    private func leaks(_ scenario: ProgramScenario, _ logs: [String]) async throws -> [String] {
        var places = ["log": logs.joined(separator: "\n")]
        places["status"] = try await scenario.run("status").output + scenario.run("status", "--json").output
        for (table, column) in [
            ("outbox", "last_error"), ("outbox_attempts", "error"), ("outbox_attempts", "response_excerpt"), ("remotes", "last_error"),
            ("remotes", "park_reason"), ("link_state", "verdicts"), ("link_state", "seen"), ("adopted_changes", "rule"),
            ("adopted_changes", "changes"), ("inbox", "payload"), ("runs", "error"),
        ] {
            places["\(table).\(column)"] = try await scenario.texts("SELECT \(column) FROM \(table) WHERE \(column) IS NOT NULL")
                .joined(separator: "\n")
        }
        return places.flatMap { place, text in Self.marks.filter { text.contains($0) }.map { "\(place) shows \($0)" } }.sorted()
    }

    /// Objects with more personal data than the local tables have.
    private func fill(_ scenario: ProgramScenario) throws {
        try scenario.act(
            at: "vg", on: 1,
            [
                "userName": "Marta Markname", "userEmail": "markmail@example.com", "lastMessage": "Markmessage: card 4111",
                "title": "Marktitle", "summary": "Markmessage", "chatAssignedTo": "client_7", "state": "human-chatting",
                "tags": ["Marktag"],
            ])
        try scenario.act(
            at: "helpdesk", on: 2,
            ["title": "Marktitle", "status": "closed", "user": ["id": "u2", "name": "Marta Markname", "email": "markmail@example.com"]])
        try scenario.act(at: "voicebot", on: 3, ["status": "done"])
    }

    @Test func `personal data in polled objects is not stored or logged`() async throws {
        var settings = SandboxConfiguration()
        settings.token = Self.token
        try await withScenario({ $0.poll() }, sandbox: settings) { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            try scenario.world.setOptions(on: "voicebot") { $0.users = ["7": "Jana Markname"] }
            try fill(scenario)
            let daemon = try await scenario.startDaemon()
            for _ in 1...3 { try await daemon.event("status.adopted") }
            #expect(try await eventually { try await scenario.number("SELECT count(*) FROM adopted_changes") == 3 })
            #expect(try await scenario.settle())
            await daemon.killAndWait()
            #expect(try await leaks(scenario, [daemon.output, daemon.errorOutput]) == [])
        }
    }

    @Test(arguments: [400, 401, 403, 429, 500])
    func `personal data in the response to a failed read is not stored or logged`(status: Int) async throws {
        var settings = SandboxConfiguration()
        settings.token = Self.token
        try await withScenario({ $0.poll() }, sandbox: settings) { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            for instance in ScenarioConfiguration.readable {
                var rule = FaultRule(.status)
                rule.status = status
                rule.body = [
                    "message": .string(
                        "cannot show Marktitle of Marta Markname <markmail@example.com>, who wrote Markmessage, with Bearer \(Self.token)"),
                    "error": ["title": "Marta Markname", "detail": "Markmessage"],
                    "data": ["userName": "Marta Markname", "lastMessage": "Markmessage"],
                ]
                try scenario.world.setFaults([rule], on: instance)
            }
            let result = try await scenario.run("sync")
            let found = try await leaks(scenario, [result.output, result.errorOutput])
            #expect(found == [], "\(result.events("poll.failed").map(\.text))")
            for instance in ScenarioConfiguration.readable { #expect(scenario.readCount(instance) > 0) }
        }
    }

    @Test func `personal data in an error inside a 200 is not stored or logged`() async throws {
        try await withScenario({ $0.poll() }) { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            for instance in ScenarioConfiguration.readable {
                var rule = FaultRule(.status)
                rule.status = 200
                rule.body = [
                    "success": false, "message": "Markmessage of Marta Markname <markmail@example.com>",
                    "error": ["title": "Markname", "detail": "Markmessage", "status": 422],
                ]
                try scenario.world.setFaults([rule], on: instance)
            }
            let result = try await scenario.run("sync")
            // The helpdesk has no list: there it is the object that cannot be read.
            #expect(result.events("poll.failed").count + result.events("poll.unreadable").count >= 3)
            let found = try await leaks(scenario, [result.output, result.errorOutput])
            #expect(found == [], "\(result.events("poll.failed").map(\.text))")
        }
    }

    /// A status value is shown in the log. A sentence about somebody in its place is not.
    @Test func `a status that is a sentence is not shown`() async throws {
        try await withScenario({ $0.poll(["voicebot"]) }) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            var rule = FaultRule(.drift)
            rule.value = "done, says Marta Markname <markmail@example.com>: Markmessage"
            rule.method = "GET"
            try scenario.world.setFaults([rule], on: "voicebot")
            let result = try await scenario.run("sync")
            let found = try await leaks(scenario, [result.output, result.errorOutput])
            #expect(found == [], "\(result.events("poll.failed").map(\.text))")
            #expect(try await scenario.local("c1") == "open/agent_fin")
        }
    }
}
