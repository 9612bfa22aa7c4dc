import Fixtures
import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// Rows of `links` that name a remote which needs none: nothing comes of them, and nothing that waits for the remote is lost because of them.
@Suite struct LinksWithoutEffectTests {
    private static let start = StoreScenario.start
    private static let everything = "INSERT INTO links VALUES ('c1', 'fin', 'c1', NULL), ('c1', 'helpdesk', 'c1', NULL)"

    /// c1 and c2 are at the helpdesk. In c1 a message and a status wait to be sent, and something else waits to be planned.
    private func waiting() async throws -> StoreScenario {
        let scenario = try StoreScenario([.helpdesk, .fin])
        try await scenario.store.enterRemotes(scenario.remotes)
        try scenario.write(
            """
            INSERT INTO users (id) VALUES ('u1');
            INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1'), ('c2', 'u1');
            """)
        try scenario.write(Self.everything)
        try await scenario.converge()
        try scenario.addMessage("m1", of: "c1")
        try scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
        try await scenario.plan()
        try scenario.write("INSERT INTO change_feed (conversation_id, remote, changed_at) VALUES ('c1', 'helpdesk', 'x')")
        return scenario
    }

    /// Everything that a trigger may write.
    private func tables(_ scenario: StoreScenario) throws -> [String] {
        try ["outbox", "change_feed", "message_feed", "planned_messages", "link_state", "read_requests"].flatMap { table in
            try scenario.lines("SELECT * FROM \(table)").map { "\(table): \($0)" }
        }
    }

    @Test(arguments: [
        "DELETE FROM links",
        "UPDATE links SET remote_id = 'other'",
        "UPDATE links SET agent_id = 'a', remote_id = remote_id",
        "UPDATE links SET conversation_id = 'c2'",
        "INSERT OR REPLACE INTO links VALUES ('c1', 'fin', 'other', NULL), ('c1', 'helpdesk', 'other', 'a')",
        "UPDATE links SET remote = 'desk' WHERE remote = 'helpdesk'; DELETE FROM links",
        """
        INSERT INTO links VALUES ('c2', 'fin', 'c2', NULL), ('c2', 'helpdesk', 'c2', NULL);
        UPDATE OR REPLACE links SET conversation_id = 'c1' WHERE conversation_id = 'c2'
        """,
        // To the object of the other one.
        "INSERT INTO links VALUES ('c2', 'fin', 'c1', NULL), ('c2', 'helpdesk', 'c1', NULL); DELETE FROM links WHERE conversation_id = 'c2'",
    ])
    func `what is done to a link has no effect on a remote that needs none`(_ sql: String) async throws {
        let scenario = try await waiting()
        let before = try tables(scenario)
        #expect(before.count { $0.contains("|pending|") } == 2)
        try scenario.write(sql)
        #expect(try tables(scenario) == before)
    }

    @Test func `the message and the status are sent after the links were deleted`() async throws {
        let scenario = try await waiting()
        try scenario.write("DELETE FROM links")
        try await scenario.converge()
        #expect(
            try scenario.lines("SELECT remote, state FROM outbox WHERE conversation_id = 'c1' ORDER BY id") == [
                "helpdesk|delivered", "fin|delivered", "helpdesk|delivered",
            ])
    }

    @Test func `a message that waits is sent for the conversation into which its own is merged with such links`() async throws {
        let scenario = try await waiting()
        try scenario.application.write(
            """
            UPDATE OR REPLACE links SET conversation_id = 'c2' WHERE conversation_id = 'c1';
            UPDATE messages SET conversation_id = 'c2' WHERE conversation_id = 'c1';
            DELETE FROM conversations WHERE id = 'c1';
            """)
        try await scenario.plan()
        #expect(try await scenario.claim("fin").map(\.conversationID) == ["c2"])
    }

    @Test func `a message that may have arrived stays uncertain when its former conversation is deleted with such links`() async throws {
        let scenario = try await waiting()
        try scenario.write("UPDATE outbox SET in_doubt_since = ? WHERE remote = 'fin'", [Self.start.iso8601])
        try scenario.application.write(
            "UPDATE messages SET conversation_id = 'c2' WHERE conversation_id = 'c1'; DELETE FROM conversations WHERE id = 'c1'")
        #expect(try scenario.lines("SELECT state FROM outbox WHERE remote = 'fin'") == ["uncertain"])
    }

    @Test func `a call that fails after the link was deleted is repeated`() async throws {
        let scenario = try await waiting()
        let claimed = try await scenario.claimOne("helpdesk")
        try scenario.write("DELETE FROM links")
        try await scenario.finish(claimed, DeliveryOutcome(.retry, httpStatus: 503, error: "HTTP 503"))
        #expect(try scenario.lines("SELECT state FROM outbox WHERE id = \(claimed.id)") == ["pending"])
    }

    @Test func `no message is discarded because of a link, whatever its remote is now`() async throws {
        let scenario = try await waiting()
        try scenario.write("UPDATE remotes SET needs_link = 1")
        try scenario.write("UPDATE links SET agent_id = 'a'; UPDATE links SET conversation_id = 'c2'; DELETE FROM links")
        try scenario.write(Self.everything)
        try scenario.write("DELETE FROM links")
        #expect(try scenario.lines("SELECT state FROM outbox WHERE remote = 'fin'") == ["pending"])
    }

    @Test func `a name counts as what it was configured as last`() async throws {
        let scenario = try StoreScenario([.helpdesk])
        let linked = RemoteParticipation.vg.with { $0.name = "helpdesk" }
        _ = try await scenario.store.reconcileRemotes([.helpdesk], now: Self.start)
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1'), ('c2')")
        try scenario.clearFeed()
        try scenario.write("INSERT INTO links VALUES ('c1', 'helpdesk', 'x', NULL), ('c2', 'helpdesk', 'x', NULL)")
        for absent in [[], [RemoteParticipation.helpdesk.disabled]] {
            _ = try await scenario.store.reconcileRemotes(absent, now: Self.start)
            try scenario.write("UPDATE links SET remote_id = remote_id")
            #expect(try scenario.feed() == [])
        }
        _ = try await scenario.store.reconcileRemotes([linked], now: Self.start)
        #expect(try await scenario.store.sharedObjects(at: [linked]).map(\.conversations) == [["c1", "c2"]])
        try scenario.write("DELETE FROM links WHERE conversation_id = 'c2'")
        #expect(try scenario.feed() == ["c1|helpdesk|0"])
        try scenario.clearFeed()
        _ = try await scenario.store.reconcileRemotes([.helpdesk], now: Self.start)
        try scenario.write("UPDATE links SET remote_id = 'y'")
        #expect(try scenario.feed() == [])
    }

    @Test func `neither the age of changes nor what is put aside is counted by such links`() async throws {
        let scenario = try StoreScenario([.voicebot, .helpdesk, .fin])
        try await scenario.store.enterRemotes(scenario.remotes)
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1')")
        try scenario.write(Self.everything)
        let status = try await scenario.store.status(of: scenario.remotes)
        #expect(status.remotes.map { "\($0.name) \($0.oldestPendingAt != nil)" } == ["fin false", "helpdesk true", "voicebot false"])
        try scenario.write("UPDATE change_feed SET deferred = 2, problem = 'a problem'")
        #expect(try await scenario.store.status(of: scenario.remotes).remotes.map(\.putAside) == [0, 1, 0])
    }

    @Test func `planning that was left behind is not kept waiting by the call of another conversation that such a link names`() async throws
    {
        let scenario = try await waiting()
        try scenario.write("INSERT INTO links VALUES ('c2', 'helpdesk', 'c1', NULL)")
        _ = try await scenario.claimOne("helpdesk")
        try scenario.write("INSERT INTO change_feed (conversation_id, remote, changed_at, deferred) VALUES ('c2', 'helpdesk', 'x', 1)")
        try await scenario.store.repair(now: Self.start, farthestDue: .days(1))
        #expect(try scenario.feed().contains("c2|helpdesk|0"))
    }

    // MARK: The migration

    @Test func `after the migration the states of a remote with such links are planned again, and lost messages are counted`() async throws
    {
        let folder = try TemporaryDirectory()
        let path = folder.file("convosync.db")
        try SchemaMigrations.migrate(fileAt: path, upTo: "0017_resending")
        let old = try ApplicationDatabase(path: path, foreignKeys: false)
        try old.write(
            """
            INSERT INTO remotes (name, kind, receives_messages, fingerprint) VALUES
                ('fin', 'fin', 1, 'f1'), ('desk', 'helpdesk', 0, 'h1'), ('linked', 'helpdesk', 0, 'h2'), ('other', 'helpdesk', 0, 'h3'),
                ('vg', 'vg', 0, 'g1');
            INSERT INTO conversations (id) VALUES ('c1');
            INSERT INTO links VALUES ('c1', 'linked', 'c1', NULL), ('c1', 'vg', 'v1', NULL);
            INSERT INTO messages (id, conversation_id, author) VALUES ('lost', 'c1', 'user'), ('dropped', 'c1', 'user'), ('resent', 'c1', 'user');
            WITH r (remote, payload, message, state, error) AS (VALUES
                ('desk', 'state', NULL, 'discarded', 'the link was moved'), ('other', 'state', NULL, 'discarded', 'discarded by hand'),
                ('vg', 'state', NULL, 'discarded', 'the link was deleted'), ('fin', 'message', 'lost', 'discarded', 'the link was deleted'),
                ('fin', 'message', 'dropped', 'discarded', 'discarded by hand'),
                ('fin', 'message', 'resent', 'discarded', 'the link points elsewhere now'), ('fin', 'message', 'resent', 'delivered', NULL),
                ('fin', 'message', 'deleted since', 'discarded', 'the link was deleted'))
            INSERT INTO outbox (conversation_id, remote, payload, operation, method, path, body, message_id, target_id, idempotency_key,
                state, last_error, due_at, created_at, updated_at)
            SELECT 'c1', remote, payload, 'o', 'POST', '/p', '{}', message, 'c1', remote || row_number() OVER (), state, error,
                '2026-01-05T00:00:00.000Z', '2026-01-04T00:00:00.000Z', '2026-01-05T00:00:00.000Z'
            FROM r;
            """)
        try old.close()
        let store = try Store(path: path, access: .migrating)
        #expect(store.migrationCounts.map { "\($0.migration): \($0.rows)" } == ["0018_links_without_effect: 1"])
        let remotes: [String] = try await store.read { session in
            try session.values("SELECT name || ' ' || needs_link || ' ' || fingerprint FROM remotes ORDER BY name")
        }
        let foreign = Store.foreignFingerprint
        #expect(remotes == ["desk 0 \(foreign)", "fin 0 f1", "linked 0 \(foreign)", "other 0 h3", "vg 1 g1"])
    }
}
