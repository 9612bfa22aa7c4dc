import SyncCore

/// The calls that a helpdesk makes to Intercom when something changed in it (docs/remotes/helpdesk.md, "Webhook").
enum HelpdeskEvent {
    static let scheme = WebhookScheme(
        meaning:
            "Your helpdesk calls when a conversation changes there, with the secret in the header X-Webhook-Key; the conversation is then read.",
        proof: { _ in .secret(header: "X-Webhook-Key") }, read: read)

    /// `{"conversation_id": …}`. The event type `agent_typing` is not a change.
    @Sendable private static func read(_ body: WebhookBody, _ own: OwnValues) throws(Unreadable) -> WebhookReading {
        let event = try body.value()
        let id = try EventMembers.identifier("conversation_id", of: event)
        if let type = event["event_type"]?.stringValue, type == "agent_typing" { return .ignored(event: type) }
        return .notices([.changed(remoteID: id, agentID: nil)])
    }
}
