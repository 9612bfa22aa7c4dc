import Fixtures
import GRDB
import Sandbox

/// The state that every remote should hold, computed from the local tables by the documented mapping (docs/remotes), with no code
/// of the program.
struct Truth: Sendable {
    let conversation: String
    let title: String?
    let tags: [String]
    let status: String
    let assignee: String?
    let userName: String?
    let userEmail: String?
    let voicebotID: String?
    let vgID: String?
    let remoteUser: Int?

    private var isAI: Bool { assignee == "agent_fin" }

    var voicebotWord: String {
        guard status == "open" else { return "done" }
        return assignee == nil ? "to-do" : "in-progress"
    }

    var vgWord: String {
        guard status == "open" else { return "ended_chat" }
        return assignee == nil ? "requested_chat" : isAI ? "ai-chatting" : "human-chatting"
    }

    /// The differences at the remotes.
    func differences(_ world: SandboxWorld) -> [String] {
        var found: [String] = []
        func compare(_ what: String, _ holds: SandboxJSON?, _ wanted: SandboxJSON) {
            if holds ?? .null != wanted { found.append("\(conversation) \(what): \(holds?.text ?? "nothing") instead of \(wanted.text)") }
        }
        let helpdesk = world.state(of: "helpdesk", conversation: conversation)
        compare("helpdesk status", helpdesk?["status"], .string(status))
        compare("helpdesk title", helpdesk?["title"], title.map(SandboxJSON.string) ?? .null)
        compare("helpdesk tags", helpdesk?["tags"], .array(tags.map(SandboxJSON.string)))
        compare("helpdesk assignee", helpdesk?["assignee_id"], assignee.map(SandboxJSON.string) ?? .null)
        compare("helpdesk user", helpdesk?["user"]?["email"], userEmail.map(SandboxJSON.string) ?? .null)
        if let voicebotID {
            let voicebot = world.state(of: "voicebot", conversation: voicebotID)
            compare("voicebot status", voicebot?["status"], .string(voicebotWord))
            let user: SandboxJSON = assignee == nil || isAI ? .null : remoteUser.map(SandboxJSON.integer) ?? .null
            compare("voicebot user", voicebot?["user_id"], user)
        }
        if let vgID {
            let vg = world.state(of: "vg", conversation: vgID)
            compare("vg state", vg?["state"], .string(vgWord))
            compare("vg title", vg?["title"], title.map(SandboxJSON.string) ?? .null)
            compare("vg name", vg?["userName"], userName.map(SandboxJSON.string) ?? .null)
            // vg never removes a tag.
            if !Set(vg?["tags"]?.strings ?? []).isSuperset(of: tags) { found.append("\(conversation) vg lacks tags") }
        }
        return found
    }
}

extension ProgramScenario {
    /// The values at the remotes that differ from the local tables; empty when all are right.
    func differences() async throws -> [String] {
        let truths = try await application.queue.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT c.id, c.title, c.tags, c.status, c.assignee_id, u.name, u.email, b.remote_id, v.remote_id, a.remote_user_id
                    FROM conversations c LEFT JOIN users u ON u.id = c.user_id
                    LEFT JOIN links b ON b.conversation_id = c.id AND b.remote = 'voicebot'
                    LEFT JOIN links v ON v.conversation_id = c.id AND v.remote = 'vg'
                    LEFT JOIN assignees a ON a.assignee_id = c.assignee_id AND a.remote = 'voicebot'
                    """
            ).map { row in
                let tags: String = row[2] ?? "[]"
                return Truth(
                    conversation: row[0], title: row[1], tags: (try? SandboxJSON(text: tags))?.strings ?? [], status: row[3],
                    assignee: row[4], userName: row[5], userEmail: row[6], voicebotID: row[7], vgID: row[8],
                    remoteUser: (row[9] as String?).flatMap { Int($0) })
            }
        }
        var found = truths.flatMap { $0.differences(world) }
        let messages = try await application.queue.read { db in
            try Row.fetchAll(db, sql: "SELECT conversation_id, count(*) FROM messages WHERE author = 'user' GROUP BY conversation_id")
                .map { (conversation: $0[0] as String, count: $0[1] as Int) }
        }
        for (conversation, count) in messages {
            let holds = world.state(of: "fin", conversation: conversation)?["message_count"]?.integer ?? 0
            if holds != count { found.append("\(conversation) fin: \(holds) messages instead of \(count)") }
        }
        return found
    }

    /// Waits until every remote holds the state of the local tables; returns the differences when the time is over.
    func remainingDifferences(within timeout: Duration = ConvosyncProcess.patience) async throws -> [String] {
        _ = try await eventually(timeout) { try await differences().isEmpty }
        return try await differences()
    }
}
