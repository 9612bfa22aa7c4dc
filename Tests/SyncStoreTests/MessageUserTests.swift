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

    @Test func `a message whose user stays is not planned again when its call is not made`() async throws {
        let scenario = try await scenario()
        try await scenario.finish(try await scenario.claimOne("fin"), DeliveryOutcome(.throttled, httpStatus: 429, error: "HTTP 429"))
        #expect(try waiting(scenario) == ["1|m1", "2|m2"])
    }
}
