import GRDB
import SyncCore
import Testing

@testable import SyncStore

/// Values that the application must not write are refused with an error that names the problem.
@Suite struct ConstraintTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var sql: String
        var says: String
        var testDescription: String { "\(sql.prefix(60)) → \(says)" }

        init(_ sql: String, _ says: String) {
            self.sql = sql
            self.says = says
        }
    }

    private func scenario() throws -> StoreScenario {
        let scenario = try StoreScenario()
        try scenario.write("INSERT INTO users (id) VALUES ('u1')")
        try scenario.addConversations("c1")
        try scenario.addMessage("m1", of: "c1")
        return scenario
    }

    private func refusal(_ sql: String) throws -> String {
        do {
            try scenario().write(sql)
            return "accepted"
        } catch let error as DatabaseError {
            return error.message ?? ""
        }
    }

    @Test(arguments: [
        Case("UPDATE conversations SET status = 'pending'", "status_is_open_resolved_closed_or_ended"),
        Case("UPDATE conversations SET status = 'Open'", "status_is_open_resolved_closed_or_ended"),
        Case("UPDATE conversations SET status = NULL", "conversations.status"),
        Case("UPDATE users SET user_type = 'agent'", "user_type_is_end_user"),
        Case("UPDATE messages SET author = 'bot'", "author_is_user_agent_or_fin"),
        Case("INSERT INTO conversations (id) VALUES ('')", "CHECK constraint failed: id <> ''"),
        Case("INSERT INTO conversations (id) VALUES (NULL)", "conversations.id"),
        Case("INSERT INTO conversations (id) VALUES ('c1')", "conversations.id"),
        Case("UPDATE links SET remote_id = ''", "CHECK constraint failed: remote_id <> ''"),
        Case("INSERT INTO links VALUES ('c1', '', 'x', NULL)", "CHECK constraint failed: remote <> ''"),
        Case("INSERT INTO assignees VALUES ('', 'vg', 'x')", "assignee_id <> ''"),
        Case("INSERT INTO assignees VALUES ('a', 'vg', '')", "remote_user_id <> ''"),
    ])
    func `an invalid status value is refused with the name of the constraint`(_ entry: Case) throws {
        #expect(try refusal(entry.sql).contains(entry.says))
    }

    @Test(arguments: [
        Case("UPDATE conversations SET tags = 'pricing'", "tags_are_a_json_array"),
        Case("UPDATE conversations SET tags = '{}'", "tags_are_a_json_array"),
        Case("UPDATE conversations SET tags = ''", "tags_are_a_json_array"),
        Case("UPDATE conversations SET tags = '[\"a\",1]'", "conversations.tags must be a JSON array of strings"),
        Case("UPDATE conversations SET tags = '[null]'", "conversations.tags must be a JSON array of strings"),
        Case("UPDATE conversations SET tags = '[[\"a\"]]'", "conversations.tags must be a JSON array of strings"),
        Case("INSERT INTO conversations (id, tags) VALUES ('c2', '[true]')", "conversations.tags must be a JSON array of strings"),
        Case("UPDATE conversations SET attributes = '[]'", "attributes_are_a_json_object"),
        Case("UPDATE conversations SET attributes = '{\"a\":}'", "attributes_are_a_json_object"),
        Case("UPDATE users SET attributes = '\"x\"'", "user_attributes_are_a_json_object"),
        Case("UPDATE users SET attributes = 'null'", "user_attributes_are_a_json_object"),
        Case("UPDATE messages SET attachments = '{}'", "attachments_are_a_json_array"),
        Case("UPDATE messages SET attachments = 'file.pdf'", "attachments_are_a_json_array"),
    ])
    func `invalid JSON is refused with the name of the constraint`(_ entry: Case) throws {
        #expect(try refusal(entry.sql).contains(entry.says))
    }

    @Test(arguments: [
        Case("UPDATE conversations SET created_at = '2026-03-01 12:00:00'", "created_at_is_iso_8601_utc"),
        Case("UPDATE conversations SET updated_at = '2026-03-01T12:00:00+01:00'", "updated_at_is_iso_8601_utc"),
        Case("UPDATE conversations SET last_user_read_at = 'yesterday'", "last_user_read_at_is_iso_8601_utc"),
        Case("UPDATE conversations SET last_user_read_at = ''", "last_user_read_at_is_iso_8601_utc"),
        Case("UPDATE messages SET created_at = '1772366400'", "created_at_is_iso_8601_utc"),
        Case("UPDATE conversations SET created_at = NULL", "conversations.created_at"),
    ])
    func `an invalid time is refused with the name of the constraint`(_ entry: Case) throws {
        #expect(try refusal(entry.sql).contains(entry.says))
    }

    @Test(arguments: [
        "UPDATE conversations SET tags = NULL, attributes = NULL, title = NULL, last_user_read_at = NULL",
        "UPDATE conversations SET tags = '[\"a\", \"ü\"]', attributes = '{\"a\": [1, null]}'",
        "UPDATE conversations SET last_user_read_at = '2026-03-01T12:00:00Z', updated_at = '2026-03-01T12:00:00.123456Z'",
        "UPDATE users SET user_type = NULL, attributes = NULL, name = 'Jane'",
        "UPDATE messages SET body = NULL, attachments = NULL",
        "UPDATE conversations SET status = 'ended', assignee_id = 'agent_fin', user_id = 'u1'",
    ])
    func `values that the tables allow are accepted`(_ sql: String) throws {
        #expect(try refusal(sql) == "accepted")
    }

    @Test func `a number in a text column is stored as a text, and a blob is refused`() throws {
        let scenario = try scenario()
        try scenario.write("UPDATE links SET remote_id = 123 WHERE remote = 'voicebot'")
        #expect(try scenario.lines("SELECT remote_id, typeof(remote_id) FROM links WHERE remote = 'voicebot'") == ["123|text"])
        #expect(try refusal("UPDATE conversations SET title = x'00'").contains("cannot store BLOB value in TEXT column"))
    }

    @Test func `a link of a conversation that does not exist is refused where foreign keys are enforced`() throws {
        #expect(try refusal("INSERT INTO links VALUES ('nobody', 'vg', 'x', NULL)").contains("FOREIGN KEY"))
        #expect(try refusal("UPDATE conversations SET user_id = 'nobody'").contains("FOREIGN KEY"))
    }
}
