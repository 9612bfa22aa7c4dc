import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// What is planned when: calls in flight, doubts, the remote that is pushed last, remotes that are removed and added.
@Suite struct PlanningOrderTests {
    @Test func `planning waits for the call in flight and continues when it has ended`() async throws {
        let scenario = try StoreScenario([.voicebot])
        try scenario.addConversations("c1")
        try await scenario.plan()
        let claimed = try await scenario.claimOne("voicebot")
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        #expect(try scenario.outbox() == ["1|c1|voicebot|sending"])
        #expect(try scenario.feed() == ["c1|voicebot|1"])
        #expect(try await scenario.store.feedIsEmpty(), "what waits for a call is not work for a run")
        let reply = try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        #expect(reply.hasFreedPlanning)
        #expect(try scenario.feed() == ["c1|voicebot|0"])
        try await scenario.plan()
        #expect(try scenario.lines("SELECT id, body FROM outbox WHERE state = 'pending'") == ["2|{\"status\":\"closed\"}"])
        #expect(try scenario.feed().isEmpty)
    }

    @Test func `a call in flight delays planning for its own remote only`() async throws {
        let scenario = try StoreScenario([.voicebot, .vg])
        try scenario.addConversations("c1")
        try await scenario.plan()
        _ = try await scenario.claimOne("voicebot")
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        #expect(try scenario.outbox("state = 'pending'") == ["3|c1|vg|pending"])
    }

    @Test func `a field in doubt is sent again although it equals the agreed state`() async throws {
        let scenario = try StoreScenario([.voicebot])
        try scenario.addConversations("c1")
        try await scenario.converge()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        let claimed = try await scenario.claimOne("voicebot")
        let timeout = DeliveryOutcome(.retry, fate: .unknown, error: "timeout")
        try await scenario.finish(claimed, timeout)
        #expect(try scenario.agreed() == ["status=open", "title=null"])
        #expect(try scenario.doubts() == [#"status=["closed"]"#])
        try scenario.write("UPDATE conversations SET status = 'open'")
        try await scenario.plan()
        #expect(try scenario.lines("SELECT body FROM outbox WHERE state = 'pending'") == ["{\"status\":\"open\"}"])
        let again = try await scenario.claimOne("voicebot", now: StoreScenario.start + .hours(1))
        try await scenario.finish(again, DeliveryOutcome(.delivered, httpStatus: 200))
        #expect(try scenario.doubts() == [])
        #expect(try scenario.feed() == [], "the decision after the acknowledgement finds nothing due")
    }

    @Test func `the helpdesk is sent the state after the other calls have ended`() async throws {
        let scenario = try StoreScenario([.voicebot, .helpdesk])
        try scenario.addConversations("c1")
        try await scenario.planPage()
        let claimed = try await scenario.claimOne("voicebot")
        try scenario.write("DELETE FROM outbox WHERE remote = 'helpdesk'; UPDATE conversations SET title = 'later'")
        try await scenario.planPage()
        #expect(try scenario.feed() == ["c1|helpdesk|3", "c1|voicebot|1"])
        try scenario.write("UPDATE conversations SET title = 'latest'")
        try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        try await scenario.planPage()
        #expect(
            try scenario.lines("SELECT body FROM outbox WHERE remote = 'helpdesk'") == ["{\"status\":\"open\",\"title\":\"latest\"}"])
    }

    @Test func `a disabled remote is not planned, and its feed entry is deleted`() async throws {
        let scenario = try StoreScenario([.voicebot.disabled, .helpdesk.disabled])
        try scenario.addConversations("c1")
        _ = try await scenario.store.dropStrayFeed(scenario.remotes)
        try await scenario.plan()
        #expect(try scenario.outbox().isEmpty)
        #expect(try scenario.feed().isEmpty)
    }

    @Test func `entries of unknown remotes are deleted by name and the others stay`() async throws {
        let scenario = try StoreScenario([.voicebot])
        try scenario.addConversations("c1")
        try scenario.write("INSERT INTO links VALUES ('c1', 'vg', 'x', NULL)")
        #expect(try await scenario.store.dropStrayFeed(scenario.remotes) == ["vg"])
        #expect(try scenario.feed() == ["c1||0", "c1|voicebot|0"])
        #expect(try await scenario.store.dropStrayFeed(scenario.remotes).isEmpty)
    }

    /// c1 is jane's, and is to be looked at because of her row for Fin in the id map.
    private func namingFin(_ remotes: [RemoteParticipation]) async throws -> StoreScenario {
        let scenario = try StoreScenario(remotes)
        _ = try await scenario.store.reconcileRemotes([.voicebot, .vg, .fin], now: StoreScenario.start)
        try scenario.write("INSERT INTO conversations (id, assignee_id) VALUES ('c1', 'jane')")
        try scenario.clearFeed()
        try scenario.write("INSERT INTO assignees VALUES ('jane', 'fin', '7')")
        #expect(try scenario.feed() == ["c1|fin|0"])
        return scenario
    }

    @Test func `entries of a remote that takes no states are deleted without a word, and what it has said is decided on`() async throws {
        let scenario = try await namingFin([.voicebot, .vg, .fin])
        try scenario.write("UPDATE remotes SET replan_cursor = '' WHERE name = 'fin'")
        let first = scenario.exchange { $0.plan = scenario.page(.off, isFirst: true) }
        #expect(try await scenario.store.exchange(first, for: scenario.parties()).plan?.strayRemotes == [])
        #expect(try scenario.feed() == [])
        #expect(try scenario.lines("SELECT fingerprint FROM remotes WHERE name = 'fin'") == ["f1"])
        let isDecided = try await scenario.store.read { session in try Store.isDecidedAgain(.fin, session) }
        #expect(isDecided)
    }

    @Test func `entries of a remote that only another process has are reported, and nothing is thrown away if it takes no states`()
        async throws
    {
        let scenario = try await namingFin([.voicebot])
        try scenario.write("INSERT INTO change_feed (conversation_id, remote, changed_at) VALUES ('c1', 'vg', 'x')")
        #expect(try await scenario.store.dropStrayFeed(scenario.remotes).sorted() == ["fin", "vg"])
        #expect(try scenario.feed() == [])
        #expect(
            try scenario.lines("SELECT name, fingerprint FROM remotes ORDER BY name") == [
                "fin|f1", "vg|\(Store.foreignFingerprint)", "voicebot|v1",
            ])
    }

    @Test func `all conversations are planned for a new, changed or re-enabled remote, and not for an unchanged one`() async throws {
        let scenario = try StoreScenario()
        let now = StoreScenario.start
        #expect(try await scenario.store.reconcileRemotes([.voicebot, .vg, .fin], now: now) == ["voicebot", "vg"])
        #expect(try await scenario.store.reconcileRemotes([.voicebot, .vg, .fin], now: now).isEmpty)
        #expect(try await scenario.store.reconcileRemotes([.voicebot, .vg.with { $0.fingerprint = "g2" }], now: now) == ["vg"])
        #expect(try await scenario.store.reconcileRemotes([.voicebot.disabled, .vg.with { $0.fingerprint = "g2" }], now: now).isEmpty)
        #expect(try await scenario.store.reconcileRemotes([.voicebot, .vg.with { $0.fingerprint = "g2" }], now: now) == ["voicebot"])
    }

    @Test func `conversations are put on the feed page by page, each page after the last one`() async throws {
        let scenario = try StoreScenario([.voicebot, .helpdesk])
        try scenario.addConversations("c1", "c2", "c3", "c4", "c5")
        try scenario.write("INSERT INTO conversations (id) VALUES ('unlinked')")
        try await scenario.converge()
        _ = try await scenario.store.reconcileRemotes([.voicebot], now: StoreScenario.start)
        var pages: [Int] = []
        repeat {
            // Another process continues where this one stopped: nothing is kept in memory.
            let store = try Store(path: scenario.path, access: .existing)
            pages.append(try await store.feedReplan(scenario.remotes, pageSize: 2, now: StoreScenario.start))
            store.close()
        } while pages.last != 0
        #expect(pages == [2, 2, 1, 0])
        #expect(try scenario.feed() == ["c1|voicebot|0", "c2|voicebot|0", "c3|voicebot|0", "c4|voicebot|0", "c5|voicebot|0"])
        try await scenario.plan()
        #expect(try scenario.outbox("state <> 'delivered'").isEmpty, "only what really differs is sent")
    }

    @Test func `all conversations are put on the feed for a remote without links`() async throws {
        let scenario = try StoreScenario([.helpdesk])
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1'), ('c2'); DELETE FROM change_feed")
        _ = try await scenario.store.reconcileRemotes([.helpdesk], now: StoreScenario.start)
        #expect(try await scenario.store.feedReplan([.helpdesk], now: StoreScenario.start) == 2)
        #expect(try scenario.feed() == ["c1|helpdesk|0", "c2|helpdesk|0"])
        #expect(try await scenario.store.feedReplan([.helpdesk], now: StoreScenario.start) == 0)
    }

    @Test func `more conversations than fit into a batch are planned in consecutive batches`() async throws {
        let scenario = try StoreScenario([.voicebot])
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1203)
            INSERT INTO conversations (id) SELECT 'c' || i FROM n;
            INSERT INTO links SELECT id, 'voicebot', id, NULL FROM conversations
            """)
        _ = try await scenario.planPage()
        #expect(try scenario.lines("SELECT count(*) FROM outbox") == ["500"])
        try await scenario.plan()
        #expect(try scenario.lines("SELECT count(*), count(DISTINCT conversation_id) FROM outbox") == ["1203|1203"])
        #expect(try scenario.feed().isEmpty)
    }
}
