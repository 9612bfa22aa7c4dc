import GRDB
import Sandbox

/// Acts of people and the AI inside the remote systems, and how they are adopted and passed on.
struct WayBack {
    /// One act at one remote.
    private struct Act {
        var remote: String
        var story: Story
    }

    private let stage: Stage
    private var acts: [Act] = []

    init(stage: Stage) {
        self.stage = stage
    }

    /// Configures Fin to send its events to the daemon's listener.
    func connectFin() async throws {
        let address = try await stage.program.listenAddress()
        try stage.sandbox.world.setWebhook(WebhookTarget(url: "http://\(address)/hooks/fin", secret: Stage.webhookSecret), on: "fin")
        print("Fin sends signed events to http://\(address)/hooks/fin; the others are read once a second.\n")
    }

    /// Performs all acts at once, before any of them has been adopted.
    mutating func happen() throws {
        let candidates = try stage.application.conversations(status: "open", assignee: "agent_fin")
            .filter { stage.sandbox.world.state(of: "vg", conversation: $0.vgID)?["state"] == "ai-chatting" }
        let finished = try stage.application.conversations(status: "ended", assignee: nil)
        guard candidates.count >= 4, let last = finished.first else { throw DemoFailure(description: "nobody is left to talk to") }
        try act(candidates[0], at: "voicebot", "A teammate marks it done at voicebot.", ["status": "done"])
        try act(candidates[1], at: "vg", "Jane takes the chat over at vg.", ["state": "human-chatting", "chatAssignedTo": "client_jane"])
        try act(
            candidates[2], at: "fin", "Fin gives up and escalates.", ["status": "escalated", "reason": "Escalation requested by user"])
        try act(candidates[3], at: "helpdesk", "An agent resolves it in the helpdesk.", ["status": "resolved"])
        try act(last, at: "voicebot", "A stray click at voicebot reopens it.", ["status": "in-progress"])
    }

    private mutating func act(
        _ conversation: Application.Linked, at remote: String, _ event: String, _ changes: [String: SandboxJSON]
    ) throws {
        var description = changes
        switch remote {
        case "voicebot": description["conversation"] = .string(conversation.voicebotID)
        case "vg":
            description["conversation"] = .string(conversation.vgID)
            description["agent"] = "agent-1"
        default: description["conversation"] = .string(conversation.id)
        }
        let story = try Story(conversation.id, event, stage: stage)
        try stage.sandbox.act(.object(description), on: remote)
        acts.append(Act(remote: remote, story: story))
    }

    /// Waits until every act has been processed and nothing is waiting.
    func settle() async throws {
        for _ in 0..<200 {
            try await Task.sleep(for: .milliseconds(100))
            if try acts.allSatisfy({ try decision(on: $0) != nil }), try stage.application.isSettled(except: nil) { return }
        }
        throw DemoFailure(description: "not everything that happened at the remotes was heard of; see \(stage.program.logPath)")
    }

    /// The result of each act.
    func stories() throws -> String {
        try acts.map { try $0.story.text(reason: decision(on: $0)?["rule"]?.string) }.joined(separator: "\n\n")
    }

    /// The log line of the first act.
    func log() throws -> String {
        try stage.program.logLines().filter { line in
            line.contains("event=status.adopted") && line.contains("conversation=\(first) ")
        }.suffix(1).joined(separator: "\n")
    }

    var first: String { acts.first?.story.conversation ?? "" }

    /// The decision about the remote's last report, as soon as it adopts or refuses a value.
    private func decision(on act: Act) throws -> SandboxJSON? {
        let text = try stage.application.database.read { db in
            try String.fetchOne(
                db, sql: "SELECT verdicts FROM link_state WHERE conversation_id = ? AND remote = ?",
                arguments: [act.story.conversation, act.remote])
        }
        let verdict = try text.map { try SandboxJSON(text: $0) }?["status"]
        return ["adopted", "refused"].contains(verdict?["decision"]?.string) ? verdict : nil
    }
}
