import SyncCore

/// The customer's helpdesk: `POST {url}/update_conversation` (the document "Update Conversation", version 0.0.1).
///
/// Members of `user` are separate fields (`user.name`), so that for a changed e-mail address only `user.id` and `user.email` are sent.
struct HelpdeskAdapter: Adapter {
    let profile: Profile

    init(_ profile: Profile) {
        self.profile = profile
    }

    /// The response's `assignee` contains a display name and no id, so the assignee is sent and not read.
    var sharedFields: [TwoWayRules.Field] {
        [.init("status", .status), .init("assignee_id", .assignee), .init("title", .title), .init("tags", .tags)]
    }

    func project(_ conversation: Conversation, seats: TwoWayRules.Seats) -> Projection {
        var projection = Projection(fields: [
            "title": .nullable(conversation.title), "assignee_id": .nullable(conversation.assigneeID),
        ])
        projection.add("status", unless: conversation.unreadable[.status], statusWord(of: conversation))
        projection.add("tags", unless: conversation.unreadable[.tags], conversation.tags.map { .array($0.map(JSONValue.string)) })
        projection.add("attributes", unless: conversation.unreadable[.attributes], conversation.attributes.map(JSONValue.object))
        projection.add(
            "last_user_read_at", unless: HelpdeskAdapter.problem(withReadTime: conversation), .nullable(conversation.lastUserReadAt))
        if let user = conversation.user { add(user, to: &projection) }
        return projection
    }

    private func add(_ user: User, to projection: inout Projection) {
        projection.fields["user.id"] = .string(user.id)
        // name, email and photo_url are not nullable in the document: NULL makes no statement.
        projection.fields["user.name"] = user.name.map(JSONValue.string)
        projection.fields["user.email"] = user.email.map(JSONValue.string)
        projection.fields["user.photo_url"] = user.photoURL.map(JSONValue.string)
        projection.add("user.user_type", unless: HelpdeskAdapter.problem(withTypeOf: user), user.userType.map(JSONValue.string))
        // Without a row in users only the id is known.
        if user.hasRow {
            projection.add("user.attributes", unless: user.unreadableAttributes, user.attributes.map(JSONValue.object) ?? .null)
        }
    }

    private static func problem(withReadTime conversation: Conversation) -> String? {
        guard let text = conversation.lastUserReadAt, Instant(iso8601: text) == nil else { return nil }
        return "conversations.last_user_read_at of \"\(conversation.id)\" is not a time in ISO 8601, such as 2026-01-31T09:30:00.000Z"
    }

    private static func problem(withTypeOf user: User) -> String? {
        guard let type = user.userType, type != "end_user" else { return nil }
        return "users.user_type of \"\(user.id)\" is not \"end_user\", the only type that the helpdesk takes"
    }

    /// For another user all members are sent: acknowledgements for the previous user do not apply. While the change of the user is in
    /// doubt, it is unknown whose members the remote has.
    func prepare(_ record: inout LinkRecord, for wanted: Fields) {
        let known = record["user.id"]
        guard let id = wanted["user.id"], known.ours != .value(id) || known.doubt.contains(where: { $0 != id }) else { return }
        for (name, field) in record.fields where name.hasPrefix("user.") {
            // A refused value stays refused until another value is wanted.
            if field.note == .refused, let value = wanted[name], field.ours == .value(value) { continue }
            record.fields[name] = FieldRecord(upTo: field.upTo, doubt: field.doubt)
        }
    }

    /// A user whose id is refused is refused as a whole: the id is sent with every one of the user's members.
    func refused(with names: Set<String>, of sent: Fields) -> Set<String> {
        names.contains("user.id") ? names.union(sent.keys.filter { $0.hasPrefix("user.") }) : names
    }

    /// The id identifies the user whose members change.
    func complete(_ send: inout Fields, from wanted: Fields) {
        if send.keys.contains(where: { $0.hasPrefix("user.") }) { send["user.id"] = wanted["user.id"] }
    }

    func call(for delta: Delta, conversationID: String, link: Link) throws(Unsendable) -> OutboundCall {
        var body: JSONObject = ["conversation_id": .string(conversationID)]
        var user: JSONObject = [:]
        for (name, value) in delta.fields {
            if name.hasPrefix("user.") {
                user[String(name.dropFirst(5))] = value
            } else {
                body[name] = value
            }
        }
        if !user.isEmpty { body["user"] = .object(user) }
        return self.call(.write, body: .object(body))
    }

    /// A 200 may contain `error`, an RFC 7807 problem. That is a failure, with the class and the fate of the problem's `status`. If no
    /// status says that the call was refused, its fate is unknown.
    func read(_ body: JSONValue, of classified: DeliveryOutcome, delta: Delta?) -> DeliveryOutcome {
        var outcome = classified
        if let error = body["error"], error != .null {
            let status = error["status"]?.integerValue.flatMap { Int(exactly: $0) }
            let classed = status.map { OutcomeClassifier.standard($0, hasRetryAfter: false) } ?? .retry
            outcome.outcome = classed == .delivered ? .retry : classed
            outcome.fate =
                status.map { $0 >= 400 ? OutcomeClassifier.fate(of: $0, isDeliberate: classified.isDeliberate) : .unknown } ?? .unknown
            outcome.error = "HTTP \(classified.httpStatus ?? 200) with an error: \(ErrorText.explanation(body) ?? "without explanation")"
            return outcome
        }
        guard let data = body["data"] else { return outcome }
        // A response without the conversation makes no statement about it.
        outcome.observation = try? conversation(in: body)
        if let sent = delta?.fields {
            for name in ["status", "title"] {
                if let wanted = sent[name], let shown = data[name], shown != wanted { outcome.drift.append(name) }
            }
            if let wanted = sent["tags"]?.arrayValue, let shown = data["tags"]?.arrayValue, Set(wanted) != Set(shown) {
                outcome.drift.append("tags")
            }
        }
        return outcome
    }
}
