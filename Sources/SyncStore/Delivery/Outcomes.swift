import SyncCore

/// Outcomes of calls.
extension Store {
    /// Records the end of a call, and what its outcome says about the conversation.
    static func takeIn(_ finished: FinishedCall, _ inbound: InboundContext, into result: inout LaneResult, _ session: any Session) throws {
        guard let recorded = try record(finished, session) else {
            result.fenced.append(finished.claimed.id)
            if try fence(finished, now: inbound.now, session) { result.hasFreedPlanning = true }
            return
        }
        if recorded.isPlannedAgain { result.hasFreedPlanning = true }
        try learn(from: finished, inbound, into: &result, session)
        if let calls = recorded.overlapped, try endOverlap(calls, finished, session) { result.hasFreedPlanning = true }
        result.reconciled += try takeInNews(finished, inbound, session)
        if try freePlanning(finished.claimed, session) { result.hasFreedPlanning = true }
        if try endWait(of: finished.claimed.conversationID, session) { result.hasFreedPlanning = true }
    }

    /// A row whose outcome is recorded.
    private struct RecordedRow {
        /// Set where calls that had lost their lease ended while this one was in flight.
        var overlapped: OverlappedCalls?
        /// The message of the row, or a later one of its conversation, was changed meanwhile, and waits to be planned again.
        var isPlannedAgain = false
    }

    /// Nil if the lease was lost in the meantime.
    private static func record(_ finished: FinishedCall, _ session: any Session) throws -> RecordedRow? {
        let row = finished.row
        let time = finished.finishedAt
        guard finished.outcome != nil || row.state != .pending || finished.heldBy != nil else {
            return try release(finished, session)
        }
        let recorded = try session.rows(
            """
            UPDATE outbox SET state = \(row.state.rawValue), attempts = \(row.attempts), due_at = \(row.dueAt),
                counted_since = \(row.countedSince), in_doubt_since = \(row.inDoubtSince), missing_at = \(finished.isMissing ? time : nil),
                last_http_status = \(finished.outcome?.httpStatus), last_error = \(finished.error), held_by = \(finished.heldBy),
                lease = NULL, lease_until = NULL, updated_at = \(time), finished_at = \(row.state.isFinished ? time : nil)
            WHERE id = \(finished.claimed.id) AND state = 'sending' AND lease = \(finished.claimed.lease)
            RETURNING overlapped
            """
        ) { columns in RecordedRow(overlapped: OverlappedCalls(column: try columns.next())) }
        guard var recorded = recorded.first else { return nil }
        if let outcome = finished.outcome { try recordAttempt(finished, outcome, session) }
        if row.state == .held { try holdFollowing(finished, session) }
        if row.state == .pending || row.state == .held {
            recorded.isPlannedAgain = try settleReturned(finished.claimed.id, now: time, session)
        }
        if row.state == .delivered, row.payload == .message, try freeNextHeld(finished, session) { recorded.isPlannedAgain = true }
        return recorded
    }

    /// The most messages of one conversation that are held or released in one transaction. Those behind them wait in any case.
    static let heldAtOnce = 1000

    /// Messages behind a held one wait for the same condition, and are released together with it.
    private static func holdFollowing(_ finished: FinishedCall, _ session: any Session) throws {
        guard finished.claimed.row.payload == .message else { return }
        let claimed = finished.claimed
        try session.run(
            """
            UPDATE outbox SET state = 'held', held_by = \(finished.heldBy), last_error = \(finished.error),
                updated_at = \(finished.finishedAt)
            WHERE id IN (
                SELECT id FROM outbox
                WHERE conversation_id = \(claimed.conversationID) AND remote = \(claimed.remote) AND payload = 'message'
                    AND state = 'pending' AND released_at IS NULL
                    AND coalesce(place, id) > (SELECT coalesce(c.place, c.id) FROM outbox c WHERE c.id = \(claimed.id))
                    -- For the index.
                    AND state IN ('pending', 'sending', 'held')
                ORDER BY coalesce(place, id) LIMIT \(Store.heldAtOnce))
            """)
    }

    /// Fin accepted a message: the messages held behind it that were too many to be released at once are examined again.
    /// - Returns: whether some of them wait to be planned again.
    private static func freeNextHeld(_ finished: FinishedCall, _ session: any Session) throws -> Bool {
        try freeHeldReplies(finished.claimed.conversationID, finished.claimed.remote, now: finished.finishedAt, session)
    }

    /// Returns a row that was claimed but not sent, as if it had never been claimed.
    /// Nil if the lease was lost in the meantime.
    private static func release(_ finished: FinishedCall, _ session: any Session) throws -> RecordedRow? {
        guard try giveBack(finished.claimed, now: finished.finishedAt, session) else { return nil }
        return RecordedRow(isPlannedAgain: try settleReturned(finished.claimed.id, now: finished.finishedAt, session))
    }

    /// Planning of a conversation waits while a call for it is in flight. True if an entry was waiting.
    static func freePlanning(_ claimed: ClaimedRow, _ session: any Session) throws -> Bool {
        let own =
            try session.run(
                """
                UPDATE change_feed SET deferred = 0
                WHERE conversation_id = \(claimed.conversationID) AND remote = \(claimed.remote) AND deferred = 1
                """) > 0
        guard claimed.row.payload == .state else { return own }
        return try freePlanning(ofLinksTo: claimed.targetID, at: claimed.remote, session) || own
    }

    /// Planning of a conversation also waits for a call to its object that was made for another one, which was linked to it before. True if
    /// an entry was waiting. An entry that waits for a call to an object of the same id under another agent is planned, and waits again.
    static func freePlanning(ofLinksTo targetID: String, at remote: String, _ session: any Session) throws -> Bool {
        try session.run(
            """
            UPDATE change_feed SET deferred = 0
            WHERE remote = \(remote) AND deferred = 1 AND conversation_id IN (
                SELECT conversation_id FROM links WHERE remote = \(remote) AND remote_id = \(targetID))
            """) > 0
    }

    /// Discards a row that waits again although its conversation, link or message was deleted while it was in flight, or although the link
    /// points to another object by now. A message that was changed meanwhile follows its row.
    /// - Returns: whether the message waits to be planned again.
    @discardableResult
    static func settleReturned(_ id: Int64, now: Instant, _ session: any Session) throws -> Bool {
        var isPlannedAgain = try followMessage(id, now: now, session)
        if try followCorrection(id, now: now, session) { isPlannedAgain = true }
        try session.run(
            """
            UPDATE outbox SET state = 'discarded', finished_at = \(now), updated_at = \(now),
                last_error = 'its conversation, link or message was deleted or points elsewhere now'
            WHERE id = \(id) AND (state = 'pending' OR state = 'held') AND (
                NOT EXISTS (SELECT 1 FROM conversations c WHERE c.id = conversation_id)
                OR (payload = 'message' AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = message_id))
                OR (payload = 'state' AND NOT EXISTS (
                    SELECT 1 FROM link_state s WHERE s.conversation_id = outbox.conversation_id AND s.remote = outbox.remote
                        AND s.target_id = outbox.target_id AND s.target_agent IS outbox.target_agent)))
            """)
        return isPlannedAgain
    }

    /// A message that was moved to another conversation while it was in flight: planned again there, or, if it may have arrived, left for a person to
    /// decide.
    /// - Returns: whether it is planned again.
    private static func followMessage(_ id: Int64, now: Instant, _ session: any Session) throws -> Bool {
        let moved: (message: String, conversation: String, remote: String, isInDoubt: Bool)? = try session.row(
            """
            SELECT o.message_id, m.conversation_id, o.remote, o.in_doubt_since IS NOT NULL
            FROM outbox o JOIN messages m ON m.id = o.message_id
            WHERE o.id = \(id) AND (o.state = 'pending' OR o.state = 'held') AND o.payload = 'message'
                AND m.author = 'user' AND m.conversation_id IS NOT o.conversation_id
            """
        ) { columns in (try columns.next(), try columns.next(), try columns.next(), try columns.next()) }
        guard let moved else { return false }
        let state = moved.isInDoubt ? OutboxState.uncertain : .discarded
        let error =
            moved.isInDoubt
            ? "sent, but nobody knows whether it arrived, and the message was moved to another conversation since"
            : "the message was moved to another conversation, for which it is planned again"
        try session.run(
            """
            UPDATE outbox SET state = \(state.rawValue), last_error = \(error), updated_at = \(now), finished_at = \(now)
            WHERE id = \(id)
            """)
        guard !moved.isInDoubt else { return false }
        try session.run("DELETE FROM planned_messages WHERE message_id = \(moved.message) AND remote = \(moved.remote)")
        try session.run(
            """
            INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote, moved)
            VALUES (\(moved.message), \(moved.conversation), \(moved.remote), 1)
            """)
        return true
    }

    private static func recordAttempt(_ finished: FinishedCall, _ outcome: DeliveryOutcome, _ session: any Session) throws {
        let notes =
            outcome.partialErrors + outcome.drift.map { "answered another value for \($0)" } + [outcome.stray?.text].compactMap { $0 }
        let error = outcome.error ?? (notes.isEmpty ? nil : notes.joined(separator: "; "))
        try session.run(
            """
            INSERT INTO outbox_attempts (outbox_id, attempt, started_at, finished_at, outcome, http_status, error, response_excerpt)
            VALUES (\(finished.claimed.id), \(finished.claimed.earlierAttempts + 1), \(finished.startedAt), \(finished.finishedAt),
                \(outcome.outcome.rawValue), \(outcome.httpStatus), \(error), \(outcome.responseExcerpt))
            """)
        try dropAttempts(of: finished.claimed.id, before: finished.claimed.earlierAttempts + 1, session)
    }

    /// How many attempts of a row are kept. Those that do not count have no maximum: a remote that throttles, refuses the token or is stopped over
    /// and over adds to the row for as long as that lasts.
    static let keptAttempts = 1000

    /// Deletes the oldest attempts of a row that has had many.
    /// - Parameter number: the number of the newest attempt.
    static func dropAttempts(of id: Int64, before number: Int, _ session: any Session) throws {
        guard number > keptAttempts else { return }
        try session.run("DELETE FROM outbox_attempts WHERE outbox_id = \(id) AND attempt <= \(number - keptAttempts)")
    }

    private static func takeInNews(_ finished: FinishedCall, _ inbound: InboundContext, _ session: any Session) throws -> [Reconciled] {
        guard let news = finished.news else { return [] }
        // As of the start of the call: what the remote reported by itself while it was in flight is newer than a response without a date. It was
        // seen when the response arrived: what waits for another status waits from then on.
        return try reconcile(
            Report(
                remote: finished.claimed.remote, subject: .conversation(finished.claimed.conversationID), observation: news,
                readAt: finished.startedAt, respondedAt: finished.finishedAt), inbound, session)
    }

    /// Stores when the remote last acknowledged a call, and how a call last failed.
    static func recordHealth(_ request: LaneRequest, _ session: any Session) throws {
        if let success = request.finished.last(where: { $0.outcome?.outcome == .delivered }) {
            try session.run("UPDATE remotes SET last_success_at = \(success.finishedAt) WHERE name = \(request.remote)")
        }
        if let failure = request.finished.last(where: { $0.outcome?.error != nil }) {
            try session.run(
                """
                UPDATE remotes SET last_failure_at = \(failure.finishedAt), last_error = \(failure.outcome?.error)
                WHERE name = \(request.remote)
                """)
        }
    }
}
