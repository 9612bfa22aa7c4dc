import SyncCore

/// VoiceGlow / Convocore: `PATCH {url}/agents/{agentId}/convos/{convoId}` with `{"conversation": {…}}`.
///
/// The vendor merges tags: one that was sent can never be taken away again through this call. So tags are due only while the remote
/// lacks one of them, and a removal is reported as an omission.
struct VGAdapter: RemoteAdapter {
    let profile: RemoteProfile

    func project(_ conversation: Conversation, knowing knowledge: RemoteKnowledge) -> Projection {
        var projection = Projection(fields: [:])
        let owner = Owner(assigneeID: conversation.assigneeID, ai: profile.aiAssignees)
        let word = statusWord(for: LocalState(conversation.status, owner), field: "state", knowing: knowledge)
        projection.add("state", unless: conversation.unreadable[.status], word)
        for (field, source) in profile.fieldMap {
            if let problem = source.problem(in: conversation) {
                projection.omissions.append(Omission(field: field, reason: problem))
                continue
            }
            // The document shows no nulls: NULL says nothing.
            guard let value = source.value(in: conversation), value != .null else { continue }
            let type = VGFields.documented[field] ?? .any
            if let fitted = VGFields.fitted(value, from: source, as: type) {
                projection.fields[field] = fitted
            } else {
                projection.omissions.append(
                    Omission(field: field, reason: "\(source.text) is a \(value.typeName), and vg takes \(field) as \(type.rawValue)"))
            }
        }
        if let removed = removedTags(wanted: projection.fields["tags"], base: knowledge.base["tags"]) {
            projection.omissions.append(
                Omission(field: "tags", reason: "\(removed) removed locally stay at vg: it merges tags and offers no way to remove one"))
        }
        return projection
    }

    private func removedTags(wanted: JSONValue?, base: JSONValue?) -> String? {
        guard let wanted = wanted?.arrayValue, let base = base?.arrayValue else { return nil }
        let count = Set(base).subtracting(wanted).count
        return count == 0 ? nil : count == 1 ? "1 tag" : "\(count) tags"
    }

    func delta(wanted: Fields, knowing knowledge: RemoteKnowledge) -> Delta {
        var delta = Delta(wanted: wanted, base: knowledge.base, inDoubt: knowledge.inDoubt)
        if let tags = delta.fields["tags"]?.arrayValue, !knowledge.inDoubt.contains("tags") {
            let known = Set(knowledge.base["tags"]?.arrayValue ?? [])
            if known.isSuperset(of: tags) { delta.fields["tags"] = nil }
        }
        return delta
    }

    func base(_ base: Fields, acknowledging delta: Delta) -> Fields {
        var merged = base.merging(delta.fields) { _, acknowledged in acknowledged }
        if let sent = delta.fields["tags"]?.arrayValue {
            let before = base["tags"]?.arrayValue ?? []
            merged["tags"] = .array(before + sent.filter { !before.contains($0) })
        }
        return merged
    }

    func call(for delta: Delta, conversationID: String, link: Link) throws(Refusal) -> OutboundCall {
        let agent = try agent(of: link, conversationID: conversationID)
        return OutboundCall(
            operation: "update_convo", method: "PATCH",
            path: profile.path("update_convo", ["agentId": agent, "convoId": link.remoteID]),
            body: ["conversation": .object(delta.fields)])
    }

    /// The agent that the linked conversation belongs to; a ``Refusal`` where none is named.
    func agent(of link: Link, conversationID: String) throws(Refusal) -> String {
        guard let agent = link.agentID ?? profile.agentID, !agent.isEmpty else {
            throw Refusal(
                "conversation \"\(conversationID)\" has no vg agent: set links.agent_id, or remotes.\(profile.name).agent_id for all")
        }
        return agent
    }

    /// `success: false` in a 200 is a failure without a status that would say of which kind. It is tried again, so it is not taken for a
    /// refusal, and a PATCH of several members may have been applied in part.
    func read(_ body: JSONValue, of classified: DeliveryOutcome, delta: Delta?) -> DeliveryOutcome {
        var outcome = classified
        if body["success"] == .bool(false) {
            outcome.outcome = .retry
            outcome.fate = .unknown
            outcome.error = "HTTP \(classified.httpStatus ?? 200) with success=false: \(ErrorText.explanation(body) ?? "without message")"
            return outcome
        }
        let data = body["data"]
        if let state = data?["state"], state != .null { outcome.observed["state"] = state }
        if let observation = try? conversation(in: body) {
            outcome.observation = observation
            outcome.observed["chatAssignedTo"] = seenFields(observation)["chatAssignedTo"]
        }
        for (name, wanted) in delta?.fields ?? [:] {
            guard let answered = data?[name] else { continue }
            if name == "tags" {
                if !Set(answered.arrayValue ?? []).isSuperset(of: wanted.arrayValue ?? []) { outcome.drift.append(name) }
            } else if answered != wanted, !(name == "state" && VGAdapter.meanSame(answered, wanted)) {
                outcome.drift.append(name)
            }
        }
        outcome.drift.sort()
        return outcome
    }

    /// `completed` and `ended_chat` say the same: the vendor's example sends the one, its schema lists the other.
    private static func meanSame(_ left: JSONValue, _ right: JSONValue) -> Bool {
        let finished: Set<JSONValue> = ["completed", "ended_chat"]
        return finished.contains(left) && finished.contains(right)
    }
}
