import GRDB
import SyncCore

extension Store {
    /// A row younger than this is sent although a newer state waits to be planned already.
    private static let freshness = Duration.seconds(2)

    static func claim(
        _ request: ExchangeRequest, at remote: RemoteParticipation?, lease: Int64, now: Instant, into reply: inout ExchangeReply,
        _ db: Database
    ) throws {
        let leaseUntil = now + request.leaseDuration
        let due = DueQuery(name: request.remote, remote: remote, now: now)
        var rows = try dueRows(.all, due, limit: request.claim, &reply.mayHaveMore, db)
        let failed = rows.filter { $0[8] as Int > 0 }
        if let retries = request.retries, failed.count > retries {
            // First tries never wait behind retries that have to.
            reply.hasLeftRetries = true
            rows = Array(failed.prefix(retries))
            rows += try dueRows(.firstTries, due, limit: request.claim - retries, &reply.mayHaveMore, db)
        }
        let update = try db.cachedStatement(
            sql: "UPDATE outbox SET state = 'sending', lease = ?, lease_until = ?, updated_at = ? WHERE id = ? AND state = 'pending'")
        reply.claimed = try rows.map { row in
            let claimed = ClaimedRow(row, remote: request.remote, lease: lease, leaseUntil: leaseUntil, now: now)
            try update.execute(arguments: [lease, leaseUntil.iso8601, now.iso8601, claimed.id])
            return claimed
        }
    }

    /// Whether a claim would bring something.
    static func isSomethingDue(_ name: String, at remote: RemoteParticipation?, now: Instant, _ db: Database) throws -> Bool {
        var mayHaveMore = false
        return try !dueRows(.all, DueQuery(name: name, remote: remote, now: now), limit: 1, &mayHaveMore, db).isEmpty || mayHaveMore
    }

    private struct DueQuery {
        var name: String
        /// Nil for a remote that is not configured: then nothing is known about its links.
        var remote: RemoteParticipation?
        var now: Instant
    }

    private enum DueRows: String {
        case all = ""
        case firstTries = "AND o.attempts = 0"
    }

    /// Rows that a claim passes over at most; the next one goes on behind them.
    private static let passedOver = 1000

    /// Due rows that may go now, the oldest first. What may not is marked (`outbox.behind`), so that it is looked at once and not with
    /// every claim; triggers take the mark back.
    ///
    /// A row is passed over where a newer state of its conversation waits to be planned. What replaces it inherits its place and the mark
    /// that it had its turn (`outbox.passed_over_at`), and is not passed over again: a conversation that changes all the time is sent as
    /// soon as the others. A newer state is planned after that call has ended, so no older one follows it.
    private static func dueRows(
        _ which: DueRows, _ due: DueQuery, limit: Int, _ mayHaveMore: inout Bool, _ db: Database
    ) throws -> [Row] {
        guard limit > 0 else { return [] }
        let select = try db.cachedStatement(
            sql: """
                SELECT o.id, o.conversation_id, o.operation, o.method, o.path, o.body, o.idempotency_key, o.payload, o.attempts,
                    o.due_at, o.counted_since, o.in_doubt_since, o.delta,
                    (SELECT max(a.attempt) FROM outbox_attempts a WHERE a.outbox_id = o.id), o.released_at IS NOT NULL,
                    o.missing_at, o.target_agent, o.local_numbers,
                    EXISTS (
                        SELECT 1 FROM outbox e WHERE e.conversation_id = o.conversation_id AND e.remote = o.remote
                            AND e.state = 'sending')
                    OR EXISTS (
                        SELECT 1 FROM outbox e WHERE e.conversation_id = o.conversation_id AND e.remote = o.remote
                            AND e.state IN ('pending', 'held') AND e.id < o.id),
                    -- A newer state waits to be planned and will replace the row. Rows written just now go out once, and so do those that
                    -- had their turn: a conversation that changes all the time must not be starved. (But not over something that was
                    -- adopted from a remote since.)
                    NOT (o.payload = 'message' OR (o.attempts = 0 AND o.last_error IS NULL
                        AND (o.created_at >= ?1 OR o.passed_over_at IS NOT NULL) AND NOT EXISTS (
                            SELECT 1 FROM adopted_changes a
                            WHERE a.conversation_id = o.conversation_id AND a.adopted_at >= o.created_at)) OR NOT EXISTS (
                        SELECT 1 FROM change_feed f WHERE f.conversation_id = o.conversation_id AND f.remote IN ('', o.remote)
                            AND f.deferred = 0)),
                    \(LinkColumns.names),
                    -- Another conversation links to the object.
                    ?5 AND o.payload = 'state' AND EXISTS (
                        SELECT 1 FROM links l WHERE l.remote = o.remote AND l.remote_id = o.target_id
                            AND l.conversation_id <> o.conversation_id AND coalesce(l.agent_id, ?6) IS o.target_agent),
                    o.target_id
                FROM outbox o
                LEFT JOIN link_state s ON s.conversation_id = o.conversation_id AND s.remote = o.remote
                WHERE o.remote = ?2 AND o.state = 'pending' AND o.behind = 0 AND o.due_at <= ?3 \(which.rawValue)
                ORDER BY o.due_at, coalesce(o.place, o.id) LIMIT ?4
                """)
        let now = due.now
        let cursor = try Row.fetchCursor(
            select,
            arguments: [
                (now - freshness).iso8601, due.name, now.iso8601, limit + passedOver, due.remote?.needsLink ?? false,
                due.remote?.defaultAgent,
            ])
        var rows: [Row] = []
        var blocked: [(id: Int64, behind: Int)] = []
        while rows.count < limit, let row = try cursor.next() {
            if row[18] {
                blocked.append((row[0], 1))
            } else if row[28] {
                blocked.append((row[0], 3))
            } else if row[19] {
                blocked.append((row[0], 2))
            } else {
                rows.append(row.copy())
            }
        }
        let mark = try db.cachedStatement(
            sql: """
                UPDATE outbox SET behind = ?1, passed_over_at = CASE ?1 WHEN 2 THEN coalesce(passed_over_at, ?3) ELSE passed_over_at END
                WHERE id = ?2
                """)
        for row in blocked { try mark.execute(arguments: [row.behind, row.id, now.iso8601]) }
        if rows.count < limit, rows.count + blocked.count == limit + passedOver { mayHaveMore = true }
        return rows
    }
}

extension ClaimedRow {
    fileprivate init(_ row: Row, remote: String, lease: Int64, leaseUntil: Instant, now: Instant) {
        let delta: String? = row[12]
        let numbers: String? = row[17]
        self.init(
            id: row[0], conversationID: row[1], remote: remote, operation: row[2], method: row[3], path: row[4], body: row[5],
            idempotencyKey: row[6],
            row: OutboxRow(
                payload: PayloadKind(rawValue: row[7]) ?? .state, state: .sending, attempts: row[8],
                dueAt: Instant.column(row[9]) ?? now, countedSince: Instant.column(row[10]),
                inDoubtSince: Instant.column(row[11])),
            delta: delta.map { Delta(fields: JSONValue.object(column: $0).compactMapValues { $0["to"] }) },
            earlierTries: row[13] ?? 0, lease: lease, leaseUntil: leaseUntil, known: LinkColumns(row, at: 20),
            numbers: numbers.flatMap { try? JSONValue(stored: $0) }.flatMap(ByAttribute.init(column:)) ?? .init(repeating: 0),
            isReleased: row[14], missingSince: .column(row[15]), targetID: row[29], agent: row[16])
    }
}
