import Fixtures
import Foundation
import GRDB
import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// An assignee is either NULL or not blank.
@Suite struct EmptyAssigneeTests {
    private static let blanks = [
        "", " ", "\t\r\n", "\u{B}\u{C}", "\u{85}\u{A0}", "\u{1680}\u{2000}\u{200A}", "\u{2028}\u{2029}\u{202F}\u{205F}", "\u{3000} ",
    ]
    private static let message = "conversations.assignee_id must not be empty; NULL means that nobody has the conversation"

    private func refusal(_ scenario: StoreScenario, _ sql: String, _ arguments: StatementArguments) -> String? {
        do {
            try scenario.write(sql, arguments)
            return nil
        } catch {
            return (error as? DatabaseError)?.message
        }
    }

    @Test(arguments: blanks)
    func `an empty assignee is refused, however it is written`(blank: String) throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try scenario.write("UPDATE conversations SET assignee_id = 'anna'")
        #expect(blank.isBlank)
        for sql in [
            "INSERT INTO conversations (id, assignee_id) VALUES ('c2', ?)",
            "INSERT OR IGNORE INTO conversations (id, assignee_id) VALUES ('c2', ?)",
            "INSERT OR REPLACE INTO conversations (id, assignee_id) VALUES ('c1', ?)", "UPDATE conversations SET assignee_id = ?",
            "INSERT INTO conversations (id) VALUES ('c1') ON CONFLICT (id) DO UPDATE SET assignee_id = ?",
        ] {
            #expect(refusal(scenario, sql, [blank]) == Self.message, "\(sql)")
        }
        #expect(try scenario.lines("SELECT id, assignee_id FROM conversations") == ["c1|anna"])
        #expect(refusal(scenario, "INSERT INTO assignees VALUES (?, 'vg', 'x')", [blank]) != nil)
    }

    @Test(arguments: ["anna", " anna ", "0", "\u{200B}", "-"])
    func `an assignee with at least one visible character is accepted`(name: String) throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        #expect(!name.isBlank)
        #expect(refusal(scenario, "UPDATE conversations SET assignee_id = ?", [name]) == nil)
        #expect(refusal(scenario, "INSERT INTO conversations (id, assignee_id) VALUES ('c2', ?)", [name]) == nil)
        #expect(refusal(scenario, "UPDATE conversations SET assignee_id = NULL", []) == nil)
    }

    /// A database as left by an earlier release.
    private func former(_ folder: TemporaryDirectory, _ sql: String) throws -> String {
        let path = folder.file("old.db")
        try SchemaMigrations.migrate(fileAt: path, upTo: "0007_fate")
        let old = try ApplicationDatabase(path: path, foreignKeys: false)
        try old.execute(sql)
        try old.close()
        return path
    }

    private func lines(_ path: String, _ sql: String) throws -> [String] {
        try ApplicationDatabase(path: path).texts(sql)
    }

    @Test func `the migration sets empty assignees to NULL and reports their number, without recording a local change`() async throws {
        let folder = try TemporaryDirectory()
        let path = try former(
            folder,
            """
            INSERT INTO conversations (id, assignee_id) VALUES ('c1', ''), ('c2', ' ' || char(160)), ('c3', 'anna'), ('c4', NULL);
            INSERT INTO assignees VALUES (' ', 'vg', 'x'), ('anna', 'vg', 'y');
            UPDATE local_changes SET assignee_changed_at = '2026-01-01T00:00:00.000Z';
            DELETE FROM change_feed;
            """)
        let store = try Store(path: path, access: .migrating)
        #expect(
            store.migrationCounts.map { "\($0.migration) \($0.subject): \($0.rows)" } == [
                "0008_keys_and_queues conversations with an empty assignee_id, which is NULL now: 2",
                "0008_keys_and_queues rows of assignees for an empty assignee_id, which are deleted: 1",
            ])
        #expect(
            try lines(path, "SELECT id || coalesce(assignee_id, '-') FROM conversations ORDER BY id") == ["c1-", "c2-", "c3anna", "c4-"])
        #expect(try lines(path, "SELECT DISTINCT assignee_changed_at FROM local_changes") == ["2026-01-01T00:00:00.000Z"])
        #expect(
            try lines(path, "SELECT coalesce(assignee_id, '-') FROM local_changes ORDER BY conversation_id") == ["-", "-", "anna", "-"])
        #expect(try lines(path, "SELECT conversation_id FROM change_feed ORDER BY 1") == ["c1", "c2"], "remotes have to hear of it")
        #expect(try lines(path, "SELECT assignee_id FROM assignees") == ["anna"])
        // Reported once.
        #expect(try Store(path: path, access: .migrating).migrationCounts == [])
    }

    @Test func `a row that is older than the checks of keys does not stop the migration`() async throws {
        let folder = try TemporaryDirectory()
        let path = try former(
            folder,
            """
            DROP TRIGGER conversations_keys_inserted;
            INSERT INTO conversations (id, assignee_id, user_id) VALUES ('a' || char(0) || 'b', '', 'u' || char(0));
            """)
        let store = try Store(path: path, access: .migrating)
        #expect(store.migrationCounts.map(\.rows) == [1])
        #expect(try lines(path, "SELECT hex(id) FROM conversations WHERE assignee_id IS NULL") == ["610062"])
    }

    @Test func `a row with an empty assignee is read as unassigned`() async throws {
        let scenario = try StoreScenario([.voicebot])
        try scenario.addConversations("c1")
        try scenario.write("DROP TRIGGER conversations_assignee_updated; UPDATE conversations SET assignee_id = ' '")
        let read = try #require(
            try await scenario.store.storedConversation("c1", remotes: scenario.remotes, history: 1, now: StoreScenario.start))
        #expect(read.conversation.assigneeID == nil)
        try await scenario.plan()
        #expect(try scenario.outbox() == ["1|c1|voicebot|pending"])
    }
}
