import GRDB
import SyncCore

extension Store {
    /// A row younger than this is sent although a newer state waits to be planned already.
    private static let freshness = Span.seconds(2)

    static func claim(
        _ request: ExchangeRequest, lease: Int64, now: Instant, into reply: inout ExchangeReply, _ db: Database
    ) throws {
        let leaseUntil = now + request.leaseDuration
        var rows = try dueRows(.all, request.remote, limit: request.claim, now: now, &reply.mayHaveMore, db)
        let failed = rows.filter { $0[8] as Int > 0 }
        if let retries = request.retries, failed.count > retries {
            // First tries never wait behind retries that have to.
            reply.hasLeftRetries = true
            rows = Array(failed.prefix(retries))
            rows += try dueRows(.firstTries, request.remote, limit: request.claim - retries, now: now, &reply.mayHaveMore, db)
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
    static func isSomethingDue(_ remote: String, now: Instant, _ db: Database) throws -> Bool {
        var mayHaveMore = false
        return try !dueRows(.all, remote, limit: 1, now: now, &mayHaveMore, db).isEmpty || mayHaveMore
    }

    private enum DueRows: String {
        case all = ""
        case firstTries = "AND o.attempts = 0"
    }

    /// Rows that a claim passes over at most; the next one goes on behind them.
    private static let passedOver = 1000

    /// Due rows that may go now, the oldest first. What may not is marked (`outbox.behind`), so that it is looked at once and not with
    /// every claim; triggers take the mark back.
    private static func dueRows(
        _ which: DueRows, _ remote: String, limit: Int, now: Instant, _ mayHaveMore: inout Bool, _ db: Database
    ) throws -> [Row] {
        guard limit > 0 else { return [] }
        let select = try db.cachedStatement(
            sql: """
                SELECT o.id, o.conversation_id, o.operation, o.method, o.path, o.body, o.idempotency_key, o.payload, o.attempts,
                    o.due_at, o.counted_since, o.in_doubt_since, o.delta, s.base, s.in_doubt, s.seen,
                    (SELECT max(a.attempt) FROM outbox_attempts a WHERE a.outbox_id = o.id), s.seen_at, o.released_at IS NOT NULL,
                    o.missing_at, o.target_agent,
                    EXISTS (
                        SELECT 1 FROM outbox e WHERE e.conversation_id = o.conversation_id AND e.remote = o.remote
                            AND e.state = 'sending')
                    OR EXISTS (
                        SELECT 1 FROM outbox e WHERE e.conversation_id = o.conversation_id AND e.remote = o.remote
                            AND e.state IN ('pending', 'held') AND e.id < o.id),
                    -- A newer state waits to be planned and will replace the row. Rows written just now go out once: a conversation that
                    -- changes all the time must not be starved. (But not over something that was adopted from a remote since.)
                    NOT (o.payload = 'message' OR (o.attempts = 0 AND o.last_error IS NULL AND o.created_at >= ? AND NOT EXISTS (
                            SELECT 1 FROM adopted_changes a
                            WHERE a.conversation_id = o.conversation_id AND a.adopted_at >= o.created_at)) OR NOT EXISTS (
                        SELECT 1 FROM change_feed f WHERE f.conversation_id = o.conversation_id AND f.remote IN ('', o.remote)
                            AND f.deferred = 0))
                FROM outbox o
                LEFT JOIN link_state s ON s.conversation_id = o.conversation_id AND s.remote = o.remote
                WHERE o.remote = ? AND o.state = 'pending' AND o.behind = 0 AND o.due_at <= ? \(which.rawValue)
                ORDER BY o.due_at, o.id LIMIT ?
                """)
        let cursor = try Row.fetchCursor(
            select, arguments: [(now - freshness).iso8601, remote, now.iso8601, limit + passedOver])
        var rows: [Row] = []
        var blocked: [(id: Int64, behind: Int)] = []
        while rows.count < limit, let row = try cursor.next() {
            if row[21] {
                blocked.append((row[0], 1))
            } else if row[22] {
                blocked.append((row[0], 2))
            } else {
                rows.append(row.copy())
            }
        }
        let mark = try db.cachedStatement(sql: "UPDATE outbox SET behind = ? WHERE id = ?")
        for row in blocked { try mark.execute(arguments: [row.behind, row.id]) }
        if rows.count < limit, rows.count + blocked.count == limit + passedOver { mayHaveMore = true }
        return rows
    }
}

extension ClaimedRow {
    fileprivate init(_ row: Row, remote: String, lease: Int64, leaseUntil: Instant, now: Instant) {
        let delta: String? = row[12]
        let attempted = JSONValue.object(column: row[14])
        self.init(
            id: row[0], conversationID: row[1], remote: remote, operation: row[2], method: row[3], path: row[4], body: row[5],
            idempotencyKey: row[6],
            row: OutboxRow(
                payload: PayloadKind(rawValue: row[7]) ?? .state, state: .sending, attempts: row[8],
                dueAt: Instant.column(row[9]) ?? now, countedSince: Instant.column(row[10]),
                inDoubtSince: Instant.column(row[11])),
            delta: delta.map { Delta(fields: JSONValue.object(column: $0).compactMapValues { $0["to"] }) },
            earlierTries: row[16] ?? 0, lease: lease, leaseUntil: leaseUntil,
            knowledge: RemoteKnowledge(
                base: JSONValue.object(column: row[13]), inDoubt: Set(attempted.keys), attempted: attempted,
                seen: JSONValue.object(column: row[15])),
            seenAt: .column(row[17]), isReleased: row[18], missingSince: .column(row[19]), agent: row[20])
    }
}
