import Foundation
import Sandbox
import Testing

/// Unusable keys in a database that is older than the checks against them: they are left out and reported, and delay nothing.
@Suite(.serialized) struct StrangeKeyTests {
    private static let keys = ["610062", "C328", "FF", "EDA080", "C181", "E282", "633100"]

    /// Conversation 1 is valid, `c1` followed by a NUL character and more is another one.
    private func write(_ scenario: ProgramScenario) async throws {
        for name in try await scenario.texts("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB '*_keys_*'") {
            try await scenario.write("DROP TRIGGER \(name)")
        }
        try await scenario.execute("PRAGMA foreign_keys = OFF")
        for key in Self.keys {
            let sql = "CAST(x'\(key)' AS TEXT)"
            try await scenario.write("INSERT INTO conversations (id, assignee_id) VALUES (\(sql), \(sql))")
            try await scenario.write("INSERT INTO links VALUES (\(sql), 'vg', 'x', NULL), (\(sql), 'voicebot', '9', NULL)")
            try await scenario.write("INSERT INTO messages (id, conversation_id, author, body) VALUES (\(sql), 'c1', 'user', 'x')")
            try await scenario.write("INSERT INTO messages (id, conversation_id, author, body) VALUES ('m\(key)', \(sql), 'user', 'x')")
        }
        try await scenario.addConversations(1...3)
        for number in 1...3 { try await scenario.addMessage("m\(number)", to: "c\(number)") }
    }

    @Test func `everything except unusable keys is delivered, the run ends, and status names the keys`() async throws {
        try await withScenario { scenario in
            try await write(scenario)
            let outcome = try await scenario.sync()
            #expect(outcome["delivered"] == 12)
            for remote in ["helpdesk", "fin", "voicebot", "vg"] { #expect(scenario.requestCount(remote) == 3, "\(remote)") }
            let status = try await scenario.run("status", "--json").json
            #expect(status["unreadable"] == .integer(Self.keys.count * 3))
            #expect(status["unplanned"] == 0)
            #expect(status["unreadable_keys"]?.array?.contains { $0["hex"] == "610062" } == true)
            #expect(try await scenario.run("status").output.contains("have a key that cannot be used"))
            // Nothing is left to do, and the preview agrees.
            #expect(try await scenario.sync()["examined"] == 0)
            #expect(try await scenario.run("plan").output.contains("nothing to send"))
        }
    }

    @Test func `a daemon continues with what changes, and reports each unusable key once`() async throws {
        try await withScenario { scenario in
            try await write(scenario)
            let daemon = try await scenario.startDaemon()
            for remote in ["helpdesk", "fin", "voicebot", "vg"] { _ = try await scenario.requests(remote, reach: 3) }
            try await scenario.setTitle("later", of: "c1")
            try await scenario.request("helpdesk", containing: "later")
            try await scenario.request("vg", containing: "later")
            #expect(daemon.events("conversation.unreadable").count >= Self.keys.count * 3)
            let before = daemon.events("conversation.unreadable").count
            try await scenario.setTitle("latest", of: "c1")
            try await scenario.request("helpdesk", containing: "latest")
            #expect(daemon.events("conversation.unreadable").count == before)
            #expect(daemon.events("plan.stalled").isEmpty)
        }
    }

    @Test func `a new database refuses such keys, and stores texts with a NUL character completely`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            await #expect(throws: (any Error).self) {
                try await scenario.write("INSERT INTO conversations (id) VALUES (CAST(x'610062' AS TEXT))")
            }
            try await scenario.write("UPDATE conversations SET title = CAST(x'610062' AS TEXT)")
            try await scenario.write(
                "INSERT INTO messages (id, conversation_id, author, body) VALUES ('m1', 'c1', 'user', CAST(x'00610062' AS TEXT))")
            try await scenario.sync()
            #expect(scenario.world.requests(instance: "helpdesk").first?.bodyText.contains("\"a\\u0000b\"") == true)
            #expect(scenario.world.requests(instance: "fin").first?.bodyText.contains("\"\\u0000a\\u0000b\"") == true)
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state <> 'delivered'") == 0)
        }
    }
}
