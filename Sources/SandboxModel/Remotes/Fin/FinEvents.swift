/// The webhook events of the Fin Agent API (docs/remotes/fin.md, "Webhook").
enum FinEvents {
    /// `fin_status_updated{event_name, conversation_id, user_id, status, reason?, created_at_ms}`
    static func statusUpdated(_ conversation: FinConversation, context: RemoteContext) -> WebhookEvent {
        var body: [String: SandboxJSON] = [
            "event_name": "fin_status_updated",
            "conversation_id": .string(conversation.id),
            "user_id": .string(conversation.userID),
            "status": .string(conversation.status),
            "created_at_ms": .string(context.now.iso8601),
        ]
        if let reason = conversation.reason { body["reason"] = .string(reason) }
        return WebhookEvent(body: .object(body))
    }

    /// `fin_replied{…, message{id, author, body, timestamp_ms}, status, created_at_ms}`
    static func replied(_ conversation: FinConversation, body: String, context: RemoteContext) -> WebhookEvent {
        replied(conversation: conversation.id, user: conversation.userID, status: conversation.status, body: body, context: context)
    }

    /// The event that Fin sends after a user's message: its reply. Only `fin_replied` arrives reliably in practice, so nothing else is sent; a status
    /// change is an act.
    static func afterReply(conversation: String, user: String, status: String, context: RemoteContext) -> [WebhookEvent] {
        guard context.options.finReplies else { return [] }
        return [replied(conversation: conversation, user: user, status: status, body: "<p>Here is an answer.</p>", context: context)]
    }

    private static func replied(conversation: String, user: String, status: String, body: String, context: RemoteContext) -> WebhookEvent {
        WebhookEvent(
            body: [
                "event_name": "fin_replied",
                "conversation_id": .string(conversation),
                "user_id": .string(user),
                "message": [
                    "id": .string("message-\(context.sequence)-\(context.now.milliseconds)"),
                    "author": "fin",
                    "body": .string(body),
                    "timestamp_ms": .string(context.now.iso8601),
                ],
                "status": .string(status),
                "created_at_ms": .string(context.now.iso8601),
            ]
        )
    }
}
