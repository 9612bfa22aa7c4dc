import Fixtures
import GRDB
import Sandbox

extension Stage {
    /// The tables as they are now.
    /// - Parameter ownRows: the application's rows of `users`, `links` and `assignees` that have to be there.
    func tables(expecting ownRows: [String]) async throws -> History.Tables {
        var tables = History.Tables()
        tables.unfinished = try await unfinished()
        let found = try await application.onThread { database in
            try database.lines(
                """
                SELECT 'user', id, name, email FROM users
                UNION ALL SELECT 'link', conversation_id, remote, remote_id FROM links
                UNION ALL SELECT 'assignee', assignee_id, remote, remote_user_id FROM assignees
                """)
        }
        tables.ownRows = (ownRows.sorted().joined(separator: "\n"), found.sorted().joined(separator: "\n"))
        tables.integrity = try await application.onThread { database in
            try database.lines("PRAGMA integrity_check") + database.lines("PRAGMA foreign_key_check")
        }
        (tables.conversations, tables.rows, tables.messages) = try await application.onThread { database in
            try database.queue.read { db in (try Truth.all(db), try Self.rows(db), try Self.messages(db)) }
        }
        return tables
    }

    private static func rows(_ db: Database) throws -> [String: Journal.State] {
        var rows: [String: Journal.State] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT id, title, tags, status, assignee_id FROM conversations") {
            let tags = try SandboxJSON(text: row[2] ?? "[]").strings ?? []
            rows[row[0]] = Journal.State(title: row[1] ?? "", tags: tags, status: row[3], assignee: row[4])
        }
        return rows
    }

    private static func messages(_ db: Database) throws -> [String: [String]] {
        var messages: [String: [String]] = [:]
        let sql = "SELECT conversation_id, body FROM messages WHERE author = 'user' ORDER BY rowid"
        for row in try Row.fetchAll(db, sql: sql) { messages[row[0], default: []].append(row[1]) }
        return messages
    }
}

extension SandboxWorld {
    /// What a remote holds, by its own ids.
    func states(of remote: String) -> [String: SandboxJSON] {
        var states: [String: SandboxJSON] = [:]
        for state in state(of: remote) {
            let id = state["id"] ?? state["ID"]
            if let name = id?.string ?? id?.integer.map(String.init) { states[name] = state }
        }
        return states
    }
}
