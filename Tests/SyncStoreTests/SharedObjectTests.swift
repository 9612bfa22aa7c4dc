import Fixtures
import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// Two links to one object of one remote: nothing is sent for either, and its reports are ignored, until one link is gone.
@Suite struct SharedObjectTests {
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }

    /// c1 and c2 link to voicebot's 17.
    private func shared(_ remotes: [RemoteParticipation] = [.voicebot]) throws -> StoreScenario {
        let scenario = try StoreScenario(remotes)
        try scenario.write(
            """
            INSERT INTO conversations (id) VALUES ('c1'), ('c2'), ('c3');
            INSERT INTO links VALUES ('c1', 'voicebot', '17', NULL), ('c2', 'voicebot', '17', NULL), ('c3', 'voicebot', '18', NULL);
            """)
        return scenario
    }

    private func objects(_ scenario: StoreScenario) async throws -> [String] {
        try await scenario.store.sharedObjects(at: scenario.remotes).map {
            "\($0.remote) \($0.remoteID) \($0.agentID ?? "-"): \($0.conversations.joined(separator: ","))"
        }
    }

    @Test func `links that share an object are not planned, not even by a preview, and others are`() async throws {
        let scenario = try shared()
        #expect(try await objects(scenario) == ["voicebot 17 -: c1,c2"])
        try await scenario.plan()
        #expect(try scenario.outbox() == ["1|c3|voicebot|pending"])
        #expect(try scenario.feed().isEmpty)
        try scenario.write("UPDATE conversations SET status = 'closed'")
        var previewed: [String] = []
        let remote = try #require(scenario.remotes.first)
        for id in ["c1", "c2", "c3"] {
            let stored = try #require(
                try await scenario.store.storedConversation(id, remotes: [remote], history: 1, now: StoreScenario.start)?.remotes.first)
            if stored.link != nil { previewed.append(id) }
            #expect(stored.sharers == ["c1": ["c2"], "c2": ["c1"]][id] ?? [])
        }
        #expect(previewed == ["c3"])
        try await scenario.plan()
        #expect(try scenario.outbox("state = 'pending'").map { $0.split(separator: "|")[1] } == ["c3"])
    }

    @Test(arguments: [
        "DELETE FROM links WHERE conversation_id = 'c2'", "UPDATE links SET remote_id = '19' WHERE conversation_id = 'c2'",
        "INSERT OR REPLACE INTO links VALUES ('c2', 'voicebot', '19', NULL)", "DELETE FROM conversations WHERE id = 'c2'",
        "INSERT INTO links VALUES ('c2', 'voicebot', '19', NULL) ON CONFLICT DO UPDATE SET remote_id = excluded.remote_id",
        "DELETE FROM links WHERE conversation_id = 'c3'; UPDATE OR REPLACE links SET conversation_id = 'c3' WHERE conversation_id = 'c2'",
        "UPDATE OR REPLACE links SET conversation_id = 'c2' WHERE conversation_id = 'c3'",
        "UPDATE links SET remote = 'elsewhere' WHERE conversation_id = 'c2'",
    ])
    func `when one link is gone, the other is planned without a further change`(sql: String) async throws {
        let scenario = try shared()
        try await scenario.plan()
        try scenario.clearFeed()
        try scenario.write(sql)
        let isMoved = sql.contains("SET conversation_id = 'c3'")
        #expect(try await objects(scenario) == (isMoved ? ["voicebot 17 -: c1,c3"] : []))
        try await scenario.plan()
        #expect(
            try scenario.lines("SELECT count(*) FROM outbox WHERE conversation_id = 'c1' AND state = 'pending'") == [isMoved ? "0" : "1"])
    }

    @Test func `a waiting row of a shared object is not sent until its link is the only one again`() async throws {
        let scenario = try StoreScenario([.voicebot])
        try scenario.addConversations("c1", "c2")
        try await scenario.plan()
        try scenario.write("UPDATE links SET remote_id = 'r-c1' WHERE conversation_id = 'c2'")
        try await scenario.plan()
        #expect(try await scenario.claim("voicebot").isEmpty)
        #expect(try await scenario.store.hasPending("voicebot") == false, "nothing to wait for")
        #expect(try await scenario.store.nextDue("voicebot", after: StoreScenario.start - .hours(1)) == nil)
        // The hourly repair does not release it.
        try await scenario.store.repair(now: Self.at(10), farthestDue: .days(1))
        #expect(try await scenario.claim("voicebot", now: Self.at(10)).isEmpty)
        try scenario.write("DELETE FROM links WHERE conversation_id = 'c2'")
        try await scenario.plan(now: Self.at(20))
        let claimed = try await scenario.claim("voicebot", now: Self.at(20))
        #expect(claimed.map(\.conversationID) == ["c1"])
        #expect(claimed.map(\.id) == [1], "it says the same as before")
    }

    @Test func `a report of a shared object changes nothing, and the object is read when one link is left`() async throws {
        let scenario = try StoreScenario([.voicebot])
        try scenario.addConversations("c1", "c2")
        try await scenario.converge()
        try scenario.write("UPDATE links SET remote_id = 'r-c1' WHERE conversation_id = 'c2'")
        try await scenario.plan()
        let adopting = scenario.inbound(now: Self.at(5))
        let report = Report(
            remote: "voicebot", subject: .object(.init(remoteID: "r-c1")), observation: Observation(word: "closed"), readAt: Self.at(5))
        #expect(try await scenario.store.reconcile([report], adopting).isEmpty)
        #expect(try scenario.lines("SELECT DISTINCT status FROM conversations") == ["open"])
        #expect(try await scenario.store.readRequests(of: .voicebot, limit: 10).isEmpty)
        try scenario.write("DELETE FROM links WHERE conversation_id = 'c2'")
        #expect(try await scenario.store.readRequests(of: .voicebot, limit: 10) == [ReadRequest(remoteID: "r-c1")])
        #expect(try await scenario.store.reconcile([report], adopting).map(\.conversationID) == ["c1"])
    }

    @Test func `the same id under different agents is two objects, and NULL means the default agent`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1'), ('c2'), ('c3'), ('c4')")
        try scenario.write(
            """
            INSERT INTO links VALUES ('c1', 'vg', 'x', NULL), ('c2', 'vg', 'x', 'other'), ('c3', 'vg', 'x', 'third'), ('c4', 'vg', 'X', NULL)
            """)
        #expect(try await objects(scenario) == [])
        try await scenario.plan()
        #expect(try scenario.outbox().count == 4)
        try scenario.write("UPDATE links SET agent_id = 'agent9' WHERE conversation_id = 'c3'")
        #expect(try await objects(scenario) == ["vg x agent9: c1,c3"])
        #expect(try await scenario.claim("vg").map(\.conversationID) == ["c2", "c4"], "c1's row waits")
        try await scenario.plan()
        #expect(try scenario.outbox("conversation_id = 'c3' AND state = 'pending'").isEmpty)
        // With another default agent they are two objects.
        let changed = RemoteParticipation.vg.with { $0.defaultAgent = "other" }
        #expect(
            try await scenario.store.sharedObjects(at: [changed]).map(\.conversations) == [["c1", "c2"]])
    }

    @Test func `ids are distinguished by their bytes`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1'), ('c2')")
        try scenario.write("INSERT INTO links VALUES ('c1', 'vg', ?, NULL), ('c2', 'vg', ?, NULL)", ["caf\u{E9}", "cafe\u{301}"])
        #expect(try await objects(scenario) == [])
        try await scenario.plan()
        #expect(try scenario.outbox().count == 2)
    }

    @Test func `the migration finds shared objects in existing links, and ids of different agents are not shared`() throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("old.db")
        try SchemaMigrations.migrate(fileAt: path, upTo: "0007_fate")
        let old = try ApplicationDatabase(path: path)
        try old.write(
            """
            INSERT INTO conversations (id) VALUES ('c1'), ('c2'), ('c3'), ('c4');
            INSERT INTO links VALUES ('c1', 'vg', 'a', NULL), ('c2', 'vg', 'a', 'x'), ('c3', 'vg', 'b', 'x'), ('c4', 'vg', 'b', 'y'),
                ('c1', 'voicebot', '17', 'z'), ('c2', 'voicebot', '17', 'z'), ('c3', 'voicebot', '18', NULL);
            """)
        try SchemaMigrations.migrate(fileAt: path, upTo: nil)
        #expect(try old.texts("SELECT remote || remote_id FROM shared_objects") == ["vga", "voicebot17"])
    }

    @Test func `finding shared objects reads only candidates`() async throws {
        let scenario = try shared()
        let plan = try scenario.lines(
            """
            EXPLAIN QUERY PLAN SELECT l.remote_id FROM shared_objects s CROSS JOIN links l ON l.remote = s.remote AND l.remote_id = s.remote_id
            WHERE s.remote = 'voicebot'
            """)
        #expect(plan.contains { $0.contains("SEARCH s USING PRIMARY KEY") } && plan.contains { $0.contains("links_by_object") }, "\(plan)")
        let check = try scenario.lines(
            "EXPLAIN QUERY PLAN SELECT \(Store.isShared(defaultAgent: nil).text.replacing("?", with: "NULL")) FROM links l WHERE conversation_id = 'c1' AND remote = 'r'"
        )
        #expect(check.contains { $0.contains("SEARCH o USING INDEX links_by_object") }, "\(check)")
    }
}
