import SyncCore

/// VoiceGlow / Convocore: `PATCH {url}/agents/{agentId}/convos/{convoId}` with `{"conversation": {…}}`.
///
/// The vendor merges tags: a tag that was sent can never be removed through this call. So tags are due only while the remote lacks one of
/// them, and a removal is reported as an omission.
struct VGAdapter: Adapter {
    let profile: Profile
    let settings: VGSettings

    init(_ profile: Profile) {
        self.profile = profile
        settings = VGSettings(profile.own)
    }

    var defaultAgent: String? { settings.agentID }

    var mappedFields: [String] {
        let mapsPeople = settings.fieldMap["chatAssignedTo"]?.isAssignee == true
        // Earlier versions sent local ids, without a map for them: links for which one was sent have to be planned again.
        return settings.fieldMap.map { "\($0.key)<-\($0.value.text)" }.sorted() + (mapsPeople ? ["people=assignees"] : [])
    }

    /// The assignee is written if the configuration maps it to this field; title and tags are read only if they are sent unchanged.
    var sharedFields: [TwoWayRules.Field] {
        func isWritten(_ field: String, from source: String) -> Bool { settings.fieldMap[field]?.text == source }
        return [
            .init("state", .status), .init("chatAssignedTo", .user, isWritable: isWritten("chatAssignedTo", from: "assignee_id")),
            .init("title", .title, isWritable: isWritten("title", from: "title")),
            .init("tags", .tags, isWritable: isWritten("tags", from: "tags"), onlyAdds: true),
        ].filter { $0.isWritable || settings.fieldMap[$0.name] == nil }
    }

    func project(_ conversation: Conversation, seats: TwoWayRules.Seats) -> Projection {
        var projection = Projection(fields: [:])
        projection.add("state", unless: conversation.unreadable[.status], statusWord(of: conversation))
        for (field, source) in settings.fieldMap {
            if field == assigneeField, source.isAssignee {
                add(conversation.assigneeID, to: &projection, seats: seats)
                continue
            }
            if let problem = source.problem(in: conversation) {
                projection.omissions.append(Omission(field: field, reason: problem))
                continue
            }
            // The document shows no nulls: NULL makes no statement.
            guard let value = source.value(in: conversation), value != .null else { continue }
            let type = VGFields.documented[field] ?? .any
            if let fitted = VGFields.fitted(value, from: source, as: type) {
                projection.fields[field] = fitted
            } else {
                projection.omissions.append(
                    Omission(field: field, reason: "\(source.text) is a \(value.typeName), and vg takes \(field) as \(type.rawValue)"))
            }
        }
        return projection
    }

    /// Adds the assignee, by the person's id at vg.
    private func add(_ assigneeID: String?, to projection: inout Projection, seats: TwoWayRules.Seats) {
        guard Owner(assigneeID: assigneeID, ai: profile.aiAssignees) == .human else { return }
        let user = seats.user(of: assigneeID)
        if user != .null {
            projection.fields["chatAssignedTo"] = user
        } else {
            projection.omissions.append(
                Omission(
                    field: "chatAssignedTo",
                    reason: "the assignee has no row for remote \"\(profile.name)\" in the table assignees"))
        }
    }

    func omissions(_ wanted: Fields, knowing record: LinkRecord) -> [Omission] {
        guard let tags = wanted["tags"]?.arrayValue, let held = record["tags"].held.value?.arrayValue,
            let ours = record["tags"].ours.value?.arrayValue
        else { return [] }
        let count = Set(held).intersection(ours).subtracting(tags).count
        guard count > 0 else { return [] }
        return [
            Omission(
                field: "tags",
                reason:
                    "\(count == 1 ? "1 tag" : "\(count) tags") removed locally stay at vg: it merges tags and offers no way to remove one")
        ]
    }

    func call(for delta: Delta, conversationID: String, link: Link) throws(Unsendable) -> OutboundCall {
        let agent = try agent(of: link, conversationID: conversationID)
        return self.call(.write, ["agentId": agent, "convoId": link.remoteID], body: ["conversation": .object(delta.fields)])
    }

    /// The agent that the linked conversation belongs to; throws an ``Unsendable`` if none is named.
    func agent(of link: Link, conversationID: String) throws(Unsendable) -> String {
        guard let agent = link.agentID ?? settings.agentID, !agent.isEmpty else {
            throw Unsendable(
                "conversation \"\(conversationID)\" has no vg agent: set links.agent_id, or remotes.\(profile.name).agent_id for all")
        }
        return agent
    }

    /// `success: false` in a 200 is a failure without a status that would give its class. It is retried, so it does not count as a refusal,
    /// and a PATCH of several members may have been applied in part.
    func read(_ body: JSONValue, of classified: DeliveryOutcome, delta: Delta?) -> DeliveryOutcome {
        var outcome = classified
        if body["success"] == .bool(false) {
            outcome.outcome = .retry
            outcome.fate = .unknown
            outcome.error = "HTTP \(classified.httpStatus ?? 200) with success=false: \(ErrorText.explanation(body) ?? "without message")"
            return outcome
        }
        let data = body["data"]
        // A response without the conversation makes no statement about it.
        outcome.observation = try? conversation(in: body)
        for (name, wanted) in delta?.fields ?? [:] {
            guard let shown = data?[name] else { continue }
            if name == "tags" {
                if !Set(shown.arrayValue ?? []).isSuperset(of: wanted.arrayValue ?? []) { outcome.drift.append(name) }
            } else if shown != wanted, !(name == "state" && VGWords.meanSame(shown, wanted)) {
                outcome.drift.append(name)
            }
        }
        outcome.drift.sort()
        return outcome
    }
}
