import GRDB
import Sandbox

/// The local state compared with that of each remote.
struct Comparison {
    private struct Line {
        var cells: [String]
        var agrees: Bool
    }

    private var lines: [Line] = []

    init(application: Application, world: SandboxWorld) throws {
        let helpdesk = Self.words(world.state(of: "helpdesk"), key: "id", word: "status")
        let voicebot = Self.words(world.state(of: "voicebot"), key: "id", word: "status")
        let vg = Self.words(world.state(of: "vg"), key: "ID", word: "state")
        lines = try application.database.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT c.id, c.status, c.assignee_id, v.remote_id, g.remote_id
                    FROM conversations c
                    LEFT JOIN links v ON v.conversation_id = c.id AND v.remote = 'voicebot'
                    LEFT JOIN links g ON g.conversation_id = c.id AND g.remote = 'vg' ORDER BY c.rowid
                    """
            ).map { row in
                let status: String = row[1]
                let owner = Self.owner(row[2])
                let voicebotWord = (row[3] as String?).map { voicebot[$0] ?? "?" }
                let vgWord = (row[4] as String?).map { vg[$0] ?? "?" }
                let agrees =
                    helpdesk[row[0]] == status && (voicebotWord == nil || voicebotWord == Self.voicebot(status, owner))
                    && (vgWord == nil || Self.vgAgrees(vgWord, status, owner))
                return Line(
                    cells: [
                        row[0], status, owner, helpdesk[row[0]] ?? "?", voicebotWord ?? "(no link)", vgWord ?? "(no link)",
                        agrees ? "agrees" : "DIFFERS",
                    ], agrees: agrees)
            }
        }
    }

    func sample(_ count: Int) -> String {
        Columns.text([["CONVERSATION", "STATUS", "OWNER", "HELPDESK", "VOICEBOT", "VG", ""]] + lines.prefix(count).map(\.cells)) + "\n  …"
    }

    var verdict: String {
        let agreeing = lines.count(where: \.agrees)
        let rest = isComplete ? "" : ", \(lines.count - agreeing) differ"
        return "\(agreeing) of \(lines.count) conversations agree at all remotes\(rest)"
    }

    /// Whether every conversation agrees.
    var isComplete: Bool { lines.allSatisfy(\.agrees) }

    private static func words(_ conversations: [SandboxJSON], key: String, word: String) -> [String: String] {
        var words: [String: String] = [:]
        for conversation in conversations {
            let id = conversation[key]
            if let name = id?.string ?? id?.integer.map(String.init) { words[name] = conversation[word]?.string }
        }
        return words
    }

    private static func owner(_ assignee: String?) -> String {
        switch assignee {
        case nil: "none"
        case "agent_fin": "ai"
        default: "human"
        }
    }

    private static func voicebot(_ status: String, _ owner: String) -> String {
        status != "open" ? "done" : owner == "none" ? "to-do" : "in-progress"
    }

    /// A bot never takes a chat over from a person; vg keeps its status value then.
    private static func vgAgrees(_ word: String?, _ status: String, _ owner: String) -> Bool {
        if status != "open" { return word == "ended_chat" }
        switch owner {
        case "none": return word == "requested_chat"
        case "human": return word == "human-chatting"
        default: return ["ai-chatting", "human-chatting", "requested_chat"].contains(word)
        }
    }
}
