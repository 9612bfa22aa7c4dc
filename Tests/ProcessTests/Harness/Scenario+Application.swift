import GRDB
import Sandbox

/// What the application writes to its tables, and what it can read of the daemon's.
extension Scenario {
    @discardableResult
    func write(_ sql: String, _ arguments: StatementArguments = []) async throws -> Int {
        try await application.write { db in
            try db.execute(sql: sql, arguments: arguments)
            return db.changesCount
        }
    }

    func text(_ sql: String, _ arguments: StatementArguments = []) async throws -> String? {
        try await application.read { try String.fetchOne($0, sql: sql, arguments: arguments) }
    }

    func texts(_ sql: String, _ arguments: StatementArguments = []) async throws -> [String] {
        try await application.read { try String.fetchAll($0, sql: sql, arguments: arguments) }
    }

    func number(_ sql: String, _ arguments: StatementArguments = []) async throws -> Int {
        try await application.read { try Int.fetchOne($0, sql: sql, arguments: arguments) ?? 0 }
    }

    /// Conversations `c1`, `c2`, … of users `u1`, …, linked to voicebot's `1` and vg's `v1`; assigned to the AI.
    func addConversations(_ numbers: ClosedRange<Int>, assignee: String? = "agent_fin") async throws {
        try await application.write { db in
            for number in numbers {
                try db.execute(
                    sql: "INSERT INTO users (id, name, email) VALUES (?, ?, ?)",
                    arguments: ["u\(number)", "User \(number)", "u\(number)@example.com"])
                try db.execute(
                    sql: "INSERT INTO conversations (id, title, tags, assignee_id, user_id) VALUES (?, ?, '[\"new\"]', ?, ?)",
                    arguments: ["c\(number)", "revision 0 of c\(number)", assignee, "u\(number)"])
                try db.execute(
                    sql: "INSERT INTO links (conversation_id, remote, remote_id) VALUES (?1, 'voicebot', ?2), (?1, 'vg', ?3)",
                    arguments: ["c\(number)", "\(number)", "v\(number)"])
            }
        }
    }

    func addMessage(_ id: String, to conversation: String, body: String = "Hello", createdAt: String? = nil) async throws {
        try await write(
            """
            INSERT INTO messages (id, conversation_id, author, body, created_at)
            VALUES (?, ?, 'user', ?, coalesce(?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))
            """, [id, conversation, body, createdAt])
    }

    func setTitle(_ title: String, of conversation: String) async throws {
        try await write("UPDATE conversations SET title = ? WHERE id = ?", [title, conversation])
    }

    // MARK: Requests at the remotes

    /// The number of requests to one remote or to all.
    func requestCount(_ remote: String? = nil) -> Int { world.requests(instance: remote).count }

    /// Waits until a remote has that many finished requests.
    func requests(_ remote: String, reach count: Int, within timeout: Duration = ConvosyncProcess.patience) async throws -> [RequestRecord]
    {
        let isReached = await world.wait(for: timeout) { world in
            world.requests(instance: remote).filter { $0.finishedAt != nil }.count >= count
        }
        let requests = world.requests(instance: remote)
        guard isReached else { throw HarnessError("\(remote) got \(requests.count) requests, not \(count)") }
        return requests
    }

    /// Waits until a remote has got a request whose body contains a text.
    @discardableResult
    func request(
        _ remote: String, containing text: String, within timeout: Duration = ConvosyncProcess.patience
    ) async throws -> RequestRecord {
        let find: @Sendable (SandboxWorld) -> RequestRecord? = { world in
            world.requests(instance: remote).first { $0.bodyText.contains(text) }
        }
        _ = await world.wait(for: timeout) { find($0) != nil }
        guard let found = find(world) else { throw HarnessError("\(remote) got no request with \(text)") }
        return found
    }

    /// Waits until no outbox row waits or is in flight.
    func settle(within timeout: Duration = ConvosyncProcess.patience) async throws -> Bool {
        try await eventually(timeout) {
            try await number(
                """
                SELECT (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')) + (SELECT count(*) FROM change_feed)
                    + (SELECT count(*) FROM message_feed)
                """) == 0
        }
    }
}

extension RequestRecord {
    var bodyText: String { body.map { String(decoding: $0, as: UTF8.self) } ?? "" }

    /// The names of the fields that a call carries; for vg those inside of `conversation`.
    var fieldNames: Set<String> {
        let object = bodyJSON?["conversation"]?.object ?? bodyJSON?.object ?? [:]
        return Set(object.keys)
    }
}
