import SyncCore
import Synchronization
import Testing

@testable import SyncStore

/// What the brake counts, and what becomes of rows that it holds.
@Suite struct BrakeTests {
    private func scenario(_ count: Int = 6) async throws -> StoreScenario {
        let scenario = try StoreScenario([.voicebot, .vg, .helpdesk])
        for index in 1...count { try scenario.addConversations("c\(index)") }
        try await scenario.converge()
        return scenario
    }

    private func survey(_ scenario: StoreScenario, rememberedRows: Int = 10) async throws -> FeedSurvey {
        try await scenario.store.surveyFeed(scenario.context(), rememberedRows: rememberedRows)
    }

    /// Plans a run whose brake has engaged.
    private func planHeld(_ scenario: StoreScenario) async throws {
        try await scenario.plan(brake: .engaged)
    }

    @Test func `a conversation counts once, however many remotes it is sent to`() async throws {
        let scenario = try await scenario()
        try scenario.write(
            "UPDATE conversations SET status = 'closed' WHERE id IN ('c1', 'c2'); UPDATE conversations SET title = 'x' WHERE id = 'c3'")
        let survey = try await survey(scenario)
        let reach = Brake.Reach(touched: 3, finished: 2)
        #expect(survey.reach == .init(pushedLast: reach, others: reach, any: reach))
        #expect(survey.entries == 6)
        #expect(survey.conversations == 6)
        #expect(try scenario.feed() == ["c1||0", "c2||0", "c3||0"], "a survey writes nothing")
    }

    @Test func `planning counts the same as the survey`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed' WHERE id <> 'c1'")
        let said = try await survey(scenario).reach
        #expect(said.others == said.any && said.pushedLast == said.any)
        let batch = try await scenario.planPage()
        #expect(batch.reach == said)
        #expect(said.any == .init(touched: 5, finished: 5))
    }

    @Test func `the first contact of a link does not count`() async throws {
        let scenario = try StoreScenario([.vg, .helpdesk])
        for index in 1...6 { try scenario.addConversations("c\(index)") }
        try scenario.write("UPDATE conversations SET status = 'closed'")
        #expect(try await survey(scenario).reach == .init(), "a new database")
        try await scenario.converge()
        try scenario.write("INSERT INTO links SELECT id, 'voicebot', '7', NULL FROM conversations")
        let remotes = scenario.remotes + [.voicebot]
        let context = scenario.context(remotes: remotes)
        #expect(try await scenario.store.surveyFeed(context, rememberedRows: 10).reach == .init(), "new links, a new remote")
        try scenario.addConversations("n1", "n2")
        #expect(try await survey(scenario).reach == .init(), "new conversations")
    }

    @Test func `conversations that were sent before count even if link_state was emptied`() async throws {
        let scenario = try await scenario()
        try scenario.write("DELETE FROM link_state; UPDATE conversations SET title = 'x'")
        #expect(try await survey(scenario).reach.any == .init(touched: 6, finished: 0))
    }

    @Test func `a link to another object counts as a new one`() async throws {
        let scenario = try await scenario()
        try scenario.write("DELETE FROM change_feed; UPDATE links SET remote_id = remote_id || 'x'")
        #expect(try await survey(scenario).reach == .init())
    }

    @Test func `an emptied outbox is detected`() async throws {
        let scenario = try await scenario()
        try scenario.write("DELETE FROM link_state; DELETE FROM outbox; UPDATE conversations SET title = 'x'")
        #expect(try await survey(scenario, rememberedRows: 10).reach.any == .init(touched: 6, finished: 0))
        #expect(try await survey(scenario, rememberedRows: 1000).reach == .init(), "a few rows of a trial do not make a history")
    }

    @Test func `a conversation that has finished already does not count as finished again`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.converge()
        try scenario.write("UPDATE conversations SET status = 'ended'")
        #expect(try await survey(scenario).reach.any == .init(touched: 6, finished: 0))
    }

    @Test func `a survey counts a conversation once across pages`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)
            INSERT INTO conversations (id) SELECT 'c' || i FROM n;
            INSERT INTO links SELECT id, 'vg', id, NULL FROM conversations;
            """)
        try await scenario.plan()
        try scenario.write(
            """
            UPDATE link_state SET acknowledged_at = 'x', record = '{"known":true}', fields =
                '{"status":{"ours":"open","theirs":"open","held":"open"},"title":{"ours":null,"theirs":null,"held":null}}';
            UPDATE outbox SET state = 'delivered';
            UPDATE conversations SET status = 'closed';
            INSERT OR IGNORE INTO change_feed (conversation_id, remote, changed_at) SELECT id, 'vg', 'now' FROM conversations;
            """)
        let survey = try await survey(scenario)
        #expect(survey.reach.any == .init(touched: 1100, finished: 1100))
        #expect(survey.entries == 2200)
    }

    @Test func `held rows are not claimed, state their reason, and do not delay others`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed' WHERE id <> 'c1'")
        try await planHeld(scenario)
        #expect(
            try scenario.lines("SELECT DISTINCT state, held_by, last_error, finished_at FROM outbox WHERE state <> 'delivered'")
                == ["held|brake|\(Brake.engagedHold)|-"])
        #expect(try await scenario.claim("vg").isEmpty)
        try scenario.write("UPDATE conversations SET title = 'x' WHERE id = 'c1'")
        try await scenario.plan()
        #expect(try await scenario.claim("vg").map(\.conversationID) == ["c1"])
        let status = try await scenario.store.status(of: [.named("vg")])
        #expect(status.heldByBrake == 15)
        #expect(status.heldByBrakeSince == StoreScenario.start.iso8601)
    }

    @Test func `a row that replaces a held one is held as well, and is not counted again`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await planHeld(scenario)
        try scenario.write("UPDATE conversations SET title = 'x'")
        #expect(try await survey(scenario).reach == .init())
        try await scenario.plan()
        #expect(try await scenario.claim("vg").isEmpty)
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE state = 'held' AND held_by = 'brake'") == ["18"])
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE state = 'superseded'") == ["18"])
    }

    @Test func `a preview shows that a row which replaces a held one is held as well`() async throws {
        let scenario = try await scenario(1)
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await planHeld(scenario)
        let held = try scenario.lines("SELECT id FROM outbox WHERE state = 'held' AND remote = 'vg'").compactMap { Int64($0) }
        try scenario.write("UPDATE conversations SET title = 'x'")
        let shown = try await preview(scenario).filter { $0.remote == "vg" }
        #expect(shown.map(\.source) == held.map { PlanPreview.Source.held(id: $0, by: .brake) })
        try await scenario.plan()
        #expect(try scenario.lines("SELECT state FROM outbox WHERE remote = 'vg' ORDER BY id DESC LIMIT 1") == ["held"])
    }

    @Test func `a released row goes out and is not held again`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await planHeld(scenario)
        var filter = OutboxFilter()
        filter.holder = .brake
        let later = StoreScenario.start + .days(4)
        let dry = try await scenario.store.manage(.release, filter, dryRun: true, now: later)
        #expect(dry.steps.allSatisfy { $0.effect == .sendNow && $0.state == "held" })
        #expect(try await scenario.store.manage(.release, filter, now: later) == dry)
        #expect(dry.affected.count == 18)
        // The same conversations are planned again, by a run that is held for another reason.
        try scenario.write("UPDATE conversations SET updated_at = '2027-01-01T00:00:00.000Z'")
        try await planHeld(scenario)
        let claimed = try await scenario.claim("vg", now: later)
        #expect(claimed.count == 6)
        #expect(claimed.allSatisfy { $0.row.countedSince == nil }, "its age counts from the release")
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE state = 'held'") == ["0"])
    }

    @Test func `held rows whose cause is corrected are discarded`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await planHeld(scenario)
        try scenario.write("UPDATE conversations SET status = 'open'")
        #expect(try await survey(scenario).reach == .init())
        try await scenario.plan()
        #expect(try scenario.lines("SELECT DISTINCT state FROM outbox WHERE state <> 'delivered'") == ["discarded"])
    }

    @Test func `rows can be filtered by their holder`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await planHeld(scenario)
        try scenario.write("UPDATE outbox SET held_by = 'fin' WHERE state = 'held' AND conversation_id = 'c1'")
        var filter = OutboxFilter()
        filter.holder = .brake
        #expect(try await scenario.store.outbox(filter).count == 15)
        filter.holder = .receiver
        #expect(try await scenario.store.outbox(filter).map(\.heldBy) == ["fin", "fin", "fin"])
    }

    @Test func `a filter that selects single rows does not mean the ends that the brake holds back`() {
        var filter = OutboxFilter()
        filter.holder = .brake
        #expect(filter.meansHeldEnds)
        filter.limit = 1
        #expect(!filter.meansHeldEnds)
        (filter.limit, filter.ids) = (nil, [1])
        #expect(!filter.meansHeldEnds)
    }

    @Test func `managing rows goes page by page through all of them`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1201)
            INSERT INTO conversations (id) SELECT 'c' || i FROM n;
            INSERT INTO links SELECT id, 'vg', id, NULL FROM conversations;
            """)
        try await planHeld(scenario)
        var filter = OutboxFilter()
        filter.holder = .brake
        filter.limit = 1001
        // The number of rows that each write transaction changes.
        let written = Mutex<[Int]>([])
        try await scenario.store.trace { text in
            written.withLock { pages in
                if text.hasPrefix("BEGIN IMMEDIATE") { pages.append(0) }
                if text.hasPrefix("UPDATE outbox ") { pages[pages.count - 1] += 1 }
            }
        }
        #expect(try await scenario.store.manage(.release, filter, now: StoreScenario.start).affected.count == 1001)
        filter.limit = nil
        #expect(try await scenario.store.manage(.discard, filter, now: StoreScenario.start).affected.count == 200)
        try await scenario.store.trace(nil)
        let pages = written.withLock { $0 }
        #expect(pages == [500, 500, 1, 200])
    }

    @Test func `a preview shows what the brake would count, and what is held`() async throws {
        let scenario = try await scenario(3)
        try scenario.write("UPDATE conversations SET status = 'closed' WHERE id <> 'c1'")
        #expect(
            try await preview(scenario).map { "\($0.conversationID) \($0.touches) \($0.finishes)" }.filter { $0.hasPrefix("c2") }
                == ["c2 true true", "c2 true true", "c2 true true"])
        try await planHeld(scenario)
        let held = try await preview(scenario)
        #expect(held.count == 6)
        #expect(held.allSatisfy { if case .held(_, .brake) = $0.source { !$0.touches } else { false } })
    }

    private func preview(_ scenario: StoreScenario) async throws -> [PlanPreview] {
        let items = Mutex<[PlanPreview]>([])
        try await scenario.store.preview(scenario.context(), rememberedRows: 10) { page in items.withLock { $0 += page } }
        return items.withLock { $0 }
    }
}
