import SandboxModel
import SeededRandom
import SyncCore

/// What people at the remotes do, and Fin.
extension WalkRemotes {
    /// A person at a remote changes something.
    /// - Returns: the webhook calls of the remote.
    mutating func act(at object: Object, now: Instant, _ random: inout SeededGenerator) throws(ControlRefusal) -> [SandboxModel.WebhookCall]
    {
        guard let before = state(object) else { return [] }
        var fields = description(of: object)
        guard let changed = change(of: object, before, now: now, &random), changed.1 != before[changed.0] ?? .null else { return [] }
        fields[changed.0] = changed.1
        changes[object, default: 0] += 1
        switch changed.0 {
        case "status", "state": chosen[object, default: [:]][changed.1.string ?? "", default: 0] += 1
        case "user_id", "assignee_id": taken[object, default: 0] += 1
        default: break
        }
        changedAt[object] = now
        note("people \(changed.0) \(changed.1.text)", object, now)
        return try world.act(.object(fields), on: object.remote, now: SandboxInstant(milliseconds: Int(now.milliseconds))).calls
    }

    private func description(of object: Object) -> [String: SandboxJSON] {
        var fields: [String: SandboxJSON] = [
            "conversation": .string(WalkRemotes.id(of: object.conversation, at: object.remote))
        ]
        if object.remote == "vg" { fields["agent"] = .string(WalkPlan.agent) }
        return fields
    }

    private func change(
        of object: Object, _ before: SandboxJSON, now: Instant, _ random: inout SeededGenerator
    ) -> (String, SandboxJSON)? {
        let draw = Int.random(in: 0..<8, using: &random)
        func one(_ values: [SandboxJSON]) -> SandboxJSON { values.randomElement(using: &random) ?? .null }
        switch (object.remote, draw) {
        case ("voicebot", 0...2): return ("user_id", one([.null, 7, 9]))
        case ("voicebot", _):
            // An assigned conversation is not set to `to-do`: the rule keeps that value as agreed even when the assignee is removed there.
            let isTaken = (before["user_id"] ?? .null) != .null
            return ("status", one(isTaken ? ["in-progress", "done"] : ["to-do", "in-progress", "done"]))
        case ("vg", 0), ("helpdesk", 0):
            guard !isStoredFormUnknown(of: object, at: now) else { return nil }
            return ("title", .string("title \(Int.random(in: 0..<1000, using: &random))"))
        case ("vg", 1):
            // Tags are merged there and never removed.
            guard !isStoredFormUnknown(of: object, at: now) else { return nil }
            let tag = SandboxJSON.string("t\(Int.random(in: 0..<6, using: &random))")
            let tags = before["tags"]?.array ?? []
            return tags.contains(tag) ? nil : ("tags", .array(tags + [tag]))
        case ("helpdesk", 1):
            guard !isStoredFormUnknown(of: object, at: now) else { return nil }
            return ("tags", .array((0..<4).filter { _ in Bool.random(using: &random) }.map { .string("t\($0)") }))
        case ("vg", _): return ("state", one(["ai-chatting", "requested_chat", "human-chatting", "completed", "ended_chat"]))
        case ("helpdesk", _): return ("status", one(["open", "resolved", "closed", "ended"]))
        default: return nil
        }
    }

    /// Whether a changed text cannot be distinguished from the stored form of one that was sent: it was not shown since, or the change
    /// would have the date of the call.
    private func isStoredFormUnknown(of object: Object, at now: Instant) -> Bool {
        guard !unshown.contains(object), let changed = changedAt[object] else { return true }
        let tick: Int64 = object.remote == "vg" ? 1000 : 1
        return changed.milliseconds / tick == now.milliseconds / tick
    }

    /// Fin changes its status or replies.
    mutating func finActs(_ conversation: String, _ word: String, now: Instant) throws(ControlRefusal) -> [SandboxModel.WebhookCall] {
        finEvents[conversation, default: 0] += 1
        note("fin \(word)", Object(remote: "fin", conversation: conversation), now)
        let description: SandboxJSON = ["conversation": .string(conversation), "status": .string(word)]
        return try world.act(description, on: "fin", now: SandboxInstant(milliseconds: Int(now.milliseconds))).calls
    }
}
