import SyncCore

/// The feed of messages.
extension Store {
    /// What it holds that can be planned.
    static func messageTargets(_ remotes: [RemoteParticipation]) -> [FeedTarget] {
        [.everyRemote] + remotes.filter { $0.receivesMessages && $0.isEnabled }.map { .remote($0.name) }
    }

    static func hasReadyMessage(of targets: [FeedTarget], _ session: any Session) throws -> Bool {
        try session.exists("SELECT 1 FROM message_feed WHERE remote IN \(in: targets) LIMIT 1")
    }

    /// The first entries of the feed for any of the targets. Asked for one by one: each is a walk along an index that ends with the page,
    /// however many entries wait.
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

    /// Remotes that took messages and are not configured at the moment.
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
    var message: Result<Message, Unsendable>
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
            message = .failure(Unsendable("messages.attachments of \"\(sent.id)\" is not a JSON array"))
        }
    }

    /// Nil where they cannot be read: the message is refused then, for all to see.
    private static func attachments(_ text: String?) -> [JSONValue]? {
        guard let text, text != "[]" else { return [] }
        return (try? JSONValue(text: text))?.arrayValue
    }
}
