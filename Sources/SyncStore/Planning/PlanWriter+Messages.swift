import SyncCore

/// Planning of messages.
extension PlanWriter {
    /// Plans the next messages of the feed for every remote that receives messages, in the order in which they were written.
    ///
    /// A remote that is configured but disabled keeps its messages on the feed. So does a remote that is in the database and not in the
    /// configuration, because it may come back. If there is no remote that receives messages at all, the messages are removed from the feed.
    mutating func planMessages() throws {
        let receivers = context.remotes.filter(\.receivesMessages)
        let rows = try Store.messageRows(session, of: Store.messageTargets(context.remotes))
        guard !rows.isEmpty else { return }
        let waiting =
            receivers.filter { !$0.isEnabled }.map(\.name) + (try Store.absentReceivers(session, context.remotes))
        var entries: [MessageEntry] = []
        for row in rows {
            switch row {
            case .entry(let entry): entries.append(entry)
            case .unreadable(let sequence, let key): try putAsideKey(key, at: sequence)
            }
        }
        for entry in MessageEntry.ordered(entries) {
            if isLate { break }
            _ = try attempt(
                as: "message \(entry.sequence)",
                { writer in
                    try writer.planEntry(entry, for: receivers.filter(\.isEnabled), keptFor: waiting)
                    return .planned
                }, putAside: { try $0.putAside(entry, because: $1) })
        }
        try endAttempts()
    }

    private mutating func planEntry(_ entry: MessageEntry, for receivers: [RemoteParticipation], keptFor waiting: [String]) throws {
        batch.examined += 1
        guard try !Store.waitsForConversation(session, entry.messageID, conversationID: entry.conversationID) else {
            batch.takenOff += try session.run(
                """
                UPDATE OR REPLACE message_feed SET remote = \(FeedTarget.conversationMissing), conversation_id = \(entry.conversationID)
                WHERE sequence = \(entry.sequence)
                """)
            return
        }
        for receiver in receivers where entry.target.includes(receiver.name) { try planMessage(entry, for: receiver) }
        for name in waiting where entry.target == .everyRemote {
            try session.run(
                """
                INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote, moved, since)
                VALUES (\(entry.messageID), \(entry.conversationID), \(name), \(entry.place.rawValue), \(entry.since))
                """)
        }
        batch.takenOff += try session.run("DELETE FROM message_feed WHERE sequence = \(entry.sequence)")
    }

    private mutating func planMessage(_ entry: MessageEntry, for remote: RemoteParticipation) throws {
        guard var snapshot = try Store.messageSnapshot(session, entry.messageID, remote: remote.name) else { return }
        let inserted = try session.run(
            "INSERT OR IGNORE INTO planned_messages (message_id, remote) VALUES (\(entry.messageID), \(remote.name))")
        // The message was planned before, and the application has written the same row again.
        guard inserted == 1 else { return }
        var register = timestamps[remote.name] ?? TimestampRegister(remote: remote.name, now: context.now, runs: timestampRuns)
        try register.fill(&snapshot, session)
        timestamps[remote.name] = register
        let conversationID = entry.conversationID
        let decision = context.decideMessage(snapshot)
        var row = NewOutboxRow(
            conversationID: conversationID, remote: remote.name, payload: .message,
            call: OutboundCall(operation: "", method: "", path: "", body: [:]), state: .pending, messageID: entry.messageID,
            link: Link(remoteID: conversationID), dedupeKey: decision.timestamp?.milliseconds, waitingSince: entry.since,
            keptPlace: entry.keptPlace)
        switch decision {
        case .send(let planned):
            row.call = planned.call
            batch.omissions += planned.omissions.map {
                PlanBatch.OmittedField(conversationID: conversationID, remote: remote.name, omission: $0)
            }
            let id = try insert(row)
            try holdBehindOthers(id, conversationID, remote.name)
            batch.planned += 1
        case .refuse(let call, let refusal):
            row.call = call
            row.state = .dead
            row.error = refusal.text
            row.isRefused = true
            let id = try insert(row)
            batch.refused.append(
                PlanBatch.Refused(outboxID: id, conversationID: conversationID, remote: remote.name, reason: refusal.text))
        case .upToDate, .hold:
            break
        }
    }

    /// A message is held if other messages of its conversation are held, unless the row that it replaces was released.
    private func holdBehindOthers(_ id: Int64, _ conversationID: String, _ remote: String) throws {
        let held: SQL = "conversation_id = \(conversationID) AND remote = \(remote) AND payload = 'message' AND state = 'held'"
        try session.run(
            """
            UPDATE outbox SET (state, held_by, last_error) = (
                SELECT state, held_by, last_error FROM outbox WHERE \(held) ORDER BY id LIMIT 1)
            WHERE id = \(id) AND released_at IS NULL AND EXISTS (SELECT 1 FROM outbox WHERE \(held))
            """)
    }

    private mutating func putAsideKey(_ key: UnreadableKey, at sequence: Int64) throws {
        // Puts the entry aside until its row is written again, so that it does not stop the others.
        try session.run("UPDATE OR REPLACE message_feed SET remote = \(FeedTarget.putAside) WHERE sequence = \(sequence)")
        batch.unreadable.append(key)
        batch.examined += 1
        batch.takenOff += 1
    }

    private mutating func putAside(_ entry: MessageEntry, because problem: String) throws {
        try session.run(
            """
            UPDATE OR REPLACE message_feed SET remote = \(FeedTarget.putAside), problem = \(problem)
            WHERE sequence = \(entry.sequence)
            """)
        batch.examined += 1
        batch.takenOff += 1
        batch.putAside.append(
            PutAside(
                conversationID: entry.conversationID, messageID: entry.messageID, remote: entry.target.remote,
                problem: problem, since: entry.since))
    }
}
