import Fixtures
import Foundation
import GRDB
import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// A call whose lease ended while it was in flight: the values that it may have set at the remote are in doubt.
@Suite struct FencingTests {
    private let ok = DeliveryOutcome(.delivered, httpStatus: 200)
    private let later = StoreScenario.start + .minutes(2)

    /// vg was sent `open` by a call that lost its lease, and has acknowledged `closed` since.
    private func overtaken() async throws -> (scenario: StoreScenario, slow: ClaimedRow) {
        let (scenario, slow) = try await lost()
        try await scenario.finish(try await scenario.claimOne("vg", now: later, process: 2), ok, now: later)
        #expect(try scenario.agreed() == ["status=closed", "title=null"])
        #expect(try scenario.doubts() == [])
        return (scenario, slow)
    }

    /// The lease of a call that sends `open` has ended, and `closed` is planned.
    private func lost() async throws -> (scenario: StoreScenario, slow: ClaimedRow) {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.plan()
        let slow = try await scenario.claimOne("vg", process: 1)
        _ = try await scenario.store.recover(now: later, isGone: { _ in false })
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan(now: later)
        return (scenario, slow)
    }

    private func sent(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT id, body FROM outbox WHERE state IN ('pending', 'sending') ORDER BY id")
    }

    @Test func `the values of a fenced call are in doubt, and the next plan sends the fields again`() async throws {
        let (scenario, slow) = try await overtaken()
        let reply = try await scenario.finish(slow, ok, now: later)
        #expect(reply.fenced == [slow.id])
        #expect(reply.hasFreedPlanning)
        #expect(try scenario.doubts() == [#"status=["open"]"#, "title=[null]"])
        #expect(try scenario.feed() == ["c1|vg|0"])
        try await scenario.plan(now: later)
        #expect(try sent(scenario).map { $0.split(separator: "|")[1] } == [#"{"status":"closed","title":null}"#])
        try await scenario.finish(try await scenario.claimOne("vg", now: later), ok, now: later)
        #expect(try scenario.doubts() == [])
        #expect(try scenario.feed() == [])
    }

    @Test(arguments: [DeliveryOutcome(.retry, fate: .unknown, error: "timeout"), DeliveryOutcome(.dead, fate: .unknown, httpStatus: 500)])
    func `a fenced call that may have been applied leaves its values in doubt`(_ outcome: DeliveryOutcome) async throws {
        let (scenario, slow) = try await overtaken()
        #expect(try await scenario.finish(slow, outcome, now: later).hasFreedPlanning)
        #expect(try scenario.doubts() == [#"status=["open"]"#, "title=[null]"])
    }

    @Test(arguments: [
        DeliveryOutcome(.retry, httpStatus: 503, error: "HTTP 503"), DeliveryOutcome(.throttled, httpStatus: 429),
        DeliveryOutcome(.dead, httpStatus: 422), DeliveryOutcome(.interrupted),
    ])
    func `a fenced call that was not applied leaves nothing in doubt`(_ outcome: DeliveryOutcome) async throws {
        let (scenario, slow) = try await overtaken()
        let reply = try await scenario.finish(slow, outcome, now: later)
        #expect(reply.fenced == [slow.id])
        #expect(!reply.hasFreedPlanning)
        #expect(try scenario.doubts() == [])
        #expect(try scenario.feed() == [])
    }

    @Test func `the acknowledgement of an overlapping call does not end the doubt`() async throws {
        let (scenario, slow) = try await lost()
        let newer = try await scenario.claimOne("vg", now: later, process: 2)
        try await scenario.finish(slow, ok, now: later)
        try await scenario.plan(now: later)
        #expect(try scenario.feed() == ["c1|vg|1"], "planned when the call in flight has ended")
        let reply = try await scenario.finish(newer, ok, now: later)
        #expect(reply.fenced.isEmpty)
        #expect(reply.hasFreedPlanning)
        #expect(try scenario.doubts() == [#"status=["open"]"#, "title=[null]"])
        try await scenario.plan(now: later)
        let again = try await scenario.claimOne("vg", now: later)
        #expect(again.body == #"{"status":"closed","title":null}"#)
        try await scenario.finish(again, ok, now: later)
        #expect(try scenario.doubts() == [])
        try await scenario.plan(now: later)
        #expect(try sent(scenario) == [])
    }

    @Test func `the doubts of several fenced calls add up`() async throws {
        let (scenario, slow) = try await lost()
        let second = try await scenario.claimOne("vg", now: later, process: 2)
        let latest = later + .minutes(2)
        _ = try await scenario.store.recover(now: latest, isGone: { _ in false })
        try scenario.write("UPDATE conversations SET title = 'x'")
        try await scenario.plan(now: latest)
        let third = try await scenario.claimOne("vg", now: latest, process: 3)
        try await scenario.finish(slow, ok, now: latest)
        try await scenario.finish(second, ok, now: latest)
        #expect(
            try scenario.lines("SELECT overlapped FROM outbox WHERE state = 'sending'")
                == [#"{"fields":{"status":"closed","title":null},"numbers":[2,1,1]}"#])
        try await scenario.finish(third, ok, now: latest)
        #expect(try scenario.doubts() == [#"status=["closed"]"#, "title=[null]"])
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE overlapped IS NOT NULL") == ["0"])
    }

    @Test func `an overlapped call that is put back leaves the values of both calls in doubt`() async throws {
        let (scenario, slow) = try await lost()
        _ = try await scenario.claimOne("vg", now: later, process: 2)
        try await scenario.finish(slow, ok, now: later)
        _ = try await scenario.store.recover(now: later + .minutes(2), isGone: { _ in false })
        #expect(try scenario.doubts() == [#"status=["open","closed"]"#, "title=[null]"])
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE overlapped IS NOT NULL") == ["0"])
    }

    @Test func `a fenced call leaves no doubt where the link leads to another object by now`() async throws {
        let (scenario, slow) = try await overtaken()
        try scenario.write("UPDATE links SET remote_id = 'other'")
        try await scenario.plan(now: later)
        #expect(try await scenario.finish(slow, ok, now: later).fenced == [slow.id])
        #expect(try scenario.doubts() == [])
    }

    @Test func `a message is in doubt since the fenced call began`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        let slow = try await scenario.claimOne("fin")
        _ = try await scenario.store.recover(now: later, isGone: { _ in false })
        // A replayed message begins without a doubt.
        try scenario.write("UPDATE outbox SET in_doubt_since = NULL")
        try await scenario.finish(slow, ok)
        #expect(try scenario.lines("SELECT state, in_doubt_since FROM outbox") == ["pending|\(StoreScenario.start.iso8601)"])
        let claimed = try await scenario.claimOne("fin", now: later)
        try await scenario.finish(claimed, ok, now: later)
        try await scenario.finish(slow, ok, now: later)
        #expect(try scenario.lines("SELECT state FROM outbox") == ["delivered"])
    }

    @Test func `one call in flight per conversation and remote is a rule of the database`() async throws {
        let scenario = try StoreScenario([.vg, .voicebot])
        try scenario.addConversations("c1", "c2")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = 'sending' WHERE remote = 'vg' OR conversation_id = 'c1'")
        let second = """
            INSERT INTO outbox (conversation_id, remote, payload, operation, method, path, body, target_id, idempotency_key, state,
                due_at, created_at, updated_at)
            SELECT conversation_id, remote, payload, operation, method, path, body, target_id, 'another', state, due_at, created_at,
                updated_at FROM outbox WHERE id = 1
            """
        #expect(throws: DatabaseError.self) { try scenario.write(second) }
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE state = 'sending'") == ["3"])
    }

    @Test func `a file with two calls in flight is repaired, so that the later claim waits and its values are in doubt`() async throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("convosync.db")
        try SchemaMigrations.migrate(fileAt: path, upTo: "0010_operators_view")
        let old = try ApplicationDatabase(path: path)
        try old.write(
            """
            INSERT INTO conversations (id) VALUES ('c1');
            INSERT INTO links VALUES ('c1', 'vg', 'v1', NULL);
            DELETE FROM change_feed;
            INSERT INTO link_state (conversation_id, remote, target_id, fields, record) VALUES ('c1', 'vg', 'v1', '{}', '{}');
            INSERT INTO outbox (conversation_id, remote, payload, operation, method, path, body, delta, local_numbers, target_id,
                idempotency_key, state, due_at, lease, lease_until, last_error, created_at, updated_at)
            VALUES
                ('c1', 'vg', 'state', 'o', 'PATCH', '/p', '{"a":1}', '{"a":{"to":1}}', '[1,1,1]', 'v1', 'k1', 'sending', 'd', 5, '2026-01-06T',
                    NULL, 'c', '2026-01-05T00:00:02.000Z'),
                ('c1', 'vg', 'state', 'o', 'PATCH', '/p', '{"b":true}', '{"b":{"to":true},"c":{"to":null}}', '[2,1,1]', 'v1', 'k2',
                    'sending', 'd', 6, '2026-01-06T', NULL, 'c', '2026-01-05T00:00:03.000Z'),
                ('c1', 'fin', 'message', 'o', 'POST', '/p', '{"m":1}', NULL, NULL, 'c1', 'k3', 'sending', 'd', 7, '2026-01-06T', NULL, 'c',
                    '2026-01-05T00:00:05.000Z'),
                ('c1', 'fin', 'message', 'o', 'POST', '/p', '{"m":2}', NULL, NULL, 'c1', 'k4', 'sending', 'd', 8, '2026-01-06T', NULL, 'c',
                    '2026-01-05T00:00:04.000Z'),
                ('c1', 'helpdesk', 'state', 'o', 'PUT', '/p', '{}', NULL, NULL, 'c1', 'k5', 'dead', 'd', NULL, NULL,
                    'discarded by hand', 'c', 'u'),
                ('c1', 'helpdesk', 'state', 'o', 'PUT', '/p', '{"d":1}', NULL, NULL, 'c1', 'k6', 'dead', 'd', NULL, NULL,
                    'not sendable: x', 'c', 'u');
            """)
        try old.close()
        let store = try Store(path: path, access: .migrating)
        let lines: @Sendable (String) async throws -> [String] = { sql in
            try await store.read { try $0.values(SQL(stringLiteral: sql)) }
        }
        let rows = try await lines(
            """
            SELECT id || ' ' || state || ' ' || coalesce(lease, '-') || ' ' || coalesce(in_doubt_since, '-') || ' ' || is_refused
                || ' ' || coalesce(overlapped, '-')
            FROM outbox ORDER BY id
            """)
        #expect(
            rows == [
                #"1 sending 5 - 0 {"fields":{"b":true,"c":null},"numbers":[2,1,1]}"#, "2 pending - - 0 -",
                "3 pending - 2026-01-05T00:00:05.000Z 0 -", "4 sending 8 - 0 -", "5 dead - - 1 -", "6 dead - - 1 -",
            ])
        #expect(store.schemaChange.counts.map(\.rows) == [2])
        _ = try await store.recover(now: StoreScenario.start, isGone: { _ in false })
        let doubts = try await lines(
            "SELECT key || ' ' || json_extract(value, '$.doubt') FROM link_state, json_each(fields) ORDER BY key")
        #expect(doubts == ["a [1]", "b [true]", "c [null]"])
    }
}
