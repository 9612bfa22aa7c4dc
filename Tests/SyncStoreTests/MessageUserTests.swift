import SyncCore
import Testing

@testable import SyncStore

/// The user goes out with each message: what was not sent yet carries the user that the tables hold.
@Suite struct MessageUserTests {
    /// Two messages of a user, planned.
    private func scenario() async throws -> StoreScenario {
        let scenario = try StoreScenario([.fin], foreignKeys: false)
        try scenario.write(
            """
            INSERT INTO users (id, name, email, attributes) VALUES ('u1', 'Jane', 'jane@example.com', '{"plan": "pro", "seats": 2}');
            INSERT INTO users (id, name) VALUES ('u2', 'John');
            INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')
            """)
        for id in ["m1", "m2"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(id.dropFirst()).000Z") }
        try await scenario.plan()
        return scenario
    }

    private func waiting(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT id, message_id FROM outbox WHERE state = 'pending' ORDER BY id")
    }

    private func users(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT DISTINCT json_extract(body, '$.user') FROM outbox WHERE state = 'pending'")
    }

    @Test(arguments: [
        (
            "UPDATE users SET email = 'new@example.com' WHERE id = 'u1'",
            #"{"attributes":{"plan":"pro","seats":2},"email":"new@example.com","id":"u1","name":"Jane"}"#
        ),
        ("UPDATE users SET name = NULL, attributes = NULL WHERE id = 'u1'", #"{"email":"jane@example.com","id":"u1"}"#),
        ("INSERT OR REPLACE INTO users (id, name) VALUES ('u1', 'Jane')", #"{"id":"u1","name":"Jane"}"#),
        (
            """
            INSERT OR REPLACE INTO users (id, name, email, attributes) VALUES ('u1', 'Jane', 'jane@example.com', '{"plan": "free"}')
            """, #"{"attributes":{"plan":"free"},"email":"jane@example.com","id":"u1","name":"Jane"}"#
        ),
        (
            "INSERT INTO users (id, name) VALUES ('u1', 'x') ON CONFLICT (id) DO UPDATE SET name = 'x', email = NULL, attributes = NULL",
            #"{"id":"u1","name":"x"}"#
        ),
        ("DELETE FROM users WHERE id = 'u1'", #"{"id":"u1"}"#),
        ("UPDATE conversations SET user_id = 'u2'", #"{"id":"u2","name":"John"}"#),
        ("INSERT OR REPLACE INTO conversations (id, user_id) VALUES ('c1', 'u2')", #"{"id":"u2","name":"John"}"#),
    ])
    func `messages that were not sent yet are planned again with their present user`(_ sql: String, _ user: String) async throws {
        let scenario = try await scenario()
        try scenario.write(sql)
        #expect(try waiting(scenario) == [], "nothing is sent with the former user")
        try await scenario.plan()
        #expect(try waiting(scenario) == ["3|m1", "4|m2"])
        #expect(try users(scenario) == [user])
    }

    @Test(arguments: [
        "UPDATE users SET photo_url = 'https://example.com/a.png'", "UPDATE users SET name = name, email = email",
        "UPDATE users SET email = 'john@example.com' WHERE id = 'u2'", "INSERT OR REPLACE INTO users SELECT * FROM users",
        #"UPDATE users SET attributes = '{"seats": 2, "plan": "pro", "page": "/prices"}' WHERE id = 'u1'"#,
        "INSERT INTO users (id, name) VALUES ('u1', 'x') ON CONFLICT (id) DO UPDATE SET photo_url = 'x', email = email",
        "UPDATE conversations SET title = 'x', user_id = user_id", "INSERT OR REPLACE INTO conversations SELECT * FROM conversations",
    ])
    func `what is not sent with a message changes no message`(_ sql: String) async throws {
        let scenario = try await scenario()
        try scenario.write(sql)
        #expect(try waiting(scenario) == ["1|m1", "2|m2"])
    }

    @Test func `messages of other conversations, in doubt, in flight or finished stay as they are`() async throws {
        let scenario = try await scenario()
        try scenario.write("INSERT INTO conversations (id, user_id) VALUES ('c2', 'u2')")
        try scenario.addMessage("m3", of: "c2")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET in_doubt_since = due_at WHERE message_id = 'm1'; DELETE FROM users WHERE id = 'u1'")
        #expect(try waiting(scenario) == ["1|m1", "3|m3"])
        try await scenario.plan()
        #expect(try waiting(scenario) == ["1|m1", "3|m3", "4|m2"])
        try scenario.write("UPDATE outbox SET state = 'delivered'; UPDATE conversations SET user_id = NULL")
        #expect(try scenario.lines("SELECT * FROM message_feed") == [])
    }

    @Test(arguments: [
        "UPDATE users SET email = 'new@example.com' WHERE id = 'u1'", "DELETE FROM users WHERE id = 'u1'",
        "UPDATE conversations SET user_id = 'u2'",
    ])
    func `a message whose user changes while its row is claimed is planned again unless it was sent`(_ sql: String) async throws {
        let scenario = try await scenario()
        let claimed = try await scenario.claimOne("fin")
        try scenario.write(sql)
        try await scenario.plan()
        try await scenario.finish(claimed, DeliveryOutcome(.throttled, httpStatus: 429, error: "HTTP 429"))
        #expect(try waiting(scenario) == [])
        try await scenario.plan()
        #expect(try waiting(scenario).map { $0.suffix(2) } == ["m1", "m2"])
        #expect(try users(scenario).count == 1)
    }

    /// An application that writes all of its rows again, with INSERT OR REPLACE.
    private func replaceAll(_ scenario: StoreScenario) throws {
        for table in ["messages", "users", "conversations"] { try scenario.write("INSERT OR REPLACE INTO \(table) SELECT * FROM \(table)") }
    }

    @Test(arguments: [false, true])
    func `rows that are written again as they were leave the outbox as it is`(_ isCorrected: Bool) async throws {
        let scenario = try StoreScenario([.fin], foreignKeys: false)
        try scenario.write(
            """
            INSERT INTO users (id, name, attributes)
                VALUES ('u1', 'Jane', '{"z": 1, "plan": {"term": 12, "name": "pro", "extras": [{"y": null, "x": true}]}, "pr\\u00e9": "a"}');
            INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1');
            INSERT INTO messages (id, conversation_id, author, body, created_at, attachments) VALUES
                ('m1', 'c1', 'user', 'text', '2026-03-01T11:00:00.000Z', '[{"type": "url", "url": "https://example.com/a"}]'),
                ('m2', 'c1', 'user', 'text', '2026-03-01T11:00:00.000Z',
                    '[{"type": "file", "name": "a", "data": "AA=="}, {"url": "https://example.com/b", "type": "url"}]'),
                ('m3', 'c1', 'user', 'text', '2026-03-01T11:00:00.000Z', NULL), ('m4', 'c1', 'user', 'text', '2026-03-01T11:00:00.001Z', '[]')
            """)
        try await scenario.plan()
        if isCorrected {
            try scenario.write("UPDATE users SET name = 'John'")
            try await scenario.plan()
        }
        let outbox = try scenario.lines("SELECT * FROM outbox ORDER BY id")
        #expect(outbox.count == (isCorrected ? 8 : 4))
        for _ in 1...3 {
            try replaceAll(scenario)
            try await scenario.plan()
        }
        #expect(try scenario.lines("SELECT * FROM outbox ORDER BY id") == outbox)
    }

    @Test func `a message that is planned again before it was sent keeps its timestamp, and the others theirs`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        for id in ["m1", "m2"] { try scenario.addMessage(id, of: "c1") }
        try await scenario.plan()
        let timestamps = "SELECT message_id, json_extract(body, '$.message.timestamp') FROM outbox WHERE state = 'pending' ORDER BY id"
        let planned = try scenario.lines(timestamps)
        #expect(planned == ["m1|2026-03-01T11:00:00.000Z", "m2|2026-03-01T11:00:00.001Z"])
        try scenario.write("UPDATE users SET name = 'Jane'")
        try await scenario.plan()
        #expect(try scenario.lines(timestamps) == planned)
        // What was sent keeps its own: Fin may remember it.
        try await scenario.finish(try await scenario.claimOne("fin"), DeliveryOutcome(.throttled, httpStatus: 429, error: "HTTP 429"))
        try scenario.write("UPDATE users SET name = 'John'")
        try await scenario.plan()
        #expect(try scenario.lines(timestamps).first == "m1|2026-03-01T11:00:00.002Z")
    }

    @Test(arguments: [
        #"attributes = '{"plan": "pro", "seats": [{"a": 1}]}'"#, #"attributes = '{"plan": "pro", "seats": [{"a": 1, "b": 2}, 3]}'"#,
        #"attributes = '{"plan": "pro", "seats": [{"a": 2, "b": 1}]}'"#, #"attributes = '{"plan": "pro", "seats": []}'"#,
    ])
    func `a part of an attribute that is another one is followed`(_ change: String) async throws {
        let scenario = try await scenario()
        try scenario.write(#"UPDATE users SET attributes = '{"plan": "pro", "seats": [{"a": 1, "b": 2}]}' WHERE id = 'u1'"#)
        try await scenario.plan()
        #expect(try waiting(scenario) == ["3|m1", "4|m2"])
        try scenario.write("INSERT OR REPLACE INTO users SELECT * FROM users")
        #expect(try waiting(scenario) == ["3|m1", "4|m2"])
        try scenario.write("UPDATE users SET \(change) WHERE id = 'u1'")
        #expect(try waiting(scenario) == [])
    }

    @Test(arguments: [
        ("'2026-03-01T10:59:59.000Z'", "attachments"), ("'2026-03-01T11:00:09.000Z'", "attachments"),
        ("created_at", #"'[{"type": "url", "url": "https://example.com/b"}]'"#), ("created_at", "'[]'"),
        ("created_at", #"'[{"type": "url", "url": "https://example.com/a"}, {"type": "url", "url": "https://example.com/a"}]'"#),
    ])
    func `another time or attachment is followed, also with INSERT OR REPLACE`(_ createdAt: String, _ attachments: String) async throws {
        let scenario = try await scenario()
        try scenario.write(#"UPDATE messages SET attachments = '[{"url": "https://example.com/a", "type": "url"}]'"#)
        try await scenario.plan()
        let planned = try waiting(scenario)
        try scenario.write("INSERT OR REPLACE INTO messages SELECT * FROM messages")
        #expect(try waiting(scenario) == planned)
        try scenario.write(
            """
            INSERT OR REPLACE INTO messages (id, conversation_id, author, body, created_at, attachments)
                SELECT id, conversation_id, author, body, \(createdAt), \(attachments) FROM messages WHERE id = 'm2'
            """)
        #expect(try waiting(scenario) == Array(planned.prefix(1)))
    }

    /// Both messages are held, as after an escalation.
    private func hold(_ scenario: StoreScenario) async throws {
        let claimed = try await scenario.claimOne("fin")
        var row = claimed.row
        row.state = .held
        let held = FinishedCall(
            claimed: claimed, row: row, startedAt: StoreScenario.start, finishedAt: StoreScenario.start, outcome: nil, error: "escalated",
            heldBy: "fin")
        _ = try await scenario.exchange("fin", finished: [held])
    }

    @Test func `held messages follow their user when Fin reports another status`() async throws {
        let scenario = try await scenario()
        try await hold(scenario)
        try scenario.write("UPDATE users SET name = 'x' WHERE id = 'u1'; UPDATE users SET name = 'y', attributes = NULL WHERE id = 'u1'")
        #expect(try scenario.outbox() == ["1|c1|fin|held", "2|c1|fin|held"])
        let report = Report(remote: "fin", subject: .conversation("c1"), observation: Observation(word: "x"), readAt: StoreScenario.start)
        let reconciled = try await scenario.store.reconcile([report], scenario.inbound())
        #expect(reconciled.map(\.verdict.mustPlan) == [true], "a run plans them at once")
        #expect(try waiting(scenario) == [])
        try await scenario.plan()
        #expect(try waiting(scenario) == ["3|m1", "4|m2"])
        #expect(try users(scenario) == [#"{"email":"jane@example.com","id":"u1","name":"y"}"#])
    }

    @Test func `held messages whose user stays are let go as they are`() async throws {
        let scenario = try await scenario()
        try await hold(scenario)
        let report = Report(remote: "fin", subject: .conversation("c1"), observation: Observation(word: "x"), readAt: StoreScenario.start)
        _ = try await scenario.store.reconcile([report], scenario.inbound())
        #expect(try waiting(scenario) == ["1|m1", "2|m2"])
    }

    @Test func `held messages follow their user when they are released, and stay released`() async throws {
        let scenario = try await scenario()
        try await hold(scenario)
        try scenario.write("UPDATE users SET name = 'x' WHERE id = 'u1'")
        var filter = OutboxFilter()
        filter.conversation = "c1"
        let result = try await scenario.store.manage(.release, filter, now: StoreScenario.start)
        #expect(result.steps.map(\.effect) == [.planAgain, .planAgain])
        #expect(try waiting(scenario) == [])
        try await scenario.plan()
        #expect(try waiting(scenario) == ["3|m1", "4|m2"])
        #expect(
            try scenario.lines("SELECT json_extract(body, '$.user.name'), released_at FROM outbox WHERE state = 'pending'")
                == Array(repeating: "x|\(StoreScenario.start.iso8601)", count: 2))
    }

    @Test func `a released message that is planned again is not held behind others`() async throws {
        let scenario = try await scenario()
        try await hold(scenario)
        var filter = OutboxFilter()
        filter.ids = [2]
        _ = try await scenario.store.manage(.release, filter, now: StoreScenario.start)
        try scenario.write("UPDATE users SET name = 'x' WHERE id = 'u1'")
        try await scenario.plan()
        #expect(try scenario.outbox() == ["1|c1|fin|held", "2|c1|fin|discarded", "3|c1|fin|pending"])
        #expect(try scenario.lines("SELECT released_at FROM outbox WHERE id = 3") == [StoreScenario.start.iso8601])
    }

    @Test func `a message whose user stays is not planned again when its call is not made`() async throws {
        let scenario = try await scenario()
        try await scenario.finish(try await scenario.claimOne("fin"), DeliveryOutcome(.throttled, httpStatus: 429, error: "HTTP 429"))
        #expect(try waiting(scenario) == ["1|m1", "2|m2"])
    }
}
