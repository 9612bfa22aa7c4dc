import SyncCore

/// `conversations c LEFT JOIN users u`. A column that cannot be read is left out and noted in ``Conversation/unreadable``. The fields that depend on
/// it are not sent; the rest of the row is.
extension Conversation: RowRecord {
    package static let columns: SQL = """
        c.id, c.title, c.tags, c.attributes, c.status, c.assignee_id, c.last_user_read_at, c.created_at, c.updated_at, \
        c.user_id, u.id, u.name, u.email, u.photo_url, u.user_type, u.attributes
        """

    package init(_ columns: inout Columns) throws {
        let id: String = try columns.next()
        let title: String? = try columns.next()
        let (tags, tagsProblem) = JSONColumn.tags(try columns.next())
        let (attributes, attributesProblem) = JSONColumn.object(try columns.next())
        let statusText: String = try columns.next()
        let status = LocalStatus(rawValue: statusText)
        var unreadable: [Conversation.Column: String] = [:]
        if status == nil {
            unreadable[.status] = "conversations.status of \"\(id)\" is not one of open, resolved, closed, ended"
        }
        unreadable[.tags] = tagsProblem.map { "conversations.tags of \"\(id)\" \($0)" }
        unreadable[.attributes] = attributesProblem.map { "conversations.attributes of \"\(id)\" \($0)" }
        self.init(
            id: id, title: title, tags: tags, attributes: attributes, status: status ?? .open,
            assigneeID: try Conversation.assignee(columns.next()), lastUserReadAt: try columns.next(), user: nil,
            createdAt: try columns.next(), updatedAt: try columns.next(), unreadable: unreadable)
        user = try User(&columns)
    }

    /// The table refuses a blank assignee. A row that has one anyway counts as unassigned.
    private static func assignee(_ id: String?) -> String? {
        guard let id, !id.isBlank else { return nil }
        return id
    }
}

extension User {
    /// Nil if the conversation has no user. A user without a row in `users` is known by its id only.
    fileprivate init?(_ columns: inout Columns) throws {
        let referenced: String? = try columns.next()
        let row: String? = try columns.next()
        let texts: [String?] = [try columns.next(), try columns.next(), try columns.next(), try columns.next()]
        let (attributes, problem) = JSONColumn.object(try columns.next())
        guard let id = referenced else { return nil }
        guard row != nil else {
            self.init(id: id, userType: nil, attributes: nil, hasRow: false)
            return
        }
        self.init(
            id: id, name: texts[0], email: texts[1], photoURL: texts[2], userType: texts[3], attributes: attributes,
            unreadableAttributes: problem.map { "users.attributes of \"\(id)\" \($0)" })
    }
}
