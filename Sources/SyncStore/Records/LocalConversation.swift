import SyncCore

/// A conversation with its user, and the numbers and times of its last changes.
struct LocalConversation: RowRecord {
    var conversation: Conversation
    /// Without ``LocalRow/customerWroteAt``, which is limited to the time of the decision.
    var row: LocalRow
    /// The timestamp of the customer's last message in `messages`.
    var customerWroteAt: Instant?

    static let columns: SQL = """
        \(Conversation.columns), l.status_changed_at, l.assignee_changed_at, l.title_changed_at, l.status_number, l.assignee_number, \
        l.title_number, (SELECT max(m.created_at) FROM messages m WHERE m.conversation_id = c.id AND m.author = 'user')
        """
    static let tables: SQL = """
        conversations c LEFT JOIN users u ON u.id = c.user_id LEFT JOIN local_changes l ON l.conversation_id = c.id
        """

    init(_ columns: inout Columns) throws {
        conversation = try Conversation(&columns)
        // Rows from before convosync kept the times of changes fall back to `updated_at`.
        let updatedAt = Instant.column(conversation.updatedAt) ?? Instant(milliseconds: 0)
        let times: [String?] = [try columns.next(), try columns.next(), try columns.next()]
        let changedAt = times.map { Instant.column($0) ?? updatedAt }
        let numbers: [Int64?] = [try columns.next(), try columns.next(), try columns.next()]
        let number = numbers.map { $0 ?? LocalRow.firstNumber }
        customerWroteAt = .column(try columns.next())
        row = LocalRow(
            LocalValues(conversation), changedAt: .init(status: changedAt[0], assignee: changedAt[1], title: changedAt[2]),
            numbers: .init(status: number[0], assignee: number[1], title: number[2]))
    }

    /// Nil if there is no such conversation.
    static func fetch(_ session: any Session, _ id: String) throws -> LocalConversation? {
        try session.row("SELECT \(columns) FROM \(tables) WHERE c.id = \(id)")
    }
}
