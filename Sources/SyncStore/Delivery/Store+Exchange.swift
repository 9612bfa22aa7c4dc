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
                    try Store.learn(from: finished, inbound, into: &reply, db)
                    reply.reconciled += try Store.takeInNews(finished, inbound, db)
                    if try Store.freePlanning(finished.claimed, db) { reply.hasFreedPlanning = true }
                }
                for conclusion in request.absences {
                    reply.takenBack += try Store.record(conclusion, of: request.remote, now: now, db)
                }
                try Store.recordHealth(request, db)
                let steering = try Row.fetchOne(
                    db.cachedStatement(
                        sql: """
                            SELECT paused_at IS NOT NULL, resumed_at, replan_cursor IS NOT NULL, breaker_open_until FROM remotes
                            WHERE name = ?
                            """),
                    arguments: [request.remote])
                reply.isPaused = steering?[0] ?? false
                reply.resumedAt = steering?[1]
                // Before the lane's own word is written over it: `resume --now` may have ended the pause.
                reply.breakerOpenUntil = steering.flatMap { .column($0[3]) }
                if let gate = request.gate { try Store.storeGate(gate, of: request.remote, db) }
                // Rows from before the remote was taken out of service, or was configured in another way, wait until everything is
                // on the feed: from then on those are left out whose conversation waits to be planned.
                let isBeingFed: Bool = steering?[2] ?? false
                let remote = inbound.remotes.first { $0.name == request.remote }
                if request.claim > 0, !reply.isPaused, !isBeingFed {
                    counter += 1
                    try Store.claim(request, at: remote, lease: processID << 32 | counter, now: now, into: &reply, db)
                } else if request.asksForDue, !reply.isPaused {
                    reply.isSomethingDue = try !isBeingFed && Store.isSomethingDue(request.remote, at: remote, now: now, db)
                }
                return reply
            }
        }
    }

    // MARK: Recording

    /// False when the lease was lost in the meantime.
    private static func record(_ finished: FinishedCall, _ db: Database) throws -> Bool {
        let row = finished.row
        let time = finished.finishedAt.iso8601
        guard finished.outcome != nil || row.state != .pending || finished.heldBy != nil else { return try release(finished, db) }
        try db.cachedStatement(
            sql: """
                UPDATE outbox SET state = ?, attempts = ?, due_at = ?, counted_since = ?, in_doubt_since = ?, missing_at = ?,
                    last_http_status = ?, last_error = ?, held_by = ?, lease = NULL, lease_until = NULL, updated_at = ?, finished_at = ?
                WHERE id = ? AND state = 'sending' AND lease = ?
                """
        ).execute(arguments: [
            row.state.rawValue, row.attempts, row.dueAt.iso8601, row.countedSince?.iso8601, row.inDoubtSince?.iso8601,
            finished.isMissing ? time : nil, finished.outcome?.httpStatus, finished.error, finished.heldBy, time,
            row.state.isFinished ? time : nil, finished.claimed.id,
            finished.claimed.lease,
        ])
        guard db.changesCount == 1 else { return false }
        if let outcome = finished.outcome { try recordAttempt(finished, outcome, db) }
        if row.state == .held { try holdFollowing(finished, db) }
        if row.state == .pending { try settleReturned(finished.claimed.id, now: time, db) }
        if row.state == .delivered, row.payload == .message { try freeNextHeld(finished, db) }
        return true
    }

    /// Messages of one conversation that are held, or freed, in one transaction. What is behind them waits in any case.
    static let heldAtOnce = 1000

    /// Messages behind a held one wait for the same thing: they are let go together.
    private static func holdFollowing(_ finished: FinishedCall, _ db: Database) throws {
        guard finished.claimed.row.payload == .message else { return }
        try db.cachedStatement(
            sql: """
                UPDATE outbox SET state = 'held', held_by = ?, last_error = ?, updated_at = ?
                WHERE id IN (
                    SELECT id FROM outbox
                    WHERE conversation_id = ? AND remote = ? AND payload = 'message' AND state = 'pending' AND id > ?
                        AND released_at IS NULL
                    ORDER BY id LIMIT \(Store.heldAtOnce))
                """
        ).execute(arguments: [
            finished.heldBy, finished.error, finished.finishedAt.iso8601, finished.claimed.conversationID, finished.claimed.remote,
            finished.claimed.id,
        ])
    }

    /// Fin took a message: those that were held behind it, and were too many to be freed at once, are looked at again.
    private static func freeNextHeld(_ finished: FinishedCall, _ db: Database) throws {
        try freeHeldReplies(finished.claimed.conversationID, finished.claimed.remote, now: finished.finishedAt, db)
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
        try settleReturned(finished.claimed.id, now: finished.finishedAt.iso8601, db)
        return true
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
    static func settleReturned(_ id: Int64, now: String, _ db: Database) throws {
        try followMessage(id, now: now, db)
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

    /// A message that was moved to another conversation while it was in flight: planned anew there, or in doubt and for a person.
    private static func followMessage(_ id: Int64, now: String, _ db: Database) throws {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT o.message_id, m.conversation_id, o.remote, o.in_doubt_since IS NOT NULL
                    FROM outbox o JOIN messages m ON m.id = o.message_id
                    WHERE o.id = ? AND o.state = 'pending' AND o.payload = 'message' AND m.conversation_id IS NOT o.conversation_id
                    """),
            arguments: [id])
        guard let row else { return }
        let isInDoubt: Bool = row[3]
        try db.cachedStatement(
            sql: "UPDATE outbox SET state = ?2, last_error = ?3, updated_at = ?4, finished_at = ?4 WHERE id = ?1"
        ).execute(arguments: [
            id, (isInDoubt ? OutboxState.uncertain : .discarded).rawValue,
            isInDoubt
                ? "sent, but nobody knows whether it arrived, and the message was moved to another conversation since"
                : "the message was moved to another conversation, for which it is planned again", now,
        ])
        guard !isInDoubt else { return }
        let (message, conversation, remote): (String, String, String) = (row[0], row[1], row[2])
        try db.cachedStatement(sql: "DELETE FROM planned_messages WHERE message_id = ? AND remote = ?")
            .execute(arguments: [message, remote])
        try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote, moved) VALUES (?, ?, ?, 1)"
        ).execute(arguments: [message, conversation, remote])
    }

    private static func recordAttempt(_ finished: FinishedCall, _ outcome: DeliveryOutcome, _ db: Database) throws {
        let notes =
            outcome.partialErrors + outcome.drift.map { "answered another value for \($0)" } + [outcome.stray?.text].compactMap { $0 }
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
        if gate.parkedAt == nil,
            try String.fetchOne(db.cachedStatement(sql: "SELECT parked_at FROM remotes WHERE name = ?"), arguments: [remote]) != nil
        {
            try forgetAge(remote, db)
        }
        // paused_at and resumed_at belong to the command line and are not written here.
        try db.cachedStatement(
            sql: """
                UPDATE remotes SET parked_at = ?, park_reason = ?, park_cause = ?, throttled_until = ?, breaker_open_until = ?,
                    breaker_openings = ?, concurrency = ?
                WHERE name = ?
                """
        ).execute(arguments: [
            gate.parkedAt?.iso8601, gate.parkReason, gate.parkCause?.rawValue, gate.throttledUntil?.iso8601, gate.breakerOpenUntil?.iso8601,
            gate.breakerOpenings, gate.concurrency, remote,
        ])
    }
}
