/// A conversation as the Voicebot Studio inbox holds it.
struct VoicebotConversation: Sendable, Equatable {
    let id: Int
    let createdAt: SandboxInstant
    var channel = "whatsapp"
    var status = "to-do"
    /// The assigned teammate. "Update conversation by ID" calls the team's members users and the writers customers.
    var userID: Int?
    /// When the customer last wrote, as an act said it.
    private(set) var lastCustomerReplyFrom: SandboxJSON = .null

    mutating func apply(_ fields: [String: SandboxJSON]) {
        if let value = fields["status"]?.string { status = value }
        if let value = fields["user_id"] { userID = value.integer }
        if let value = fields["channel"]?.string { channel = value }
        if let value = fields["last_customer_reply_from"] { lastCustomerReplyFrom = value }
    }

    /// The `Conversation` of "Update conversation by ID" with every documented member.
    func document(users: [String: String]) -> SandboxJSON {
        [
            "id": .integer(id),
            "created_at": .string(createdAt.iso8601),
            "channel": .string(channel),
            "status": .string(status),
            "snooze_until": .null,
            "agent": [
                "id": 1,
                "channel": .string(channel),
                "display_id": "10000000001",
                "name": "Sandbox line",
                "in_sync": true,
                "unread_conversations_count": 0,
            ],
            "customer": [
                "id": .integer(id),
                "channel": .string(channel),
                "display_id": .string("2\(id)"),
                "name": .string("Customer \(id)"),
                "profile": ["id": .integer(id), "name": .string("Customer \(id)"), "gender": "undisclosed", "blocked": false],
            ],
            "user": user(names: users),
            "latest_message": .null,
            "latest_customer_message": .null,
            "last_customer_reply_from": lastCustomerReplyFrom,
            "latest_note": .null,
            "unread_customer_messages_count": 0,
            "reply_until": .null,
            "reply_possible": false,
            "customer_interaction_required": false,
        ]
    }

    private func user(names: [String: String]) -> SandboxJSON {
        guard let userID else { return .null }
        return [
            "id": .integer(userID),
            "name": .string(names[String(userID)] ?? "User \(userID)"),
            "email": .null,
            "roles": [],
            "permissions": [],
            "created_at": .null,
            "updated_at": .null,
        ]
    }

    var state: SandboxJSON {
        [
            "id": .integer(id),
            "created_at": .string(createdAt.iso8601),
            "channel": .string(channel),
            "status": .string(status),
            "user_id": .optional(userID),
        ]
    }
}
