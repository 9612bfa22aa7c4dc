import SyncCore

extension Store {
    /// Plans the next messages of the feed for every fin remote, in the order in which they were written.
    ///
    /// A remote that is configured but disabled keeps its messages on the feed. Where no fin remote is configured at all, they are
    /// taken off: they are not addressed to anybody.
    ///
    /// The same holds for a remote that the database knows and the configuration does not name: it may come back.
    package func planMessages(_ context: PlanContext) async throws(StoreError) -> PlanBatch {
        do {
            return try await planMessages(context, isolates: false)
        } catch {
            guard error.concernsRows else { throw error }
            return try await planMessages(context, isolates: true)
        }
    }

    /// - Parameter isolates: whether each message is planned in a savepoint of its own, and put aside where that fails.
    private func planMessages(_ context: PlanContext, isolates: Bool) async throws(StoreError) -> PlanBatch {
        let runs = timestampRuns
        return try await write { session in
            var batch = PlanBatch()
            let receivers = context.remotes.filter(\.receivesMessages)
            let rows = try Store.messageRows(session, of: [""] + receivers.filter(\.isEnabled).map(\.name))
            guard !rows.isEmpty else { return batch }
            let waiting = receivers.filter { !$0.isEnabled }.map(\.name) + (try Store.absentReceivers(session, context.remotes))
            var entries: [MessageEntry] = []
            for row in rows {
                switch row {
                case .entry(let entry):
                    entries.append(entry)
                case .unreadable(let sequence, let key):
                    // Out of the way of the others until the row that it stands for is written again.
                    try session.run("UPDATE OR REPLACE message_feed SET remote = '!' WHERE sequence = \(sequence)")
                    batch.unreadable.append(key)
                    batch.examined += 1
                    batch.takenOff += 1
                }
            }
            var timestamps: [String: TimestampRegister] = [:]
            let deadline = ContinuousClock.now + context.timeLimit
            func plan(_ entry: MessageEntry) throws -> EntryStep {
                if batch.examined > 0, ContinuousClock.now > deadline { return .stop }
                batch.examined += 1
                if try Store.waitsForConversation(session, entry.messageID, conversationID: entry.conversationID) {
                    batch.takenOff += try session.run(
                        """
                        UPDATE OR REPLACE message_feed SET remote = '-', conversation_id = \(entry.conversationID)
                        WHERE sequence = \(entry.sequence)
                        """)
                    return .planned
                }
                for receiver in receivers where receiver.isEnabled && (entry.remote.isEmpty || receiver.name == entry.remote) {
                    var register = timestamps[receiver.name] ?? TimestampRegister(remote: receiver.name, now: context.now, runs: runs)
                    try Store.planMessage(session, entry, for: receiver, &register, context, into: &batch)
                    timestamps[receiver.name] = register
                }
                for name in waiting where entry.remote.isEmpty {
                    try session.run(
                        """
                        INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote, moved, since)
                        VALUES (\(entry.messageID), \(entry.conversationID), \(name), \(entry.isMoved), \(entry.since))
                        """)
                }
                batch.takenOff += try session.run("DELETE FROM message_feed WHERE sequence = \(entry.sequence)")
                return .planned
            }
            let ordered = MessageEntry.ordered(entries)
            guard isolates else {
                for entry in ordered where try plan(entry) == .stop { break }
                return batch
            }
            try Store.isolating(ordered, session) { entry in
                let before = (batch, timestamps)
                do {
                    return try plan(entry)
                } catch {
                    (batch, timestamps) = before
                    throw error
                }
            } putAside: { entry, problem in
                try session.run(
                    "UPDATE OR REPLACE message_feed SET remote = '!', problem = \(problem) WHERE sequence = \(entry.sequence)")
                batch.examined += 1
                batch.takenOff += 1
                batch.putAside.append(
                    PutAside(
                        conversationID: entry.conversationID, messageID: entry.messageID,
                        remote: entry.remote.isEmpty ? nil : entry.remote, problem: problem, since: entry.since))
            }
            return batch
        }
    }

    /// The first entries of the feed for any of the names. Asked for one by one: each is a walk along an index that ends with the page,
    /// however many entries wait.
    private static func messageRows(_ session: any Session, of names: [String]) throws -> [MessageFeedRow] {
        var rows: [MessageFeedRow] = []
        for name in names {
            rows += try session.rows(
                """
                SELECT \(MessageFeedRow.columns) FROM \(MessageFeedRow.tables)
                WHERE f.remote = \(name) ORDER BY f.sequence LIMIT \(Store.planBatchSize)
                """)
        }
        return Array(rows.sorted { $0.sequence < $1.sequence }.prefix(Store.planBatchSize))
    }

    /// Remotes that took messages and are not configured at the moment.
    private static func absentReceivers(_ session: any Session, _ configured: [RemoteParticipation]) throws -> [String] {
        try session.values(
            "SELECT name FROM remotes WHERE receives_messages = 1 AND name NOT IN \(in: configured.map(\.name)) ORDER BY name")
    }

    /// A message that was committed before its conversation waits for it; a trigger brings it back.
    private static func waitsForConversation(_ session: any Session, _ messageID: String, conversationID: String) throws -> Bool {
        try session.value(
            """
            SELECT EXISTS (SELECT 1 FROM messages WHERE id = \(messageID))
                AND NOT EXISTS (SELECT 1 FROM conversations WHERE id = \(conversationID))
            """) ?? false
    }

    private static func planMessage(
        _ session: any Session, _ entry: MessageEntry, for remote: RemoteParticipation, _ timestamps: inout TimestampRegister,
        _ context: PlanContext, into batch: inout PlanBatch
    ) throws {
        guard var snapshot = try messageSnapshot(session, entry.messageID, remote: remote.name) else { return }
        let inserted = try session.run(
            "INSERT OR IGNORE INTO planned_messages (message_id, remote) VALUES (\(entry.messageID), \(remote.name))")
        // Planned before: the application wrote the same message again.
        guard inserted == 1 else { return }
        try timestamps.fill(&snapshot, session)
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
            let id = try row.insert(session, context)
            try holdBehindOthers(session, id, conversationID, remote.name)
            batch.planned += 1
        case .refuse(let call, let refusal):
            row.call = call
            row.state = .dead
            row.error = refusal.text
            row.isRefused = true
            let id = try row.insert(session, context)
            batch.refused.append(
                PlanBatch.Refused(outboxID: id, conversationID: conversationID, remote: remote.name, reason: refusal.text))
        case .upToDate, .hold:
            break
        }
    }

    /// A message of a conversation in which others are held waits with them.
    private static func holdBehindOthers(_ session: any Session, _ id: Int64, _ conversationID: String, _ remote: String) throws {
        let held: SQL = "conversation_id = \(conversationID) AND remote = \(remote) AND payload = 'message' AND state = 'held'"
        try session.run(
            """
            UPDATE outbox SET (state, held_by, last_error) = (
                SELECT state, held_by, last_error FROM outbox WHERE \(held) ORDER BY id LIMIT 1)
            WHERE id = \(id) AND EXISTS (SELECT 1 FROM outbox WHERE \(held))
            """)
    }

    /// Nil where the message or its conversation does not exist any more.
    static func messageSnapshot(_ session: any Session, _ messageID: String, remote: String) throws -> MessageSnapshot? {
        let stored: StoredMessage? = try session.row(
            """
            SELECT \(StoredMessage.columns)
            FROM messages m JOIN conversations c ON c.id = m.conversation_id LEFT JOIN users u ON u.id = c.user_id
            WHERE m.id = \(messageID)
            """)
        return stored.map { MessageSnapshot(remote: remote, message: $0.message, user: $0.user) }
    }
}

/// `messages m JOIN conversations c LEFT JOIN users u`.
private struct StoredMessage: RowRecord {
    /// Why it cannot be sent, where a column cannot be read.
    var message: Result<Message, Refusal>
    var user: User?

    static let columns: SQL = "\(Conversation.columns), m.id, m.body, m.created_at, m.attachments"

    init(_ columns: inout Columns) throws {
        let conversation = try Conversation(&columns)
        user = conversation.user
        var sent = Message(
            id: try columns.next(), conversationID: conversation.id, body: try columns.next(), createdAt: try columns.next())
        if let attachments = try StoredMessage.attachments(columns.next()) {
            sent.attachments = attachments
            message = .success(sent)
        } else {
            message = .failure(Refusal("messages.attachments of \"\(sent.id)\" is not a JSON array"))
        }
    }

    /// Nil where they cannot be read: the message is refused then, for all to see.
    private static func attachments(_ text: String?) -> [JSONValue]? {
        guard let text, text != "[]" else { return [] }
        return (try? JSONValue(text: text))?.arrayValue
    }
}
