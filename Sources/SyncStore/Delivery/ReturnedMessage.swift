import SyncCore

/// Messages that were claimed and not sent, or held: the triggers let only rows that wait follow their user, and those in flight follow nothing, so what
/// was changed in the tables since is followed now.
extension Store {
    /// Discards the row of a message that is not to be sent as it was planned.
    /// - Returns: whether the message waits to be planned again.
    static func followCorrection(_ id: Int64, now: Instant, _ session: any Session) throws -> Bool {
        let found = try session.row(
            """
            SELECT \(ReturnedMessage.columns) FROM \(ReturnedMessage.tables)
            WHERE o.id = \(id) AND o.payload = 'message' AND (o.state = 'pending' OR o.state = 'held')
                AND (m.author <> 'user' OR m.conversation_id IS o.conversation_id)
            """, as: ReturnedMessage.self)
        guard let message = found else { return false }
        if message.hasOtherAuthor {
            try endForOtherAuthor(message, now: now, session)
        } else if message.hasNewerRow, !message.isInDoubt {
            try end(message, as: .discarded, because: "the message was written again, and has a newer row", now: now, session)
        } else if message.isCorrected || message.isForgotten, !message.isInDoubt {
            try planMessagesAgain(from: message.messageID, at: message.remote, because: correctionReason, now: now, session)
            return true
        }
        return false
    }

    private static func endForOtherAuthor(_ message: ReturnedMessage, now: Instant, _ session: any Session) throws {
        guard !message.isInDoubt else {
            let reason = "sent, but nobody knows whether it arrived, and the message has another author since"
            return try end(message, as: .uncertain, because: reason, now: now, session)
        }
        try end(message, as: .discarded, because: "the message has another author now", now: now, session)
        // If it becomes the user's again, it is planned.
        if !message.hasNewerRow {
            try session.run("DELETE FROM planned_messages WHERE message_id = \(message.messageID) AND remote = \(message.remote)")
        }
    }

    private static func end(
        _ message: ReturnedMessage, as state: OutboxState, because reason: String, now: Instant, _ session: any Session
    ) throws {
        try session.run(
            """
            UPDATE outbox SET state = \(state.rawValue), last_error = \(reason), updated_at = \(now), finished_at = \(now)
            WHERE id = \(message.id)
            """)
    }

    /// `outbox.last_error` of the rows that are replaced because of a change.
    static let correctionReason = "the message, or one before it, was changed before it was sent; it is planned again"

    /// What the trigger `message_was_corrected` does with a row that waits: the later messages of the conversation that were not sent either are
    /// planned again behind it, so that the order stays.
    static func planMessagesAgain(
        from messageID: String, at remote: String, because reason: String, now: Instant, _ session: any Session
    ) throws {
        let unsent: SQL = "unsent_messages_from u WHERE u.first_message_id = \(messageID) AND u.remote = \(remote)"
        try session.run(
            """
            INSERT INTO message_feed (sequence, message_id, conversation_id, remote, moved, since)
                SELECT u.place - \(MessageEntry.plannedBefore), u.message_id, u.conversation_id, u.remote, \(MessageEntry.Place.kept.rawValue),
                    (SELECT coalesce(o.differs_since, o.created_at) FROM outbox o WHERE o.id = u.id)
                FROM \(unsent) ORDER BY u.place
                ON CONFLICT (message_id, remote) DO UPDATE SET sequence = excluded.sequence, moved = excluded.moved
            """)
        try session.run(
            "DELETE FROM planned_messages WHERE remote = \(remote) AND message_id IN (SELECT u.message_id FROM \(unsent))")
        try session.run(
            """
            UPDATE outbox SET state = 'discarded', last_error = \(reason), updated_at = \(now), finished_at = \(now)
            WHERE id IN (SELECT u.id FROM \(unsent))
            """)
    }
}

/// The row of a message that waits again, compared with what the tables hold.
private struct ReturnedMessage: RowRecord {
    static let tables: SQL = """
        outbox o JOIN messages m ON m.id = o.message_id LEFT JOIN conversations c ON c.id = o.conversation_id \
        LEFT JOIN users u ON u.id = c.user_id
        """
    static let columns: SQL = """
        o.id, o.message_id, o.remote, o.in_doubt_since IS NOT NULL, m.author <> 'user',
        EXISTS (SELECT 1 FROM outbox n WHERE n.message_id = o.message_id AND n.remote = o.remote AND n.id > o.id),
        EXISTS (SELECT 1 FROM message_feed f WHERE f.message_id = o.message_id)
            AND NOT EXISTS (SELECT 1 FROM planned_messages p WHERE p.message_id = o.message_id AND p.remote = o.remote),
        o.body, \(PresentMessage.columns)
        """

    var id: Int64
    var messageID: String
    var remote: String
    /// It may have arrived, and is repeated with the same bytes, by which the remote recognises the repetition.
    var isInDoubt: Bool
    var hasOtherAuthor: Bool
    /// Only the newest row of a message is sent: two of them would be two messages to the remote.
    var hasNewerRow: Bool
    /// The message was deleted and written again: it waits to be planned, as if it had never been.
    var isForgotten: Bool
    var isCorrected: Bool

    init(_ columns: inout Columns) throws {
        id = try columns.next()
        messageID = try columns.next()
        remote = try columns.next()
        isInDoubt = try columns.next()
        hasOtherAuthor = try columns.next()
        hasNewerRow = try columns.next()
        isForgotten = try columns.next()
        let planned = PlannedMessage(body: try columns.next())
        isCorrected = planned.isCorrected(try PresentMessage(&columns))
    }
}
