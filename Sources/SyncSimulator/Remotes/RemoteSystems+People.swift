import SandboxModel
import SyncCore

/// What people at the remotes do, and Fin.
extension RemoteSystems {
    /// Status values that have no meaning here.
    static let unmapped = ["voicebot": "snoozed", "vg": "open"]

    /// What somebody at a remote would change.
    func change(of object: Object, mayUseUnmapped: Bool, now: Instant, _ random: inout SplitMix64) -> [String: SandboxJSON] {
        guard let before = state(object) else { return [:] }
        return change(of: object, before, mayUseUnmapped: mayUseUnmapped, now: now, &random).filter { $0.value != before[$0.key] ?? .null }
    }

    /// Somebody at a remote changes these fields of an object that is there.
    mutating func act(at object: Object, _ wanted: [String: SandboxJSON], now: Instant) throws(ControlRefusal) -> [SandboxModel.WebhookCall]
    {
        guard let before = state(object) else { return [] }
        let changed = wanted.filter { $0.value != before[$0.key] ?? .null }
        guard !changed.isEmpty else { return [] }
        for (name, value) in changed {
            switch name {
            case "status", "state": choices[object, default: .init()].changedStatus(to: value.string ?? "")
            case "user_id": choices[object, default: .init()].changedUser()
            case "title": choices[object, default: .init()].changedTitle(to: value.string ?? "")
            default:
                let (former, present) = ((before["tags"]?.strings ?? []).exactSet, (value.strings ?? []).exactSet)
                choices[object, default: .init()].changedTags(from: former, to: present)
            }
        }
        changedAt[object] = now
        peopleChanged(object, now: now)
        note("people \(SandboxJSON.object(changed).text)", object, now)
        return try tell(changed, object, now)
    }

    private mutating func tell(
        _ fields: [String: SandboxJSON], _ object: Object, _ now: Instant
    ) throws(ControlRefusal) -> [SandboxModel.WebhookCall] {
        var fields = fields
        fields["conversation"] = .string(RemoteSystems.id(of: object.conversation, at: object.remote))
        if object.remote == "vg" { fields["agent"] = .string(WorldPlan.agent) }
        return try world.act(.object(fields), on: object.remote, now: SandboxInstant(milliseconds: Int(now.milliseconds))).calls
    }

    /// The customer's message arrives at voicebot as well, which has its own time of it.
    mutating func customerWrites(_ conversation: String, now: Instant) throws(ControlRefusal) -> [SandboxModel.WebhookCall] {
        let object = Object(remote: "voicebot", conversation: conversation)
        guard state(object) != nil else { return [] }
        note("the customer writes", object, now)
        return try tell(["last_customer_reply_from": .string(now.iso8601)], object, now)
    }

    private func change(
        of object: Object, _ before: SandboxJSON, mayUseUnmapped: Bool, now: Instant, _ random: inout SplitMix64
    ) -> [String: SandboxJSON] {
        let draw = Int.random(in: 0..<8, using: &random)
        func one(_ values: [SandboxJSON]) -> SandboxJSON { values.randomElement(using: &random) ?? .null }
        switch (object.remote, draw) {
        case ("voicebot", 0...1): return ["user_id": one([.null, 7, 9])]
        // Somebody picks it up.
        case ("voicebot", 2): return ["status": "in-progress", "user_id": one([7, 9])]
        case ("voicebot", 3), ("vg", 2):
            let value = RemoteSystems.unmapped[object.remote] ?? ""
            return mayUseUnmapped ? [object.remote == "vg" ? "state" : "status": .string(value)] : [:]
        case ("voicebot", _):
            // An assigned conversation is not set to `to-do`: the rule keeps that value as agreed even when the assignee is removed there.
            let isTaken = (before["user_id"] ?? .null) != .null
            return ["status": one(isTaken ? ["in-progress", "done"] : ["to-do", "in-progress", "done"])]
        case ("vg", 0), ("helpdesk", 0):
            guard !isStoredFormUnknown(of: object, at: now) else { return [:] }
            let rest = isHostile ? HostileText.draw(&random) : ""
            return ["title": .string(Titles.ofPeople(Int.random(in: 0..<1000, using: &random), rest))]
        case ("vg", 1):
            // Tags are merged there and never removed.
            guard !isStoredFormUnknown(of: object, at: now) else { return [:] }
            let tag = one((knownTags + ["t6"]).map(SandboxJSON.string))
            let tags = before["tags"]?.array ?? []
            return tags.contains(tag) ? [:] : ["tags": .array(tags + [tag])]
        case ("helpdesk", 1):
            guard !isStoredFormUnknown(of: object, at: now) else { return [:] }
            let tags = knownTags.dropLast().filter { _ in Bool.random(using: &random) }.shuffled(using: &random)
            return ["tags": .array(tags.map(SandboxJSON.string))]
        case ("vg", _): return ["state": one(["ai-chatting", "requested_chat", "human-chatting", "completed", "ended_chat"])]
        case ("helpdesk", _): return ["status": one(["open", "resolved", "closed", "ended"])]
        default: return [:]
        }
    }

    /// Whether a changed text cannot be distinguished from the stored form of one that was sent: it was not shown since, or the change
    /// would have the date of the call.
    private func isStoredFormUnknown(of object: Object, at now: Instant) -> Bool {
        guard unshown[object] == nil, let changed = changedAt[object] else { return true }
        let tick: Int64 = object.remote == "vg" ? 1000 : 1
        return changed.milliseconds / tick == now.milliseconds / tick
    }

    /// The status values of Fin.
    static let wordsOfFin = ["thinking", "replying", "awaiting_user_reply", "escalated", "resolved", "complete"]

    /// What Fin says from now on in the response to a message; nil: that it waits for the user.
    mutating func finResponds(_ word: String?) throws(ControlRefusal) {
        try world.withInstance("fin") { $0.options.finStatus = word ?? "awaiting_user_reply" }
    }

    /// Fin changes its status or replies.
    mutating func finActs(_ conversation: String, _ word: String, now: Instant) throws(ControlRefusal) -> [SandboxModel.WebhookCall] {
        finEvents[conversation, default: 0] += 1
        note("fin \(word)", Object(remote: "fin", conversation: conversation), now)
        let description: SandboxJSON = ["conversation": .string(conversation), "status": .string(word)]
        return try world.act(description, on: "fin", now: SandboxInstant(milliseconds: Int(now.milliseconds))).calls
    }
}
