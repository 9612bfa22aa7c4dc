import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// What is planned when: calls in flight, doubts, the remote that is pushed last, remotes that are removed and added.
@Suite struct PlanningOrderTests {
    @Test func `planning waits for the call in flight and continues when it has ended`() async throws {
        let bench = try Bench([.voicebot])
        try bench.addConversations("c1")
        try await bench.plan()
        let claimed = try await bench.claimOne("voicebot")
        try bench.write("UPDATE conversations SET status = 'closed'")
        try await bench.plan()
        #expect(try bench.outbox() == ["1|c1|voicebot|sending"])
        #expect(try bench.feed() == ["c1|voicebot|1"])
        #expect(try await bench.store.feedIsEmpty(), "what waits for a call is not work for a run")
        let reply = try await bench.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        #expect(reply.hasFreedPlanning)
        #expect(try bench.feed() == ["c1|voicebot|0"])
        try await bench.plan()
        #expect(try bench.lines("SELECT id, body FROM outbox WHERE state = 'pending'") == ["2|{\"status\":\"closed\"}"])
        #expect(try bench.feed().isEmpty)
    }

    @Test func `a call in flight delays planning for its own remote only`() async throws {
        let bench = try Bench([.voicebot, .vg])
        try bench.addConversations("c1")
        try await bench.plan()
        _ = try await bench.claimOne("voicebot")
        try bench.write("UPDATE conversations SET status = 'closed'")
        try await bench.plan()
        #expect(try bench.outbox("state = 'pending'") == ["3|c1|vg|pending"])
    }

    @Test func `a field in doubt is sent again although it equals the agreed state`() async throws {
        let bench = try Bench([.voicebot])
        try bench.addConversations("c1")
        try await bench.converge()
        try bench.write("UPDATE conversations SET status = 'closed'")
        try await bench.plan()
        let claimed = try await bench.claimOne("voicebot")
        let timeout = DeliveryOutcome(.retry, fate: .unknown, error: "timeout")
        try await bench.finish(claimed, timeout)
        #expect(try bench.agreed() == ["status=open", "title=null"])
        #expect(try bench.doubts() == [#"status=["closed"]"#])
        try bench.write("UPDATE conversations SET status = 'open'")
        try await bench.plan()
        #expect(try bench.lines("SELECT body FROM outbox WHERE state = 'pending'") == ["{\"status\":\"open\"}"])
        let again = try await bench.claimOne("voicebot", now: Bench.start + .hours(1))
        try await bench.finish(again, DeliveryOutcome(.delivered, httpStatus: 200))
        #expect(try bench.doubts() == [])
        #expect(try bench.feed() == [], "the decision after the acknowledgement finds nothing due")
    }

    @Test func `the helpdesk is sent the state after the other calls have ended`() async throws {
        let bench = try Bench([.voicebot, .helpdesk])
        try bench.addConversations("c1")
        try await bench.planPage()
        let claimed = try await bench.claimOne("voicebot")
        try bench.write("DELETE FROM outbox WHERE remote = 'helpdesk'; UPDATE conversations SET title = 'later'")
        try await bench.planPage()
        #expect(try bench.feed() == ["c1|helpdesk|3", "c1|voicebot|1"])
        try bench.write("UPDATE conversations SET title = 'latest'")
        try await bench.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        try await bench.planPage()
        #expect(
            try bench.lines("SELECT body FROM outbox WHERE remote = 'helpdesk'") == ["{\"status\":\"open\",\"title\":\"latest\"}"])
    }

    @Test func `a disabled remote is not planned, and its feed entry is deleted`() async throws {
        let bench = try Bench([.voicebot.disabled, .helpdesk.disabled])
        try bench.addConversations("c1")
        _ = try await bench.store.dropStrayFeed(bench.remotes)
        try await bench.plan()
        #expect(try bench.outbox().isEmpty)
        #expect(try bench.feed().isEmpty)
    }

    @Test func `entries of unknown remotes are deleted by name and the others stay`() async throws {
        let bench = try Bench([.voicebot])
        try bench.addConversations("c1")
        try bench.write("INSERT INTO links VALUES ('c1', 'vg', 'x', NULL)")
        #expect(try await bench.store.dropStrayFeed(bench.remotes) == ["vg"])
        #expect(try bench.feed() == ["c1||0", "c1|voicebot|0"])
        #expect(try await bench.store.dropStrayFeed(bench.remotes).isEmpty)
    }

    @Test func `all conversations are planned for a new, changed or re-enabled remote, and not for an unchanged one`() async throws {
        let bench = try Bench()
        let now = Bench.start
        #expect(try await bench.store.reconcileRemotes([.voicebot, .vg, .fin], now: now) == ["voicebot", "vg"])
        #expect(try await bench.store.reconcileRemotes([.voicebot, .vg, .fin], now: now).isEmpty)
        #expect(try await bench.store.reconcileRemotes([.voicebot, .vg.with { $0.fingerprint = "g2" }], now: now) == ["vg"])
        #expect(try await bench.store.reconcileRemotes([.voicebot.disabled, .vg.with { $0.fingerprint = "g2" }], now: now).isEmpty)
        #expect(try await bench.store.reconcileRemotes([.voicebot, .vg.with { $0.fingerprint = "g2" }], now: now) == ["voicebot"])
    }

    @Test func `conversations are put on the feed page by page, each page after the last one`() async throws {
        let bench = try Bench([.voicebot, .helpdesk])
        try bench.addConversations("c1", "c2", "c3", "c4", "c5")
        try bench.write("INSERT INTO conversations (id) VALUES ('unlinked')")
        try await bench.converge()
        _ = try await bench.store.reconcileRemotes([.voicebot], now: Bench.start)
        var pages: [Int] = []
        repeat {
            // Another process continues where this one stopped: nothing is kept in memory.
            let store = try Store(path: bench.path, access: .existing)
            pages.append(try await store.feedReplan(bench.remotes, pageSize: 2, now: Bench.start))
            store.close()
        } while pages.last != 0
        #expect(pages == [2, 2, 1, 0])
        #expect(try bench.feed() == ["c1|voicebot|0", "c2|voicebot|0", "c3|voicebot|0", "c4|voicebot|0", "c5|voicebot|0"])
        try await bench.plan()
        #expect(try bench.outbox("state <> 'delivered'").isEmpty, "only what really differs is sent")
    }

    @Test func `all conversations are put on the feed for a remote without links`() async throws {
        let bench = try Bench([.helpdesk])
        try bench.write("INSERT INTO conversations (id) VALUES ('c1'), ('c2'); DELETE FROM change_feed")
        _ = try await bench.store.reconcileRemotes([.helpdesk], now: Bench.start)
        #expect(try await bench.store.feedReplan([.helpdesk], now: Bench.start) == 2)
        #expect(try bench.feed() == ["c1|helpdesk|0", "c2|helpdesk|0"])
        #expect(try await bench.store.feedReplan([.helpdesk], now: Bench.start) == 0)
    }

    @Test func `more conversations than fit into a batch are planned in consecutive batches`() async throws {
        let bench = try Bench([.voicebot])
        try bench.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1203)
            INSERT INTO conversations (id) SELECT 'c' || i FROM n;
            INSERT INTO links SELECT id, 'voicebot', id, NULL FROM conversations
            """)
        try await bench.plan()
        #expect(try bench.lines("SELECT count(*), count(DISTINCT conversation_id) FROM outbox") == ["1203|1203"])
        #expect(try bench.feed().isEmpty)
    }
}
