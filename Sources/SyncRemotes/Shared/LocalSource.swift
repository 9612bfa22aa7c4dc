import SyncCore

/// A local value that the configuration can map to a remote field: `title`, `user.email`, `attributes.lead_score`, …
package struct LocalSource: Hashable, Sendable {
    package var text: String
    private let path: Path

    private enum Path: Hashable {
        case id, title, status, assigneeID, tags, attributes, lastUserReadAt, createdAt, updatedAt
        case attribute([String])
        case userID, userName, userEmail, userPhotoURL, userAttributes
        case userAttribute([String])
    }

    /// The notation, for error messages.
    package static let notation =
        "id, title, status, assignee_id, tags, attributes, attributes.KEY, last_user_read_at, created_at, updated_at, "
        + "user.id, user.name, user.email, user.photo_url, user.attributes, user.attributes.KEY"

    /// Nil when the text is none of ``notation``.
    package init?(_ text: String) {
        self.text = text
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard !parts.contains("") else { return nil }
        switch text {
        case "id": path = .id
        case "title": path = .title
        case "status": path = .status
        case "assignee_id": path = .assigneeID
        case "tags": path = .tags
        case "attributes": path = .attributes
        case "last_user_read_at": path = .lastUserReadAt
        case "created_at": path = .createdAt
        case "updated_at": path = .updatedAt
        case "user.id": path = .userID
        case "user.name": path = .userName
        case "user.email": path = .userEmail
        case "user.photo_url": path = .userPhotoURL
        case "user.attributes": path = .userAttributes
        case _ where parts.count >= 2 && parts[0] == "attributes": path = .attribute(Array(parts.dropFirst()))
        case _ where parts.count >= 3 && parts[0] == "user" && parts[1] == "attributes":
            path = .userAttribute(Array(parts.dropFirst(2)))
        default: return nil
        }
    }

    /// Whether the source is a column that holds a time.
    var isTime: Bool { [.lastUserReadAt, .createdAt, .updatedAt].contains(path) }

    /// Whether the source is the local id of the assignee.
    var isAssignee: Bool { path == .assigneeID }

    /// Why the column behind the source cannot be read; nil if it can.
    func problem(in conversation: Conversation) -> String? {
        switch path {
        case .status: conversation.unreadable[.status]
        case .tags: conversation.unreadable[.tags]
        case .attributes, .attribute: conversation.unreadable[.attributes]
        case .userAttributes, .userAttribute: conversation.user?.unreadableAttributes
        default: nil
        }
    }

    /// The local value; nil if the row makes no statement.
    func value(in conversation: Conversation) -> JSONValue? {
        switch path {
        case .id: .string(conversation.id)
        case .title: .nullable(conversation.title)
        case .status: .string(conversation.status.rawValue)
        case .assigneeID: .nullable(conversation.assigneeID)
        case .tags: conversation.tags.map { .array($0.map(JSONValue.string)) }
        case .attributes: conversation.attributes.map(JSONValue.object)
        case .attribute(let keys): LocalSource.member(keys, of: conversation.attributes)
        case .lastUserReadAt: .nullable(conversation.lastUserReadAt)
        case .createdAt: .string(conversation.createdAt)
        case .updatedAt: .string(conversation.updatedAt)
        case .userID: conversation.user.map { .string($0.id) }
        case .userName: conversation.user?.name.map(JSONValue.string)
        case .userEmail: conversation.user?.email.map(JSONValue.string)
        case .userPhotoURL: conversation.user?.photoURL.map(JSONValue.string)
        case .userAttributes: conversation.user?.attributes.map(JSONValue.object)
        case .userAttribute(let keys): LocalSource.member(keys, of: conversation.user?.attributes)
        }
    }

    /// Descends into nested objects; a key that itself contains dots takes precedence.
    private static func member(_ keys: [String], of object: JSONObject?) -> JSONValue? {
        guard let object, let first = keys.first else { return nil }
        if let whole = object[keys.joined(separator: ".")] { return whole }
        return keys.count == 1 ? object[first] : member(Array(keys.dropFirst()), of: object[first]?.objectValue)
    }
}
