import SyncCore
import SyncStore

/// What a transaction of the service may write. Nothing else happens meanwhile, so the tables before and after it tell exactly what it wrote.
extension Simulation {
    /// What the tables said before an exchange, as far as the world has limits that it could exceed.
    struct TablesBefore {
        fileprivate var lastRow = 0
        fileprivate var lastAdoption = 0
        /// Links to an object that another conversation links to as well, as `conversation|remote`.
        fileprivate var shared: Set<String> = []
        /// Set where the exchange deletes rows.
        fileprivate var kept: KeptRows?
    }

    /// What retention keeps.
    fileprivate struct KeptRows {
        /// The ids of rows that it must not delete.
        var rows: Set<String>
        /// Conversations with an acknowledged state, as `conversation|remote`.
        var acknowledged: Set<String>
    }

    /// - Returns: nil in worlds without limits.
    func tables(before exchange: SyncCore.Exchange) async throws -> TablesBefore? {
        guard plan.sharesObjects || plan.brakes || exchange.retention != nil else { return nil }
        var before = TablesBefore()
        before.lastRow = try await application.number("SELECT coalesce(max(id), 0) FROM outbox")
        before.lastAdoption = try await application.number("SELECT coalesce(max(id), 0) FROM adopted_changes")
        if plan.sharesObjects { before.shared = try await sharedLinks() }
        // Where the exchange does nothing else: what it finishes may be deleted at once.
        if var retention = exchange.retention, exchange.plan == nil, exchange.lanes.allSatisfy(\.finished.isEmpty),
            retention.next(now: exchange.now, newestRow: Int64(before.lastRow)) != nil
        {
            before.kept = try await keptRows(retention.settings, exchange.now)
        }
        return before
    }

    /// Compares the tables with what they were.
    func expectLimits(_ before: TablesBefore, _ exchange: SyncCore.Exchange, _ result: ExchangeResult) async throws {
        if !before.shared.isEmpty { try await expectNothing(at: before.shared, since: before, result) }
        if plan.brakes {
            try await expectBrake(exchange, result, since: before)
            try await expectFewEnds(exchange, since: before)
        }
        if let kept = before.kept { try await expectPresent(kept) }
    }

    // MARK: Shared objects

    private func sharedLinks() async throws -> Set<String> {
        Set(
            try await application.lines(
                """
                SELECT l.conversation_id, l.remote FROM links l WHERE EXISTS (
                    SELECT 1 FROM links o WHERE o.remote = l.remote AND o.remote_id = l.remote_id AND o.conversation_id <> l.conversation_id)
                """, columns: 2))
    }

    /// As long as two conversations link to one object, nothing is planned or sent there for either of them, and nothing of it is adopted.
    private func expectNothing(at shared: Set<String>, since before: TablesBefore, _ result: ExchangeResult) async throws {
        let planned = try await application.lines(
            "SELECT conversation_id, remote FROM outbox WHERE id > \(before.lastRow) AND payload = 'state'", columns: 2)
        let adopted = try await application.lines(
            "SELECT conversation_id, remote FROM adopted_changes WHERE id > \(before.lastAdoption)", columns: 2)
        let claimed = result.lanes.values.flatMap(\.claimed).filter { $0.row.payload == .state }.map {
            "\($0.conversationID)|\($0.remote)"
        }
        for (what, links) in [("a row was planned", planned), ("a call was claimed", claimed), ("a change was adopted", adopted)] {
            for link in links where shared.contains(link) { fail("\(what) for \(link), whose object belongs to two conversations") }
        }
    }

    // MARK: The brake

    /// A row that a page has written and that may be sent.
    private struct PlannedRow {
        var conversation: String
        var remote: Remote
        /// It replaces something that the remote has.
        var touches: Bool
        /// It replaces a status value for "not finished" by one for "finished".
        var finishes: Bool
    }

    /// A page that goes beyond a rule engages the brake, and while it is engaged every state is held.
    private func expectBrake(_ exchange: SyncCore.Exchange, _ result: ExchangeResult, since before: TablesBefore) async throws {
        guard let page = exchange.plan, let planned = result.plan else { return }
        let rows = try await plannedRows(after: before.lastRow)
        if page.brake.isEngaged {
            for row in rows { fail("a row of \(row.conversation) at \(row.remote.name) was planned while the brake was engaged") }
        }
        guard !planned.brake.isEngaged else { return }
        let settings = plan.settings.brake
        for isPushedLast in [false, true] {
            let group = rows.filter { $0.remote.kind.isPushedAtEndOfRun == isPushedLast }
            expectFew("touches", group.filter(\.touches), settings.touchMinimum, settings.touchPercent)
            expectFew("finishes", group.filter(\.finishes), settings.finishMinimum, settings.finishPercent)
        }
    }

    private func expectFew(_ verb: String, _ rows: [PlannedRow], _ minimum: Int, _ percent: Int) {
        let count = Set(rows.map(\.conversation)).count
        // Some of those that the brake has counted may be deleted by now.
        let conversations = plan.conversations.count
        guard count > minimum, count * 100 > conversations * percent else { return }
        fail("a page \(verb) \(count) of \(conversations) conversations, and the brake is not engaged")
    }

    private func plannedRows(after last: Int) async throws -> [PlannedRow] {
        let rows = try await application.store.read { session in
            try session.rows(
                """
                SELECT o.conversation_id, o.remote, o.delta, \(LinkColumns.columns) FROM outbox o
                LEFT JOIN link_state s ON s.conversation_id = o.conversation_id AND s.remote = o.remote
                WHERE o.id > \(last) AND o.payload = 'state' AND o.state IN ('pending', 'sending') AND o.delta IS NOT NULL
                """
            ) { columns in
                (
                    conversation: try columns.next(String.self), remote: try columns.next(String.self),
                    delta: try columns.next(String.self), record: try LinkColumns(&columns).linkRecord
                )
            }
        }
        return try rows.compactMap { row in
            guard let remote = plan.remotes.first(where: { $0.name == row.remote }) else { return nil }
            let changes = try JSONValue(stored: row.delta).objectValue ?? [:]
            return PlannedRow(
                conversation: row.conversation, remote: remote, touches: changes.values.contains { $0["from"] != nil },
                finishes: Simulation.finishes(changes, at: remote, row.record))
        }
    }

    /// After a call of unknown fate, the remote may be what the row makes of it already.
    private static func finishes(_ changes: JSONObject, at remote: Remote, _ record: LinkRecord) -> Bool {
        guard let field = remote.adapter.statusField, record[field].doubt.isEmpty, let word = changes[field]?["to"]?.stringValue,
            let former = changes[field]?["from"]?.stringValue
        else { return false }
        let words = remote.profile.finishedWords
        return words.contains(word) && !words.contains(former)
    }

    /// Of the ends that a remote reports within ten minutes, no more are adopted than the brake allows.
    private func expectFewEnds(_ exchange: SyncCore.Exchange, since before: TablesBefore) async throws {
        let (settings, begin) = (plan.settings.brake, exchange.now - .minutes(10))
        let ends = try await application.lines(
            """
            SELECT remote, count(*) FROM adopted_changes WHERE adopted_at > \(begin) AND is_released = 0
                AND changes ->> '$.status.from' = 'open' AND changes ->> '$.status.to' <> 'open'
            GROUP BY 1 HAVING max(id) > \(before.lastAdoption) AND count(*) > \(settings.finishMinimum)
                AND count(*) * 100 > \(settings.finishPercent) * (SELECT count(*) FROM conversations)
            """, columns: 2)
        for line in ends { fail("too many ends were adopted within ten minutes: \(line)") }
    }

    // MARK: Retention

    private func keptRows(_ settings: Retention.Settings, _ now: Instant) async throws -> KeptRows {
        let rows = try await application.lines(
            """
            SELECT id FROM outbox WHERE state NOT IN ('delivered', 'superseded', 'discarded')
                OR payload = 'message' AND updated_at > \(now - OutboxRow.messageWindow)
                OR finished_at > \(now - settings.maximumAge) AND id > (SELECT max(id) FROM outbox) - \(settings.maximumRows)
            """, columns: 1)
        return KeptRows(rows: Set(rows), acknowledged: try await acknowledged())
    }

    private func acknowledged() async throws -> Set<String> {
        Set(
            try await application.lines(
                """
                SELECT DISTINCT conversation_id, remote FROM outbox
                WHERE payload = 'state' AND state = 'delivered' AND conversation_id IN (SELECT id FROM conversations)
                """, columns: 2))
    }

    private func expectPresent(_ kept: KeptRows) async throws {
        count("sweeps")
        let present = Set(try await application.lines("SELECT id FROM outbox", columns: 1))
        for row in kept.rows.subtracting(present).sorted() { fail("row \(row) was deleted, which was still needed or too young") }
        for link in kept.acknowledged.subtracting(try await acknowledged()).sorted() {
            fail("the last acknowledged state of \(link) was deleted")
        }
    }
}
