import SyncCore

/// Voicebot Studio: `PATCH {url}/conversations/{id}` with `status` and `user_id` (the document "Update conversation by ID").
struct VoicebotAdapter: Adapter {
    let profile: Profile

    init(_ profile: Profile) {
        self.profile = profile
    }

    /// `user_id` in calls corresponds to `user` in responses. (Voicebot's users are staff, its customers are the end users.)
    var sharedFields: [TwoWayRules.Field] { [.init("status", .status), .init("user_id", .user)] }

    /// An empty assignee is a statement, too; the two-way rules decide whether it may remove somebody.
    func project(_ conversation: Conversation, seats: TwoWayRules.Seats) -> Projection {
        var projection = Projection(fields: [:])
        let owner = Owner(assigneeID: conversation.assigneeID, ai: profile.aiAssignees)
        projection.add("status", unless: conversation.unreadable[.status], statusWord(of: conversation))
        let user = owner == .human ? seats.user(of: conversation.assigneeID) : .null
        if user.integerValue != nil || user == .null { projection.fields["user_id"] = user }
        if owner == .human, user.integerValue == nil {
            projection.omissions.append(
                Omission(
                    field: "user_id",
                    reason: user == .null
                        ? "the assignee has no row for remote \"\(profile.name)\" in the table assignees"
                        : "assignees.remote_user_id of the assignee is not an integer; voicebot's user ids are integers"))
        }
        return projection
    }

    func call(for delta: Delta, conversationID: String, link: Link) throws(Unsendable) -> OutboundCall {
        self.call(.write, ["id": try remoteID(of: link, conversationID: conversationID)], body: .object(delta.fields))
    }

    /// The id of the linked conversation; throws an ``Unsendable`` if it cannot be one.
    func remoteID(of link: Link, conversationID: String) throws(Unsendable) -> String {
        guard let id = Int64(link.remoteID), String(id) == link.remoteID else {
            throw Unsendable(
                "links.remote_id \"\(link.remoteID)\" is not an integer, and voicebot's conversation ids are; "
                    + "correct the row of conversation \"\(conversationID)\" in the table links")
        }
        return link.remoteID
    }

    /// The response is the conversation, bare as the document shows it, or under `data` as in the vendor's other calls.
    func read(_ body: JSONValue, of classified: DeliveryOutcome, delta: Delta?) -> DeliveryOutcome {
        var outcome = classified
        // A response without the conversation makes no statement about it.
        outcome.observation = try? conversation(in: body)
        let shown = outcome.observation.map(seenFields) ?? [:]
        for (name, wanted) in delta?.fields ?? [:] {
            if let value = shown[name], value != wanted { outcome.drift.append(name) }
        }
        outcome.drift.sort()
        return outcome
    }
}
