import GRDB
import SyncCore

extension Store {
    /// Plans the next messages of the feed for every fin remote, in the order in which they were written.
    ///
    /// A remote that is configured but disabled keeps its messages on the feed. Where no fin remote is configured at all, they are
    /// taken off: they are not addressed to anybody.
    package func planMessages(_ context: PlanContext) async throws(StoreError) -> PlanBatch {
        try await write { db in
            var batch = PlanBatch()
            let receivers = context.remotes.filter(\.receivesMessages)
            let names = [""] + receivers.filter(\.isEnabled).map(\.name)
            let statement = try db.cachedStatement(
                sql: """
                    SELECT sequence, message_id, conversation_id, remote FROM message_feed
                    WHERE remote IN (SELECT value FROM json_each(?)) ORDER BY sequence LIMIT \(Store.planBatchSize)
                    """)
            let entries = try Row.fetchAll(statement, arguments: [JSONValue.array(names.map(JSONValue.string)).text])
            batch.examined = entries.count
            for entry in entries {
                let messageID: String = entry[1]
                let remote: String = entry[3]
                if try Store.waitsForConversation(db, messageID, conversationID: entry[2]) {
                    try db.cachedStatement(sql: "UPDATE message_feed SET remote = '-' WHERE sequence = ?")
                        .execute(arguments: [entry[0] as Int64])
                    continue
                }
                for receiver in receivers where remote.isEmpty || receiver.name == remote {
                    if receiver.isEnabled {
                        try Store.planMessage(db, messageID, conversationID: entry[2], for: receiver, context, into: &batch)
                    } else {
                        try db.cachedStatement(
                            sql: "INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote) VALUES (?, ?, ?)"
                        ).execute(arguments: [messageID, entry[2] as String, receiver.name])
                    }
                }
                try db.cachedStatement(sql: "DELETE FROM message_feed WHERE sequence = ?").execute(arguments: [entry[0] as Int64])
            }
            return batch
        }
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
        _ db: Database, _ messageID: String, conversationID: String, for remote: RemoteParticipation, _ context: PlanContext,
        into batch: inout PlanBatch
    ) throws {
        guard var snapshot = try messageSnapshot(db, messageID, remote: remote.name) else { return }
        try db.cachedStatement(sql: "INSERT OR IGNORE INTO planned_messages (message_id, remote) VALUES (?, ?)")
            .execute(arguments: [messageID, remote.name])
        // Planned before: the application wrote the same message again.
        guard db.changesCount == 1 else { return }
        snapshot.takenTimestamps = try takenTimestamps(db, conversationID, remote.name, now: context.now)
        var row = NewOutboxRow(
            conversationID: conversationID, remote: remote.name, payload: .message,
            call: OutboundCall(operation: "", method: "", path: "", body: [:]), state: .pending, messageID: messageID,
            link: Link(remoteID: conversationID))
        switch context.decideMessage(snapshot) {
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
        case .upToDate:
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

    /// Of messages that are not over, or were planned within twice the time that Fin remembers a timestamp.
    static func takenTimestamps(
        _ db: Database, _ conversationID: String, _ remote: String, now: Instant
    ) throws -> Set<String> {
        try String.fetchSet(
            db.cachedStatement(
                sql: """
                    SELECT json_extract(body, '$.message.timestamp') FROM outbox
                    WHERE conversation_id = ? AND remote = ? AND payload = 'message'
                        AND (state IN ('pending', 'sending', 'held') OR updated_at > ?)
                        AND json_extract(body, '$.message.timestamp') IS NOT NULL
                    """),
            arguments: [conversationID, remote, (now - OutboxRow.messageWindow * 2).iso8601])
    }

    /// Nil where the message or its conversation does not exist any more.
    static func messageSnapshot(_ db: Database, _ messageID: String, remote: String) throws -> MessageSnapshot? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT \(Conversation.columns), m.id, m.body, m.created_at, m.attachments
                FROM messages m JOIN conversations c ON c.id = m.conversation_id LEFT JOIN users u ON u.id = c.user_id
                WHERE m.id = ?
                """)
        guard let row = try Row.fetchOne(statement, arguments: [messageID]) else { return nil }
        let message = Result { () throws(Refusal) in try Message(row: row, offset: 16) }
        return MessageSnapshot(remote: remote, message: message, user: Conversation(row: row).user)
    }
}

extension Message {
    fileprivate init(row: Row, offset: Int) throws(Refusal) {
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
