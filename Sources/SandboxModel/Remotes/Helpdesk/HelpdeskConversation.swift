/// A conversation as the helpdesk holds it.
struct HelpdeskConversation: Sendable {
    let id: String
    var title: String?
    var tags: [String] = []
    var attributes: [String: SandboxJSON] = [:]
    var status = "open"
    var assigneeID: String?
    var lastUserReadAt: String?
    var user: [String: SandboxJSON] = [:]
    let createdAt: SandboxInstant
    var updatedAt: SandboxInstant

    /// Stores the fields of a request; `updated_at` changes only if something differs afterwards.
    ///
    /// A missing field leaves the stored value unchanged. What a present `tags` or `attributes` means is not documented (docs/remotes/helpdesk.md):
    /// here `tags` replaces the list, and `attributes` is merged by name. The same holds for the user's attributes, where `null` (which "Update
    /// Conversation" allows there) clears them.
    ///
    /// - Parameter isDated: `now` becomes the date of the change even if nothing differs.
    mutating func apply(_ fields: [String: SandboxJSON], now: SandboxInstant, isDated: Bool = false) {
        let before = self
        if let value = fields["title"] { title = value.string }
        if let value = fields["tags"] { tags = value.strings ?? [] }
        if let value = fields["attributes"]?.object { attributes.merge(value) { _, new in new } }
        if let value = fields["status"]?.string { status = value }
        if let value = fields["assignee_id"] { assigneeID = value.string }
        if let value = fields["last_user_read_at"] { lastUserReadAt = value.string }
        if let value = fields["user"]?.object { applyUser(value) }
        if self != before || isDated { updatedAt = now }
    }

    private mutating func applyUser(_ fields: [String: SandboxJSON]) {
        for (name, value) in fields {
            if name == "attributes", let new = value.object, let old = user[name]?.object {
                user[name] = .object(old.merging(new) { _, new in new })
            } else {
                user[name] = value
            }
        }
    }

    /// The `data` of a response ("Update Conversation"). `id` and `user_type` of the user are required there, so a conversation without a user shows
    /// one named after the conversation.
    func document(agents: [String: String]) -> SandboxJSON {
        [
            "id": .string(id),
            "status": .string(status),
            "user": [
                "id": user["id"] ?? .string("user_of_\(id)"),
                "user_type": "end_user",
                "name": user["name"] ?? .null,
                "email": user["email"] ?? .null,
                "photo_url": user["photo_url"] ?? .null,
                "attributes": user["attributes"] ?? .null,
            ],
            "title": .optional(title),
            "tags": .array(tags.map(SandboxJSON.string)),
            "attributes": .object(attributes),
            "assignee": assigneeID.map { ["alias_name": .string(agents[$0] ?? $0)] } ?? .null,
            "created_at": .string(createdAt.iso8601),
            "updated_at": .string(updatedAt.iso8601),
        ]
    }

    /// Everything that the helpdesk holds, for control calls: the response's fields, and those that a response does not show.
    var state: SandboxJSON {
        guard case .object(var members) = document(agents: [:]) else { return .null }
        members["assignee_id"] = .optional(assigneeID)
        members["last_user_read_at"] = .optional(lastUserReadAt)
        members["user"] = user.isEmpty ? .null : .object(user)
        return .object(members)
    }
}

extension HelpdeskConversation: Equatable {}
