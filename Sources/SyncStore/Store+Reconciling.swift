import GRDB
import SyncCore

/// Taking in what remotes report: each report is compared, decided and written in one transaction.
extension Store {
    /// Reports worked off in one transaction.
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

    /// Works off what the inbox holds, in the order in which it happened.
    package func workOffInbox(_ context: InboundContext) async throws(StoreError) -> [Reconciled] {
        var results: [Reconciled] = []
        while true {
            let (reconciled, count) = try await write { db in try Store.workOffBatch(context, db) }
            results += reconciled
            // Every event that was looked at is done or waits: the next batch holds others.
            if count < Store.reconcileBatchSize { return results }
        }
    }

    private static func workOffBatch(_ context: InboundContext, _ db: Database) throws -> ([Reconciled], Int) {
        let rows = try StoredRow.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT id, remote, kind, conversation_id, occurred_at, payload FROM inbox WHERE state = 'pending'
                    ORDER BY occurred_at, id LIMIT \(reconcileBatchSize)
                    """))
        var results: [Reconciled] = []
        for row in rows {
            let key = row.key(3)
            let isKnown =
                try Int.fetchOne(
                    db.cachedStatement(sql: "SELECT 1 FROM conversations WHERE id = CAST(? AS TEXT)"), arguments: [key.databaseValue])
                != nil
            guard isKnown, key.text != nil else {
                try db.cachedStatement(sql: "UPDATE inbox SET state = 'waiting' WHERE id = ?").execute(arguments: [row[0] as Int64])
                continue
            }
            results += try workOff(row, context, db)
            try db.cachedStatement(sql: "UPDATE inbox SET state = 'done', payload = '{}' WHERE id = ?")
                .execute(arguments: [row[0] as Int64])
        }
        return (results, rows.count)
    }

    private static func workOff(_ row: StoredRow, _ context: InboundContext, _ db: Database) throws -> [Reconciled] {
        let payload = JSONValue.object(column: row[5])
        let at = Instant(milliseconds: row[4])
        let remote: String = row[1]
        let conversationID: String = row[3]
        if row[2] == "message" {
            try db.cachedStatement(
                sql: """
                    INSERT OR IGNORE INTO messages (id, conversation_id, author, body, created_at)
                    VALUES (?, ?, 'fin', CAST(? AS TEXT), ?)
                    """
            ).execute(arguments: [
                // A key has no NUL character.
                "\(remote):\(payload["id"]?.stringValue ?? "")".replacing("\0", with: "\u{FFFD}"), conversationID,
                payload["body"]?.stringValue?.stored, at.iso8601,
            ])
            return []
        }
        let observation = Observation(word: payload["word"]?.stringValue, changedAt: at)
        return try reconcile(
            Report(remote: remote, subject: .conversation(conversationID), observation: observation, readAt: at), context, db)
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
        let select = try db.cachedStatement(
            sql: """
                SELECT \(Conversation.columns), l.status_changed_at, l.assignee_changed_at
                FROM conversations c LEFT JOIN users u ON u.id = c.user_id LEFT JOIN local_changes l ON l.conversation_id = c.id
                WHERE c.id = ?
                """)
        // What a remote calls a conversation may be no key at all.
        guard conversationID.isUsableKey, let row = try StoredRow.fetchOne(select, arguments: [conversationID]),
            let link = try link(db, conversationID, remote)
        else { return [] }
        let conversation = Conversation(row: row)
        // Without a local status there is nothing to compare with: the application has to correct it, and the remote is read again later.
        guard conversation.unreadable[.status] == nil else { return [] }
        // What a call in flight does to the remote is not known yet; the object is read again when it has ended.
        if !remote.receivesMessages, try isInFlight(db, conversationID, remote.name) {
            _ = try requestReading(
                db, ReadRequest(remoteID: link.remoteID, agentID: link.agentID), of: remote.name, now: context.now)
            try deferPlanning(db, conversationID, remote.name, now: context.now)
            return []
        }
        guard let knowledge = try knowledge(db, conversationID, remote, link, assigneeID: conversation.assigneeID) else { return [] }
        let past = try LinkPast(db, conversationID, remote.name)
        let report = report.believable(now: context.now)
        var overtakenAt = remote.receivesMessages ? past.date(after: report) : nil
        if overtakenAt != nil { overtakenAt = try lastAdoption(db, conversationID, remote.name) ?? overtakenAt }
        guard overtakenAt != nil || !past.isNewer(than: report) else { return [] }
        // Rows from before convosync kept the moments of changes.
        let updatedAt = Instant.column(conversation.updatedAt) ?? Instant(milliseconds: 0)
        var snapshot = InboundSnapshot(
            remote: remote.name, conversation: conversation, observation: report.observation(before: context.now), knowledge: knowledge,
            seenAt: past.seenAt, overtakenAt: overtakenAt,
            localChangedAt: [Instant.column(row[16]), .column(row[17])].compactMap { $0 }.max() ?? updatedAt,
            statusChangedAt: .column(row[16]) ?? updatedAt)
        if conversation.status.isFinished { snapshot.lastUserMessageAt = try lastUserMessage(db, conversationID) }
        if case .somebody(let id) = report.observation.assignee {
            snapshot.reportedAssigneeID = try StoredRow.fetchOne(
                db.cachedStatement(
                    sql: "SELECT assignee_id FROM assignees WHERE remote = ? AND remote_user_id = CAST(? AS TEXT) ORDER BY 1 LIMIT 1"),
                arguments: [remote.name, id.stored])?.key(0).text
        }
        let verdict = context.decide(snapshot)
        try apply(verdict, report, conversation, context, db)
        let isNew = try record(verdict, report, conversationID, past, context, db)
        return [Reconciled(conversationID: conversationID, remote: remote.name, verdict: verdict, isNew: isNew)]
    }

    /// When the remote's last change that was taken over counts as made: where its clock is ahead, when it was taken over.
    private static func lastAdoption(_ db: Database, _ conversationID: String, _ remote: String) throws -> Instant? {
        .column(
            try String.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT min(reported_at, adopted_at) FROM adopted_changes WHERE conversation_id = ? AND remote = ?
                        ORDER BY id DESC LIMIT 1
                        """),
                arguments: [conversationID, remote]))
    }

    private static func lastUserMessage(_ db: Database, _ conversationID: String) throws -> Instant? {
        .column(
            try String.fetchOne(
                db.cachedStatement(sql: "SELECT max(created_at) FROM messages WHERE conversation_id = ? AND author = 'user'"),
                arguments: [conversationID]))
    }
}

extension Report {
    /// A date that lies a day ahead or more is none: it would make everything that follows look old.
    fileprivate func believable(now: Instant) -> Report {
        guard let changedAt = observation.changedAt, changedAt > now + .days(1) else { return self }
        var report = self
        report.observation.changedAt = nil
        return report
    }

    /// No change is newer than now, however far ahead the remote's clock is.
    fileprivate func observation(before now: Instant) -> Observation {
        var observation = observation
        observation.changedAt = observation.changedAt.map { min($0, now) }
        return observation
    }
}

/// What was recorded about earlier reports on a link.
struct LinkPast {
    var seenAt: Instant?
    var seenVersion: Int64?
    var acknowledgedAt: Instant?
    var verdicts: JSONObject = [:]
    var inDoubt: Fields = [:]

    init(_ db: Database, _ conversationID: String, _ remote: String) throws {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT seen_at, seen_version, acknowledged_at, verdicts, in_doubt FROM link_state
                    WHERE conversation_id = ? AND remote = ?
                    """),
            arguments: [conversationID, remote])
        guard let row else { return }
        seenAt = .column(row[0])
        seenVersion = row[1]
        acknowledgedAt = .column(row[2])
        verdicts = JSONValue.object(column: row[3])
        inDoubt = JSONValue.object(column: row[4])
    }

    /// The remote's date of what is known, where it is later than the report's.
    func date(after report: Report) -> Instant? {
        guard let seenVersion, let changedAt = report.observation.changedAt, changedAt.milliseconds < seenVersion else { return nil }
        return Instant(milliseconds: seenVersion)
    }

    /// Whether a report was overtaken: by a call that the remote acknowledged after the read began, by a later read, or by a state that
    /// the remote itself dates later.
    func isNewer(than report: Report) -> Bool {
        let version = report.observation.changedAt?.milliseconds
        if let version, let seenVersion, version < seenVersion { return true }
        // What the remote dates itself is ordered by that, not by when it reached us.
        let moments = version == nil || version == seenVersion ? [acknowledgedAt, seenAt] : [acknowledgedAt]
        return moments.contains { $0.map { report.readAt < $0 } ?? false }
    }
}
