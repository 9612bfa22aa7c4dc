import SyncCore

/// Intercom's Fin Agent API: `POST {url}/fin/reply` for a user's messages (the document "Reply to Fin").
///
/// Fin has no status to write: conversation state is never sent to it.
struct FinAdapter: Adapter {
    static let maximumAttachments = 10
    static let maximumAttributes = 10

    let profile: Profile
    private let settings: FinSettings

    init(_ profile: Profile) {
        self.profile = profile
        settings = FinSettings(profile.own)
    }

    var headers: [(name: String, value: String)] { [("Intercom-Version", settings.apiVersion)] }

    /// Fin cannot be read; its status comes with responses and events.
    var sharedFields: [TwoWayRules.Field] { [.init("status", .status, isWritable: false)] }

    /// No fields; the attributes that a message leaves out about its user are shown with the conversation.
    func project(_ conversation: Conversation, seats: TwoWayRules.Seats) -> Projection {
        var projection = Projection(fields: [:])
        if let user = conversation.user, case .failure(let refusal) = selectedAttributes(of: user) {
            projection.omissions = [FinAdapter.omission(refusal)]
        }
        return projection
    }

    func call(for delta: Delta, conversationID: String, link: Link) throws(Unsendable) -> OutboundCall {
        throw Unsendable("Fin takes messages, no conversation state")
    }

    func hold(after word: String?, since: Instant?, now: Instant) -> MessageHold? {
        FinReplyGate.hold(word: word, since: since, bound: settings.replyHold, now: now)
    }

    /// `errors` in a 200 is a partial success, in whatever form: the message was accepted, something else was not. Nothing to retry.
    ///
    /// The response belongs to the call, whatever `conversation_id` says.
    func read(_ body: JSONValue, of classified: DeliveryOutcome, delta: Delta?) -> DeliveryOutcome {
        var outcome = classified
        if let word = body["status"]?.reportedWord {
            // A text in ISO 8601, despite its name (the document "Reply to Fin"); events have it in both forms.
            let changedAt = body["created_at_ms"].flatMap { EventMembers.timestamp($0) }
            outcome.observation = Observation(word: word, changedAt: changedAt)
        }
        if let errors = body["errors"] { outcome.partialErrors = FinAdapter.partialErrors(errors) }
        return outcome
    }

    /// One entry for each attribute that was not taken, and one for everything in another form than the document's.
    private static func partialErrors(_ errors: JSONValue) -> [String] {
        var entries: [String] = []
        var others = errors.objectValue
        for owner in ["user", "conversation"] {
            guard var members = errors[owner]?.objectValue, let refused = members["attributes"]?.objectValue else { continue }
            for (name, message) in refused.firstMembers(ReplyReader.partialErrorLimit) {
                entries.append("\(owner) attribute \(name): \(message.stringValue ?? message.text)")
            }
            members["attributes"] = nil
            others?[owner] = .object(members)
        }
        let rest: JSONValue = others.map { members in JSONValue.object(members.filter { member in hasContent(member.value) }) } ?? errors
        guard hasContent(rest) else { return entries }
        let explanation = ErrorText.explanation(["errors": rest]) ?? ""
        // A list of something else than errors has entries without a text.
        let isText = explanation.contains { $0.isLetter || $0.isNumber }
        return entries + [isText ? explanation : rest.stringValue ?? rest.text]
    }

    /// Whether a value says anything: null, false and what is empty do not.
    private static func hasContent(_ value: JSONValue) -> Bool {
        switch value {
        case .null: false
        case .bool(let isTrue): isTrue
        case .integer, .number: true
        case .string(let text): !text.isEmpty
        case .array(let values): values.contains { hasContent($0) }
        case .object(let members): members.values.contains { hasContent($0) }
        }
    }
}

extension FinAdapter {
    /// All errors of Intercom's API are an `error.list` (the document "Reply to Fin").
    func isOwnAbsence(_ body: JSONValue) -> Bool { body["type"] == "error.list" || body["errors"]?.arrayValue != nil }
}

extension FinAdapter {
    /// `message.timestamp` is the stored text, unchanged: Fin recognises a repetition by it. Two messages of a conversation that were
    /// stored within the same millisecond must not be treated as one: the second is moved by a millisecond.
    ///
    /// The user's text is sent whole or refused. Attributes of the user that cannot be sent are left out: they must not keep a message from
    /// reaching Fin.
    func call(for message: Message, by user: User?, takenTimestamps: TakenTimestamps) throws(Unsendable) -> PlannedCall {
        guard let user, !user.id.isEmpty else {
            throw Unsendable(
                "conversation \"\(message.conversationID)\" has no user, and Fin requires user.id; "
                    + "set conversations.user_id, then replay the row with `convosync outbox retry`")
        }
        guard message.body != nil || !message.attachments.isEmpty else {
            throw Unsendable("message \"\(message.id)\" has neither a body nor an attachment")
        }
        guard Instant(iso8601: message.createdAt) != nil else {
            throw Unsendable("messages.created_at of \"\(message.id)\" is not a time in ISO 8601, such as 2026-01-31T09:30:00.000Z")
        }
        guard let timestamp = takenTimestamps.free(message.createdAt) else {
            throw Unsendable(
                "messages.created_at of \"\(message.id)\" is that of another message, so Fin would take it for a repetition, and there is no later "
                    + "time before the year 10000; set the real time, then replay the row with `convosync outbox retry`")
        }
        var userObject: JSONObject = ["id": .string(user.id)]
        userObject["name"] = user.name.map(JSONValue.string)
        userObject["email"] = user.email.map(JSONValue.string)
        var omissions: [Omission] = []
        switch selectedAttributes(of: user) {
        case .success(let attributes): if !attributes.isEmpty { userObject["attributes"] = .object(attributes) }
        case .failure(let refusal): omissions = [FinAdapter.omission(refusal)]
        }
        var body: JSONObject = [
            "conversation_id": .string(message.conversationID),
            "message": [
                "author": "user", "body": .string(message.body ?? ""),
                "timestamp": .string(timestamp),
            ],
            "user": .object(userObject),
        ]
        if !message.attachments.isEmpty {
            try check(message.attachments, of: message.id)
            body["attachments"] = .array(message.attachments)
        }
        return PlannedCall(call: call(.write, body: .object(body)), delta: nil, omissions: omissions)
    }

    private static func omission(_ refusal: Unsendable) -> Omission { Omission(field: "user.attributes", reason: refusal.reason) }

    private func selectedAttributes(of user: User) -> Result<JSONObject, Unsendable> {
        if let problem = user.unreadableAttributes { return .failure(Unsendable(problem)) }
        var attributes = user.attributes ?? [:]
        if let selection = settings.userAttributes { attributes = attributes.filter { selection.contains($0.key) } }
        guard attributes.count <= FinAdapter.maximumAttributes else {
            return .failure(
                Unsendable(
                    "user \"\(user.id)\" has \(attributes.count) attributes and Fin takes at most \(FinAdapter.maximumAttributes); "
                        + "choose some with remotes.\(profile.name).user_attributes"))
        }
        return .success(attributes)
    }

    private func check(_ attachments: [JSONValue], of messageID: String) throws(Unsendable) {
        guard attachments.count <= FinAdapter.maximumAttachments else {
            throw Unsendable(
                "message \"\(messageID)\" has \(attachments.count) attachments and Fin takes at most \(FinAdapter.maximumAttachments)")
        }
        for (index, attachment) in attachments.enumerated() {
            let required =
                switch attachment["type"]?.stringValue {
                case "url": ["url"]
                case "file": ["name", "content_type", "data"]
                default:
                    throw Unsendable("attachment \(index) of message \"\(messageID)\" needs a type, \"url\" or \"file\"")
                }
            let documented: Set<String> = ["type", "url", "name", "content_type", "data"]
            for (name, value) in (attachment.objectValue ?? [:]).sorted {
                guard documented.contains(name) else {
                    throw Unsendable("attachment \(index) of message \"\(messageID)\" has a member \"\(name)\" that Fin does not know")
                }
                guard value.stringValue != nil else {
                    throw Unsendable("\"\(name)\" of attachment \(index) of message \"\(messageID)\" is not a string")
                }
            }
            for name in required where attachment[name]?.stringValue == nil {
                throw Unsendable("attachment \(index) of message \"\(messageID)\" needs \"\(name)\" as a string")
            }
        }
    }
}
