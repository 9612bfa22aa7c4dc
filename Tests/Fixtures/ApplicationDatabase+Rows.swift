import GRDB

/// A conversation as the application inserts it. What is nil is left to the schema.
package struct SampleConversation: Sendable {
    package struct Link: Sendable {
        var remote: String
        var remoteID: String
        var agentID: String?

        package init(_ remote: String, _ remoteID: String, agent agentID: String? = nil) {
            self.remote = remote
            self.remoteID = remoteID
            self.agentID = agentID
        }
    }

    var id: String
    var columns: [(name: String, value: String)] = []
    var links: [Link]

    /// - Parameters:
    ///   - user: of the table `users`.
    ///   - tags: a JSON array.
    package init(
        _ id: String, user: String? = nil, title: String? = nil, tags: String? = nil, status: String? = nil, assignee: String? = nil,
        links: [Link] = []
    ) {
        self.id = id
        self.links = links
        for (name, value) in [("user_id", user), ("title", title), ("tags", tags), ("status", status), ("assignee_id", assignee)] {
            if let value { columns.append((name, value)) }
        }
    }
}

extension ApplicationDatabase {
    /// Inserts conversations with their links, in one transaction.
    /// - Parameter users: `users` rows for them: id, name and e-mail address.
    package func add(_ conversations: [SampleConversation], users: [(id: String, name: String?, email: String?)] = []) throws {
        try queue.write { db in
            for user in users {
                try db.execute(sql: "INSERT INTO users (id, name, email) VALUES (?, ?, ?)", arguments: [user.id, user.name, user.email])
            }
            for conversation in conversations { try ApplicationDatabase.insert(conversation, db) }
        }
    }

    private static func insert(_ conversation: SampleConversation, _ db: Database) throws {
        let columns = [("id", conversation.id)] + conversation.columns
        let marks = Array(repeating: "?", count: columns.count).joined(separator: ", ")
        try db.execute(
            sql: "INSERT INTO conversations (\(columns.map(\.0).joined(separator: ", "))) VALUES (\(marks))",
            arguments: StatementArguments(columns.map(\.1)))
        for link in conversation.links {
            try db.execute(
                sql: "INSERT INTO links (conversation_id, remote, remote_id, agent_id) VALUES (?, ?, ?, ?)",
                arguments: [conversation.id, link.remote, link.remoteID, link.agentID])
        }
    }

    /// Inserts a message that a user wrote.
    /// - Parameter time: ISO 8601 in UTC with milliseconds; nil: now.
    package func addMessage(_ id: String, of conversation: String, body: String, at time: String? = nil) throws {
        try write(
            """
            INSERT INTO messages (id, conversation_id, author, body, created_at)
            VALUES (?, ?, 'user', ?, coalesce(?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))
            """, [id, conversation, body, time])
    }
}
