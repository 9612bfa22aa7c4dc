import SyncCore

/// The message feed.
extension Store {
    /// The targets of messages that can be planned.
    static func messageTargets(_ remotes: [RemoteParticipation]) -> [FeedTarget] {
        [.everyRemote] + remotes.filter { $0.receivesMessages && $0.isEnabled }.map { .remote($0.name) }
    }

    static func hasReadyMessage(of targets: [FeedTarget], _ session: any Session) throws -> Bool {
        try session.exists("SELECT 1 FROM message_feed WHERE remote IN \(in: targets) LIMIT 1")
    }

    /// The first entries of the feed for any of the targets. Each target is queried separately: each query is an index scan that ends with the page,
    /// however many entries are waiting.
    static func messageRows(_ session: any Session, of targets: [FeedTarget]) throws -> [MessageFeedRow] {
        var rows: [MessageFeedRow] = []
        for target in targets {
            rows += try session.rows(
                """
                SELECT \(MessageFeedRow.columns) FROM \(MessageFeedRow.tables)
                WHERE f.remote = \(target) ORDER BY f.sequence LIMIT \(PlanWriter.pageSize)
                """)
        }
        return Array(rows.sorted { $0.sequence < $1.sequence }.prefix(PlanWriter.pageSize))
    }

    /// Remotes that received messages and are not configured at present.
    static func absentReceivers(_ session: any Session, _ configured: [RemoteParticipation]) throws -> [String] {
        try session.values(
            "SELECT name FROM remotes WHERE receives_messages = 1 AND name NOT IN \(in: configured.map(\.name)) ORDER BY name")
    }

    /// A message that was committed before its conversation waits for it; a trigger brings it back.
    static func waitsForConversation(_ session: any Session, _ messageID: String, conversationID: String) throws -> Bool {
        try session.value(
            """
            SELECT EXISTS (SELECT 1 FROM messages WHERE id = \(messageID))
                AND NOT EXISTS (SELECT 1 FROM conversations WHERE id = \(conversationID))
            """) ?? false
    }

    /// Nil if the message or its conversation no longer exists, or if the message is not the user's.
    static func messageSnapshot(_ session: any Session, _ messageID: String, remote: String) throws -> MessageSnapshot? {
        let stored: StoredMessage? = try session.row(
            """
            SELECT \(StoredMessage.columns)
            FROM messages m JOIN conversations c ON c.id = m.conversation_id LEFT JOIN users u ON u.id = c.user_id
            WHERE m.id = \(messageID) AND m.author = 'user'
            """)
        return stored.map { MessageSnapshot(remote: remote, message: $0.message, user: $0.user) }
    }
}

/// `messages m JOIN conversations c LEFT JOIN users u`.
private struct StoredMessage: RowRecord {
    /// A failure if a column cannot be read, with the reason why the message cannot be sent.
    var message: Result<Message, Unsendable>
    var user: User?

    static let columns: SQL = "\(Conversation.columns), m.id, m.body, m.created_at, m.attachments"

    init(_ columns: inout Columns) throws {
        let conversation = try Conversation(&columns)
        user = conversation.user
        var sent = Message(
            id: try columns.next(), conversationID: conversation.id, body: try columns.next(), createdAt: try columns.next())
        // If they cannot be read, the message is refused, which shows in the outbox.
        if let attachments = JSONColumn.array(try columns.next()) {
            sent.attachments = attachments
            message = .success(sent)
        } else {
            message = .failure(Unsendable("messages.attachments of \"\(sent.id)\" is not a JSON array"))
        }
    }
}
