import Foundation
import GRDB

/// The team's application: any SQLite client that writes its own tables and knows nothing of remotes.
struct Application {
    let database: DatabaseQueue

    init(path: String) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        database = try DatabaseQueue(path: path, configuration: configuration)
    }

    private static let statuses = ["open", "open", "open", "resolved", "closed", "ended"]
    private static let assignees: [String?] = ["agent_fin", nil, "jane", "omar"]
    private static let titles: [String?] = ["Pricing inquiry", "Où est ma commande ?", "返品について", "Rückgabe", nil, "🛒 checkout fails"]

    /// Varied conversations: all statuses and owners, links to all systems, unicode, NULLs, messages, and a few that cannot be sent.
    func fill(conversations count: Int) throws {
        try database.write { db in
            try db.execute(
                sql: """
                    INSERT INTO users (id, name, email, attributes) VALUES
                        ('u1', 'Jane Doe', 'jane.doe@example.com', '{"plan_type":"Pro"}'), ('u2', 'Łukasz', NULL, '{}'),
                        ('u3', NULL, 'anon@example.com', NULL);
                    INSERT INTO assignees VALUES ('jane', 'voicebot', '7'), ('omar', 'voicebot', '8'), ('jane', 'vg', 'client_jane');
                    """)
            for index in 1...count {
                let id = "conv_\(index)"
                let user: String? = index % 9 == 0 ? nil : "u\(index % 3 + 1)"
                try db.execute(
                    sql: """
                        INSERT INTO conversations (id, title, tags, attributes, status, assignee_id, user_id, last_user_read_at)
                        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        id, Self.titles[index % 6], index % 5 == 0 ? nil : #"["support","n\#(index % 4)"]"#,
                        #"{"lead_score":\#(index % 100)}"#,
                        Self.statuses[index % 6], Self.assignees[index % 4], user, index % 2 == 0 ? "2026-10-27T15:45:00.000Z" : nil,
                    ])
                if index % 7 != 0 { try db.execute(sql: "INSERT INTO links VALUES (?, 'voicebot', ?, NULL)", arguments: [id, "\(index)"]) }
                if index % 8 != 0 { try db.execute(sql: "INSERT INTO links VALUES (?, 'vg', ?, NULL)", arguments: [id, "convo-\(index)"]) }
                if index % 10 == 1, user != nil { try write(message: "m\(index)", "Hello, is anybody there?", of: id, db) }
            }
            // Two that cannot be sent as they are: an id that is not an integer, a message by nobody.
            try db.execute(sql: "UPDATE links SET remote_id = 'not-a-number' WHERE conversation_id = 'conv_2' AND remote = 'voicebot'")
            try write(message: "m_nobody", "Who am I?", of: "conv_9", db)
        }
    }

    /// A morning's work, in one transaction: nothing goes out before it is committed.
    func work() throws {
        try database.write { db in
            try db.execute(
                sql: """
                    UPDATE conversations SET status = CASE status WHEN 'open' THEN 'resolved' ELSE 'open' END WHERE rowid % 6 = 0;
                    UPDATE conversations SET assignee_id = CASE WHEN assignee_id IS NULL THEN 'omar' END WHERE rowid % 5 = 1;
                    UPDATE conversations SET title = coalesce(title, 'Untitled') || ' (2)' WHERE rowid % 11 = 0;
                    UPDATE users SET name = name || ' jr.' WHERE id = 'u1';
                    """)
            let open = try String.fetchAll(db, sql: "SELECT id FROM conversations WHERE user_id = 'u2' AND status = 'open' LIMIT 15")
            for id in open { try write(message: UUID().uuidString, "One more thing …", of: id, db) }
        }
    }

    private func write(message: String, _ body: String, of conversation: String, _ db: Database) throws {
        try db.execute(
            sql: "INSERT INTO messages (id, conversation_id, author, body) VALUES (?, ?, 'user', ?)",
            arguments: [message, conversation, body])
    }

    /// A conversation that all remotes hold.
    struct Linked {
        var id: String
        var voicebotID: String
        var vgID: String
    }

    /// Those that can be sent everywhere.
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

    func isSettled(except remote: String?) throws -> Bool {
        try database.read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    SELECT NOT EXISTS (SELECT 1 FROM change_feed WHERE deferred = 0)
                        AND NOT EXISTS (SELECT 1 FROM message_feed)
                        AND NOT EXISTS (SELECT 1 FROM outbox WHERE state IN ('pending', 'sending') AND remote IS NOT ?)
                        AND NOT EXISTS (SELECT 1 FROM runs WHERE finished_at IS NULL)
                    """, arguments: [remote]) ?? false
        }
    }

    func outboxSummary() throws -> String {
        try database.read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT remote, sum(state = 'delivered'), sum(state = 'superseded'), sum(state = 'dead'), count(*),
                        (SELECT count(*) FROM outbox_attempts a JOIN outbox b ON b.id = a.outbox_id
                            WHERE b.remote = o.remote AND a.outcome <> 'delivered')
                    FROM outbox o GROUP BY remote
                    """)
            return Columns.text(
                [["REMOTE", "ROWS", "DELIVERED", "SUPERSEDED", "DEAD", "FAILED TRIES"]]
                    + rows.map { row in
                        [row[0], "\(row[4] as Int)", "\(row[1] as Int)", "\(row[2] as Int)", "\(row[3] as Int)", "\(row[5] as Int)"]
                    })
        }
    }
}

/// Aligned columns.
enum Columns {
    static func text(_ rows: [[String]]) -> String {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { $1 + String(repeating: " ", count: widths[$0] - $1.count) }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
