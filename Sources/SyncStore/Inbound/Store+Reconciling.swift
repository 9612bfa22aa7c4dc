import GRDB
import SyncCore

/// Taking in what remotes report: each report is compared, decided and written in one transaction.
extension Store {
    /// Reports processed in one transaction.
    package static let reconcileBatchSize = 200

    /// Reconciles reports of polls.
    package func reconcile(_ reports: [Report], _ context: InboundContext) async throws(StoreError) -> [Reconciled] {
        var results: [Reconciled] = []
        var rest = reports[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(Store.reconcileBatchSize))
            rest = rest.dropFirst(batch.count)
            results += try await write { db in try batch.flatMap { try Store.reconcile($0, context, db) } }
        }
        return results
    }

    /// One report, for every conversation that it is about.
    static func reconcile(_ report: Report, _ context: InboundContext, _ db: Database) throws -> [Reconciled] {
        guard let remote = context.remotes.first(where: { $0.name == report.remote }) else { return [] }
        let ids: [String]
        switch report.subject {
        case .conversation(let id): ids = [id]
        case .object(let object):
            guard remote.needsLink else { return try reconcile(report, conversationID: object.remoteID, remote, context, db) }
            guard object.remoteID.isUsableKey else { return [] }
            ids = try StoredRow.fetchAll(
                db.cachedStatement(
                    sql: "SELECT conversation_id FROM links WHERE remote = ? AND remote_id = ? AND coalesce(agent_id, ?) IS ?"),
                arguments: [remote.name, object.remoteID, remote.defaultAgent, object.agentID ?? remote.defaultAgent]
            ).compactMap { $0.key(0).text }
        }
        return try ids.flatMap { try reconcile(report, conversationID: $0, remote, context, db) }
    }

    private static func reconcile(
        _ report: Report, conversationID: String, _ remote: RemoteParticipation, _ context: InboundContext, _ db: Database
    ) throws -> [Reconciled] {
        // What a remote calls a conversation may be no key at all.
        guard conversationID.isUsableKey, let local = try LocalConversation.fetch(db, conversationID),
            let link = try link(db, conversationID, remote), let decisions = context.decisions(remote.name)
        else { return [] }
        // Without a local status there is nothing to compare with: the application has to correct it, and the remote is read again later.
        guard local.conversation.unreadable[.status] == nil else { return [] }
        // What a call in flight does to the remote is not known yet; the object is read again when it has ended.
        if !remote.receivesMessages, try isInFlight(db, conversationID, remote.name) {
            _ = try requestReading(db, ReadRequest(remoteID: link.remoteID, agentID: link.agentID), of: remote.name, now: context.now)
            try deferPlanning(db, conversationID, remote.name, now: context.now)
            return []
        }
        let reported = report.observation.assignee
        guard let (snapshot, stored) = try snapshot(db, local, remote, link, reported: reported, now: context.now) else { return [] }
        let decide = { (snapshot: LinkSnapshot) in decisions.reconcile(report.observation, began: report.readAt, snapshot) }
        let (outcome, snapshotUsed) = try braking(decide(snapshot), snapshot, stored, context.brake, db, again: decide)
        let isNew = try take(outcome, report, snapshotUsed, stored, context, db)
        var object: ReadRequest?
        if case .object(let read) = report.subject { object = read }
        return [
            Reconciled(conversationID: conversationID, remote: remote.name, verdict: outcome.verdict, isNew: isNew, object: object)
        ]
    }

    /// What a person discarded stays discarded while the remote says nothing new; and when the remote has come to agree by itself, nothing
    /// differs any more.
    private static func plan(
        after outcome: TwoWayOutcome, _ snapshot: LinkSnapshot, _ stored: StoredRecord, now: Instant, _ db: Database
    ) throws {
        guard outcome.verdict.mustPlan else {
            if stored.discardedRow != nil { try forgetDiscarded(snapshot.conversationID, snapshot.remote, db) }
            return
        }
        let isNews = outcome.record.heldFields != stored.record.heldFields || !outcome.changes.isEmpty
        guard stored.discardedRow == nil || isNews else { return }
        try requestPlanning(db, snapshot.conversationID, snapshot.remote, now: now)
    }

    /// Writes down what was decided about a report or a response.
    /// - Parameter isResponse: to a call of ours: nothing was seen then, something was acknowledged.
    /// - Returns: whether the link had another verdict before.
    static func take(
        _ outcome: TwoWayOutcome, _ report: Report, _ snapshot: LinkSnapshot, _ stored: StoredRecord, _ context: InboundContext,
        isResponse: Bool = false, _ db: Database
    ) throws -> Bool {
        try keep(outcome.record, in: stored, snapshot.conversationID, snapshot.remote, db)
        let reportedAt = report.observation.changedAt ?? report.readAt
        try adopt(outcome, of: snapshot, reportedAt: reportedAt, isReleased: stored.isBrakeReleased, db)
        try mark(outcome, stored, snapshot, db)
        try plan(after: outcome, snapshot, stored, now: context.now, db)
        if outcome.verdict.mustRead, context.remotes.contains(where: { $0.name == snapshot.remote && $0.isRead }) {
            let request = ReadRequest(remoteID: snapshot.link.remoteID, agentID: snapshot.link.agentID)
            _ = try requestReading(db, request, of: snapshot.remote, now: context.now)
        }
        try freeHeldReplies(snapshot.conversationID, snapshot.remote, now: context.now, db)
        return try record(outcome.verdict, seenAt: isResponse ? nil : report.readAt, snapshot, stored, db)
    }
}
