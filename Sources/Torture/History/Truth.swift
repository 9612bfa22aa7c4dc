import GRDB
import SandboxModel

/// The state that every remote should hold, computed from the local tables by the documented mapping (docs/remotes), with no code
/// of the program.
package struct Truth: Sendable {
    package let conversation: String
    package let status: String
    package let assignee: String?
    let title: String?
    let tags: [String]
    let userName: String?
    let userEmail: String?
    let voicebotID: String?
    let vgID: String?
    let remoteUser: Int?

    /// The status value at voicebot.
    static func voicebotWord(_ status: String, assignee: String?) -> String {
        guard status == "open" else { return "done" }
        return assignee == nil ? "to-do" : "in-progress"
    }

    /// The status value at vg.
    static func vgWord(_ status: String, assignee: String?) -> String {
        guard status == "open" else { return "ended_chat" }
        return assignee == nil ? "requested_chat" : isAI(assignee) ? "ai-chatting" : "human-chatting"
    }

    private static func isAI(_ assignee: String?) -> Bool { assignee == "agent_fin" }

    /// The differences at the remotes.
    /// - Parameter holds: what a remote holds under an id of its own; nil if it does not know it.
    package func differences(_ holds: (_ remote: String, _ id: String) -> SandboxJSON?) -> [String] {
        var found: [String] = []
        func compare(_ what: String, _ holds: SandboxJSON?, _ wanted: SandboxJSON) {
            if holds ?? .null != wanted { found.append("\(conversation) \(what): \(holds?.text ?? "nothing") instead of \(wanted.text)") }
        }
        let helpdesk = holds("helpdesk", conversation)
        compare("helpdesk status", helpdesk?["status"], .string(status))
        compare("helpdesk title", helpdesk?["title"], title.map(SandboxJSON.string) ?? .null)
        compare("helpdesk tags", helpdesk?["tags"], .array(tags.map(SandboxJSON.string)))
        compare("helpdesk assignee", helpdesk?["assignee_id"], assignee.map(SandboxJSON.string) ?? .null)
        compare("helpdesk user", helpdesk?["user"]?["email"], userEmail.map(SandboxJSON.string) ?? .null)
        if let voicebotID {
            let voicebot = holds("voicebot", voicebotID)
            compare("voicebot status", voicebot?["status"], .string(Self.voicebotWord(status, assignee: assignee)))
            let user: SandboxJSON = assignee == nil || Self.isAI(assignee) ? .null : remoteUser.map(SandboxJSON.integer) ?? .null
            compare("voicebot user", voicebot?["user_id"], user)
        }
        if let vgID {
            let vg = holds("vg", vgID)
            compare("vg state", vg?["state"], .string(Self.vgWord(status, assignee: assignee)))
            compare("vg title", vg?["title"], title.map(SandboxJSON.string) ?? .null)
            compare("vg name", vg?["userName"], userName.map(SandboxJSON.string) ?? .null)
            // vg never removes a tag.
            if !Set(vg?["tags"]?.strings ?? []).isSuperset(of: tags) { found.append("\(conversation) vg lacks tags") }
        }
        return found
    }

    /// Those of all conversations.
    package static func all(_ db: Database) throws -> [Truth] {
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
                conversation: row[0], status: row[3], assignee: row[4], title: row[1],
                // The table's CHECK admits JSON only.
                tags: (try? SandboxJSON(text: tags))?.strings ?? [], userName: row[5], userEmail: row[6], voicebotID: row[7],
                vgID: row[8], remoteUser: (row[9] as String?).flatMap { Int($0) })
        }
    }
}
