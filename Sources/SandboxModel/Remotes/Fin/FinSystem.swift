/// Intercom's Fin Agent API, as far as a client that forwards user messages uses it ("Reply to Fin"; docs/remotes/fin.md).
struct FinSystem: RemoteSystem {
    private(set) var conversations: [String: FinConversation] = [:]
    /// Users are kept per workspace, with their attributes merged by name (docs/remotes/fin.md).
    private var users: [String: [String: SandboxJSON]] = [:]

    static func conversation(of call: RemoteCall) -> ConversationKey? {
        call.bodyObject?["conversation_id"]?.string.map { ConversationKey($0) }
    }

    mutating func respond(to call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteResponse {
        guard call.segments == ["fin", "reply"] else { throw .notFound("no such path") }
        guard call.method == "POST" else { throw .methodNotAllowed(call.method, allow: "POST") }
        try Self.checkVersion(call.request.headers[FinDocument.versionHeader])
        let body = try call.requireObject()
        var violations = FinDocument.reply.violations(of: body)
        if violations.isEmpty { violations = FinDocument.violationsBeyondShape(of: body) }
        guard violations.isEmpty, let id = body["conversation_id"]?.string, let userID = body["user"]?["id"]?.string else {
            throw RemoteRefusal(status: 400, violations: violations)
        }
        guard !context.options.deleted.contains(id) else {
            throw RemoteRefusal(status: 400, code: "not_found", message: "Conversation not found")
        }
        return try reply(id: id, userID: userID, body: body, context: context)
    }

    private static func checkVersion(_ version: String?) throws(RemoteRefusal) {
        guard let version, FinDocument.versions.contains(version) else {
            let message =
                version.map { "\(FinDocument.versionHeader) \($0) is not a known version" } ?? "\(FinDocument.versionHeader) is required"
            let code: Violation.Code = version == nil ? .missing : .notAllowed
            throw RemoteRefusal(status: 400, violations: [Violation(field: FinDocument.versionHeader, code: code, message: message)])
        }
    }

    private mutating func reply(
        id: String,
        userID: String,
        body: SandboxJSON,
        context: RemoteContext
    ) throws(RemoteRefusal) -> RemoteResponse {
        let status = context.options.finStatusByConversation[id] ?? context.options.finStatus
        if conversations[id] == nil { try SystemLimits.check(conversations.count) }
        let message = FinConversation.Message(
            author: body["message"]?["author"]?.string ?? "",
            timestamp: body["message"]?["timestamp"]?.string ?? "",
            body: body["message"]?["body"]?.string ?? "",
            receivedAt: context.now,
            attachments: body["attachments"]?.array?.count ?? 0
        )
        let isNew = conversations[id, default: FinConversation(id: id, userID: userID, status: status)]
            .receive(message, windowMilliseconds: context.options.dedupeWindowMilliseconds)
        var response: [String: SandboxJSON] = [
            "conversation_id": .string(id),
            "user_id": .string(userID),
            "status": .string(status),
            "created_at_ms": .string(context.now.iso8601),
        ]
        let errors = mergeUser(userID, user: body["user"]?.object ?? [:], context: context)
        if !errors.isEmpty { response["errors"] = ["user": ["attributes": .object(errors)]] }
        guard isNew else { return RemoteResponse(body: .object(response), outcome: .deduplicated) }
        conversations[id]?.userID = userID
        conversations[id]?.status = status
        conversations[id]?.reason = nil
        let events = FinEvents.afterReply(conversation: id, user: userID, status: status, context: context)
        return RemoteResponse(body: .object(response), outcome: .applied, events: events)
    }

    /// Stores the user; returns the attributes that do not exist in the workspace, each with the documented message.
    private mutating func mergeUser(_ id: String, user: [String: SandboxJSON], context: RemoteContext) -> [String: SandboxJSON] {
        var errors: [String: SandboxJSON] = [:]
        var known = users[id] ?? [:]
        for (name, value) in user where name == "name" || name == "email" { known[name] = value }
        var attributes = known["attributes"]?.object ?? [:]
        for (name, value) in user["attributes"]?.object ?? [:] {
            if context.failsInside || context.options.unknownAttributes.contains(name) {
                errors[name] = .string("User attribute '\(name)' does not exist")
            } else {
                attributes[name] = value
            }
        }
        if context.failsInside, errors.isEmpty {
            errors["sandbox_attribute"] = "User attribute 'sandbox_attribute' does not exist"
        }
        known["attributes"] = .object(attributes)
        users[id] = known
        return errors
    }

    mutating func seed(_ seed: ControlledConversation, context: RemoteContext) throws(ControlRefusal) {
        let id = seed.key.conversation
        let status = seed.fields["status"]?.string ?? context.options.finStatus
        conversations[id] = FinConversation(id: id, userID: seed.fields["user"]?.string ?? "user_of_\(id)", status: status)
        conversations[id]?.reason = seed.fields["reason"]?.string
    }

    /// Changes the status of Fin, or adds a reply. An unknown conversation is created, because Fin may have been started by another client.
    mutating func act(_ change: ControlledConversation, context: RemoteContext) throws(ControlRefusal) -> [WebhookEvent] {
        let id = change.key.conversation
        var conversation = conversations[id] ?? FinConversation(id: id, userID: "user_of_\(id)", status: context.options.finStatus)
        if let user = change.fields["user"]?.string { conversation.userID = user }
        var events: [WebhookEvent] = []
        if let reply = change.fields["reply"]?.string {
            conversation.status = change.fields["status"]?.string ?? "awaiting_user_reply"
            conversation.say(
                FinConversation.Message(author: "fin", timestamp: context.now.iso8601, body: reply, receivedAt: context.now, attachments: 0)
            )
            events.append(FinEvents.replied(conversation, body: reply, context: context))
        } else if let status = change.fields["status"]?.string {
            conversation.status = status
            conversation.reason = change.fields["reason"]?.string
            events.append(FinEvents.statusUpdated(conversation, context: context))
        } else {
            throw ControlRefusal("status or reply is required")
        }
        conversations[id] = conversation
        return events
    }

    mutating func overrideStatus(of key: ConversationKey, with status: String) {
        conversations[key.conversation]?.status = status
    }

    var state: [SandboxJSON] {
        conversations.keys.sorted().compactMap { state(of: $0) }
    }

    func state(of conversation: String) -> SandboxJSON? {
        guard let conversation = conversations[conversation], case .object(var members) = conversation.state else { return nil }
        members["user"] = users[conversation.userID].map(SandboxJSON.object) ?? .null
        return .object(members)
    }

    var conversationCount: Int { conversations.count }
}
