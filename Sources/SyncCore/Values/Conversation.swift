/// The local status of a conversation; the local values are those of the helpdesk (the document "Update Conversation", field `status`).
package enum LocalStatus: String, CaseIterable, Sendable, Codable {
    /// Actively going on with the end user.
    case open
    /// Resolved by Fin.
    case resolved
    /// Finished, archived.
    case closed
    /// Ended by the end user or an agent.
    case ended

    /// `resolved`, `closed` and `ended` all mean that nothing remains to be done.
    package var isFinished: Bool { self != .open }
}

/// Who handles a conversation, derived from `conversations.assignee_id`.
package enum Owner: String, CaseIterable, Sendable, Codable {
    /// One of the configured agent ids of the AI.
    case ai
    /// NULL: a person must pick it up.
    case none
    /// Anyone else.
    case human

    package init(assigneeID: String?, ai: Set<String>) {
        self =
            switch assigneeID {
            case nil: .none
            case let id? where ai.contains(id): .ai
            case _?: .human
            }
    }
}

/// One row of `conversations` with its user, parsed. Optionals are SQL NULLs.
///
/// If a column cannot be read, the fields that depend on it are omitted at the remotes that take them: ``unreadable`` contains the reason,
/// and the property has the value of a row without a statement (for the status: `open`). An adapter checks for the reason before it uses
/// the value.
package struct Conversation: Equatable, Sendable {
    /// Columns that do not accept every text.
    package enum Column: String, Sendable {
        case status, tags, attributes
    }

    package var id: String
    package var title: String?
    /// NULL makes no statement about tags; an empty array states that there are none.
    package var tags: [String]?
    /// NULL makes no statement about attributes.
    package var attributes: JSONObject?
    package var status: LocalStatus
    package var assigneeID: String?
    package var lastUserReadAt: String?
    package var user: User?
    package var createdAt: String
    package var updatedAt: String
    /// Why a column cannot be read, in one sentence without personal values.
    package var unreadable: [Column: String]

    package init(
        id: String, title: String? = nil, tags: [String]? = [], attributes: JSONObject? = [:], status: LocalStatus = .open,
        assigneeID: String? = nil, lastUserReadAt: String? = nil, user: User? = nil,
        createdAt: String = "2026-01-01T00:00:00.000Z", updatedAt: String = "2026-01-01T00:00:00.000Z",
        unreadable: [Column: String] = [:]
    ) {
        self.id = id
        self.title = title
        self.tags = tags
        self.attributes = attributes
        self.status = status
        self.assigneeID = assigneeID
        self.lastUserReadAt = lastUserReadAt
        self.user = user
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.unreadable = unreadable
    }
}

/// One row of `users`: the end user of a conversation.
package struct User: Equatable, Sendable {
    package var id: String
    package var name: String?
    package var email: String?
    package var photoURL: String?
    package var userType: String?
    package var attributes: JSONObject?
    /// Why `users.attributes` cannot be read; nil if it can. Then ``attributes`` is nil.
    package var unreadableAttributes: String?
    /// False for a `conversations.user_id` without a row in `users`.
    package var hasRow: Bool

    package init(
        id: String, name: String? = nil, email: String? = nil, photoURL: String? = nil, userType: String? = "end_user",
        attributes: JSONObject? = [:], unreadableAttributes: String? = nil, hasRow: Bool = true
    ) {
        self.id = id
        self.hasRow = hasRow
        self.name = name
        self.email = email
        self.photoURL = photoURL
        self.userType = userType
        self.attributes = attributes
        self.unreadableAttributes = unreadableAttributes
    }
}

/// One row of `messages`.
package struct Message: Equatable, Sendable {
    package var id: String
    package var conversationID: String
    package var body: String?
    /// Exactly as stored: Fin deduplicates by it.
    package var createdAt: String
    package var attachments: [JSONValue]

    package init(id: String, conversationID: String, body: String?, createdAt: String, attachments: [JSONValue] = []) {
        self.id = id
        self.conversationID = conversationID
        self.body = body
        self.createdAt = createdAt
        self.attachments = attachments
    }
}

/// The object of a conversation at a remote: one row of `links`, or the local id if the remote needs no link.
package struct Link: Equatable, Sendable {
    package var remoteID: String
    package var agentID: String?

    package init(remoteID: String, agentID: String? = nil) {
        self.remoteID = remoteID
        self.agentID = agentID
    }
}
