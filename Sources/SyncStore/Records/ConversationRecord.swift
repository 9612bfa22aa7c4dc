import GRDB
import SyncCore

/// A remote as far as the store's queries depend on it.
package struct RemoteParticipation: Sendable, Equatable {
    package var name: String
    package var kind: String
    package var needsLink: Bool
    package var isPushedAtEndOfRun: Bool
    package var receivesMessages: Bool
    package var isEnabled: Bool
    /// The agent of links that name none.
    package var defaultAgent: String?
    package var fingerprint: String
    /// The field in which the remote names who answers.
    package var userField: String?
    /// Whom the program itself assigns: the AI, and "somebody over there".
    package var ownAssignees: [String]
    /// Whether it is read at all: by polls, or because it calls here.
    package var isRead: Bool

    package init(
        name: String, kind: String, needsLink: Bool, isPushedAtEndOfRun: Bool, receivesMessages: Bool, isEnabled: Bool,
        defaultAgent: String?, fingerprint: String, userField: String? = nil, ownAssignees: [String] = [], isRead: Bool = true
    ) {
        self.name = name
        self.kind = kind
        self.needsLink = needsLink
        self.isPushedAtEndOfRun = isPushedAtEndOfRun
        self.receivesMessages = receivesMessages
        self.isEnabled = isEnabled
        self.defaultAgent = defaultAgent
        self.fingerprint = fingerprint
        self.userField = userField
        self.ownAssignees = ownAssignees
        self.isRead = isRead
    }
}

extension JSONValue {
    /// A JSON column of ours; empty where it is NULL or unreadable.
    static func object(column text: String?) -> JSONObject {
        guard let text, text != "{}" else { return [:] }
        return (try? JSONValue(stored: text))?.objectValue ?? [:]
    }

    /// NULL for an empty object.
    static func column(_ object: JSONObject) -> String? {
        object.isEmpty ? nil : JSONValue.object(object).text
    }
}

extension Instant {
    static func column(_ text: String?) -> Instant? { text.flatMap(Instant.init(iso8601:)) }
}

extension Conversation {
    /// The columns that ``init(row:)`` reads, in its order: `conversations c LEFT JOIN users u`.
    static let columns = """
        c.id, c.title, c.tags, c.attributes, c.status, c.assignee_id, c.last_user_read_at, c.user_id, c.created_at, c.updated_at, \
        u.name, u.email, u.photo_url, u.user_type, u.attributes, u.id
        """

    /// What cannot be read is left out and noted in ``Conversation/unreadable``: it costs the fields that depend on it.
    init(row: StoredRow) {
        let id: String = row[0]
        let statusText: String = row[4]
        let status = LocalStatus(rawValue: statusText)
        let (tags, tagsProblem) = JSONColumn.tags(row[2])
        let (attributes, attributesProblem) = JSONColumn.object(row[3])
        var unreadable: [Conversation.Column: String] = [:]
        if status == nil {
            unreadable[.status] = "conversations.status of \"\(id)\" is not one of open, resolved, closed, ended"
        }
        unreadable[.tags] = tagsProblem.map { "conversations.tags of \"\(id)\" \($0)" }
        unreadable[.attributes] = attributesProblem.map { "conversations.attributes of \"\(id)\" \($0)" }
        self.init(
            id: id, title: row[1], tags: tags, attributes: attributes, status: status ?? .open, assigneeID: row.assignee(5),
            lastUserReadAt: row[6], user: User(row: row, offset: 7), createdAt: row[8], updatedAt: row[9], unreadable: unreadable)
    }
}

extension StoredRow {
    /// The table refuses an assignee that names nobody; where a row has one all the same, nobody has the conversation.
    fileprivate func assignee(_ index: Int) -> String? {
        guard let id: String = self[index], !id.isBlank else { return nil }
        return id
    }
}

extension User {
    /// Nil where the conversation has no user. A user without a row in `users` is known by its id only.
    fileprivate init?(row: StoredRow, offset: Int) {
        guard let id: String = row[offset] else { return nil }
        let rowID: String? = row[15]
        guard rowID != nil else {
            self.init(id: id, userType: nil, attributes: nil, hasRow: false)
            return
        }
        let (attributes, problem) = JSONColumn.object(row[14])
        self.init(
            id: id, name: row[10], email: row[11], photoURL: row[12], userType: row[13], attributes: attributes,
            unreadableAttributes: problem.map { "users.attributes of \"\(id)\" \($0)" })
    }
}
