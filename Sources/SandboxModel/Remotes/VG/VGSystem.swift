/// VoiceGlow / Convocore ("Updates an existing conversation"; docs/remotes/vg.md).
///
/// PATCH and GET by id use the live conversation; the list is a mirror that can be made to lag (option `stale_changes`).
struct VGSystem: RemoteSystem {
    private(set) var conversations: [ConversationKey: VGConversation] = [:]
    private(set) var mirror = VGMirror()
    private(set) var lag = ReadLag<VGConversation>()
    var listOrder: VGListOrder?

    static func conversation(of call: RemoteCall) -> ConversationKey? {
        guard call.segments.count == 4, call.segments[0] == "agents", call.segments[2] == "convos" else { return nil }
        return ConversationKey(call.segments[3], agent: call.segments[1])
    }

    mutating func respond(to call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteResponse {
        guard (3...4).contains(call.segments.count), call.segments[0] == "agents", call.segments[2] == "convos" else {
            throw .notFound("no such path")
        }
        guard !context.options.deleted.contains(call.segments[1]) else { throw .notFound("agent \(call.segments[1]) not found") }
        guard let key = Self.conversation(of: call) else {
            guard call.method == "GET" else { throw .methodNotAllowed(call.method, allow: "GET") }
            return try list(agent: call.segments[1], call: call, context: context)
        }
        guard !key.isNamed(in: context.options.deleted) else { throw .notFound("conversation \(key.conversation) not found") }
        switch call.method {
        case "PATCH": return try update(key, call: call, context: context)
        case "GET":
            guard let conversation = conversations[key] else { throw .notFound("conversation \(key.conversation) not found") }
            let shown = lag.read(key) ?? conversation
            return RemoteResponse(body: Self.envelope(shown.document, message: "Conversation found"), outcome: .read)
        default: throw .methodNotAllowed(call.method, allow: "GET, PATCH")
        }
    }

    private mutating func update(_ key: ConversationKey, call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteResponse {
        let body = try call.requireObject()
        let shape = context.options.acceptCompleted ? VGDocument.lenientUpdate : VGDocument.update
        var violations = shape.violations(of: body)
        if let fields = body["conversation"] {
            violations += RefusedMember.violations(of: fields, by: context.options.refusedMembers, at: "conversation")
        }
        guard violations.isEmpty, let changes = body["conversation"]?.object else {
            throw RemoteRefusal(status: 400, violations: violations)
        }
        if conversations[key] == nil {
            guard context.options.autoCreate else { throw .notFound("conversation \(key.conversation) not found") }
            try SystemLimits.check(conversations.count)
        }
        let conversation = change(key, with: context.options.titleForm.stored(changes), context: context)
        var events = context.options.echoesWrites ? [Self.updated(conversation, now: context.now)] : []
        if let status = context.options.reopensWith, let state = changes["state"]?.string, VGDocument.finished.contains(state) {
            let now = context.now.advanced(byMilliseconds: 1)
            var reopened = conversation
            reopened.replaceState(with: status, at: now)
            store(reopened, key, former: conversation, context: context)
            events.append(Self.updated(reopened, now: now, delayMilliseconds: 1))
        }
        return RemoteResponse(
            body: Self.envelope(conversation.document, message: "Conversation updated"), outcome: .applied, events: events)
    }

    static func envelope(_ data: SandboxJSON, message: String) -> SandboxJSON {
        ["success": true, "message": .string(message), "data": data]
    }

    private mutating func change(_ key: ConversationKey, with changes: [String: SandboxJSON], context: RemoteContext) -> VGConversation {
        let previous = conversations[key]
        var conversation = previous ?? VGConversation(id: key.conversation, agent: key.agent ?? "", now: context.now)
        var isChanged = conversation.apply(changes, now: context.now)
        if context.isDated {
            isChanged = isChanged || conversation.lastModified != context.now.seconds
            conversation.lastModified = context.now.seconds
        }
        if isChanged || previous == nil { store(conversation, key, former: previous, context: context) }
        return conversation
    }

    private mutating func store(_ conversation: VGConversation, _ key: ConversationKey, former: VGConversation?, context: RemoteContext) {
        conversations[key] = conversation
        mirror.record(key, previous: former)
        lag.note(key, from: former, to: conversation, reads: context.options.laggingReads)
    }

    mutating func seed(_ seed: ControlledConversation, context: RemoteContext) throws(ControlRefusal) {
        let previous = conversations[seed.key]
        var conversation = VGConversation(id: seed.key.conversation, agent: seed.key.agent ?? "", now: context.now)
        _ = conversation.apply(seed.fields, now: context.now)
        if let lastModified = seed.fields["lastModified"]?.integer { conversation.lastModified = lastModified }
        conversations[seed.key] = conversation
        mirror.record(seed.key, previous: previous)
    }

    mutating func act(_ change: ControlledConversation, context: RemoteContext) throws(ControlRefusal) -> [WebhookEvent] {
        guard conversations[change.key] != nil else { throw ControlRefusal("conversation \(change.key.text) does not exist") }
        return [Self.updated(self.change(change.key, with: change.fields, context: context), now: context.now)]
    }

    /// docs/remotes/vg.md: `createdAt` is in milliseconds; the workspace secret is added when the event is sent.
    private static func updated(_ conversation: VGConversation, now: SandboxInstant, delayMilliseconds: Int = 0) -> WebhookEvent {
        var payload = conversation.document.object ?? [:]
        payload["agentId"] = .string(conversation.agent)
        payload["createdAt"] = .integer(now.milliseconds)
        let body: SandboxJSON = ["type": "conversation_updated", "payload": .object(payload)]
        return WebhookEvent(body: body, delayMilliseconds: delayMilliseconds)
    }

    mutating func overrideStatus(of key: ConversationKey, with status: String) {
        guard var conversation = conversations[key] else { return }
        mirror.record(key, previous: conversation)
        conversation.state = status
        conversations[key] = conversation
    }

    var state: [SandboxJSON] {
        conversations.sorted { $0.key < $1.key }.map(\.value.stateDocument)
    }

    /// A conversation by `agent/conversation`, or by the conversation's id alone if only one agent has it.
    func state(of conversation: String) -> SandboxJSON? {
        let found = conversations.filter { $0.key.matches(conversation) }
        return found.count == 1 ? found.first?.value.stateDocument : nil
    }

    var conversationCount: Int { conversations.count }
}
