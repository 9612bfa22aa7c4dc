/// A customer's helpdesk that implements the Fin custom-helpdesk contract ("Update Conversation"; docs/remotes.md, "helpdesk").
///
/// `POST update_conversation` creates a conversation on first sight: the daemon's helpdesk is somebody's own implementation, and
/// the local conversation id is its id there. `POST get_conversation` reads the same shape back.
struct HelpdeskSystem: RemoteSystem {
    private var conversations: [String: HelpdeskConversation] = [:]

    static func conversation(of call: RemoteCall) -> ConversationKey? {
        call.bodyObject?["conversation_id"]?.string.map { ConversationKey(agent: nil, conversation: $0) }
    }

    mutating func answer(_ call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteAnswer {
        switch call.segments {
        case ["update_conversation"]: return try update(call, context: context)
        case ["get_conversation"]: return try get(call, context: context)
        default: throw .notFound("no such path")
        }
    }

    private mutating func update(_ call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteAnswer {
        let (id, fields) = try Self.read(call, shape: HelpdeskDocument.update)
        guard !context.options.deleted.contains(id) else { throw .notFound("conversation \(id) does not exist") }
        let conversation = try upsert(id, fields: fields, now: context.now)
        return RemoteAnswer(body: ["data": conversation.document(agents: context.options.agents)], outcome: .applied)
    }

    private func get(_ call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteAnswer {
        let (id, _) = try Self.read(call, shape: HelpdeskDocument.get)
        guard let conversation = conversations[id], !context.options.deleted.contains(id) else {
            throw .notFound("conversation \(id) does not exist")
        }
        return RemoteAnswer(body: ["data": conversation.document(agents: context.options.agents)], outcome: .read)
    }

    private static func read(_ call: RemoteCall, shape: FieldShape) throws(RemoteRefusal) -> (String, [String: SandboxJSON]) {
        guard call.method == "POST" else { throw .methodNotAllowed(call.method, allow: "POST") }
        let body = try call.requireObject()
        let violations = shape.violations(of: body)
        guard violations.isEmpty, case .object(let fields) = body, let id = fields["conversation_id"]?.string else {
            throw RemoteRefusal(status: 400, violations: violations)
        }
        return (id, fields)
    }

    private mutating func upsert(
        _ id: String,
        fields: [String: SandboxJSON],
        now: SandboxInstant
    ) throws(RemoteRefusal) -> HelpdeskConversation {
        var conversation: HelpdeskConversation
        if let known = conversations[id] {
            conversation = known
        } else {
            try SystemLimits.check(conversations.count)
            conversation = HelpdeskConversation(id: id, createdAt: now, updatedAt: now)
        }
        conversation.apply(fields, now: now)
        conversations[id] = conversation
        return conversation
    }

    mutating func seed(_ description: SandboxJSON, context: RemoteContext) throws(ControlRefusal) {
        let fields = try HelpdeskDocument.act.requireControl(description)
        guard let id = fields["conversation"]?.string else { throw ControlRefusal("conversation is required") }
        conversations[id] = nil
        do { _ = try upsert(id, fields: fields, now: context.now) } catch { throw ControlRefusal(error.message) }
    }

    mutating func act(_ description: SandboxJSON, context: RemoteContext) throws(ControlRefusal) -> [WebhookEvent] {
        let fields = try HelpdeskDocument.act.requireControl(description)
        guard let id = fields["conversation"]?.string, conversations[id] != nil else {
            throw ControlRefusal("conversation \(fields["conversation"]?.string ?? "") does not exist")
        }
        do { _ = try upsert(id, fields: fields, now: context.now) } catch { throw ControlRefusal(error.message) }
        return [WebhookEvent(name: "conversation_updated", conversation: id, body: ["conversation_id": .string(id)])]
    }

    mutating func overrideWord(of key: ConversationKey, with word: String) {
        conversations[key.conversation]?.status = word
    }

    static func replaceWord(in body: inout SandboxJSON, with word: String) {
        body.replace(["data", "status"], with: .string(word))
    }

    var state: [SandboxJSON] {
        conversations.keys.sorted().compactMap { conversations[$0]?.state }
    }

    func state(of conversation: String) -> SandboxJSON? { conversations[conversation]?.state }

    var conversationCount: Int { conversations.count }
}
