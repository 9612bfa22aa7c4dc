import SyncCore

/// Claimed rows that are decided again, because their object was read before they are sent (``ReadBeforeWrite``).
extension Store {
    /// Takes in what the read has shown. The row stays claimed if planning would write the same call now; otherwise it waits, and its
    /// conversation is planned.
    static func takeIn(_ read: ReadBeforeWrite, _ inbound: InboundContext, into result: inout LaneResult, _ session: any Session) throws {
        let claimed = read.claimed
        // A report is not compared while a call is in flight; this one has not begun.
        guard try giveBack(claimed, now: inbound.now, session) else { return }
        let reconciled = try reconcile(read.report, inbound, session)
        result.reconciled += reconciled
        if try settleReturned(claimed.id, now: inbound.now, session) { result.hasFreedPlanning = true }
        // It may have shown an earlier state: it is read once more.
        let isSuspect = reconciled.contains(where: \.verdict.mustRead)
        if !isSuspect, try isStillWanted(claimed, inbound, session) {
            result.confirmed += try claimAgain(read, now: inbound.now, session)
        } else {
            if !isSuspect { try planAgain(claimed, now: inbound.now, session) }
            if try freePlanning(claimed, session) { result.hasFreedPlanning = true }
            if try endWait(of: claimed.conversationID, session) { result.hasFreedPlanning = true }
        }
    }

    /// Returns a row whose read could not be taken in; it is sent, or read for again, later.
    static func postpone(_ read: ReadBeforeWrite, because problem: String, now: Instant, _ session: any Session) throws {
        guard try giveBack(read.claimed, now: now, session) else { return }
        try session.run(
            """
            UPDATE outbox SET due_at = \(now + postponement), last_error = \(problem), updated_at = \(now)
            WHERE id = \(read.claimed.id) AND state = 'pending'
            """)
    }

    private static let postponement = Duration.minutes(1)

    /// Ends a claim as if it had not been made.
    /// - Returns: false if the lease was lost in the meantime.
    static func giveBack(_ claimed: ClaimedRow, now: Instant, _ session: any Session) throws -> Bool {
        try session.run(
            """
            UPDATE outbox SET state = 'pending', lease = NULL, lease_until = NULL, overlapped = NULL, updated_at = \(now)
            WHERE id = \(claimed.id) AND state = 'sending' AND lease = \(claimed.lease)
            """) == 1
    }

    private static func isStillWanted(_ claimed: ClaimedRow, _ inbound: InboundContext, _ session: any Session) throws -> Bool {
        guard let remote = inbound.remotes.first(where: { $0.name == claimed.remote }), let decisions = inbound.decisions(claimed.remote),
            let local = try LocalConversation.fetch(session, claimed.conversationID, now: inbound.now),
            let known = try load(session, local, at: remote, now: inbound.now)?.known, known.snapshot.standing?.id == claimed.id
        else { return false }
        let plan = decisions.plan(known.snapshot)
        return plan.outcome.changes.isEmpty && OutboxChange(plan.decision, standing: known.snapshot.standing) == .none
    }

    private static func claimAgain(_ read: ReadBeforeWrite, now: Instant, _ session: any Session) throws -> [ClaimedRow] {
        let (lease, leaseUntil) = (read.claimed.lease, now + read.leaseDuration)
        try session.run(
            """
            UPDATE outbox SET state = 'sending', lease = \(lease), lease_until = \(leaseUntil), updated_at = \(now)
            WHERE id = \(read.claimed.id) AND state = 'pending'
            """)
        return try session.rows(
            """
            SELECT \(ClaimedRow.columns) FROM outbox o
            LEFT JOIN link_state s ON s.conversation_id = o.conversation_id AND s.remote = o.remote
            WHERE o.id = \(read.claimed.id) AND o.state = 'sending'
            """
        ) { columns in
            var row = try ClaimedRow(&columns)
            (row.lease, row.leaseUntil) = (lease, leaseUntil)
            return row
        }
    }

    /// The `last_error` of a row that waits for that.
    static let decidedAgain = "its object was read before the call, and something else is wanted by now: decided again"

    /// The row waits until its conversation was planned: the row that replaces it inherits its place and its age.
    private static func planAgain(_ claimed: ClaimedRow, now: Instant, _ session: any Session) throws {
        let waiting = try session.run(
            """
            UPDATE outbox SET behind = \(Obstacle.planning.rawValue), last_error = \(decidedAgain), updated_at = \(now)
            WHERE id = \(claimed.id) AND state = 'pending'
            """)
        if waiting > 0 { try requestPlanning(session, claimed.conversationID, claimed.remote, now: now) }
    }
}
