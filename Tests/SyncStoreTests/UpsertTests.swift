import SyncCore
import Testing

@testable import SyncStore

/// The statement that fires a trigger decides what a conflict in it does: an upsert or `UPDATE OR FAIL` fails where the trigger itself would
/// go on. So the triggers must not run into conflicts, whatever waits to be planned already.
@Suite struct UpsertTests {
    /// Two conversations of one user, and two messages in the first one.
    private func scenario() throws -> StoreScenario {
        let scenario = try StoreScenario([.fin], foreignKeys: false)
        try scenario.write(
            "INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1'), ('c2', 'u1')")
        try scenario.addMessage("m1", of: "c1")
        try scenario.addMessage("m2", of: "c1", at: "2026-03-01T11:00:01.000Z")
        return scenario
    }

    /// The same, planned, and the first message waits to be planned once more.
    private func planned() async throws -> StoreScenario {
        let scenario = try scenario()
        try await scenario.plan()
        try scenario.write("INSERT INTO message_feed (message_id, conversation_id, remote) VALUES ('m1', 'c1', 'fin')")
        return scenario
    }

    /// An upsert of the first message that changes one column.
    private static func upsert(_ column: String, conversation: String = "c1", author: String = "user", body: String = "new") -> String {
        """
        INSERT INTO messages (id, conversation_id, author, body) VALUES ('m1', '\(conversation)', '\(author)', '\(body)')
        ON CONFLICT (id) DO UPDATE SET \(column) = excluded.\(column)
        """
    }

    @Test(arguments: [UpsertTests.upsert("body"), "UPDATE OR FAIL messages SET body = 'new' WHERE id = 'm1'"])
    func `a message is corrected although it waits to be planned`(_ sql: String) async throws {
        let scenario = try await planned()
        try scenario.write(sql)
        #expect(try scenario.lines("SELECT message_id, remote FROM message_feed ORDER BY 1") == ["m1|fin", "m2|fin"])
        try await scenario.converge()
        let sent = try scenario.lines("SELECT json_extract(body, '$.message.body') FROM outbox WHERE state = 'delivered' ORDER BY id")
        #expect(sent == ["new", "text of m2"])
    }

    @Test(arguments: [
        UpsertTests.upsert("conversation_id", conversation: "c2"), "UPDATE OR FAIL messages SET conversation_id = 'c2' WHERE id = 'm1'",
    ])
    func `a message is moved although it waits to be planned`(_ sql: String) async throws {
        let scenario = try await planned()
        try scenario.write(sql)
        #expect(try scenario.lines("SELECT message_id, conversation_id, remote FROM message_feed") == ["m1|c2|fin"])
        try await scenario.converge()
        let sent = try scenario.lines("SELECT message_id, conversation_id FROM outbox WHERE state = 'delivered' ORDER BY 1")
        #expect(sent == ["m1|c2", "m2|c1"])
    }

    @Test(arguments: [UpsertTests.upsert("author", author: "agent"), "UPDATE OR FAIL messages SET author = 'agent' WHERE id = 'm1'"])
    func `a message gets another author although it waits to be planned`(_ sql: String) async throws {
        let scenario = try await planned()
        try scenario.write("INSERT INTO message_feed (message_id, conversation_id, remote, problem) VALUES ('m1', 'c1', '', NULL)")
        try scenario.write("INSERT INTO message_feed (message_id, conversation_id, remote, problem) VALUES ('m1', 'c1', '!', 'p')")
        try scenario.write(sql)
        #expect(try scenario.lines("SELECT * FROM message_feed").isEmpty)
        try await scenario.converge()
        #expect(try scenario.lines("SELECT message_id FROM outbox WHERE state = 'delivered'") == ["m2"])
    }

    @Test(arguments: [UpsertTests.upsert("author"), UpsertTests.upsert("body"), "UPDATE OR FAIL messages SET body = 'new' WHERE id = 'm1'"])
    func `a message that is put aside and waits as well is planned once`(_ sql: String) async throws {
        let scenario = try scenario()
        try scenario.write("INSERT INTO message_feed (message_id, conversation_id, remote, problem) VALUES ('m1', 'c1', '!', 'p')")
        try scenario.write(sql)
        #expect(
            try scenario.lines("SELECT message_id, remote, problem FROM message_feed ORDER BY 1") == ["m1||-", "m2||-"])
        try await scenario.converge()
        #expect(try scenario.lines("SELECT message_id FROM outbox WHERE state = 'delivered' ORDER BY 1") == ["m1", "m2"])
    }

    @Test(arguments: [
        UpsertTests.upsert("conversation_id", conversation: "c2"), "UPDATE OR FAIL messages SET conversation_id = 'c2' WHERE id = 'm1'",
    ])
    func `entries of a moved message that become the same are one`(_ sql: String) throws {
        let scenario = try scenario()
        try scenario.write("INSERT INTO message_feed (message_id, conversation_id, remote) VALUES ('m1', 'c1', '!'), ('m1', 'c1', '-')")
        try scenario.write(sql)
        #expect(
            try scenario.lines("SELECT message_id, conversation_id, remote, moved FROM message_feed ORDER BY 1")
                == ["m1|c2||1", "m2|c1||0"])
    }

    @Test func `a message takes an id of which entries are left`() throws {
        let scenario = try scenario()
        try scenario.write(
            """
            INSERT INTO message_feed (message_id, conversation_id, remote) VALUES ('m1', 'c1', '!'), ('m3', 'c1', '');
            INSERT INTO planned_messages VALUES ('m1', 'fin'), ('m3', 'fin');
            UPDATE OR FAIL messages SET id = 'm3' WHERE id = 'm1'
            """)
        #expect(try scenario.lines("SELECT message_id, remote FROM message_feed ORDER BY 1") == ["m2|", "m3|"])
        #expect(try scenario.lines("SELECT message_id, remote FROM planned_messages") == ["m3|fin"])
    }

    @Test(arguments: [
        "INSERT INTO conversations (id) VALUES ('c3') ON CONFLICT (id) DO NOTHING", "INSERT INTO conversations (id) VALUES ('c3')",
    ])
    func `a conversation is inserted although a message waits for it twice`(_ sql: String) throws {
        let scenario = try scenario()
        try scenario.write("INSERT INTO message_feed (message_id, conversation_id, remote) VALUES ('m1', 'c3', '-')")
        try scenario.write(sql)
        #expect(
            try scenario.lines("SELECT message_id, conversation_id, remote FROM message_feed ORDER BY 1") == ["m1|c3|", "m2|c1|"])
    }

    @Test(arguments: [
        ("INSERT INTO conversations (id, title) VALUES ('c1', 'new') ON CONFLICT (id) DO UPDATE SET title = excluded.title", "c1||0"),
        ("UPDATE OR FAIL conversations SET title = 'new' WHERE id = 'c1'", "c1||0"),
        ("INSERT INTO users (id, name) VALUES ('u1', 'Jane') ON CONFLICT (id) DO UPDATE SET name = excluded.name", "c1||0"),
        ("UPDATE OR FAIL users SET name = 'Jane'", "c1||0"),
        (
            """
            INSERT INTO links VALUES ('c1', 'vg', 'r2', NULL)
            ON CONFLICT (conversation_id, remote) DO UPDATE SET remote_id = excluded.remote_id
            """, "c1|vg|0"
        ),
        ("UPDATE OR FAIL links SET remote_id = 'r2' WHERE conversation_id = 'c1'", "c1|vg|0"),
        (
            """
            INSERT INTO assignees VALUES ('jane', 'vg', '8')
            ON CONFLICT (assignee_id, remote) DO UPDATE SET remote_user_id = excluded.remote_user_id
            """, "c1|vg|0"
        ),
        ("UPDATE OR FAIL assignees SET remote_user_id = '8'", "c1|vg|0"),
    ])
    func `other rows are written although their conversations wait to be planned`(_ sql: String, _ entry: String) throws {
        let scenario = try scenario()
        try scenario.write(
            """
            UPDATE conversations SET assignee_id = 'jane';
            INSERT INTO links VALUES ('c1', 'vg', 'r1', NULL), ('c2', 'vg', 'r1', NULL);
            INSERT INTO assignees VALUES ('jane', 'vg', '7');
            UPDATE change_feed SET deferred = 1
            """)
        let entries = try scenario.feed().count
        try scenario.write(sql)
        #expect(try scenario.feed().contains(entry))
        #expect(try scenario.feed().count == entries)
    }

    @Test func `no trigger relies on OR IGNORE or OR REPLACE`() throws {
        let scenario = try StoreScenario()
        let relying = try scenario.lines(
            """
            SELECT name FROM sqlite_schema
            WHERE type = 'trigger' AND (sql LIKE '%OR IGNORE INTO%' OR sql LIKE '%OR REPLACE INTO%' OR sql LIKE '%UPDATE OR %')
            """)
        #expect(relying == [])
    }
}
