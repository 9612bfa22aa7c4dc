import SyncCore

/// Processing of reports: each report is compared, decided and written in one transaction.
extension Store {
    /// The most reports that are processed in one transaction.
    package static let reconcileBatchSize = 200

    /// Processes one report for every conversation that it is about.
    static func reconcile(_ report: Report, _ context: InboundContext, _ session: any Session) throws -> [Reconciled] {
        guard let remote = context.remotes.first(where: { $0.name == report.remote }) else { return [] }
        let ids: [String]
        switch report.subject {
        case .conversation(let id): ids = [id]
        case .object(let object):
            guard remote.needsLink else { return try reconcile(report, conversationID: object.remoteID, remote, context, session) }
            guard object.remoteID.isUsableKey else { return [] }
            ids = try session.values(
                """
                SELECT conversation_id FROM links
                WHERE remote = \(remote.name) AND remote_id = \(object.remoteID)
                    AND coalesce(agent_id, \(remote.defaultAgent)) IS \(object.agentID ?? remote.defaultAgent)
                """, as: StoredKey.self
            ).compactMap(\.text)
        }
        return try ids.flatMap { try reconcile(report, conversationID: $0, remote, context, session) }
    }

    private static func reconcile(
        _ report: Report, conversationID: String, _ remote: RemoteParticipation, _ context: InboundContext, _ session: any Session
    ) throws -> [Reconciled] {
        // A remote's conversation id may contain characters that are not allowed in a key.
        guard conversationID.isUsableKey, let local = try LocalConversation.fetch(session, conversationID, now: context.now),
            let decisions = context.decisions(remote.name)
        else { return [] }
        // Without a local status there is nothing to compare with: the application has to correct it, and the remote is read again later.
        guard local.conversation.unreadable[.status] == nil else { return [] }
        let reported = report.observation.assignee
        guard let loaded = try load(session, local, at: remote, reported: reported, began: report.readAt, now: context.now) else {
            return []
        }
        // The effect of a call in flight on the remote is not known yet; the object is read again when the call has ended.
        if !remote.receivesMessages, loaded.isInFlight {
            let request = ReadRequest(remoteID: loaded.link.remoteID, agentID: loaded.link.agentID)
            _ = try requestReading(session, request, of: remote.name, now: context.now)
            try deferPlanning(session, conversationID, remote.name, now: context.now)
            return []
        }
        guard let known = loaded.known else { return [] }
        let (snapshot, stored) = (known.snapshot, known.stored)
        let decide = { (snapshot: LinkSnapshot) in decisions.reconcile(report.observation, began: report.readAt, snapshot) }
        let (outcome, snapshotUsed) = try braking(decide(snapshot), snapshot, stored, context.brake, session, again: decide)
        let taken = try take(outcome, report, snapshotUsed, stored, context, session)
        var verdict = outcome.verdict
        if taken.isPlannedAgain { verdict.mustPlan = true }
        var object: ReadRequest?
        if case .object(let read) = report.subject { object = read }
        return [
            Reconciled(conversationID: conversationID, remote: remote.name, verdict: verdict, isNew: taken.isNew, object: object)
        ]
    }

    /// A row that a person discarded stays discarded while the remote reports nothing new. If the remote reports the wanted values by itself, there
    /// is no difference left to remember.
    private static func plan(
        after outcome: TwoWayOutcome, _ snapshot: LinkSnapshot, _ stored: StoredRecord, now: Instant, _ session: any Session
    ) throws {
        guard outcome.verdict.mustPlan else {
            if stored.discardedRow != nil { try forgetDiscarded(snapshot, session) { outcome.record[$0].note == .refused } }
            return
        }
        let isNews = outcome.record.heldFields != stored.record.heldFields || !outcome.changes.isEmpty
        guard stored.discardedRow == nil || stored.isRefusalDiscarded || isNews else { return }
        try requestPlanning(session, snapshot.conversationID, snapshot.remote, now: now)
    }

    /// Writes what was decided about a report or a response.
    /// - Parameter isResponse: true for the response to one of our calls, which is an acknowledgement and not a report.
    /// - Returns: whether the verdict differs from the link's previous one, and whether messages wait to be planned again.
    static func take(
        _ outcome: TwoWayOutcome, _ report: Report, _ snapshot: LinkSnapshot, _ stored: StoredRecord, _ context: InboundContext,
        isResponse: Bool = false, _ session: any Session
    ) throws -> (isNew: Bool, isPlannedAgain: Bool) {
        try keep(outcome.record, in: stored, snapshot.conversationID, snapshot.remote, session)
        let reportedAt = report.observation.changedAt ?? report.readAt
        try adopt(outcome, of: snapshot, reportedAt: reportedAt, isReleased: stored.isBrakeReleased, session)
        try mark(outcome, stored, snapshot, session)
        try plan(after: outcome, snapshot, stored, now: context.now, session)
        if outcome.verdict.mustRead, context.remotes.contains(where: { $0.name == snapshot.remote && $0.isReadable }) {
            let request = ReadRequest(remoteID: snapshot.link.remoteID, agentID: snapshot.link.agentID)
            _ = try requestReading(session, request, of: snapshot.remote, now: context.now)
        }
        let isPlannedAgain = try freeHeldReplies(snapshot.conversationID, snapshot.remote, now: context.now, session)
        let seenAt: Instant? = isResponse ? nil : report.respondedAt ?? report.readAt
        return (isNew: try record(outcome.verdict, seenAt: seenAt, snapshot, stored, session), isPlannedAgain: isPlannedAgain)
    }
}
