import GRDB
import SyncCore

extension Store {
    /// Plans the next messages of the feed for every fin remote, in the order in which they were written.
    ///
    /// A remote that is configured but disabled keeps its messages on the feed. Where no fin remote is configured at all, they are
    /// taken off: they are not addressed to anybody.
    ///
    /// The same holds for a remote that the database knows and the configuration does not name: it may come back.
    package func planMessages(_ context: PlanContext) async throws(StoreError) -> PlanBatch {
        let runs = timestampRuns
        return try await write { db in
            var batch = PlanBatch()
            let receivers = context.remotes.filter(\.receivesMessages)
            let rows = try Store.messageRows(db, of: [""] + receivers.filter(\.isEnabled).map(\.name))
            guard !rows.isEmpty else { return batch }
            let waiting = receivers.filter { !$0.isEnabled }.map(\.name) + (try Store.absentReceivers(db, context.remotes))
            var entries: [MessageEntry] = []
            for row in rows {
                if let entry = MessageEntry(row) {
                    entries.append(entry)
                } else {
                    batch.unreadable.append(try Store.putAside(db, row))
                    batch.examined += 1
                    batch.takenOff += 1
                }
            }
            var timestamps: [String: TimestampRegister] = [:]
            let deadline = ContinuousClock.now + context.timeLimit
            for entry in MessageEntry.ordered(entries) {
                if batch.examined > 0, ContinuousClock.now > deadline { break }
                batch.examined += 1
                if try Store.waitsForConversation(db, entry.messageID, conversationID: entry.conversationID) {
                    try db.cachedStatement(
                        sql: "UPDATE OR REPLACE message_feed SET remote = '-', conversation_id = ? WHERE sequence = ?"
                    ).execute(arguments: [entry.conversationID, entry.sequence])
                    batch.takenOff += db.changesCount
                    continue
                }
                for receiver in receivers where receiver.isEnabled && (entry.remote.isEmpty || receiver.name == entry.remote) {
                    var register = timestamps[receiver.name] ?? TimestampRegister(remote: receiver.name, now: context.now, runs: runs)
                    try Store.planMessage(db, entry, for: receiver, &register, context, into: &batch)
                    timestamps[receiver.name] = register
                }
                for name in waiting where entry.remote.isEmpty {
                    try db.cachedStatement(
                        sql: "INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote, moved, since) VALUES (?, ?, ?, ?, ?)"
                    ).execute(arguments: [entry.messageID, entry.conversationID, name, entry.isMoved, entry.since])
                }
                try db.cachedStatement(sql: "DELETE FROM message_feed WHERE sequence = ?").execute(arguments: [entry.sequence])
                batch.takenOff += db.changesCount
            }
            return batch
        }
    }

    /// The first entries of the feed for any of the names. Asked for one by one: each is a walk along an index that ends with the page,
    /// however many entries wait.
    private static func messageRows(_ db: Database, of names: [String]) throws -> [StoredRow] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT \(MessageEntry.columns) FROM message_feed f LEFT JOIN messages m ON m.id = f.message_id
                WHERE f.remote = ? ORDER BY f.sequence LIMIT \(Store.planBatchSize)
                """)
        var rows: [StoredRow] = []
        for name in names { rows += try StoredRow.fetchAll(statement, arguments: [name]) }
        return Array(rows.sorted { ($0[0] as Int64) < ($1[0] as Int64) }.prefix(Store.planBatchSize))
    }

    /// Remotes that took messages and are not configured at the moment.
    private static func absentReceivers(_ db: Database, _ configured: [RemoteParticipation]) throws -> [String] {
        let known = JSONValue.array(configured.map { .string($0.name) }).text
        return try String.fetchAll(
            db.cachedStatement(
                sql: "SELECT name FROM remotes WHERE receives_messages = 1 AND name NOT IN (SELECT value FROM json_each(?)) ORDER BY name"),
            arguments: [known])
    }

    /// An entry whose message or conversation has a key that cannot be used.
    private static func putAside(_ db: Database, _ row: StoredRow) throws -> UnreadableKey {
        try db.cachedStatement(sql: "UPDATE OR REPLACE message_feed SET remote = '!' WHERE sequence = ?")
            .execute(arguments: [row[0] as Int64])
        return UnreadableKey(message: row.key(1), of: row.key(2))
    }

    /// A message that was committed before its conversation waits for it; a trigger brings it back.
    private static func waitsForConversation(_ db: Database, _ messageID: String, conversationID: String) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM messages WHERE id = ?) AND NOT EXISTS (SELECT 1 FROM conversations WHERE id = ?)
                    """),
            arguments: [messageID, conversationID]) ?? false
    }

    private static func planMessage(
        _ db: Database, _ entry: MessageEntry, for remote: RemoteParticipation, _ timestamps: inout TimestampRegister,
        _ context: PlanContext, into batch: inout PlanBatch
    ) throws {
        guard var snapshot = try messageSnapshot(db, entry.messageID, remote: remote.name) else { return }
        try db.cachedStatement(sql: "INSERT OR IGNORE INTO planned_messages (message_id, remote) VALUES (?, ?)")
            .execute(arguments: [entry.messageID, remote.name])
        // Planned before: the application wrote the same message again.
        guard db.changesCount == 1 else { return }
        try timestamps.fill(&snapshot, db)
        let conversationID = entry.conversationID
        let decision = context.decideMessage(snapshot)
        var row = NewOutboxRow(
            conversationID: conversationID, remote: remote.name, payload: .message,
            call: OutboundCall(operation: "", method: "", path: "", body: [:]), state: .pending, messageID: entry.messageID,
            link: Link(remoteID: conversationID), dedupeKey: decision.timestamp?.milliseconds, waitingSince: entry.since)
        switch decision {
        case .send(let planned):
            row.call = planned.call
            batch.omissions += planned.omissions.map {
                PlanBatch.OmittedField(conversationID: conversationID, remote: remote.name, omission: $0)
            }
            let id = try row.insert(db, context)
            try holdBehindOthers(db, id, conversationID, remote.name)
            batch.planned += 1
        case .refuse(let call, let refusal):
            row.call = call
            row.state = .dead
            row.error = refusal.text
            let id = try row.insert(db, context)
            batch.refused.append(
                PlanBatch.Refused(outboxID: id, conversationID: conversationID, remote: remote.name, reason: refusal.text))
        case .upToDate, .hold:
            break
        }
    }

    /// A message of a conversation in which others are held waits with them.
    private static func holdBehindOthers(_ db: Database, _ id: Int64, _ conversationID: String, _ remote: String) throws {
        try db.cachedStatement(
            sql: """
                UPDATE outbox SET (state, held_by, last_error) = (
                    SELECT state, held_by, last_error FROM outbox
                    WHERE conversation_id = ?2 AND remote = ?3 AND payload = 'message' AND state = 'held' ORDER BY id LIMIT 1)
                WHERE id = ?1 AND EXISTS (
                    SELECT 1 FROM outbox WHERE conversation_id = ?2 AND remote = ?3 AND payload = 'message' AND state = 'held')
                """
        ).execute(arguments: [id, conversationID, remote])
    }

    /// Nil where the message or its conversation does not exist any more.
    static func messageSnapshot(_ db: Database, _ messageID: String, remote: String) throws -> MessageSnapshot? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT \(Conversation.columns), m.id, m.body, m.created_at, m.attachments
                FROM messages m JOIN conversations c ON c.id = m.conversation_id LEFT JOIN users u ON u.id = c.user_id
                WHERE m.id = ?
                """)
        guard let row = try StoredRow.fetchOne(statement, arguments: [messageID]) else { return nil }
        let message = Result { () throws(Refusal) in try Message(row: row, offset: 16) }
        return MessageSnapshot(remote: remote, message: message, user: Conversation(row: row).user)
    }
}

extension Message {
    fileprivate init(row: StoredRow, offset: Int) throws(Refusal) {
        let id: String = row[offset]
        let text: String? = row[offset + 3]
        var attachments: [JSONValue] = []
        if let text, text != "[]" {
            guard let array = (try? JSONValue(text: text))?.arrayValue else {
                throw Refusal("messages.attachments of \"\(id)\" is not a JSON array")
            }
            attachments = array
        }
        self.init(id: id, conversationID: row[0], body: row[offset + 1], createdAt: row[offset + 2], attachments: attachments)
    }
}
