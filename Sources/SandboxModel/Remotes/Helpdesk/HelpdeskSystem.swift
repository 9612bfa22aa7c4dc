/// A customer's helpdesk that implements the Fin custom-helpdesk contract ("Update Conversation"; docs/remotes/helpdesk.md).
///
/// `POST update_conversation` creates a conversation that does not exist: the helpdesk is an implementation of the customer's own, which uses the
/// local conversation ids. `POST get_conversation` returns the same shape.
struct HelpdeskSystem: RemoteSystem {
    private var conversations: [String: HelpdeskConversation] = [:]
    private var lag = ReadLag<HelpdeskConversation>()

    static func conversation(of call: RemoteCall) -> ConversationKey? {
        call.bodyObject?["conversation_id"]?.string.map { ConversationKey($0) }
    }

    mutating func respond(to call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteResponse {
        switch call.segments {
        case ["update_conversation"]: return try update(call, context: context)
        case ["get_conversation"]: return try get(call, context: context)
        default: throw .notFound("no such path")
        }
    }

    private mutating func update(_ call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteResponse {
        let (id, fields) = try Self.read(call, shape: HelpdeskDocument.update, refused: context.options.refusedMembers)
        guard !context.options.deleted.contains(id) else { throw .notFound("conversation \(id) does not exist") }
        let conversation = try upsert(id, fields: Self.stored(fields, context.options), context: context)
        var events: [WebhookEvent] = []
        if let reopened = context.options.reopensWith, let status = fields["status"]?.string, status != HelpdeskDocument.unfinished {
            var later = context
            later.now = context.now.advanced(byMilliseconds: 1)
            _ = try upsert(id, fields: ["status": .string(reopened)], context: later)
            events.append(Self.updated(id, delayMilliseconds: 1))
        }
        let document = conversation.document(agents: context.options.agents)
        return RemoteResponse(body: ["data": document], outcome: .applied, events: events)
    }

    /// The fields of a call as the helpdesk keeps them.
    private static func stored(_ fields: [String: SandboxJSON], _ options: InstanceOptions) -> [String: SandboxJSON] {
        var fields = options.titleForm.stored(fields)
        if options.sortsTags, let tags = fields["tags"]?.strings { fields["tags"] = .array(tags.sorted().map(SandboxJSON.string)) }
        return fields
    }

    private mutating func get(_ call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteResponse {
        let (id, _) = try Self.read(call, shape: HelpdeskDocument.get)
        guard let conversation = conversations[id], !context.options.deleted.contains(id) else {
            throw .notFound("conversation \(id) does not exist")
        }
        let shown = lag.read(Self.key(id)) ?? conversation
        return RemoteResponse(body: ["data": shown.document(agents: context.options.agents)], outcome: .read)
    }

    private static func key(_ id: String) -> ConversationKey { ConversationKey(id) }

    private static func read(
        _ call: RemoteCall,
        shape: FieldShape,
        refused: [RefusedMember] = []
    ) throws(RemoteRefusal) -> (String, [String: SandboxJSON]) {
        guard call.method == "POST" else { throw .methodNotAllowed(call.method, allow: "POST") }
        let body = try call.requireObject()
        let violations = shape.violations(of: body) + RefusedMember.violations(of: body, by: refused)
        guard violations.isEmpty, case .object(let fields) = body, let id = fields["conversation_id"]?.string else {
            throw RemoteRefusal(status: 400, violations: violations)
        }
        return (id, fields)
    }

    private mutating func upsert(
        _ id: String,
        fields: [String: SandboxJSON],
        context: RemoteContext
    ) throws(RemoteRefusal) -> HelpdeskConversation {
        let known = conversations[id]
        if known == nil { try SystemLimits.check(conversations.count) }
        var conversation = known ?? HelpdeskConversation(id: id, createdAt: context.now, updatedAt: context.now)
        conversation.apply(fields, now: context.now, isDated: context.isDated)
        conversations[id] = conversation
        lag.note(Self.key(id), from: known, to: conversation, reads: context.options.laggingReads)
        return conversation
    }

    mutating func seed(_ seed: ControlledConversation, context: RemoteContext) throws(ControlRefusal) {
        conversations[seed.key.conversation] = nil
        do { _ = try upsert(seed.key.conversation, fields: seed.fields, context: context) } catch { throw ControlRefusal(error.message) }
    }

    mutating func act(_ change: ControlledConversation, context: RemoteContext) throws(ControlRefusal) -> [WebhookEvent] {
        let id = change.key.conversation
        guard conversations[id] != nil else { throw ControlRefusal("conversation \(id) does not exist") }
        do { _ = try upsert(id, fields: change.fields, context: context) } catch { throw ControlRefusal(error.message) }
        return [Self.updated(id)]
    }

    /// The contract has no such event: an in-house helpdesk names the conversation, and convosync can be configured to read it.
    private static func updated(_ id: String, delayMilliseconds: Int = 0) -> WebhookEvent {
        WebhookEvent(body: ["conversation_id": .string(id)], delayMilliseconds: delayMilliseconds)
    }

    mutating func overrideStatus(of key: ConversationKey, with status: String) {
        conversations[key.conversation]?.status = status
    }

    var state: [SandboxJSON] {
        conversations.keys.sorted().compactMap { conversations[$0]?.state }
    }

    func state(of conversation: String) -> SandboxJSON? { conversations[conversation]?.state }

    var conversationCount: Int { conversations.count }
}
