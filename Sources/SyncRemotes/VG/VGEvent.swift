import SyncCore

/// The events of VoiceGlow / Convocore: `{type, payload{…, createdAt, workspaceSecret}}` (docs/remotes/vg.md).
///
/// An event only shows that something changed, and its content is not used: events are not repeated when they get lost, and may arrive out
/// of order.
struct VGEvent: Equatable, Sendable {
    let type: String
    /// Without the workspace secret.
    let payload: JSONValue

    /// The types after which a conversation may have another state.
    private static let telling: Set<String> = ["conversation_updated", "message_received", "chat_delegated"]
    /// The documents name the members of few types only; these are the spellings in the vendor's interfaces.
    private static let identifierNames = ["convoId", "convoID", "conversationId", "conversationID", "conversation_id", "convo_id"]
    private static let agentNames = ["agentId", "agentID", "agent_id"]
    private static let conversationObjects = ["conversation", "convo", "lightConvoData"]

    static let scheme = WebhookScheme(
        meaning: "VoiceGlow calls when a conversation changes; the secret is the workspace secret. The conversation is then read.",
        proof: { _ in .enclosed(takeOutSecret) }, read: read)

    /// The workspace secret, which is also the token of the API (docs/remotes/vg.md, "Webhook"), and the body without it.
    @Sendable private static func takeOutSecret(_ body: JSONValue) -> (secret: String, rest: JSONValue)? {
        guard var object = body.objectValue, var payload = object["payload"]?.objectValue,
            let secret = payload.removeValue(forKey: "workspaceSecret")?.stringValue
        else { return nil }
        object["payload"] = .object(payload)
        return (secret, .object(object))
    }

    @Sendable private static func read(_ body: WebhookBody, _ own: OwnValues) throws(Unreadable) -> WebhookReading {
        let body = try body.value()
        let event = VGEvent(type: try EventMembers.word("type", of: body), payload: body["payload"] ?? [:])
        guard telling.contains(event.type) else { return .ignored(event: EventMembers.shown(event.type)) }
        guard let id = event.conversationID else { return .notices([.somethingChanged]) }
        // A link has the id of the older form or the bare one.
        let ids = [id] + [VGAdapter.bareID(of: id, agent: event.agentID ?? own.text("agent_id"))].compactMap { $0 }
        return .notices(ids.map { .changed(remoteID: $0, agentID: event.agentID) })
    }

    private var conversationID: String? {
        if let id = VGEvent.first(VGEvent.identifierNames, in: payload) { return id }
        for name in VGEvent.conversationObjects {
            guard let object = payload[name] else { continue }
            if let id = VGEvent.first(["ID", "id"] + VGEvent.identifierNames, in: object) { return id }
        }
        // The payload of this type is the conversation itself; in other types a bare id may be that of a message.
        return type == "conversation_updated" ? VGEvent.first(["ID", "id"], in: payload) : nil
    }

    private var agentID: String? {
        if let id = VGEvent.first(VGEvent.agentNames, in: payload) { return id }
        for name in VGEvent.conversationObjects {
            if let id = payload[name].flatMap({ VGEvent.first(VGEvent.agentNames, in: $0) }) { return id }
        }
        return payload["agent"].flatMap { VGEvent.first(["ID", "id"], in: $0) }
    }

    private static func first(_ names: [String], in object: JSONValue) -> String? {
        for name in names {
            if let id = object[name].flatMap(EventMembers.identifier) { return id }
        }
        return nil
    }
}
