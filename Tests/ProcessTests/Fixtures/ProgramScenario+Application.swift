import Fixtures
import GRDB
import Sandbox

/// What the application writes to its tables, and what it can read of the daemon's.
extension ProgramScenario {
    @discardableResult
    func write(_ sql: String, _ arguments: StatementArguments = []) async throws -> Int {
        try await application.onThread { try $0.write(sql, arguments) }
    }

    /// Statements as they are: each is a transaction of its own, unless they say otherwise.
    func execute(_ sql: String) async throws {
        try await application.onThread { try $0.execute(sql) }
    }

    func text(_ sql: String, _ arguments: StatementArguments = []) async throws -> String? {
        try await application.onThread { try $0.text(sql, arguments) }
    }

    func texts(_ sql: String, _ arguments: StatementArguments = []) async throws -> [String] {
        try await application.onThread { try $0.texts(sql, arguments) }
    }

    func number(_ sql: String, _ arguments: StatementArguments = []) async throws -> Int {
        try await application.onThread { try $0.number(sql, arguments) }
    }

    /// Conversations `c1`, `c2`, … of users `u1`, …, linked to voicebot's `1` and vg's `v1`; assigned to the AI.
    func addConversations(_ numbers: ClosedRange<Int>, assignee: String? = "agent_fin") async throws {
        let conversations = numbers.map { number in
            SampleConversation(
                "c\(number)", user: "u\(number)", title: "revision 0 of c\(number)", tags: "[\"new\"]", assignee: assignee,
                links: [.init("voicebot", "\(number)"), .init("vg", "v\(number)")])
        }
        let users = numbers.map { (id: "u\($0)", name: Optional("User \($0)"), email: Optional("u\($0)@example.com")) }
        try await application.onThread { try $0.add(conversations, users: users) }
    }

    func addMessage(_ id: String, to conversation: String, body: String = "Hello", createdAt: String? = nil) async throws {
        try await application.onThread { try $0.addMessage(id, of: conversation, body: body, at: createdAt) }
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
