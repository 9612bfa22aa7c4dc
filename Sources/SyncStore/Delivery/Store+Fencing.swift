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
        guard let numbers = try leaveInDoubt(finished, session) else { return false }
        try overlap(claimed, claimed.delta?.fields ?? [:], of: numbers, session)
        try requestPlanning(session, claimed.conversationID, claimed.remote, now: now)
        return true
    }

    /// A call that was never sent, or was refused before it was applied, has changed nothing at the remote.
    static func isDoubtful(_ finished: FinishedCall) -> Bool {
        finished.outcome.map { $0.outcome == .delivered || $0.fate == .unknown } ?? false
    }

    /// The remote may hold what the call carried, whatever becomes of it.
    /// - Returns: the numbers of the local changes that it included; nil if it changed nothing, or if the link points to another object by now.
    static func leaveInDoubt(_ finished: FinishedCall, _ session: any Session) throws -> ByAttribute<Int64>? {
        let claimed = finished.claimed
        guard isDoubtful(finished), let sent = claimed.delta?.fields, !sent.isEmpty else { return nil }
        return try doubt(sent, of: claimed.numbers, at: CalledObject(claimed), session)
    }

    /// The call that has been claimed since may have arrived before this one.
    private static func overlap(_ claimed: ClaimedRow, _ sent: Fields, of numbers: ByAttribute<Int64>, _ session: any Session) throws {
        let inFlight = try session.row(
            """
            SELECT id, overlapped FROM outbox
            WHERE conversation_id = \(claimed.conversationID) AND remote = \(claimed.remote) AND state = 'sending'
            """
        ) { columns in (id: try columns.next(Int64.self), overlapped: OverlappedCalls(column: try columns.next())) }
        guard let inFlight else { return }
        let calls = inFlight.overlapped?.adding(sent, of: numbers) ?? OverlappedCalls(fields: sent, numbers: numbers)
        try session.run("UPDATE outbox SET overlapped = \(calls.column) WHERE id = \(inFlight.id)")
    }

    /// A call has ended that others overlapped: whatever its outcome, the remote may hold the fields of those others.
    /// - Returns: whether there is anything to plan because of it.
    static func endOverlap(_ calls: OverlappedCalls, _ finished: FinishedCall, _ session: any Session) throws -> Bool {
        let claimed = finished.claimed
        try session.run("UPDATE outbox SET overlapped = NULL WHERE id = \(claimed.id)")
        guard try doubt(calls.fields, of: calls.numbers, at: CalledObject(claimed), session) != nil else { return false }
        try requestPlanning(session, claimed.conversationID, claimed.remote, now: finished.finishedAt)
        return true
    }

    /// Records that the remote may hold what a call of unknown fate carried.
    /// - Returns: the numbers of the local changes that it included; nil if its conversation or link is gone, or the link points to another object.
    @discardableResult
    static func doubt(
        _ sent: Fields, of numbers: ByAttribute<Int64>, at target: CalledObject, _ session: any Session
    ) throws -> ByAttribute<Int64>? {
        let known = try session.row(
            """
            SELECT \(LinkColumns.columns) FROM link_state s
            WHERE s.conversation_id = \(target.conversationID) AND s.remote = \(target.remote)
                AND s.target_id = \(target.id) AND s.target_agent IS \(target.agent)
            """, as: LinkColumns.self)
        guard let known else { return try beginInDoubt(sent, of: numbers, at: target, session) }
        var record = known.linkRecord
        let counted = record.lost(sent, of: numbers, inRow: target.row)
        var stored = StoredRecord()
        stored.record = known.linkRecord
        stored.isFormer = known.isFormer
        try keep(record, in: stored, target.conversationID, target.remote, session)
        return counted
    }

    /// The conversation or its link was deleted and written again during the call, and was not planned since: its record begins with the doubt.
    private static func beginInDoubt(
        _ sent: Fields, of numbers: ByAttribute<Int64>, at target: CalledObject, _ session: any Session
    ) throws -> ByAttribute<Int64>? {
        guard !sent.isEmpty else { return nil }
        var record = try newRecord(session)
        let counted = record.lost(sent, of: numbers, inRow: target.row)
        let begun = try session.run(
            """
            INSERT INTO link_state (conversation_id, remote, target_id, target_agent, fields, record)
            SELECT c.id, \(target.remote), \(target.id), \(target.agent), \(record.fieldsColumn), \(record.recordColumn)
            FROM conversations c
            -- A remote that needs no link knows the conversation by its own id.
            WHERE c.id = \(target.conversationID) AND (c.id = \(target.id) OR EXISTS (
                SELECT 1 FROM links l WHERE l.conversation_id = c.id AND l.remote = \(target.remote) AND l.remote_id = \(target.id)))
            ON CONFLICT (conversation_id, remote) DO NOTHING
            """)
        return begun > 0 ? counted : nil
    }
}

/// The link and the object that a call was made for, and the outbox row that it was made from.
struct CalledObject {
    var row: Int64
    var conversationID: String
    var remote: String
    var id: String
    var agent: String?
}

extension CalledObject {
    init(_ claimed: ClaimedRow) {
        self.init(
            row: claimed.id, conversationID: claimed.conversationID, remote: claimed.remote, id: claimed.targetID, agent: claimed.agent)
    }
}
