/// The Voicebot Studio chat Client API ("Update conversation by ID"; docs/remotes/voicebot.md).
///
/// Error bodies, limits and the query of the list are not documented. The list has Laravel's shape, so Laravel's error shape is assumed.
struct VoicebotSystem: RemoteSystem {
    private(set) var conversations: [Int: VoicebotConversation] = [:]
    /// The ids in ascending order, for the list.
    private(set) var identifiers: [Int] = []
    private(set) var lag = ReadLag<VoicebotConversation>()

    static func conversation(of call: RemoteCall) -> ConversationKey? {
        guard call.segments.count == 2, call.segments[0] == "conversations" else { return nil }
        return ConversationKey(call.segments[1])
    }

    mutating func respond(to call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteResponse {
        guard call.segments.first == "conversations", call.segments.count <= 2 else { throw .notFound("no such path") }
        if call.segments.count == 1 {
            guard call.method == "GET" else { throw .methodNotAllowed(call.method, allow: "GET") }
            return try list(call, context: context)
        }
        guard let id = Self.identifier(call.segments[1]), !context.options.deleted.contains(String(id)) else {
            throw .notFound("no conversation \(call.segments[1])")
        }
        switch call.method {
        case "PATCH": return try update(id, call: call, context: context)
        case "GET":
            guard let conversation = conversations[id] else { throw .notFound("no conversation \(id)") }
            let shown = lag.read(Self.key(id)) ?? conversation
            return RemoteResponse(body: ["data": shown.document(users: context.options.users)], outcome: .read)
        default: throw .methodNotAllowed(call.method, allow: "GET, PATCH")
        }
    }

    /// "Update conversation by ID": the id in the path is an integer, so `007` and `+7` are not ids.
    private static func identifier(_ text: String) -> Int? {
        guard let id = Int(text), id >= 0, String(id) == text else { return nil }
        return id
    }

    private mutating func update(_ id: Int, call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteResponse {
        if conversations[id] == nil {
            guard context.options.autoCreate else { throw .notFound("no conversation \(id)") }
            try SystemLimits.check(conversations.count)
        }
        let body = try call.requireObject()
        var violations = VoicebotDocument.update.violations(of: body)
        let users = context.options.users
        if let user = body["user_id"]?.integer, !users.isEmpty, users[String(user)] == nil {
            violations.append(Violation(field: "user_id", code: .notAllowed, message: "user_id is not a user of this workspace"))
        }
        violations += RefusedMember.violations(of: body, by: context.options.refusedMembers)
        guard violations.isEmpty, case .object(let fields) = body else { throw RemoteRefusal(status: 422, violations: violations) }
        var conversation = conversations[id] ?? VoicebotConversation(id: id, createdAt: context.now)
        conversation.apply(fields)
        store(conversation, context: context)
        let document = conversation.document(users: users)
        // "Update conversation by ID" describes the bare object, the vendor's other pages show it under `data` (docs/remotes/voicebot.md). A client
        // must be able to read both.
        var events = context.options.echoesWrites ? [Self.updated(conversation, document: document)] : []
        if let reopened = context.options.reopensWith, fields["status"]?.string == VoicebotDocument.finished {
            conversation.status = reopened
            store(conversation, context: context)
            let reopening = conversation.document(users: users)
            events.append(Self.updated(conversation, document: reopening, delayMilliseconds: 1))
        }
        return RemoteResponse(body: context.options.envelope ? ["data": document] : document, outcome: .applied, events: events)
    }

    mutating func seed(_ seed: ControlledConversation, context: RemoteContext) throws(ControlRefusal) {
        var conversation = VoicebotConversation(id: try Self.controlled(seed.key), createdAt: context.now)
        conversation.apply(seed.fields)
        store(conversation, context: context)
    }

    static func key(_ id: Int) -> ConversationKey { ConversationKey(String(id)) }

    private mutating func store(_ conversation: VoicebotConversation, context: RemoteContext) {
        let former = conversations.updateValue(conversation, forKey: conversation.id)
        lag.note(Self.key(conversation.id), from: former, to: conversation, reads: context.options.laggingReads)
        guard former == nil else { return }
        var low = 0
        var high = identifiers.count
        while low < high {
            let middle = (low + high) / 2
            if identifiers[middle] > conversation.id { high = middle } else { low = middle + 1 }
        }
        identifiers.insert(conversation.id, at: low)
    }

    mutating func act(_ change: ControlledConversation, context: RemoteContext) throws(ControlRefusal) -> [WebhookEvent] {
        let id = try Self.controlled(change.key)
        guard var conversation = conversations[id] else { throw ControlRefusal("conversation \(id) does not exist") }
        conversation.apply(change.fields)
        store(conversation, context: context)
        return [Self.updated(conversation, document: conversation.document(users: context.options.users))]
    }

    /// Event names and payload are not documented (docs/remotes/voicebot.md): a client may only use the event as a hint.
    private static func updated(
        _ conversation: VoicebotConversation,
        document: SandboxJSON,
        delayMilliseconds: Int = 0
    ) -> WebhookEvent {
        WebhookEvent(body: ["event": "conversation.updated", "data": document], delayMilliseconds: delayMilliseconds)
    }

    private static func controlled(_ key: ConversationKey) throws(ControlRefusal) -> Int {
        guard let id = identifier(key.conversation) else { throw ControlRefusal("conversation must be an integer in a string") }
        return id
    }

    mutating func overrideStatus(of key: ConversationKey, with status: String) {
        guard let id = Self.identifier(key.conversation) else { return }
        conversations[id]?.status = status
    }

    var state: [SandboxJSON] {
        identifiers.compactMap { conversations[$0]?.state }
    }

    func state(of conversation: String) -> SandboxJSON? {
        Self.identifier(conversation).flatMap { conversations[$0]?.state }
    }

    var conversationCount: Int { conversations.count }
}
