import Foundation
import GRDB
import Sandbox

/// What people and the AI do inside the remote systems, and how their words travel.
struct WayBack {
    /// One act at one remote.
    private struct Act {
        var conversation: String
        var remote: String
        /// Who did what, for people.
        var story: String
        var before = ""
    }

    private let stage: Stage
    private var acts: [Act] = []

    init(stage: Stage) {
        self.stage = stage
    }

    /// Lets Fin send its events to the daemon's listener.
    func connectFin() throws {
        let address = try stage.program.listenAddress()
        try stage.sandbox.world.setWebhook(WebhookTarget(url: "http://\(address)/hooks/fin", secret: Stage.webhookSecret), on: "fin")
        print("Fin's events go to http://\(address)/hooks/fin, signed")
    }

    /// Everything is said at once, before anybody has heard of the rest.
    mutating func happen() throws {
        let candidates = try stage.application.conversations(status: "open", assignee: "agent_fin")
            .filter { stage.sandbox.world.state(of: "vg", conversation: $0.vgID)?["state"] == "ai-chatting" }
        let finished = try stage.application.conversations(status: "ended", assignee: nil)
        guard candidates.count >= 4, let last = finished.first else { throw DemoFailure(description: "nobody is left to talk to") }
        try act(candidates[0], at: "voicebot", "a teammate marks it done", ["status": "done"])
        try act(candidates[1], at: "vg", "Jane takes the chat over", ["state": "human-chatting", "chatAssignedTo": "client_jane"])
        try act(candidates[2], at: "fin", "Fin gives up", ["status": "escalated", "reason": "Escalation requested by user"])
        try act(candidates[3], at: "helpdesk", "an agent resolves it", ["status": "resolved"])
        try act(last, at: "voicebot", "a stray click reopens it", ["status": "in-progress"])
    }

    private mutating func act(
        _ conversation: Application.Linked, at remote: String, _ story: String, _ changes: [String: SandboxJSON]
    ) throws {
        var description = changes
        switch remote {
        case "voicebot": description["conversation"] = .string(conversation.voicebotID)
        case "vg":
            description["conversation"] = .string(conversation.vgID)
            description["agent"] = "agent-1"
        default: description["conversation"] = .string(conversation.id)
        }
        let before = try stage.application.state(of: conversation.id)
        try stage.sandbox.act(.object(description), on: remote)
        acts.append(Act(conversation: conversation.id, remote: remote, story: story, before: before))
    }

    /// Waits until every act has been heard of, and nothing waits any more.
    func settle() async throws {
        for _ in 0..<200 {
            try await Task.sleep(for: .milliseconds(100))
            if try acts.allSatisfy({ try decision(on: $0) != nil }), try stage.application.isSettled(except: nil) { return }
        }
        throw DemoFailure(description: "not everything that was said at the remotes was heard; see \(stage.program.logPath)")
    }

    /// Where each word went, line by line.
    func table() throws -> String {
        var rows = [["CONVERSATION", "WHO SAID WHAT", "HERE: BEFORE", "AFTER", "HELPDESK", "VOICEBOT", "VG"]]
        for act in acts {
            let holds = try words(act.conversation)
            rows.append(
                [
                    act.conversation, "\(act.remote): \(try word(of: act)) (\(act.story))", act.before,
                    try stage.application.state(of: act.conversation),
                ]
                    + ["helpdesk", "voicebot", "vg"].map { ($0 == act.remote ? "• " : "→ ") + (holds[$0] ?? "?") })
        }
        let rules = try acts.map { "  \($0.conversation)  \(try decision(on: $0)?["rule"]?.string ?? "not heard of")" }
        return Columns.text(rows) + "\n• said it   → was told\n\nWhy:\n" + rules.joined(separator: "\n")
    }

    /// What the log says about it.
    func log() throws -> String {
        try stage.program.logLines().filter { line in
            ["status.adopted", "status.kept"].contains { line.contains("event=\($0)") } && acts.contains { line.contains($0.conversation) }
        }.suffix(acts.count).joined(separator: "\n")
    }

    var first: String { acts.first?.conversation ?? "" }

    private func word(of act: Act) throws -> String {
        try decision(on: act)?["word"]?.string ?? "?"
    }

    /// The decision about what that remote last said, once it was something else than "the same as before".
    private func decision(on act: Act) throws -> SandboxJSON? {
        let text = try stage.application.database.read { db in
            try String.fetchOne(
                db, sql: "SELECT verdicts FROM link_state WHERE conversation_id = ? AND remote = ?",
                arguments: [act.conversation, act.remote])
        }
        let verdict = try text.map { try SandboxJSON(text: $0) }?["status"]
        return ["adopted", "refused"].contains(verdict?["decision"]?.string) ? verdict : nil
    }

    private func words(_ conversation: String) throws -> [String: String] {
        let world = stage.sandbox.world
        let linked = try stage.application.conversations().first { $0.id == conversation }
        let helpdesk = world.state(of: "helpdesk", conversation: conversation)
        let voicebot = world.state(of: "voicebot", conversation: linked?.voicebotID ?? "")
        let vg = world.state(of: "vg", conversation: linked?.vgID ?? "")
        let status = helpdesk?["status"]?.string ?? "?"
        return [
            "helpdesk": status == "open" ? "open, \(helpdesk?["assignee_id"]?.string ?? "nobody")" : status,
            "voicebot": (voicebot?["status"]?.string ?? "?") + (voicebot?["user_id"]?.integer.map { ", user \($0)" } ?? ""),
            "vg": vg?["state"]?.string ?? "?",
        ]
    }
}
