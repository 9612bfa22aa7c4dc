import SyncCore

/// Deciding about what a remote that is never planned for (fin) has said, without a new report.
///
/// After another configuration of the remote everything that it has said is decided again, a page at a time, with the processing of the next events.
/// `remotes.replan_cursor` is the object of the last link that was decided; NULL: there is nothing to decide.
extension Store {
    /// Whether there is work for ``decideAgain(_:_:)``.
    static func hasLinksToDecide(_ context: InboundContext, _ session: any Session) throws -> Bool {
        for remote in context.remotes where try isDecidedAgain(remote, session) { return true }
        return false
    }

    /// A process with another configuration of the remote leaves its links alone.
    static func isDecidedAgain(_ remote: RemoteParticipation, _ session: any Session) throws -> Bool {
        guard remote.isEnabled, remote.receivesMessages else { return false }
        return try session.exists(
            "SELECT 1 FROM remotes WHERE name = \(remote.name) AND replan_cursor IS NOT NULL AND fingerprint = \(remote.fingerprint)")
    }

    /// Decides about the next page of links of each such remote.
    /// - Returns: what is to be reported, and whether there may be more.
    static func decideAgain(
        _ context: InboundContext, _ session: any Session
    ) throws -> (reconciled: [Reconciled], hasMore: Bool) {
        var (reconciled, hasMore): ([Reconciled], Bool) = ([], false)
        for remote in context.remotes where try isDecidedAgain(remote, session) {
            let page = try takePage(of: remote, session)
            reconciled += try page.conversations.compactMap { try decide($0, at: remote, context, session) }.filter(\.isNew)
            hasMore = hasMore || page.hasMore
        }
        return (reconciled, hasMore)
    }

    /// The conversations of the next page, which counts as decided.
    static func takePage(
        of remote: RemoteParticipation, size: Int = Store.reconcileBatchSize, _ session: any Session
    ) throws -> (conversations: [String], hasMore: Bool) {
        let following: SQL = "remote = \(remote.name) AND target_id > (SELECT replan_cursor FROM remotes WHERE name = \(remote.name))"
        let page: SQL = "SELECT target_id FROM link_state WHERE \(following) ORDER BY target_id LIMIT \(size)"
        let count: Int = try session.value("SELECT count(*) FROM (\(page))") ?? 0
        // The same id may belong to several agents.
        let keys: [StoredKey] = try session.values(
            "SELECT conversation_id FROM link_state WHERE \(following) AND target_id <= (SELECT max(target_id) FROM (\(page))) ORDER BY target_id"
        )
        let next: SQL = count < size ? "NULL" : "(SELECT max(target_id) FROM (\(page)))"
        try session.run("UPDATE remotes SET replan_cursor = \(next) WHERE name = \(remote.name)")
        return (keys.compactMap(\.text), count == size)
    }

    /// Decides about a conversation from what is known of the remote.
    /// - Returns: nil if there is nothing to compare with. The verdict is not new if it changes nothing.
    static func decide(
        _ id: String, at remote: RemoteParticipation, _ context: InboundContext, _ session: any Session
    ) throws -> Reconciled? {
        guard let local = try LocalConversation.fetch(session, id, now: context.now), let decisions = context.decisions(remote.name),
            let known = try load(session, local, at: remote, now: context.now)?.known
        else { return nil }
        let (snapshot, stored) = (known.snapshot, known.stored)
        let plan = { (snapshot: LinkSnapshot) in decisions.plan(snapshot).outcome }
        let (outcome, used) = try braking(plan(snapshot), snapshot, stored, context.brake, session, again: plan)
        try keep(outcome.record, in: stored, id, remote.name, session)
        try adopt(outcome, of: used, reportedAt: outcome.changedAt, isReleased: stored.isBrakeReleased, session)
        try mark(outcome, stored, used, session)
        let isNew = !outcome.changes.isEmpty || (outcome.record.hasHeldEnd && !stored.isBraked)
        return Reconciled(conversationID: id, remote: remote.name, verdict: outcome.verdict, isNew: isNew)
    }
}
