import Foundation
import GRDB
import SyncCore
import Testing

@testable import SyncStore

/// Keys with a NUL character or invalid UTF-8 are refused; older rows with such keys are put aside and reported, and delay nothing
/// else. Other texts are sent completely.
@Suite struct KeyTests {
    /// A NUL character at every position; truncated, overlong, stray and surrogate sequences; above U+10FFFF.
    static let unusable = [
        "00", "6100", "0061", "610062", "C328", "FF", "61FF", "EDA080", "C181", "E08282", "E282", "80", "F4908080", "F8888080", "C3A9C3",
    ]
    static let usable = ["61", "C3A9", "E282AC", "F09F9880", "EFBFBD", "EFBFBE", "EFBFBF", "7F", "610A", "65CC81"]

    /// Accepts rows that only an older schema allows.
    private func dropBorders(_ scenario: StoreScenario) throws {
        for name in try scenario.lines("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB '*_keys_*'") {
            try scenario.write("DROP TRIGGER \(name)")
        }
    }

    private static let columns = [
        ("users.id", "INSERT INTO users (id) VALUES (KEY)"), ("conversations.id", "INSERT INTO conversations (id) VALUES (KEY)"),
        ("conversations.user_id", "INSERT INTO conversations (id, user_id) VALUES ('c2', KEY)"),
        ("conversations.assignee_id", "INSERT INTO conversations (id, assignee_id) VALUES ('c2', KEY)"),
        ("links.conversation_id", "INSERT INTO links VALUES (KEY, 'vg', 'r', NULL)"),
        ("links.remote", "INSERT INTO links VALUES ('c1', KEY, 'r', NULL)"),
        ("links.remote_id", "INSERT INTO links VALUES ('c1', 'vg', KEY, NULL)"),
        ("links.agent_id", "INSERT INTO links VALUES ('c1', 'vg', 'r', KEY)"),
        ("messages.id", "INSERT INTO messages (id, conversation_id, author) VALUES (KEY, 'c1', 'user')"),
        ("messages.conversation_id", "INSERT INTO messages (id, conversation_id, author) VALUES ('m1', KEY, 'user')"),
        ("assignees.assignee_id", "INSERT INTO assignees VALUES (KEY, 'vg', '7')"),
        ("assignees.remote", "INSERT INTO assignees VALUES ('a', KEY, '7')"),
        ("assignees.remote_user_id", "INSERT INTO assignees VALUES ('a', 'vg', KEY)"),
    ]

    @Test(arguments: columns)
    func `a key that cannot be addressed is refused with the reason`(_ column: String, _ sql: String) throws {
        let scenario = try StoreScenario(foreignKeys: false)
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1')")
        for hex in Self.unusable {
            let error = #expect(throws: DatabaseError.self) {
                try scenario.write(sql.replacingOccurrences(of: "KEY", with: "CAST(x'\(hex)' AS TEXT)"))
            }
            let message = error?.message ?? ""
            #expect(
                hex.contains("00") ? message == "\(column) must not contain a NUL character" : message.hasSuffix("must be valid UTF-8"),
                "\(hex)")
            #expect(error?.extendedResultCode == .SQLITE_CONSTRAINT_TRIGGER)
        }
        for hex in Self.usable {
            try scenario.write("BEGIN; \(sql.replacingOccurrences(of: "KEY", with: "CAST(x'\(hex)' AS TEXT)")); ROLLBACK")
        }
    }

    @Test func `a key is checked by UPDATE as well, and other columns of an old row can be written`() throws {
        let scenario = try StoreScenario(foreignKeys: false)
        try scenario.addConversations("c1")
        try scenario.addMessage("m1", of: "c1")
        for sql in [
            "UPDATE conversations SET assignee_id = CAST(x'6100' AS TEXT)", "UPDATE messages SET conversation_id = CAST(x'FF' AS TEXT)",
            "UPDATE links SET remote_id = CAST(x'6100' AS TEXT)",
        ] {
            #expect(throws: DatabaseError.self) { try scenario.write(sql) }
        }
        let creation = try scenario.lines("SELECT sql FROM sqlite_schema WHERE name = 'conversations_keys_inserted'")
        try scenario.write("DROP TRIGGER conversations_keys_inserted; INSERT INTO conversations (id) VALUES (CAST(x'610062' AS TEXT))")
        try scenario.write(creation.joined())
        try scenario.write("UPDATE conversations SET title = 'x'")
    }

    @Test func `old rows with unusable keys are put aside and reported, and everything else is delivered`() async throws {
        let scenario = try StoreScenario(foreignKeys: false)
        try dropBorders(scenario)
        try scenario.write("INSERT INTO users (id) VALUES ('u1')")
        for hex in Self.unusable {
            try scenario.write("INSERT INTO conversations (id, user_id) VALUES (CAST(x'\(hex)' AS TEXT), 'u1')")
            try scenario.write("INSERT INTO links VALUES (CAST(x'\(hex)' AS TEXT), 'vg', 'r', NULL)")
            try scenario.write(
                "INSERT INTO messages (id, conversation_id, author, body) VALUES (CAST(x'\(hex)' AS TEXT), 'good', 'user', 'x')")
            try scenario.write(
                "INSERT INTO messages (id, conversation_id, author, body) VALUES ('of \(hex)', CAST(x'\(hex)' AS TEXT), 'user', 'x')")
        }
        // A key that GRDB would read instead of the one with the NUL character.
        try scenario.addConversations("a", "good")
        try scenario.write("UPDATE conversations SET user_id = 'u1'")
        try scenario.addMessage("m1", of: "good")
        _ = try await scenario.store.reconcileRemotes(scenario.remotes, now: StoreScenario.start)
        var fed = 0
        while case let count = try await scenario.store.feedReplan(scenario.remotes, pageSize: 3, now: StoreScenario.start), count > 0 {
            fed += count
            try #require(fed < 1000)
        }
        _ = try await scenario.store.surveyFeed(scenario.context(), rememberedRows: 100)
        try await scenario.store.preview(scenario.context()) { _ in }
        var batches = 0
        while case let batch = try await scenario.planPage(), batch.examined > 0 {
            batches += 1
            try #require(batches < 100 && batch.takenOff > 0, "planning must end")
        }
        #expect(try await scenario.store.feedIsEmpty())
        try await scenario.converge()
        #expect(
            try scenario.lines("SELECT DISTINCT conversation_id, remote, state FROM outbox ORDER BY 1, 2") == [
                "a|helpdesk|delivered", "a|vg|delivered", "a|voicebot|delivered", "good|fin|delivered", "good|helpdesk|delivered",
                "good|vg|delivered", "good|voicebot|delivered",
            ])
        #expect(try scenario.lines("SELECT message_id FROM outbox WHERE remote = 'fin'") == ["m1"])
        let status = try await scenario.store.status(of: [.named("vg")])
        #expect(status.putAside == Self.unusable.count * 3)
        #expect(status.unplanned == 0)
        #expect(status.unreadable.contains { $0.hex == "610062" && $0.problem == "conversations.id contains a NUL character" })
        // A row that is written again is planned again, and put aside again.
        try scenario.write("UPDATE conversations SET title = 'x' WHERE id = CAST(x'C328' AS TEXT)")
        let again = try await scenario.planPage()
        #expect(again.unreadable.map(\.hex) == ["C328"])
        #expect(again.unreadable.map(\.problem) == ["conversations.id is not valid UTF-8"])
    }

    @Test func `a row that was put aside is planned when its key is repaired`() async throws {
        let scenario = try StoreScenario([.fin, .helpdesk], foreignKeys: false)
        try dropBorders(scenario)
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('d', 'u1')")
        try scenario.write("INSERT INTO conversations (id) VALUES (CAST(x'630064' AS TEXT))")
        try scenario.write("INSERT INTO messages (id, conversation_id, author, body) VALUES ('x', CAST(x'610062' AS TEXT), 'user', '1')")
        try scenario.write("INSERT INTO messages (id, conversation_id, author, body) VALUES (CAST(x'6D0031' AS TEXT), 'd', 'user', '2')")
        try await scenario.plan()
        #expect(try scenario.lines("SELECT conversation_id FROM outbox") == ["d"])
        try scenario.write("UPDATE messages SET conversation_id = 'd' WHERE id = 'x'")
        try scenario.write("UPDATE messages SET id = 'y' WHERE id = CAST(x'6D0031' AS TEXT)")
        try scenario.write("UPDATE conversations SET id = 'e' WHERE id = CAST(x'630064' AS TEXT)")
        try await scenario.plan()
        #expect(try scenario.lines("SELECT message_id FROM outbox WHERE remote = 'fin' ORDER BY 1") == ["x", "y"])
        #expect(try scenario.lines("SELECT conversation_id FROM outbox WHERE remote = 'helpdesk' ORDER BY 1") == ["d", "e"])
        #expect(try await scenario.store.status(of: [.named("fin")]).putAside == 0)
    }

    @Test(arguments: ["610062", "C328"])
    func `an old link with an unusable id is refused with the reason, at its remote only`(_ hex: String) async throws {
        let scenario = try StoreScenario([.voicebot, .vg, .helpdesk], foreignKeys: false)
        try scenario.addConversations("c1")
        try dropBorders(scenario)
        try scenario.write("UPDATE links SET remote_id = CAST(x'\(hex)' AS TEXT) WHERE remote = 'vg'")
        try await scenario.converge()
        try scenario.write("UPDATE conversations SET title = 'x'")
        try await scenario.converge()
        #expect(
            try scenario.lines("SELECT DISTINCT remote, state FROM outbox ORDER BY 1, 2")
                == ["helpdesk|delivered", "vg|dead", "voicebot|delivered"])
        #expect(
            try scenario.lines("SELECT last_error FROM outbox WHERE state = 'dead'").allSatisfy { $0.contains("links.remote_id of \"c1\"") }
        )
    }

    @Test func `an assignee with a NUL character is not taken for another one`() async throws {
        let scenario = try StoreScenario([.voicebot], foreignKeys: false)
        try dropBorders(scenario)
        try scenario.write("INSERT INTO assignees VALUES ('a', 'voicebot', '7')")
        try scenario.addConversations("c1")
        try scenario.write("UPDATE conversations SET assignee_id = CAST(x'610062' AS TEXT)")
        try await scenario.plan()
        #expect(try scenario.lines("SELECT body FROM outbox") == ["{\"status\":\"open\",\"title\":null}"])
    }

    @Test func `titles and message texts are sent completely, with invalid UTF-8 replaced`() async throws {
        let scenario = try StoreScenario([.vg, .fin])
        try scenario.addConversations("c1")
        try scenario.write(
            "INSERT INTO users (id) VALUES ('u1'); UPDATE conversations SET user_id = 'u1', title = CAST(x'610062FF63' AS TEXT)")
        try scenario.write(
            "INSERT INTO messages (id, conversation_id, author, body) VALUES ('m1', 'c1', 'user', CAST(x'0061C32800' AS TEXT))")
        try await scenario.plan()
        #expect(
            try scenario.lines("SELECT body FROM outbox WHERE remote = 'vg'")
                == ["{\"status\":\"open\",\"title\":\"a\\u0000b\u{FFFD}c\"}"])
        let body = try #require(try scenario.lines("SELECT body FROM outbox WHERE remote = 'fin'").first)
        #expect(try JSONValue(text: body)["message"]?["body"] == .string("\0a\u{FFFD}(\0"))
    }

    @Test func `a title and a message with a NUL character are adopted completely`() async throws {
        let scenario = try await StoreScenario.converged()
        let context = scenario.inbound(now: StoreScenario.start + .hours(1))
        let report = Report(
            remote: "vg", subject: .conversation("c1"), observation: Observation(word: "open", title: "a\0b"),
            readAt: StoreScenario.start + .hours(1))
        _ = try await scenario.store.reconcile([report], context)
        #expect(try scenario.lines("SELECT hex(title) FROM conversations") == ["610062"])
        // The id c1 followed by a NUL character and more is not c1.
        let other = Report(
            remote: "vg", subject: .conversation("c1\0x"), observation: Observation(word: "x"), readAt: StoreScenario.start + .hours(2))
        #expect(try await scenario.store.reconcile([other], context).isEmpty)
        let at = StoreScenario.start + .hours(1)
        let new = try await scenario.store.receive(
            [
                .message(conversationID: "c1", id: "f\0g", body: "x\0y", at: at, key: "k\0a"),
                .message(conversationID: "c1", id: "h", body: "", at: at, key: "k\0b"),
                .message(conversationID: "c1\0x", id: "i", body: "z", at: at, key: "k"),
            ], from: "fin", now: at)
        #expect(new == 2)
        _ = try await scenario.store.processInbox(context)
        #expect(
            try scenario.lines("SELECT id, hex(body) FROM messages ORDER BY id") == ["fin/c1/f\u{FFFD}g|780079", "fin/c1/h|"])
    }
}
