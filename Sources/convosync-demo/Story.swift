import Sandbox

/// What happened to one conversation, in two or three lines.
struct Story {
    let conversation: String
    private let event: String
    private let stage: Stage
    /// The state before, such as `open, agent_fin`.
    private let before: String

    init(_ conversation: String, _ event: String, stage: Stage) throws {
        self.conversation = conversation
        self.event = event
        self.stage = stage
        before = try stage.application.state(of: conversation)
    }

    /// - Parameter reason: the rule of the decision, if there was one.
    func text(reason: String? = nil) throws -> String {
        let after = try stage.application.state(of: conversation)
        let here = before == after ? "stays \(after)" : "\(before) → \(after)"
        let there = try stage.application.links(of: conversation).map { links in
            "helpdesk \(helpdesk) · voicebot \(try voicebot(links.voicebotID)) · vg \(word("vg", links.vgID, "state"))"
        }
        var lines = ["\(conversation): \(event)", "    here: \(here)   then: \(there ?? "")"]
        if let reason { lines.append("    why: \(reason)") }
        return lines.joined(separator: "\n")
    }

    private var helpdesk: String {
        let status = word("helpdesk", conversation, "status")
        guard status == "open" else { return status }
        return "open, \(stage.sandbox.world.state(of: "helpdesk", conversation: conversation)?["assignee_id"]?.string ?? "nobody")"
    }

    private func voicebot(_ id: String) throws -> String {
        let status = word("voicebot", id, "status")
        guard let user = stage.sandbox.world.state(of: "voicebot", conversation: id)?["user_id"]?.integer else { return status }
        return "\(status), user \(user) (\(try stage.application.assignee(voicebotUser: user) ?? "unknown"))"
    }

    private func word(_ remote: String, _ id: String, _ member: String) -> String {
        stage.sandbox.world.state(of: remote, conversation: id)?[member]?.string ?? "?"
    }
}
