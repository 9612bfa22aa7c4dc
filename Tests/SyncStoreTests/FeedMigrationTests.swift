import Fixtures
import Foundation
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// What migrations make of the feeds. They are rebuilt by 0010_operators_view: waiting entries are kept, and all triggers on them exist afterwards.
@Suite struct FeedMigrationTests {
    @Test func `waiting entries and the triggers on the feeds survive the migration`() async throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("convosync.db")
        try SchemaMigrations.migrate(fileAt: path, upTo: "0009_agreed_pair")
        let old = try ApplicationDatabase(path: path)
        let schema = """
            SELECT type || ' ' || name || ' ' || tbl_name FROM sqlite_schema
            WHERE tbl_name IN ('change_feed', 'message_feed') AND type <> 'table' ORDER BY 1
            """
        try old.write(
            """
            INSERT INTO change_feed (conversation_id, remote, changed_at, deferred) VALUES
                ('c1', '', '2026-01-01T00:00:00.000Z', 0), ('c1', 'vg', '2026-01-02T00:00:00.000Z', 1),
                ('c2', '', '2026-01-03T00:00:00.000Z', 2);
            INSERT INTO message_feed (sequence, message_id, conversation_id, remote, moved) VALUES
                (3, 'm1', 'c1', '', 0), (7, 'm2', 'c1', '-', 0), (9, 'm3', 'c1', '!', 0), (11, 'm4', 'c1', 'fin', 1);
            INSERT INTO outbox (conversation_id, remote, payload, operation, method, path, body, target_id, idempotency_key, state,
                due_at, created_at, updated_at)
            VALUES ('c1', 'vg', 'state', 'o', 'PATCH', '/p', '{}', 'v1', 'k1', 'pending', '2026-01-05T00:00:00.000Z',
                '2026-01-04T00:00:00.000Z', '2026-01-05T00:00:00.000Z');
            """)
        let before = try old.texts(schema)
        #expect(before.count >= 6)
        try old.close()
        let store = try Store(path: path, access: .migrating)
        let lines: @Sendable (String) async throws -> [String] = { sql in
            try await store.read { try $0.values(SQL(stringLiteral: sql)) }
        }
        let after = try await lines(schema)
        #expect(after == (before + ["index change_feed_waiting change_feed"]).sorted())
        let changes = try await lines(
            "SELECT conversation_id || ' ' || remote || ' ' || deferred || ' ' || since FROM change_feed ORDER BY since")
        #expect(changes == ["c1  0 2026-01-01T00:00:00.000Z", "c1 vg 1 2026-01-02T00:00:00.000Z", "c2  2 2026-01-03T00:00:00.000Z"])
        let messages = try await lines(
            "SELECT sequence || ' ' || message_id || ' ' || remote || ' ' || moved FROM message_feed ORDER BY sequence")
        #expect(messages == ["3 m1  0", "7 m2 - 0", "9 m3 ! 0", "11 m4 fin 1"])
        let ages = try await lines("SELECT differs_since FROM outbox")
        #expect(ages == ["2026-01-04T00:00:00.000Z"])
        let left = try await lines("SELECT name FROM sqlite_schema WHERE name = 'former_feed'")
        #expect(left == [])
    }
    @Test func `messages that wait since before 0016_messages_follow follow their user`() async throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("convosync.db")
        try SchemaMigrations.migrate(fileAt: path, upTo: "0015_upserts_and_moved_links")
        let old = try ApplicationDatabase(path: path, foreignKeys: false)
        // All calls carry a user of the name Jane.
        try old.write(
            """
            INSERT INTO users (id, name) VALUES ('u1', 'John'), ('u2', 'Jane');
            INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1'), ('c2', 'u2'), ('c3', 'u3'), ('c4', 'u1'), ('c5', 'u1');
            WITH r (conversation, user, message, state, doubt) AS (VALUES
                ('c1', 'u1', 'renamed', 'pending', NULL), ('c1', 'u1', 'later', 'held', NULL), ('c2', 'u2', 'same', 'pending', NULL),
                ('c3', 'u3', 'gone', 'pending', NULL), ('c4', 'u1', 'held', 'held', NULL),
                ('c5', 'u1', 'in doubt', 'pending', '2026-01-05T00:00:00.000Z'))
            INSERT INTO outbox (conversation_id, remote, payload, operation, method, path, body, message_id, target_id, idempotency_key,
                state, in_doubt_since, due_at, created_at, updated_at)
            SELECT conversation, 'fin', 'message', 'o', 'POST', '/p', json_object('user', json_object('id', user, 'name', 'Jane')), message,
                conversation, message, state, doubt, '2026-01-05T00:00:00.000Z', '2026-01-04T00:00:00.000Z', '2026-01-05T00:00:00.000Z'
            FROM r;
            INSERT INTO planned_messages (message_id, remote) SELECT message_id, remote FROM outbox;
            """)
        try old.close()
        let store = try Store(path: path, access: .migrating)
        let lines: @Sendable (String) async throws -> [String] = { sql in
            try await store.read { try $0.values(SQL(stringLiteral: sql)) }
        }
        #expect(
            try await lines("SELECT message_id || ' ' || state FROM outbox ORDER BY id") == [
                "renamed discarded", "later discarded", "same pending", "gone discarded", "held held", "in doubt pending",
            ])
        #expect(try await lines("SELECT message_id FROM message_feed ORDER BY sequence") == ["renamed", "later", "gone"])
        #expect(try await lines("SELECT message_id FROM planned_messages ORDER BY 1") == ["held", "in doubt", "same"])
    }

    @Test func `messages that were being planned again before 0019_places_of_messages keep their order`() async throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("convosync.db")
        try SchemaMigrations.migrate(fileAt: path, upTo: "0018_links_without_effect")
        let old = try ApplicationDatabase(path: path, foreignKeys: false)
        // Of c1, m1 was planned again, and m2 and m3 wait for that. Of c2, nothing waits.
        try old.write(
            """
            INSERT INTO users (id) VALUES ('u1');
            INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1'), ('c2', 'u1');
            WITH r(id, conversation, message, state) AS (VALUES
                (1, 'c1', 'm1', 'discarded'), (2, 'c1', 'm2', 'discarded'), (3, 'c1', 'm3', 'discarded'), (4, 'c2', 'm4', 'discarded'),
                (5, 'c1', 'm1', 'pending'), (6, 'c2', 'm4', 'pending'), (7, 'c1', 'm0', 'dead'))
            INSERT INTO outbox (id, conversation_id, remote, payload, operation, method, path, body, message_id, target_id, idempotency_key,
                state, due_at, created_at, updated_at)
            SELECT id, conversation, 'fin', 'message', 'o', 'POST', '/p', '{"user": {"id": "u1"}}', message, conversation, id,
                state, '2026-01-05T00:00:00.000Z', '2026-01-04T00:00:00.000Z', '2026-01-05T00:00:00.000Z'
            FROM r;
            INSERT INTO message_feed (sequence, message_id, conversation_id, remote, moved)
                SELECT id - 1000000000000000, message_id, conversation_id, remote, 2 FROM outbox WHERE id IN (2, 3);
            """)
        try old.close()
        let store = try Store(path: path, access: .migrating)
        let places: [String] = try await store.read { session in
            try session.values("SELECT id || ' ' || coalesce(place, 'its own') FROM outbox WHERE state <> 'discarded' ORDER BY id")
        }
        #expect(places == ["5 1", "6 its own", "7 its own"])
    }
}
