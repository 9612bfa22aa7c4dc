import GRDB
import SyncCore

/// A conversation with its user, and the numbers and times of its last changes.
struct LocalConversation {
    var conversation: Conversation
    /// Without ``LocalRow/customerWroteAt``.
    var row: LocalRow

    static let columns = """
        \(Conversation.columns), l.status_changed_at, l.assignee_changed_at, l.title_changed_at, l.status_number, l.assignee_number, \
        l.title_number
        """
    static let tables = """
        conversations c LEFT JOIN users u ON u.id = c.user_id LEFT JOIN local_changes l ON l.conversation_id = c.id
        """

    init(_ row: StoredRow) {
        conversation = Conversation(row: row)
        // Rows from before convosync kept the moments of changes.
        let updatedAt = Instant.column(conversation.updatedAt) ?? Instant(milliseconds: 0)
        let moments = [Instant.column(row[16]), .column(row[17]), .column(row[18])].map { $0 ?? updatedAt }
        let numbers = [row[19] as Int64?, row[20], row[21]].map { $0 ?? LocalRow.firstNumber }
        self.row = LocalRow(
            LocalValues(conversation), changedAt: .init(status: moments[0], assignee: moments[1], title: moments[2]),
            numbers: .init(status: numbers[0], assignee: numbers[1], title: numbers[2]))
    }

    /// Nil where there is no such conversation.
    static func fetch(_ db: Database, _ id: String) throws -> LocalConversation? {
        try StoredRow.fetchOne(
            db.cachedStatement(sql: "SELECT \(columns) FROM \(tables) WHERE c.id = ?"), arguments: [id]
        ).map(LocalConversation.init)
    }
}
