import SyncCore

/// Voicebot Studio: `PATCH {url}/conversations/{id}` with `status` and `user_id` (the document "Update conversation by ID").
struct VoicebotAdapter: RemoteAdapter {
    let profile: RemoteProfile

    func project(_ conversation: Conversation, knowing knowledge: RemoteKnowledge) -> Projection {
        var projection = Projection(fields: [:])
        let owner = Owner(assigneeID: conversation.assigneeID, ai: profile.aiAssignees)
        let word = statusWord(for: LocalState(conversation.status, owner), field: "status", knowing: knowledge)
        projection.add("status", unless: conversation.unreadable[.status], word)
        switch (owner, knowledge.remoteAssigneeID) {
        case (.human, let id?):
            if let number = Int64(id) {
                projection.fields["user_id"] = .integer(number)
            } else {
                projection.omissions.append(
                    Omission(
                        field: "user_id",
                        reason: "assignees.remote_user_id for assignee \"\(conversation.assigneeID ?? "")\" is not an integer; "
                            + "voicebot's user ids are integers"))
            }
        case (.human, nil):
            projection.fields["user_id"] = unassignment(knowing: knowledge)
            projection.omissions.append(
                Omission(
                    field: "user_id",
                    reason: "assignee \"\(conversation.assigneeID ?? "")\" has no row for remote \"\(profile.name)\" in the table assignees"
                ))
        case (.ai, _), (.none, _):
            projection.fields["user_id"] = unassignment(knowing: knowledge)
        }
        return projection
    }

    /// Somebody over there may have picked the conversation up: only an assignment that we made, or may have made, is taken back.
    private func unassignment(knowing knowledge: RemoteKnowledge) -> JSONValue? {
        if knowledge.inDoubt.contains("user_id") { return .null }
        guard let ours = knowledge.base["user_id"], knowledge.seen["user_id"] ?? ours == ours else { return nil }
        return .null
    }

    /// A user whom somebody over there set already need not be set by us; and then he is not ours to take back.
    func delta(wanted: Fields, knowing knowledge: RemoteKnowledge) -> Delta {
        var delta = Delta(wanted: wanted, base: knowledge.base, inDoubt: knowledge.inDoubt)
        if knowledge.base["user_id"] == nil, !knowledge.inDoubt.contains("user_id"), let seen = knowledge.seen["user_id"],
            delta.fields["user_id"] == seen
        {
            delta.fields["user_id"] = nil
        }
        return delta
    }

    func call(for delta: Delta, conversationID: String, link: Link) throws(Refusal) -> OutboundCall {
        let id = try remoteID(of: link, conversationID: conversationID)
        return OutboundCall(
            operation: "update_conversation", method: "PATCH",
            path: profile.path("update_conversation", ["id": id]), body: .object(delta.fields))
    }

    /// The id of the linked conversation; a ``Refusal`` where it cannot be one.
    func remoteID(of link: Link, conversationID: String) throws(Refusal) -> String {
        guard let id = Int64(link.remoteID), String(id) == link.remoteID else {
            throw Refusal(
                "links.remote_id \"\(link.remoteID)\" is no integer, and voicebot's conversation ids are; "
                    + "correct the row of conversation \"\(conversationID)\" in the table links")
        }
        return link.remoteID
    }

    /// The answer is the conversation, bare as the document shows it, or under `data` as the vendor's other calls show it.
    func read(_ body: JSONValue, of classified: DeliveryOutcome, delta: Delta?) -> DeliveryOutcome {
        var outcome = classified
        let conversation = body["data"]?.objectValue ?? body.objectValue ?? [:]
        outcome.observed["status"] = conversation["status"]
        if let observation = try? self.conversation(in: body) {
            outcome.observation = observation
            // In the form in which a report of the list would be kept, and in which it is sent.
            outcome.observed["user_id"] = seenFields(observation)["user_id"]
        }
        for (name, wanted) in delta?.fields ?? [:] {
            if let answered = outcome.observed[name], answered != wanted { outcome.drift.append(name) }
        }
        outcome.drift.sort()
        return outcome
    }
}
