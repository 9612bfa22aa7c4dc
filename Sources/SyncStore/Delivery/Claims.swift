import SyncCore

extension Store {
    /// A row younger than this is sent even if a newer state of its conversation is waiting to be planned.
    private static let freshness = Duration.seconds(2)

    /// Claims due rows, oldest first. While first attempts are waiting, at most `claim.retries` of the claimed rows are retries.
    /// - Parameters:
    ///   - remote: nil for a remote that is not configured; nothing is known about its links then.
    ///   - lease: the fencing value of all rows of this claim.
    static func claim(
        _ claim: LaneRequest.Claim, of name: String, at remote: RemoteParticipation?, lease: Int64, now: Instant,
        into result: inout LaneResult, _ session: any Session
    ) throws {
        let leaseUntil = now + claim.leaseDuration
        let due = DueQuery(name: name, remote: remote, now: now, retriesDueBy: min(now, claim.retriesDueBy))
        var rows = try dueRows(.all, due, limit: claim.rows, &result, session)
        let failed = rows.filter(\.isRetry)
        if failed.count > claim.retries {
            // First attempts do not wait behind retries.
            let first = try dueRows(.firstAttempts, due, limit: claim.rows - claim.retries, &result, session)
            let retries = failed.prefix(claim.rows - first.count)
            result.hasLeftRetries = retries.count < failed.count
            rows = first + retries
        }
        result.claimed = try rows.map { row in
            try session.run(
                """
                UPDATE outbox SET state = 'sending', lease = \(lease), lease_until = \(leaseUntil), updated_at = \(now)
                WHERE id = \(row.id) AND state = 'pending'
                """)
            var claimed = row
            claimed.lease = lease
            claimed.leaseUntil = leaseUntil
            return claimed
        }
    }

    /// Why a claim skips a row; the values of `outbox.behind`.
    enum Obstacle: Int {
        /// A call in flight for the conversation or to its object, or an older row of it.
        case others = 1
        /// A newer state of the conversation is waiting to be planned.
        case planning = 2
        /// Another conversation links to the same object.
        case sharedObject = 3
    }

    private struct DueQuery {
        var name: String
        /// Nil for a remote that is not configured; nothing is known about its links then.
        var remote: RemoteParticipation?
        var now: Instant
        var retriesDueBy: Instant
    }

    private enum DueRows {
        case all
        case firstAttempts

        var condition: SQL {
            switch self {
            case .all: ""
            case .firstAttempts: "AND o.attempts = 0"
            }
        }
    }

    /// The most rows that one claim skips. The next claim continues behind them.
    private static let passedOver = 1000
    /// A claim ends with the row with which the bodies of its rows reach this size, in bytes: claimed rows are in memory, and titles, attributes and
    /// messages may have any length.
    static let claimedBytes = 4 << 20

    /// Due rows that can be sent now, oldest first. The others are marked (`outbox.behind`), so that they are examined once and not by every claim;
    /// triggers remove the mark.
    ///
    /// A row is skipped while a newer state of its conversation is waiting to be planned. The row that replaces it inherits its place and the mark
    /// that it was skipped (`outbox.passed_over_at`), and is not skipped again, so a conversation that changes all the time is sent as soon as the
    /// others. A newer state is planned after that call has ended, so no older state follows it.
    private static func dueRows(
        _ which: DueRows, _ due: DueQuery, limit: Int, _ result: inout LaneResult, _ session: any Session
    ) throws -> [ClaimedRow] {
        guard limit > 0 else { return [] }
        let now = due.now
        var rows: [ClaimedRow] = []
        var bytes = 0
        var blocked: [(id: Int64, by: Obstacle)] = []
        try session.each(
            """
            SELECT
                EXISTS (
                    SELECT 1 FROM outbox e WHERE e.conversation_id = o.conversation_id AND e.remote = o.remote
                        AND e.state = 'sending')
                OR EXISTS (
                    SELECT 1 FROM outbox e WHERE e.conversation_id = o.conversation_id AND e.remote = o.remote
                        AND e.state IN ('pending', 'sending', 'held') AND coalesce(e.place, e.id) < coalesce(o.place, o.id))
                -- A call of the conversation that the object was linked to before.
                OR (o.payload = 'state' AND EXISTS (
                    SELECT 1 FROM outbox e WHERE e.target_id = o.target_id AND e.remote = o.remote AND e.target_agent IS o.target_agent
                        AND e.conversation_id <> o.conversation_id AND e.state = 'sending' AND e.payload = 'state')),
                -- Another conversation links to the object.
                \(due.remote?.needsLink ?? false) AND o.payload = 'state' AND EXISTS (
                    SELECT 1 FROM links l WHERE l.remote = o.remote AND l.remote_id = o.target_id
                        AND l.conversation_id <> o.conversation_id AND coalesce(l.agent_id, \(due.remote?.defaultAgent)) IS o.target_agent),
                -- A newer state is waiting to be planned and will replace the row. Rows written just now are sent, and so are rows that were skipped
                -- before: a conversation that changes all the time must not be starved. (Except where something has been adopted from a remote
                -- since.)
                NOT (o.payload = 'message' OR (o.attempts = 0 AND o.last_error IS NULL
                    AND (o.created_at >= \(now - freshness) OR o.passed_over_at IS NOT NULL) AND NOT EXISTS (
                        SELECT 1 FROM adopted_changes a
                        WHERE a.conversation_id = o.conversation_id AND a.adopted_at >= o.created_at)) OR NOT EXISTS (
                    SELECT 1 FROM change_feed f WHERE f.conversation_id = o.conversation_id AND f.remote IN (\(FeedTarget.everyRemote), o.remote)
                        -- What a read has shown to be outdated waits until it is decided again, however long that takes.
                        AND (f.deferred = 0 OR (f.deferred IN (2, 3) AND o.last_error IS \(Store.decidedAgain))))),
                \(ClaimedRow.columns)
            FROM outbox o
            LEFT JOIN link_state s ON s.conversation_id = o.conversation_id AND s.remote = o.remote
            WHERE o.remote = \(due.name) AND o.state = 'pending' AND o.behind = 0 AND o.due_at <= \(now)
                AND (o.attempts = 0 OR o.due_at <= \(due.retriesDueBy)) \(which.condition)
            ORDER BY o.due_at, coalesce(o.place, o.id) LIMIT \(limit + passedOver)
            """
        ) { columns in
            let (isBehindOthers, isShared, isBehindPlanning): (Bool, Bool, Bool) = (
                try columns.next(), try columns.next(), try columns.next()
            )
            let row = try ClaimedRow(&columns)
            if isBehindOthers {
                blocked.append((row.id, .others))
            } else if isShared {
                blocked.append((row.id, .sharedObject))
            } else if isBehindPlanning {
                blocked.append((row.id, .planning))
            } else {
                rows.append(row)
                bytes += row.body.utf8.count
            }
            return rows.count < limit && bytes < claimedBytes ? .next : .stop
        }
        for row in blocked {
            let passedOverAt = row.by == .planning ? now : nil
            try session.run(
                """
                UPDATE outbox SET behind = \(row.by.rawValue), passed_over_at = coalesce(passed_over_at, \(passedOverAt))
                WHERE id = \(row.id)
                """)
        }
        if rows.count < limit {
            if bytes >= claimedBytes { result.isCutShort = true }
            if rows.count + blocked.count == limit + passedOver { result.mayHaveMore = true }
        }
        return rows
    }
}

extension ClaimedRow: RowRecord {
    /// `outbox o`, and `link_state s` where there is one.
    package static let columns: SQL = """
        o.id, o.conversation_id, o.remote, o.operation, o.method, o.path, o.body, o.idempotency_key, o.payload, o.attempts, o.due_at,
        o.counted_since, o.in_doubt_since, o.delta, (SELECT max(a.attempt) FROM outbox_attempts a WHERE a.outbox_id = o.id),
        o.local_numbers, o.released_at IS NOT NULL, o.missing_at, o.target_id, o.target_agent, o.created_at, \(LinkColumns.columns)
        """

    /// The row as it was before the claim: without a lease.
    package init(_ columns: inout Columns) throws {
        let id: Int64 = try columns.next()
        let (conversationID, remote): (String, String) = (try columns.next(), try columns.next())
        let (operation, method, path): (String, String, String) = (try columns.next(), try columns.next(), try columns.next())
        let (body, idempotencyKey): (String, String) = (try columns.next(), try columns.next())
        let payload: PayloadKind = try columns.next()
        let attempts: Int = try columns.next()
        // The time may have been edited by hand. An unreadable time counts as past.
        let dueAt = Instant.column(try columns.next()) ?? Instant(milliseconds: 0)
        let row = OutboxRow(
            payload: payload, state: .sending, attempts: attempts, dueAt: dueAt,
            countedSince: .column(try columns.next()), inDoubtSince: .column(try columns.next()))
        let delta: String? = try columns.next()
        let earlierAttempts: Int? = try columns.next()
        let numbers = ByAttribute(stored: try columns.next())
        let isReleased: Bool = try columns.next()
        let missingSince = Instant.column(try columns.next())
        let targetID: String = try columns.next()
        let agent: String? = try columns.next()
        let plannedAt = Instant.column(try columns.next()) ?? Instant(milliseconds: 0)
        self.init(
            id: id, conversationID: conversationID, remote: remote, operation: operation, method: method, path: path, body: body,
            idempotencyKey: idempotencyKey, row: row,
            delta: delta.map { Delta(fields: JSONValue.object(column: $0).compactMapValues { $0["to"] }) },
            earlierAttempts: earlierAttempts ?? 0, lease: 0, leaseUntil: row.dueAt, known: try LinkColumns(&columns),
            numbers: numbers ?? .init(repeating: 0), isReleased: isReleased, missingSince: missingSince, targetID: targetID, agent: agent,
            plannedAt: plannedAt)
    }
}
