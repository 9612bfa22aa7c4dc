import SyncCore

/// Calls that end after their lease expired: the machine was suspended, or its clock was set. Their rows have been returned to pending and possibly
/// sent again.
///
/// It is unknown which of the calls arrived last. So the fields that such a call carried are in doubt, and its conversation is planned again.
extension Store {
    /// - Returns: whether there is anything to plan because of it.
    static func fence(_ finished: FinishedCall, now: Instant, _ session: any Session) throws -> Bool {
        let claimed = finished.claimed
        guard isDoubtful(finished) else { return false }
        if claimed.row.payload == .message {
            try session.run(
                """
                UPDATE outbox SET in_doubt_since = min(coalesce(in_doubt_since, \(finished.startedAt)), \(finished.startedAt))
                WHERE id = \(claimed.id) AND finished_at IS NULL
                """)
            return false
        }
        guard try leaveInDoubt(finished, session) else { return false }
        try overlap(claimed, claimed.delta?.fields ?? [:], session)
        try requestPlanning(session, claimed.conversationID, claimed.remote, now: now)
        return true
    }

    /// A call that was never sent, or was refused before it was applied, has changed nothing at the remote.
    private static func isDoubtful(_ finished: FinishedCall) -> Bool {
        finished.outcome.map { $0.outcome == .delivered || $0.fate == .unknown } ?? false
    }

    /// The remote may hold what the call carried, whatever becomes of it.
    /// - Returns: false if it changed nothing, or if the link points to another object by now.
    static func leaveInDoubt(_ finished: FinishedCall, _ session: any Session) throws -> Bool {
        let claimed = finished.claimed
        guard isDoubtful(finished), let sent = claimed.delta?.fields, !sent.isEmpty else { return false }
        return try doubt(sent, of: claimed.numbers, at: Target(claimed), session)
    }

    /// The call that has been claimed since may have arrived before this one.
    private static func overlap(_ claimed: ClaimedRow, _ sent: Fields, _ session: any Session) throws {
        let inFlight = try session.row(
            """
            SELECT id, overlapped FROM outbox
            WHERE conversation_id = \(claimed.conversationID) AND remote = \(claimed.remote) AND state = 'sending'
            """
        ) { columns in (id: try columns.next(Int64.self), overlapped: OverlappedCalls(column: try columns.next())) }
        guard let inFlight else { return }
        let calls =
            inFlight.overlapped?.adding(sent, of: claimed.numbers) ?? OverlappedCalls(fields: sent, numbers: claimed.numbers)
        try session.run("UPDATE outbox SET overlapped = \(calls.column) WHERE id = \(inFlight.id)")
    }

    /// A call has ended that others overlapped: whatever its outcome, the remote may hold the fields of those others.
    /// - Returns: whether there is anything to plan because of it.
    static func endOverlap(_ calls: OverlappedCalls, _ finished: FinishedCall, _ session: any Session) throws -> Bool {
        let claimed = finished.claimed
        try session.run("UPDATE outbox SET overlapped = NULL WHERE id = \(claimed.id)")
        guard try doubt(calls.fields, of: calls.numbers, at: Target(claimed), session) else { return false }
        try requestPlanning(session, claimed.conversationID, claimed.remote, now: finished.finishedAt)
        return true
    }

    /// The link and the object that a call was made for.
    private struct Target {
        var conversationID: String
        var remote: String
        var id: String
        var agent: String?

        init(_ claimed: ClaimedRow) {
            (conversationID, remote, id, agent) = (claimed.conversationID, claimed.remote, claimed.targetID, claimed.agent)
        }
    }

    /// - Returns: false if the link points to another object by now.
    private static func doubt(_ sent: Fields, of numbers: ByAttribute<Int64>, at target: Target, _ session: any Session) throws -> Bool {
        let known = try session.row(
            """
            SELECT \(LinkColumns.columns) FROM link_state s
            WHERE s.conversation_id = \(target.conversationID) AND s.remote = \(target.remote)
                AND s.target_id = \(target.id) AND s.target_agent IS \(target.agent)
            """, as: LinkColumns.self)
        guard let known else { return false }
        var record = known.linkRecord
        record.lost(sent, of: numbers)
        var stored = StoredRecord()
        stored.record = known.linkRecord
        stored.isFormer = known.isFormer
        try keep(record, in: stored, target.conversationID, target.remote, session)
        return true
    }
}
