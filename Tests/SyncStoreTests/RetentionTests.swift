import Fixtures
import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// What is pruned, and what never is.
@Suite struct RetentionTests {
    private let now = StoreScenario.start + .days(100)

    private func cut(after: Int64 = 0, upTo: Int64 = 0, attention: Duration? = nil) -> Retention.Cut {
        Retention.Cut(
            now: now, after: after, finishedBefore: now - .days(30), upTo: upTo, messagesBefore: now - .hours(2),
            attentionBefore: attention.map { now - $0 })
    }

    /// c1 with a chain of delivered rows at vg, ids 1 … 3, old.
    private func scenario() async throws -> StoreScenario {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        for title in ["a", "b", "c"] {
            try scenario.write("UPDATE conversations SET title = ?", [title])
            try await scenario.converge()
        }
        return scenario
    }

    @Test func `old finished rows are pruned with their attempts, and the newest acknowledged one stays`() async throws {
        let scenario = try await scenario()
        #expect(try await scenario.store.prune(cut()) == PrunedPage(last: nil, removed: 2))
        #expect(try scenario.outbox() == ["3|c1|vg|delivered"])
        #expect(try scenario.lines("SELECT DISTINCT outbox_id FROM outbox_attempts") == ["3"])
        #expect(try await scenario.store.prune(cut()).removed == 0)
    }

    @Test func `young rows stay unless there are too many`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE outbox SET finished_at = ?, created_at = ?", [now.iso8601, now.iso8601])
        #expect(try await scenario.store.prune(cut()).removed == 0)
        #expect(try await scenario.store.prune(cut(upTo: 1)).removed == 1)
        #expect(try await scenario.store.prune(cut(upTo: 3)).removed == 1)
        #expect(try scenario.outbox() == ["3|c1|vg|delivered"], "the number does not touch the newest one either")
    }

    @Test(arguments: ["pending", "sending", "held", "dead", "uncertain"])
    func `rows that are not finished or need an operator stay at any age`(state: String) async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE outbox SET state = ? WHERE id = 1", [state])
        #expect(try await scenario.store.prune(cut(upTo: 100)).removed == 1)
        #expect(try scenario.outbox() == ["1|c1|vg|\(state)", "3|c1|vg|delivered"])
    }

    @Test func `dead and uncertain rows are pruned where a key says so`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE outbox SET state = 'dead' WHERE id = 1; UPDATE outbox SET state = 'uncertain' WHERE id = 2")
        #expect(try await scenario.store.prune(cut(upTo: 100, attention: .days(99))).removed == 2)
        #expect(try scenario.outbox() == ["3|c1|vg|delivered"])
    }

    @Test func `a dead state row without a successor is discarded at its age, so that the difference stays in sight`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE outbox SET state = 'dead', last_error = 'HTTP 422: no' WHERE id = 3")
        #expect(try await scenario.store.prune(cut(upTo: 100)).removed == 1, "without dead_age it stays")
        #expect(try scenario.outbox() == ["2|c1|vg|delivered", "3|c1|vg|dead"])
        #expect(try await scenario.store.prune(cut(upTo: 100, attention: .days(99))).removed == 0)
        #expect(try scenario.outbox() == ["2|c1|vg|delivered", "3|c1|vg|discarded"])
        #expect(
            try scenario.lines("SELECT last_error, finished_at FROM outbox WHERE id = 3") == [
                "discarded by [retention] dead_age: HTTP 422: no|\(now.iso8601)"
            ])
        let vg = try #require(try await scenario.store.status(of: [.vg]).remotes.first)
        #expect(vg.discarded == 1 && vg.dead == 0)
        let stored = try await scenario.store.storedConversation("c1", remotes: [.vg], history: 5, now: now)
        #expect(stored?.remotes.first?.discarded?.row == 3)
        #expect(try await scenario.store.prune(cut(upTo: 100, attention: .days(99))).removed == 0, "as long as the remote differs")
        var filter = OutboxFilter()
        filter.ids = [3]
        #expect(try await scenario.store.manage(.retry, filter, now: now).steps.map(\.effect) == [.planAgain])
    }

    @Test func `a dead row about refused members is discarded at its age, whatever was sent later`() async throws {
        let scenario = try await scenario()
        try scenario.write(
            """
            UPDATE outbox SET state = 'dead', refused_members = '["title"]' WHERE id = 1;
            UPDATE link_state SET record = json_set(record, '$.probing', json('{"title": "x"}'))
            """)
        #expect(try await scenario.store.prune(cut(attention: .days(99))).removed == 1)
        #expect(try scenario.outbox() == ["1|c1|vg|dead", "3|c1|vg|delivered"], "not while its members are sent apart from each other")
        try scenario.write("UPDATE link_state SET record = json_remove(record, '$.probing')")
        #expect(try await scenario.store.prune(cut(attention: .days(99))).removed == 0)
        #expect(try scenario.outbox() == ["1|c1|vg|discarded", "3|c1|vg|delivered"])
        #expect(try scenario.lines("SELECT discarded_row FROM link_state") == ["1"])
    }

    @Test func `a dead message is deleted at its age`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.addMessage("m1", of: "c1")
        try await scenario.converge()
        try scenario.write("UPDATE outbox SET state = 'dead'")
        #expect(try await scenario.store.prune(cut(attention: .days(99))).removed == 1)
    }

    @Test func `superseded and discarded rows are pruned without leaving references to them`() async throws {
        let scenario = try await scenario()
        try scenario.write(
            """
            UPDATE outbox SET state = 'superseded', superseded_by = 2 WHERE id = 1;
            UPDATE outbox SET state = 'discarded' WHERE id = 2;
            """)
        try scenario.write("UPDATE outbox SET finished_at = ? WHERE id = 1", [now.iso8601])
        #expect(try await scenario.store.prune(cut()).removed == 1)
        #expect(try scenario.lines("SELECT id, superseded_by FROM outbox") == ["1|-", "3|-"])
        #expect(try scenario.lines("PRAGMA foreign_key_check(outbox)").isEmpty)
    }

    @Test func `a row whose members are still sent apart from each other is kept`() async throws {
        let scenario = try await scenario()
        try scenario.write(
            """
            UPDATE outbox SET state = 'discarded', refused_members = '[]' WHERE id = 1;
            UPDATE link_state SET record = json_set(record, '$.probing', json('{"title": "x"}'))
            """)
        #expect(try await scenario.store.prune(cut(upTo: 100)).removed == 1)
        #expect(try scenario.lines("SELECT min(id) FROM outbox") == ["1"])
        try scenario.write("UPDATE link_state SET record = json_remove(record, '$.probing')")
        #expect(try await scenario.store.prune(cut(upTo: 100)).removed == 1)
    }

    @Test func `the last row of a deleted conversation is pruned by its age`() async throws {
        let scenario = try await scenario()
        try scenario.write("DELETE FROM conversations")
        #expect(try await scenario.store.prune(cut()).removed == 3)
    }

    @Test func `a message is kept as long as its timestamp counts as taken`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        for id in ["m1", "m2", "m3"] { try scenario.addMessage(id, of: "c1") }
        try await scenario.converge()
        try scenario.write("UPDATE outbox SET updated_at = ?", [(now - .minutes(9)).iso8601])
        let first = try #require(Instant(iso8601: "2026-03-01T11:00:00.000Z"))
        let taken = try await scenario.store.read { session in
            var register = TimestampRegister(remote: "fin", now: now)
            return try register.run(from: first.milliseconds, in: "c1", session)
        }
        #expect(taken?.count == 3)
        #expect(try await scenario.store.prune(cut(upTo: 100)).removed == 0)
        try scenario.write("UPDATE outbox SET updated_at = ?", [(now - .hours(3)).iso8601])
        #expect(try await scenario.store.prune(cut(upTo: 100)).removed == 2)
        #expect(try scenario.outbox() == ["3|c1|fin|delivered"])
    }

    @Test func `a pruned state is not sent again, and the agreed state stays`() async throws {
        let scenario = try await scenario()
        _ = try await scenario.store.prune(cut())
        try scenario.write("UPDATE conversations SET updated_at = '2027-01-01T00:00:00.000Z'")
        try await scenario.plan(now: now)
        #expect(try await scenario.claim("vg", now: now).isEmpty)
        try scenario.write("UPDATE conversations SET title = 'd'")
        try await scenario.plan(now: now)
        let claimed = try await scenario.claim("vg", now: now)
        #expect(claimed.map { $0.delta?.fields } == [["title": "d"]])
    }

    @Test func `a sweep reads pages of 500 and ends at young rows`() async throws {
        let scenario = try await scenario()
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
            INSERT INTO outbox (id, conversation_id, remote, payload, operation, method, path, body, target_id, idempotency_key, state,
                due_at, created_at, updated_at, finished_at)
            SELECT 100 + i, 'c1', 'vg', 'state', 'o', 'm', 'p', '{}', 't', 'k' || i, 'superseded', created_at,
                CASE WHEN i < 700 THEN created_at ELSE '2099-01-01T00:00:00.000Z' END, updated_at,
                CASE WHEN i < 700 THEN finished_at ELSE '2099-01-01T00:00:00.000Z' END
            FROM n, (SELECT created_at, updated_at, finished_at FROM outbox WHERE id = 1)
            """)
        let first = try await scenario.store.prune(cut())
        #expect(first == PrunedPage(last: 597, removed: 499))
        let second = try await scenario.store.prune(cut(after: 597))
        #expect(second == PrunedPage(last: nil, removed: 202))
    }

    @Test func `a new file returns its free pages in steps, and an older file reports that it cannot`() async throws {
        let scenario = try StoreScenario([.vg])
        #expect(try await scenario.store.size().shrinks)
        try scenario.write(
            """
            CREATE TABLE filler (text TEXT);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
            INSERT INTO filler SELECT hex(randomblob(2000)) FROM n;
            DELETE FROM filler;
            """)
        let before = try await scenario.store.size()
        #expect(before.freePages > 1000)
        try await scenario.store.shrink(by: 300)
        let after = try await scenario.store.size()
        #expect(after.freePages == before.freePages - 300)
        #expect(after.pages <= before.pages - 300)
        try await scenario.store.checkpoint()

        let folder = try TemporaryDirectory()
        let path = folder.file("old.db")
        try ApplicationDatabase(path: path).write("CREATE TABLE theirs (x)")
        let old = try Store(path: path, access: .migrating)
        #expect(try await !old.size().shrinks)
    }

    @Test func `processed events and adopted changes are pruned by age, and waiting events stay`() async throws {
        let scenario = try StoreScenario([.fin])
        for (id, state, age) in [("old", "done", 40), ("young", "done", 20), ("waiting", "waiting", 40), ("pending", "pending", 40)] {
            let at = (now - .days(Int64(age))).iso8601
            try scenario.write(
                """
                INSERT INTO inbox (remote, kind, conversation_id, event_key, occurred_at, received_at, payload, state)
                VALUES ('fin', 'status', 'c1', ?, 0, ?, '{}', ?)
                """, [id, at, state])
            try scenario.write(
                """
                INSERT INTO adopted_changes (conversation_id, remote, reported_at, adopted_at, changes, rule)
                VALUES (?1, 'fin', ?2, ?2, '{}', '')
                """, [id, at])
        }
        #expect(try await scenario.store.pruneInbound(before: now - .days(30)) == 4)
        #expect(try scenario.lines("SELECT event_key FROM inbox ORDER BY id") == ["young", "waiting", "pending"])
        #expect(try scenario.lines("SELECT conversation_id FROM adopted_changes") == ["young"])
        #expect(try await scenario.store.pruneInbound(before: now - .days(30)) == 0)
    }
}
