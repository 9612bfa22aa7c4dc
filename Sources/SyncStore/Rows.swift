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

    package init(
        name: String, kind: String, needsLink: Bool, isPushedAtEndOfRun: Bool, receivesMessages: Bool, isEnabled: Bool,
        defaultAgent: String?, fingerprint: String
    ) {
        self.name = name
        self.kind = kind
        self.needsLink = needsLink
        self.isPushedAtEndOfRun = isPushedAtEndOfRun
        self.receivesMessages = receivesMessages
        self.isEnabled = isEnabled
        self.defaultAgent = defaultAgent
        self.fingerprint = fingerprint
    }
}

extension JSONValue {
    /// A JSON column; empty where it is NULL or unreadable.
    static func object(column text: String?) -> JSONObject {
        guard let text, text != "{}" else { return [:] }
        return (try? JSONValue(text: text))?.objectValue ?? [:]
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

    /// Throws a ``Refusal`` that names the column for values that cannot be read.
    init(row: Row) throws(Refusal) {
        let id: String = row[0]
        let status: String = row[4]
        guard let parsedStatus = LocalStatus(rawValue: status) else {
            throw Refusal("conversations.status of \"\(id)\" is \"\(status)\"; allowed: open, resolved, closed, ended")
        }
        self.init(
            id: id, title: row[1], tags: try Conversation.tags(row[2], of: id),
            attributes: try JSONValue.strictObject(row[3], column: "conversations.attributes", of: id), status: parsedStatus,
            assigneeID: row[5], lastUserReadAt: row[6], user: try User(row: row, offset: 7), createdAt: row[8], updatedAt: row[9])
    }

    private static func tags(_ text: String?, of id: String) throws(Refusal) -> [String]? {
        guard let text else { return nil }
        if text == "[]" { return [] }
        guard let array = (try? JSONValue(text: text))?.arrayValue else {
            throw Refusal("conversations.tags of \"\(id)\" is no JSON array")
        }
        let tags = array.compactMap(\.stringValue)
        guard tags.count == array.count else { throw Refusal("conversations.tags of \"\(id)\" holds something that is no string") }
        return tags
    }
}

extension User {
    /// Nil where the conversation has no user. A user without a row in `users` is known by its id only.
    fileprivate init?(row: Row, offset: Int) throws(Refusal) {
        guard let id: String = row[offset] else { return nil }
        let hasRow: String? = row[15]
        guard hasRow != nil else {
            self.init(id: id, userType: nil, attributes: nil, hasRow: false)
            return
        }
        self.init(
            id: id, name: row[10], email: row[11], photoURL: row[12], userType: row[13],
            attributes: try JSONValue.strictObject(row[14], column: "users.attributes", of: id))
    }
}

extension JSONValue {
    /// A JSON object column: nil for NULL, a ``Refusal`` that names it for anything else.
    static func strictObject(_ text: String?, column: String, of id: String) throws(Refusal) -> JSONObject? {
        guard let text else { return nil }
        if text == "{}" { return [:] }
        guard let object = (try? JSONValue(text: text))?.objectValue else {
            throw Refusal("\(column) of \"\(id)\" is no JSON object")
        }
        return object
    }
}
