import GRDB

/// The team's application: any SQLite client that writes its own tables and does not know about remotes.
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

    /// Varied conversations: all statuses and owners, links to all systems, Unicode, NULLs, messages, and a few that cannot be sent.
    func fill(conversations count: Int) throws {
        try database.write { db in
            try db.execute(
                sql: """
                    INSERT INTO users (id, name, email, attributes) VALUES
                        ('u1', 'Jane Doe', 'jane.doe@example.com', '{"plan_type":"Pro"}'), ('u2', 'Łucja', NULL, '{}'),
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
            // Two that cannot be sent as they are: an id that is not an integer, and a message without a user.
            try db.execute(sql: "UPDATE links SET remote_id = 'not-a-number' WHERE conversation_id = 'conv_2' AND remote = 'voicebot'")
            try write(message: "m_nobody", "Who am I?", of: "conv_9", db)
        }
    }

    func write(message: String, _ body: String, of conversation: String, _ db: Database) throws {
        try db.execute(
            sql: "INSERT INTO messages (id, conversation_id, author, body) VALUES (?, ?, 'user', ?)",
            arguments: [message, conversation, body])
    }
}
