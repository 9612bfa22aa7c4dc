import GRDB

extension Application {
    /// A conversation that is linked at all remotes.
    struct Linked {
        var id: String
        var voicebotID: String
        var vgID: String
    }

    /// Those that can be sent to all remotes.
    func conversations(status: String? = nil, assignee: String? = nil) throws -> [Linked] {
        try database.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT c.id, v.remote_id, g.remote_id FROM conversations c
                    JOIN links v ON v.conversation_id = c.id AND v.remote = 'voicebot'
                    JOIN links g ON g.conversation_id = c.id AND g.remote = 'vg'
                    WHERE c.user_id IS NOT NULL AND c.status = coalesce(?1, c.status)
                        AND (?2 IS NULL OR c.assignee_id = ?2)
                        AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.conversation_id = c.id AND o.state = 'dead')
                    ORDER BY c.rowid
                    """, arguments: [status, assignee]
            ).map { Linked(id: $0[0], voicebotID: $0[1], vgID: $0[2]) }
        }
    }

    /// `open, jane` or `closed`.
    func state(of conversation: String) throws -> String {
        try database.read { db in
            let row = try Row.fetchOne(db, sql: "SELECT status, assignee_id FROM conversations WHERE id = ?", arguments: [conversation])
            let status: String = row?[0] ?? "?"
            return status == "open" ? "open, \(row?[1] ?? "nobody")" : status
        }
    }

    /// Whether nothing is waiting, except for one remote. A run that was interrupted by a kill stays unfinished, so only the newest one counts.
    func isSettled(except remote: String?) throws -> Bool {
        try database.read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    SELECT NOT EXISTS (SELECT 1 FROM change_feed WHERE deferred IN (0, 3))
                        AND NOT EXISTS (SELECT 1 FROM message_feed)
                        AND NOT EXISTS (SELECT 1 FROM outbox WHERE state IN ('pending', 'sending') AND remote IS NOT ?)
                        AND (SELECT finished_at IS NOT NULL FROM runs ORDER BY id DESC LIMIT 1)
                    """, arguments: [remote]) ?? false
        }
    }

    /// The ids of a conversation at the two remotes that need links; nil if it is not linked at both.
    func links(of conversation: String) throws -> Linked? {
        try database.read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT v.remote_id, g.remote_id FROM links v
                    JOIN links g ON g.conversation_id = v.conversation_id AND g.remote = 'vg'
                    WHERE v.conversation_id = ? AND v.remote = 'voicebot'
                    """, arguments: [conversation]
            ).map { Linked(id: conversation, voicebotID: $0[0], vgID: $0[1]) }
        }
    }

    /// The local id of a user of voicebot.
    func assignee(voicebotUser: Int) throws -> String? {
        try database.read { db in
            try String.fetchOne(
                db, sql: "SELECT assignee_id FROM assignees WHERE remote = 'voicebot' AND remote_user_id = ?",
                arguments: ["\(voicebotUser)"])
        }
    }

    /// The number of messages that users have written.
    func userMessages() throws -> Int {
        try database.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM messages WHERE author = 'user'") ?? 0 }
    }
}
