import GRDB
import SyncCore
import Synchronization
import Testing

@testable import SyncStore

/// The cost of a run depends on what changed, not on what exists: the frequent queries use their indexes.
///
/// The statements are not copied here: they are recorded while the store runs them, and then explained.
@Suite struct QueryPlanTests {
    private func statements(_ scenario: StoreScenario, during work: () async throws -> Void) async throws -> [String] {
        let heard = Mutex<[String]>([])
        try await scenario.store.trace { text in heard.withLock { $0.append(text) } }
        try await work()
        try await scenario.store.trace(nil)
        return heard.withLock { $0 }
    }

    /// The plan of every statement that reads or writes `table`.
    private func plans(
        _ scenario: StoreScenario, of table: String, during work: () async throws -> Void
    ) async throws -> [(sql: String, plan: [String])] {
        let statements = try await statements(scenario, during: work).filter { sql in
            ["SELECT", "UPDATE", "INSERT", "DELETE"].contains { sql.hasPrefix($0) } && sql.contains(table)
        }
        return try await scenario.application.queue.read { db in
            try statements.map { sql in
                // Without values: the plan is the same for all of them.
                let statement = try db.makeStatement(sql: "EXPLAIN QUERY PLAN \(sql)")
                statement.setUncheckedArguments(StatementArguments())
                return (sql, try Row.fetchAll(statement).map { $0["detail"] as String })
            }
        }
    }

    /// 2000 delivered rows and 20 pending ones, with statistics as SQLite gathers them.
    private func scenario() async throws -> StoreScenario {
        let scenario = try StoreScenario([.voicebot, .vg, .helpdesk])
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)
            INSERT INTO conversations (id) SELECT 'c' || i FROM n;
            INSERT INTO links SELECT id, 'voicebot', id, NULL FROM conversations;
            INSERT INTO links SELECT id, 'vg', id, NULL FROM conversations;
            """)
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = 'delivered' WHERE id % 100 <> 0")
        return scenario
    }

    private func expectNoScan(_ plans: [(sql: String, plan: [String])], of tables: String...) {
        #expect(!plans.isEmpty, "nothing was heard: the test proves nothing")
        for (sql, plan) in plans {
            for line in plan {
                // "SCAN e" alone is the whole table; "SCAN e USING INDEX outbox_in_flight" is a partial index.
                let scansTable = tables.contains { line == "SCAN \($0)" }
                #expect(!scansTable, "\(line) in \(sql)")
            }
        }
    }

    @Test func `claiming reads due rows by index, and looks up rows before them`() async throws {
        let scenario = try await scenario()
        let plans = try await plans(scenario, of: "outbox") { _ = try await scenario.claim("vg", 5) }
        expectNoScan(plans, of: "o", "e", "outbox", "s", "a")
        let claim = try #require(plans.first { $0.sql.contains("ORDER BY o.due_at") })
        #expect(claim.plan.contains { $0.contains("USING INDEX outbox_due") })
        #expect(claim.plan.filter { $0.contains("outbox_by_conversation") }.count == 1)
        #expect(claim.plan.filter { $0.contains("outbox_queue (conversation_id=? AND remote=? AND <expr><?)") }.count == 1)
        #expect(claim.plan.filter { $0.contains("outbox_calls_by_object") }.count == 1)
        #expect(!claim.plan.contains { $0.contains("TEMP B-TREE") }, "sorting all that is due would cost more with every row")
    }

    @Test func `first attempts are found without reading the retries before them`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE outbox SET attempts = 1 WHERE state = 'pending' AND id % 200 = 0")
        let plans = try await plans(scenario, of: "outbox") {
            _ = try await scenario.exchange("vg", claim: 10, retries: 0)
        }
        expectNoScan(plans, of: "o", "e", "outbox", "s", "a")
        let claim = try #require(plans.first { $0.sql.contains("o.attempts = 0\n") })
        #expect(claim.plan.contains { $0.contains("USING INDEX outbox_first_tries") })
        #expect(!claim.plan.contains { $0.contains("TEMP B-TREE") })
    }

    @Test func `recording an outcome finds its rows by key`() async throws {
        let scenario = try await scenario()
        let claimed = try #require(try await scenario.claim("vg", 1).first)
        let plans = try await plans(scenario, of: "outbox") {
            try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        }
        expectNoScan(plans, of: "outbox", "link_state", "change_feed")
    }

    @Test func `the next due time is looked up by index`() async throws {
        let scenario = try await scenario()
        let plans = try await plans(scenario, of: "outbox") {
            _ = try await scenario.store.nextDue("vg", after: StoreScenario.start)
            _ = try await scenario.store.hasPending("vg")
        }
        expectNoScan(plans, of: "outbox")
        #expect(plans.allSatisfy { $0.plan.contains { $0.contains("outbox_due") } })
    }

    @Test func `recovery reads only claimed rows`() async throws {
        let scenario = try await scenario()
        _ = try await scenario.claim("vg", 3)
        let plans = try await plans(scenario, of: "outbox") {
            _ = try await scenario.store.recover(now: StoreScenario.start + .hours(1), isGone: { _ in false })
        }
        expectNoScan(plans, of: "o", "outbox", "a", "p", "s")
        let recovery = try #require(plans.first { $0.sql.contains("lease >> 32") })
        let lines = recovery.plan
        #expect(lines.contains { $0.contains("outbox_in_flight") })
    }

    @Test func `repair reads only pending rows`() async throws {
        let scenario = try await scenario()
        let plans = try await plans(scenario, of: "outbox") {
            try await scenario.store.repair(now: StoreScenario.start, farthestDue: .days(3))
        }
        expectNoScan(plans, of: "outbox", "o")
    }

    @Test func `the cost of planning depends on the number of changes`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET title = 'x' WHERE id = 'c7'")
        let plans = try await plans(scenario, of: " ") { try await scenario.plan() }
        expectNoScan(plans, of: "change_feed", "outbox", "conversations", "c", "u", "links", "link_state", "assignees")
        let feed = plans.filter { $0.sql.hasPrefix("SELECT conversation_id, remote FROM change_feed") }
        #expect(!feed.isEmpty)
        #expect(feed.allSatisfy { $0.plan.contains { $0.contains("change_feed_ready") } })
        let links = plans.filter { $0.sql.contains("FROM outbox f") }
        #expect(!links.isEmpty)
        #expect(links.allSatisfy { $0.plan.contains { $0.contains("outbox_calls_by_object") } })
    }

    @Test func `the brake counts ready entries, and its survey reads the feed by index`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET title = 'x' WHERE id IN ('c7', 'c8')")
        let plans = try await plans(scenario, of: "change_feed") {
            try await scenario.store.read { session in _ = try Store.feedSize(of: [.everyRemote, .remote("vg")], limit: 100, session) }
            _ = try await scenario.store.surveyFeed(scenario.context(), rememberedRows: 100)
        }
        expectNoScan(plans, of: "change_feed")
        #expect(plans.first?.plan.contains { $0.contains("change_feed_ready") } == true)
        #expect(plans.dropFirst().allSatisfy { $0.plan.contains { $0.hasPrefix("SEARCH change_feed USING PRIMARY KEY") } })
        let lookups = try await self.plans(scenario, of: "outbox") {
            _ = try await scenario.store.surveyFeed(scenario.context(), rememberedRows: 100)
        }
        expectNoScan(lookups.filter { !$0.sql.hasPrefix("SELECT NOT EXISTS") }, of: "outbox", "s", "o")
    }

    @Test func `pruning reads one page by id`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE outbox SET state = 'superseded', finished_at = created_at WHERE id % 3 = 0")
        var retention = Retention(.init())
        let next = retention.next(now: StoreScenario.start + .days(100), newestRow: 2000)
        let cut = try #require(next)
        let plans = try await plans(scenario, of: "outbox") { _ = try await scenario.store.prune(cut) }
        expectNoScan(plans, of: "o", "n", "c", "outbox", "outbox_attempts")
        #expect(plans.count == 5)
        let page = try #require(plans.first { $0.sql.hasPrefix("SELECT o.id") })
        #expect(page.plan.contains { $0.contains("SEARCH o USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)") })
        #expect(page.plan.contains { $0.contains("SEARCH n USING COVERING INDEX outbox_by_conversation") })
        let references = try #require(plans.first { $0.sql.hasPrefix("UPDATE outbox SET superseded_by = NULL") })
        #expect(references.plan.contains { $0.contains("outbox_by_successor") })
    }

    @Test func `dead rows that are discarded at their age are looked for in one page by id`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE outbox SET state = 'dead', finished_at = created_at WHERE id % 3 = 0")
        var settings = Retention.Settings()
        settings.attentionAge = .days(1)
        var retention = Retention(settings)
        let next = retention.next(now: StoreScenario.start + .days(100), newestRow: 2000)
        let cut = try #require(next)
        let plans = try await plans(scenario, of: "outbox") { _ = try await scenario.store.prune(cut) }
        expectNoScan(plans, of: "o", "n", "d", "s", "outbox", "outbox_attempts")
        let page = try #require(plans.first { $0.sql.hasPrefix("SELECT o.id, coalesce(o.place, o.id), o.state") })
        #expect(page.plan.contains { $0.contains("SEARCH o USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)") })
    }

    @Test func `planning messages reads the feed in its order`() async throws {
        let scenario = try await scenario()
        try scenario.addMessage("m1", of: "c1")
        let plans = try await plans(scenario, of: " ") { _ = try await scenario.planPage(scenario.context(remotes: [.fin])) }
        expectNoScan(plans, of: "message_feed", "outbox", "messages", "m", "c", "u", "planned_messages")
        let feed = try #require(plans.first { $0.sql.contains("FROM message_feed") })
        #expect(feed.plan.contains { $0.contains("message_feed_by_remote") })
        #expect(!feed.plan.contains { $0.contains("TEMP B-TREE") }, "each page would sort all that waits")
    }

    @Test func `the customer's last message is found by index`() async throws {
        let scenario = try await scenario()
        let plans = try await plans(scenario, of: "messages m") {
            _ = try await scenario.store.read { session in try LocalConversation.fetch(session, "c1", now: StoreScenario.start) != nil }
        }
        let lookup = try #require(plans.first)
        #expect(lookup.plan.contains { $0.contains("messages_by_user (conversation_id=? AND created_at<?)") }, "\(lookup.plan)")
        #expect(!lookup.plan.contains { $0.contains("TEMP B-TREE") }, "a conversation may have any number of messages")
    }

    @Test func `a taken timestamp is looked up by index`() async throws {
        let scenario = try await scenario()
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); UPDATE conversations SET user_id = 'u1' WHERE id = 'c1'")
        for id in ["m1", "m2"] { try scenario.addMessage(id, of: "c1") }
        let plans = try await plans(scenario, of: "dedupe_key") { _ = try await scenario.planPage(scenario.context(remotes: [.fin])) }
        let lookup = try #require(plans.first { $0.sql.hasPrefix("SELECT dedupe_key") })
        #expect(lookup.plan.contains { $0.contains("outbox_by_dedupe_key") })
        #expect(!lookup.plan.contains { $0.contains("TEMP B-TREE") })
    }

    @Test func `the row after a finished one, and after a planned change, is found by index`() throws {
        let scenario = try StoreScenario()
        let queries = [
            """
            SELECT id FROM outbox WHERE conversation_id = 'c' AND remote = 'r' AND state = 'pending' AND behind = 1
            ORDER BY coalesce(place, id) LIMIT 1
            """: "outbox_behind (conversation_id=? AND remote=?)",
            "UPDATE outbox SET behind = 0 WHERE conversation_id = 'c' AND behind >= 2 AND ('x' = '' OR remote = 'x')": "outbox_overtaken",
        ]
        for (query, index) in queries {
            #expect(try scenario.lines("EXPLAIN QUERY PLAN \(query)").contains { $0.contains(index) }, "\(query)")
        }
    }

    @Test func `the status of all remotes reads only unfinished rows`() async throws {
        let scenario = try await scenario()
        let plans = try await plans(scenario, of: "outbox") {
            _ = try await scenario.store.status(of: [.named("vg")])
            _ = try await scenario.store.retryError(of: "vg")
            _ = try await scenario.store.remainder(of: [.vg])
        }
        #expect(plans.count == 5)
        for (sql, plan) in plans { #expect(plan.contains { $0.contains("outbox_unfinished") }, "\(plan) in \(sql)") }
    }

    @Test func `the conversations of a changed user are found by index`() throws {
        let scenario = try StoreScenario()
        let queries = [
            "SELECT id FROM conversations WHERE user_id = 'u1'": "conversations_by_user",
            "SELECT u.id FROM conversations c CROSS JOIN messages_of_former_user u ON u.conversation_id = c.id WHERE c.user_id = 'u1'":
                "SEARCH outbox USING INDEX outbox_unsent_messages",
            "SELECT message_id FROM messages_of_former_user ORDER BY conversation_id, remote, id":
                "SCAN outbox USING INDEX outbox_unsent_messages",
            "SELECT id FROM conversations WHERE assignee_id = 'a'": "conversations_by_assignee",
            "SELECT id FROM outbox WHERE message_id = 'm' AND state IN ('pending', 'held')": "outbox_by_message",
        ]
        for (query, index) in queries {
            #expect(try scenario.lines("EXPLAIN QUERY PLAN \(query)").contains { $0.contains(index) }, "\(query)")
        }
    }
}
