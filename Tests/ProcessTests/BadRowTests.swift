import Sandbox
import Testing

/// A row that cannot be sent becomes dead with a reason that says what to do; everything else is delivered.
@Suite(.serialized) struct BadRowTests {
    /// Conversations 1 to 3, of which the second is made unsendable; `sync`, a correction, `outbox retry`, `sync`.
    private func check(
        _ remote: String, break breakIt: (ProgramScenario) async throws -> Void, reason words: [String],
        correct: (ProgramScenario) async throws -> Void,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await withScenario { scenario in
            try scenario.configure { $0["remotes.vg", "agent_id"] = nil }
            try await scenario.addConversations(1...3)
            try await scenario.write("UPDATE links SET agent_id = 'a1' WHERE remote = 'vg'")
            for number in 1...3 { try await scenario.addMessage("m\(number)", to: "c\(number)") }
            try await breakIt(scenario)
            let outcome = try await scenario.sync(expecting: 65, sourceLocation: sourceLocation)
            #expect(outcome["dead"] == 1, sourceLocation: sourceLocation)
            #expect(outcome["delivered"] == 11, sourceLocation: sourceLocation)
            let rows = try #require(try await scenario.run("outbox", "list", "--state", "dead", "--json").json["rows"]?.array)
            #expect(rows.map { $0["remote"]?.string } == [remote], sourceLocation: sourceLocation)
            #expect(rows.map { $0["conversation_id"]?.string } == ["c2"], sourceLocation: sourceLocation)
            #expect(rows.first?["attempts"] == 0, sourceLocation: sourceLocation)
            let reason = rows.first?["last_error"]?.string ?? ""
            for word in words { #expect(reason.contains(word), "\(reason)", sourceLocation: sourceLocation) }
            let id = try #require(rows.first?["id"]?.integer)
            // A second run does not write a second dead row.
            try await scenario.sync()
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 1, sourceLocation: sourceLocation)
            try await correct(scenario)
            #expect(try await scenario.run("outbox", "retry", "\(id)").exitCode == 0, sourceLocation: sourceLocation)
            try await scenario.sync("--drain", "60")
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0, sourceLocation: sourceLocation)
            #expect(try await scenario.differences() == [], sourceLocation: sourceLocation)
        }
    }

    @Test func `a voicebot id that is not an integer makes the row dead, with a reason`() async throws {
        try await check(
            "voicebot",
            break: { try await $0.write("UPDATE links SET remote_id = 'two' WHERE conversation_id = 'c2' AND remote = 'voicebot'") },
            reason: ["links.remote_id", "\"two\"", "integer", "c2"],
            correct: { try await $0.write("UPDATE links SET remote_id = '2' WHERE conversation_id = 'c2' AND remote = 'voicebot'") })
    }

    @Test func `a vg link without an agent makes the row dead, with a reason`() async throws {
        try await check(
            "vg", break: { try await $0.write("UPDATE links SET agent_id = NULL WHERE conversation_id = 'c2' AND remote = 'vg'") },
            reason: ["c2", "links.agent_id", "remotes.vg.agent_id"],
            correct: { try await $0.write("UPDATE links SET agent_id = 'a1' WHERE conversation_id = 'c2' AND remote = 'vg'") })
    }

    @Test func `a message with eleven attachments is dead, with a reason`() async throws {
        let eleven = "[" + Array(repeating: "{\"type\":\"url\",\"url\":\"https://example.com/a\"}", count: 11).joined(separator: ",") + "]"
        let ten = "[" + Array(repeating: "{\"type\":\"url\",\"url\":\"https://example.com/a\"}", count: 10).joined(separator: ",") + "]"
        try await check(
            "fin", break: { try await $0.write("UPDATE messages SET attachments = ? WHERE id = 'm2'", [eleven]) },
            reason: ["m2", "11 attachments", "10"],
            correct: { try await $0.write("UPDATE messages SET attachments = ? WHERE id = 'm2'", [ten]) })
    }

    @Test func `a message of a conversation without a user is dead, with a reason`() async throws {
        try await check(
            "fin", break: { try await $0.write("UPDATE conversations SET user_id = NULL WHERE id = 'c2'") },
            reason: ["c2", "user"],
            correct: { try await $0.write("UPDATE conversations SET user_id = 'u2' WHERE id = 'c2'") })
    }

    @Test func `a corrected link is planned again without a retry`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.write("UPDATE links SET remote_id = 'one' WHERE remote = 'voicebot'")
            try await scenario.sync(expecting: 65)
            try await scenario.write("UPDATE links SET remote_id = '1' WHERE remote = 'voicebot'")
            try await scenario.sync()
            #expect(try await scenario.differences() == [])
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0)
        }
    }
}
