import SyncCore

/// A conversation with its user, and the numbers and times of its last changes.
struct LocalConversation {
    var conversation: Conversation
    var row: LocalRow

    private static func columns(now: Instant) -> SQL {
        """
        \(Conversation.columns), l.status_changed_at, l.assignee_changed_at, l.title_changed_at, l.status_number, l.assignee_number, \
        l.title_number, \(customerWroteAt(now: now))
        """
    }

    private static let tables: SQL = """
        conversations c LEFT JOIN users u ON u.id = c.user_id LEFT JOIN local_changes l ON l.conversation_id = c.id
        """

    /// The date of the customer's latest message, without those that are dated too far ahead (``LocalRow/latestMessage(at:)``) and those whose date
    /// cannot be read: the CHECK of the column accepts `2026-03-02T09:30:00+00:00Z` and days that do not exist.
    ///
    /// The texts sort like the dates, so the index is read backwards from the latest date that counts, up to the first that can be read.
    private static func customerWroteAt(now: Instant) -> SQL {
        """
        (SELECT m.created_at FROM messages m
        WHERE m.conversation_id = c.id AND m.author = 'user' AND m.created_at <= \(LocalRow.latestMessage(at: now))
            AND (substr(m.created_at, 20) = 'Z' OR (substr(m.created_at, 20) GLOB '.[0-9]*Z'
                AND substr(m.created_at, 21, length(m.created_at) - 21) NOT GLOB '*[^0-9]*'))
            -- With a modifier SQLite works the date out: otherwise the 30th of February stays what it is.
            AND strftime('%Y-%m-%dT%H:%M:%S', substr(m.created_at, 1, 19), '+0 days') = substr(m.created_at, 1, 19)
        ORDER BY m.created_at DESC LIMIT 1)
        """
    }

    private init(_ columns: inout Columns) throws {
        conversation = try Conversation(&columns)
        // Rows from before convosync kept the times of changes fall back to `updated_at`.
        let updatedAt = Instant.column(conversation.updatedAt) ?? Instant(milliseconds: 0)
        let times: [String?] = [try columns.next(), try columns.next(), try columns.next()]
        let changedAt = times.map { Instant.column($0) ?? updatedAt }
        let numbers: [Int64?] = [try columns.next(), try columns.next(), try columns.next()]
        let number = numbers.map { $0 ?? LocalRow.firstNumber }
        row = LocalRow(
            LocalValues(conversation), changedAt: .init(status: changedAt[0], assignee: changedAt[1], title: changedAt[2]),
            numbers: .init(status: number[0], assignee: number[1], title: number[2]), customerWroteAt: .column(try columns.next()))
    }

    /// Nil if there is no such conversation.
    /// - Parameter now: the time of the decision.
    static func fetch(_ session: any Session, _ id: String, now: Instant) throws -> LocalConversation? {
        try session.row("SELECT \(columns(now: now)) FROM \(tables) WHERE c.id = \(id)") { columns in try LocalConversation(&columns) }
    }
}
