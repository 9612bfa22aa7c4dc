import GRDB
import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// Two links to one object of one remote: nothing is sent for either, and its reports are ignored, until one link is gone.
@Suite struct SharedObjectTests {
    private static func at(_ seconds: Int64) -> Instant { Bench.start + .seconds(seconds) }

    /// c1 and c2 link to voicebot's 17.
    private func shared(_ remotes: [RemoteParticipation] = [.voicebot]) throws -> Bench {
        let bench = try Bench(remotes)
        try bench.write(
            """
            INSERT INTO conversations (id) VALUES ('c1'), ('c2'), ('c3');
            INSERT INTO links VALUES ('c1', 'voicebot', '17', NULL), ('c2', 'voicebot', '17', NULL), ('c3', 'voicebot', '18', NULL);
            """)
        return bench
    }

    private func objects(_ bench: Bench) async throws -> [String] {
        try await bench.store.sharedObjects(at: bench.remotes).map {
            "\($0.remote) \($0.remoteID) \($0.agentID ?? "-"): \($0.conversations.joined(separator: ","))"
        }
    }

    @Test func `links that share an object are not planned, not even by a preview, and others are`() async throws {
        let bench = try shared()
        #expect(try await objects(bench) == ["voicebot 17 -: c1,c2"])
        try await bench.plan()
        #expect(try bench.outbox() == ["1|c3|voicebot|pending"])
        #expect(try bench.feed().isEmpty)
        try bench.write("UPDATE conversations SET status = 'closed'")
        var previewed: [String] = []
        let remote = try #require(bench.remotes.first)
        for id in ["c1", "c2", "c3"] {
            let stored = try #require(
                try await bench.store.storedConversation(id, remotes: [remote], history: 1, now: Bench.start)?.remotes.first)
            if stored.link != nil { previewed.append(id) }
            #expect(stored.sharers == ["c1": ["c2"], "c2": ["c1"]][id] ?? [])
        }
        #expect(previewed == ["c3"])
        try await bench.plan()
        #expect(try bench.outbox("state = 'pending'").map { $0.split(separator: "|")[1] } == ["c3"])
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
        let bench = try shared()
        try await bench.plan()
        try bench.clearFeed()
        try bench.write(sql)
        let isMoved = sql.contains("SET conversation_id = 'c3'")
        #expect(try await objects(bench) == (isMoved ? ["voicebot 17 -: c1,c3"] : []))
        try await bench.plan()
        #expect(try bench.lines("SELECT count(*) FROM outbox WHERE conversation_id = 'c1' AND state = 'pending'") == [isMoved ? "0" : "1"])
    }

    @Test func `a waiting row of a shared object is not sent until its link is the only one again`() async throws {
        let bench = try Bench([.voicebot])
        try bench.addConversations("c1", "c2")
        try await bench.plan()
        try bench.write("UPDATE links SET remote_id = 'r-c1' WHERE conversation_id = 'c2'")
        try await bench.plan()
        #expect(try await bench.claim("voicebot").isEmpty)
        #expect(try await bench.store.hasPending("voicebot") == false, "nothing to wait for")
        #expect(try await bench.store.nextDue("voicebot", after: Bench.start - .hours(1)) == nil)
        // The hourly repair does not release it.
        try await bench.store.repair(now: Self.at(10), farthestDue: .days(1))
        #expect(try await bench.claim("voicebot", now: Self.at(10)).isEmpty)
        try bench.write("DELETE FROM links WHERE conversation_id = 'c2'")
        try await bench.plan(now: Self.at(20))
        let claimed = try await bench.claim("voicebot", now: Self.at(20))
        #expect(claimed.map(\.conversationID) == ["c1"])
        #expect(claimed.map(\.id) == [1], "it says the same as before")
    }

    @Test func `a report of a shared object changes nothing, and the object is read when one link is left`() async throws {
        let bench = try Bench([.voicebot])
        try bench.addConversations("c1", "c2")
        try await bench.converge()
        try bench.write("UPDATE links SET remote_id = 'r-c1' WHERE conversation_id = 'c2'")
        try await bench.plan()
        let adopting = bench.inbound(now: Self.at(5))
        let report = Report(
            remote: "voicebot", subject: .object(.init(remoteID: "r-c1")), observation: Observation(word: "closed"), readAt: Self.at(5))
        #expect(try await bench.store.reconcile([report], adopting).isEmpty)
        #expect(try bench.lines("SELECT DISTINCT status FROM conversations") == ["open"])
        #expect(try await bench.store.readRequests(of: "voicebot", limit: 10).isEmpty)
        try bench.write("DELETE FROM links WHERE conversation_id = 'c2'")
        #expect(try await bench.store.readRequests(of: "voicebot", limit: 10) == [ReadRequest(remoteID: "r-c1")])
        #expect(try await bench.store.reconcile([report], adopting).map(\.conversationID) == ["c1"])
    }

    @Test func `the same id under different agents is two objects, and NULL means the default agent`() async throws {
        let bench = try Bench([.vg])
        try bench.write("INSERT INTO conversations (id) VALUES ('c1'), ('c2'), ('c3'), ('c4')")
        try bench.write(
            """
            INSERT INTO links VALUES ('c1', 'vg', 'x', NULL), ('c2', 'vg', 'x', 'other'), ('c3', 'vg', 'x', 'third'), ('c4', 'vg', 'X', NULL)
            """)
        #expect(try await objects(bench) == [])
        try await bench.plan()
        #expect(try bench.outbox().count == 4)
        try bench.write("UPDATE links SET agent_id = 'agent9' WHERE conversation_id = 'c3'")
        #expect(try await objects(bench) == ["vg x agent9: c1,c3"])
        #expect(try await bench.claim("vg").map(\.conversationID) == ["c2", "c4"], "c1's row waits")
        try await bench.plan()
        #expect(try bench.outbox("conversation_id = 'c3' AND state = 'pending'").isEmpty)
        // With another default agent they are two objects.
        let changed = RemoteParticipation.vg.with { $0.defaultAgent = "other" }
        #expect(
            try await bench.store.sharedObjects(at: [changed]).map(\.conversations) == [["c1", "c2"]])
    }

    @Test func `ids are distinguished by their bytes`() async throws {
        let bench = try Bench([.vg])
        try bench.write("INSERT INTO conversations (id) VALUES ('c1'), ('c2')")
        try bench.write("INSERT INTO links VALUES ('c1', 'vg', ?, NULL), ('c2', 'vg', ?, NULL)", ["caf\u{E9}", "cafe\u{301}"])
        #expect(try await objects(bench) == [])
        try await bench.plan()
        #expect(try bench.outbox().count == 2)
    }

    @Test func `the migration finds shared objects in existing links, and ids of different agents are not shared`() throws {
        let folder = try Bench.temporaryFolder()
        let path = folder.appending(path: "old.db").path
        try SchemaMigrations.migrate(fileAt: path, upTo: "0007_fate")
        let old = try DatabaseQueue(path: path)
        try old.writeWithoutTransaction { db in
            try db.execute(
                sql: """
                    INSERT INTO conversations (id) VALUES ('c1'), ('c2'), ('c3'), ('c4');
                    INSERT INTO links VALUES ('c1', 'vg', 'a', NULL), ('c2', 'vg', 'a', 'x'), ('c3', 'vg', 'b', 'x'), ('c4', 'vg', 'b', 'y'),
                        ('c1', 'voicebot', '17', 'z'), ('c2', 'voicebot', '17', 'z'), ('c3', 'voicebot', '18', NULL);
                    """)
        }
        try SchemaMigrations.migrate(fileAt: path, upTo: nil)
        #expect(try old.read { try String.fetchAll($0, sql: "SELECT remote || remote_id FROM shared_objects") } == ["vga", "voicebot17"])
    }

    @Test func `finding shared objects reads only candidates`() async throws {
        let bench = try shared()
        let plan = try bench.lines(
            """
            EXPLAIN QUERY PLAN SELECT l.remote_id FROM shared_objects s CROSS JOIN links l ON l.remote = s.remote AND l.remote_id = s.remote_id
            WHERE s.remote = 'voicebot'
            """)
        #expect(plan.contains { $0.contains("SEARCH s USING PRIMARY KEY") } && plan.contains { $0.contains("links_by_object") }, "\(plan)")
        let check = try bench.lines(
            "EXPLAIN QUERY PLAN SELECT \(Store.isShared(defaultAgent: nil).text.replacing("?", with: "NULL")) FROM links l WHERE conversation_id = 'c1' AND remote = 'r'"
        )
        #expect(check.contains { $0.contains("SEARCH o USING INDEX links_by_object") }, "\(check)")
    }
}
