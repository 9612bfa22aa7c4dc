import GRDB
import SyncCore

extension Store {
    /// Records outcomes and claims due rows for several remotes in one commit.
    ///
    /// A claim is a lease with a fencing value: every change of a claimed row names the value it holds, so a process that lost its
    /// lease changes nothing. The fencing value is unique in the file: process id in the upper half, a counter in the lower one.
    package func exchange(
        _ requests: [ExchangeRequest], processID: Int64, leaseCounter: Int64, _ inbound: InboundContext
    ) async throws(StoreError) -> [ExchangeReply] {
        let now = inbound.now
        return try await write { db in
            var counter = leaseCounter
            return try requests.map { request in
                var reply = ExchangeReply()
                for finished in request.finished {
                    guard try Store.record(finished, db) else {
                        reply.fenced.append(finished.claimed.id)
                        continue
                    }
                    try Store.replanSettled(finished, db)
                    reply.reconciled += try Store.takeInNews(finished, inbound, db)
                    if try Store.freePlanning(finished.claimed, db) { reply.hasFreedPlanning = true }
                }
                try Store.recordHealth(request, db)
                if let gate = request.gate { try Store.storeGate(gate, of: request.remote, db) }
                let steering = try Row.fetchOne(
                    db.cachedStatement(sql: "SELECT paused_at IS NOT NULL, resumed_at FROM remotes WHERE name = ?"),
                    arguments: [request.remote])
                reply.isPaused = steering?[0] ?? false
                reply.resumedAt = steering?[1]
                if request.claim > 0, !reply.isPaused {
                    counter += 1
                    reply.claimed = try Store.claim(
                        request, lease: processID << 32 | counter, now: now, hasLeftRetries: &reply.hasLeftRetries, db)
                }
                return reply
            }
        }
    }

    // MARK: Claiming

    /// A row younger than this is sent although a newer state waits to be planned already.
    private static let freshness = Span.seconds(2)

    private static func claim(
        _ request: ExchangeRequest, lease: Int64, now: Instant, hasLeftRetries: inout Bool, _ db: Database
    ) throws -> [ClaimedRow] {
        let leaseUntil = now + request.leaseDuration
        var rows = try dueRows(.all, request.remote, limit: request.claim, now: now, db)
        let failed = rows.filter { $0[8] as Int > 0 }
        if let retries = request.retries, failed.count > retries {
            // First tries never wait behind retries that have to.
            hasLeftRetries = true
            rows = Array(failed.prefix(retries))
            rows += try dueRows(.firstTries, request.remote, limit: request.claim - retries, now: now, db)
        }
        let update = try db.cachedStatement(
            sql: "UPDATE outbox SET state = 'sending', lease = ?, lease_until = ?, updated_at = ? WHERE id = ? AND state = 'pending'")
        return try rows.map { row in
            let claimed = ClaimedRow(row, remote: request.remote, lease: lease, leaseUntil: leaseUntil, now: now)
            try update.execute(arguments: [lease, leaseUntil.iso8601, now.iso8601, claimed.id])
            return claimed
        }
    }

    private enum DueRows: String {
        case all = ""
        case firstTries = "AND o.attempts = 0"
    }

    private static func dueRows(_ which: DueRows, _ remote: String, limit: Int, now: Instant, _ db: Database) throws -> [Row] {
        guard limit > 0 else { return [] }
        let select = try db.cachedStatement(
            sql: """
                SELECT o.id, o.conversation_id, o.operation, o.method, o.path, o.body, o.idempotency_key, o.payload, o.attempts,
                    o.due_at, coalesce(o.replayed_at, o.created_at), o.in_doubt_since, o.delta, s.base, s.in_doubt, s.seen,
                    (SELECT max(a.attempt) FROM outbox_attempts a WHERE a.outbox_id = o.id), s.seen_at, o.released_at IS NOT NULL
                FROM outbox o
                LEFT JOIN link_state s ON s.conversation_id = o.conversation_id AND s.remote = o.remote
                WHERE o.remote = ? AND o.state = 'pending' AND o.due_at <= ? \(which.rawValue)
                    AND NOT EXISTS (
                        SELECT 1 FROM outbox e WHERE e.conversation_id = o.conversation_id AND e.remote = o.remote
                            AND e.state = 'sending')
                    AND NOT EXISTS (
                        SELECT 1 FROM outbox e WHERE e.conversation_id = o.conversation_id AND e.remote = o.remote
                            AND e.state IN ('pending', 'held') AND e.id < o.id)
                    -- A newer state waits to be planned and will replace the row. Rows written just now go out once: a conversation that
                    -- changes all the time must not be starved. (But not over something that was taken over from a remote since.)
                    AND (o.payload = 'message' OR (o.attempts = 0 AND o.last_error IS NULL AND o.created_at >= ? AND NOT EXISTS (
                            SELECT 1 FROM adopted_changes a
                            WHERE a.conversation_id = o.conversation_id AND a.adopted_at >= o.created_at)) OR NOT EXISTS (
                        SELECT 1 FROM change_feed f WHERE f.conversation_id = o.conversation_id AND f.remote IN ('', o.remote)
                            AND f.deferred = 0))
                ORDER BY o.due_at, o.id LIMIT ?
                """)
        return try Row.fetchAll(select, arguments: [remote, now.iso8601, (now - freshness).iso8601, limit])
    }

    // MARK: Recording

    /// False when the lease was lost in the meantime.
    private static func record(_ finished: FinishedCall, _ db: Database) throws -> Bool {
        let row = finished.row
        let time = finished.finishedAt.iso8601
        guard finished.outcome != nil || row.state != .pending || finished.heldBy != nil else { return try release(finished, db) }
        try db.cachedStatement(
            sql: """
                UPDATE outbox SET state = ?, attempts = ?, due_at = ?, in_doubt_since = ?, last_http_status = ?,
                    last_error = ?, held_by = ?, lease = NULL, lease_until = NULL, updated_at = ?, finished_at = ?
                WHERE id = ? AND state = 'sending' AND lease = ?
                """
        ).execute(arguments: [
            row.state.rawValue, row.attempts, row.dueAt.iso8601, row.inDoubtSince?.iso8601, finished.outcome?.httpStatus,
            finished.error, finished.heldBy, time, row.state.isFinished ? time : nil, finished.claimed.id, finished.claimed.lease,
        ])
        guard db.changesCount == 1 else { return false }
        if let outcome = finished.outcome { try recordAttempt(finished, outcome, db) }
        try recordLinkState(finished, db)
        if row.state == .held { try holdFollowing(finished, db) }
        if row.state == .pending { try discardOrphan(finished.claimed.id, now: time, db) }
        return true
    }

    /// Messages behind a held one wait for the same thing: they are let go together.
    private static func holdFollowing(_ finished: FinishedCall, _ db: Database) throws {
        guard finished.claimed.row.payload == .message else { return }
        try db.cachedStatement(
            sql: """
                UPDATE outbox SET state = 'held', held_by = ?, last_error = ?, updated_at = ?
                WHERE conversation_id = ? AND remote = ? AND payload = 'message' AND state = 'pending' AND id > ? AND released_at IS NULL
                """
        ).execute(arguments: [
            finished.heldBy, finished.error, finished.finishedAt.iso8601, finished.claimed.conversationID, finished.claimed.remote,
            finished.claimed.id,
        ])
    }

    /// Claimed and not sent after all: as if it had never been claimed.
    private static func release(_ finished: FinishedCall, _ db: Database) throws -> Bool {
        try db.cachedStatement(
            sql: """
                UPDATE outbox SET state = 'pending', lease = NULL, lease_until = NULL, updated_at = ?
                WHERE id = ? AND state = 'sending' AND lease = ?
                """
        ).execute(arguments: [finished.finishedAt.iso8601, finished.claimed.id, finished.claimed.lease])
        guard db.changesCount == 1 else { return false }
        try discardOrphan(finished.claimed.id, now: finished.finishedAt.iso8601, db)
        return true
    }

    /// While fields were in doubt, the guards of the status map may have held a word back: now that they are certain, it is looked at
    /// again. (Deferred, to be freed like what waited for the call.)
    private static func replanSettled(_ finished: FinishedCall, _ db: Database) throws {
        guard finished.acknowledgement != nil, !finished.claimed.knowledge.inDoubt.isEmpty else { return }
        try deferPlanning(db, finished.claimed.conversationID, finished.claimed.remote, now: finished.finishedAt)
    }

    /// Planning of a conversation waits while a call for it is in flight. True when it did.
    private static func freePlanning(_ claimed: ClaimedRow, _ db: Database) throws -> Bool {
        try db.cachedStatement(
            sql: "UPDATE change_feed SET deferred = 0 WHERE conversation_id = ? AND remote = ? AND deferred = 1"
        ).execute(arguments: [claimed.conversationID, claimed.remote])
        return db.changesCount > 0
    }

    /// What came back to line although its conversation, link or message was deleted while it was in flight, or although the link
    /// points elsewhere by now, is not sent again.
    static func discardOrphan(_ id: Int64, now: String, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                UPDATE outbox SET state = 'discarded', finished_at = ?1, updated_at = ?1,
                    last_error = 'its conversation, link or message was deleted or points elsewhere now'
                WHERE id = ?2 AND state = 'pending' AND (
                    NOT EXISTS (SELECT 1 FROM conversations c WHERE c.id = conversation_id)
                    OR (payload = 'message' AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = message_id))
                    OR (payload = 'state' AND NOT EXISTS (
                        SELECT 1 FROM link_state s WHERE s.conversation_id = outbox.conversation_id AND s.remote = outbox.remote
                            AND s.target_id = outbox.target_id AND s.target_agent IS outbox.target_agent)))
                """
        ).execute(arguments: [now, id])
    }

    private static func recordAttempt(_ finished: FinishedCall, _ outcome: DeliveryOutcome, _ db: Database) throws {
        let notes = outcome.partialErrors + outcome.drift.map { "answered another value for \($0)" }
        try db.cachedStatement(
            sql: """
                INSERT INTO outbox_attempts
                    (outbox_id, attempt, started_at, finished_at, outcome, http_status, error, response_excerpt)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            finished.claimed.id, finished.claimed.earlierTries + 1, finished.startedAt.iso8601, finished.finishedAt.iso8601,
            outcome.outcome.rawValue, outcome.httpStatus, outcome.error ?? (notes.isEmpty ? nil : notes.joined(separator: "; ")),
            outcome.responseExcerpt,
        ])
    }

    private static func recordLinkState(_ finished: FinishedCall, _ db: Database) throws {
        let claimed = finished.claimed
        // Messages have no base; what Fin says is news.
        guard claimed.row.payload == .state else { return }
        // Only the object that the row was planned for: the link may point elsewhere by now.
        let target =
            "conversation_id = ? AND remote = ? AND (target_id, coalesce(target_agent, '')) = "
            + "(SELECT target_id, coalesce(target_agent, '') FROM outbox WHERE id = ?)"
        if let acknowledgement = finished.acknowledgement {
            try db.cachedStatement(
                sql: "UPDATE link_state SET base = ?, in_doubt = ?, seen = ?, acknowledged_at = ? WHERE \(target)"
            ).execute(arguments: [
                JSONValue.object(acknowledgement.base).text, JSONValue.column(acknowledgement.inDoubt),
                JSONValue.object(acknowledgement.seen).text, finished.finishedAt.iso8601, claimed.conversationID, claimed.remote,
                claimed.id,
            ])
        } else if finished.outcome?.fate == .unknown, let delta = claimed.delta {
            let inDoubt = claimed.knowledge.attempted.merging(delta.fields) { $1 }
            try db.cachedStatement(sql: "UPDATE link_state SET in_doubt = ? WHERE \(target)")
                .execute(arguments: [JSONValue.column(inDoubt), claimed.conversationID, claimed.remote, claimed.id])
        } else if finished.outcome?.outcome == .gone {
            try db.cachedStatement(sql: "UPDATE link_state SET gone_at = ? WHERE \(target)")
                .execute(arguments: [finished.finishedAt.iso8601, claimed.conversationID, claimed.remote, claimed.id])
        }
    }

    private static func takeInNews(_ finished: FinishedCall, _ inbound: InboundContext, _ db: Database) throws -> [Reconciled] {
        guard let news = finished.news else { return [] }
        return try reconcile(
            Report(
                remote: finished.claimed.remote, subject: .conversation(finished.claimed.conversationID), observation: news,
                readAt: finished.finishedAt), inbound, db)
    }

    /// When the remote last acknowledged something, and how it last failed.
    private static func recordHealth(_ request: ExchangeRequest, _ db: Database) throws {
        if let success = request.finished.last(where: { $0.outcome?.outcome == .delivered }) {
            try db.cachedStatement(sql: "UPDATE remotes SET last_success_at = ? WHERE name = ?")
                .execute(arguments: [success.finishedAt.iso8601, request.remote])
        }
        if let failure = request.finished.last(where: { $0.outcome?.error != nil }) {
            try db.cachedStatement(sql: "UPDATE remotes SET last_failure_at = ?, last_error = ? WHERE name = ?")
                .execute(arguments: [failure.finishedAt.iso8601, failure.outcome?.error, request.remote])
        }
    }

    static func storeGate(_ gate: RemoteGate.Stored, of remote: String, _ db: Database) throws {
        // paused_at and resumed_at belong to the command line and are not written here.
        try db.cachedStatement(
            sql: """
                UPDATE remotes SET parked_at = ?, park_reason = ?, throttled_until = ?, breaker_open_until = ?, breaker_openings = ?,
                    concurrency = ?
                WHERE name = ?
                """
        ).execute(arguments: [
            gate.parkedAt?.iso8601, gate.parkReason, gate.throttledUntil?.iso8601, gate.breakerOpenUntil?.iso8601,
            gate.breakerOpenings, gate.concurrency, remote,
        ])
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
                dueAt: Instant.column(row[9]) ?? now, createdAt: Instant.column(row[10]) ?? now,
                inDoubtSince: Instant.column(row[11])),
            delta: delta.map { Delta(fields: JSONValue.object(column: $0).compactMapValues { $0["to"] }) },
            earlierTries: row[16] ?? 0, lease: lease, leaseUntil: leaseUntil,
            knowledge: RemoteKnowledge(
                base: JSONValue.object(column: row[13]), inDoubt: Set(attempted.keys), attempted: attempted,
                seen: JSONValue.object(column: row[15])),
            seenAt: .column(row[17]), isReleased: row[18])
    }
}
