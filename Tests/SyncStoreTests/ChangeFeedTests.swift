import SyncCore
import Testing

@testable import SyncStore

/// Which writes of the application put conversations on the feed, and which do not.
@Suite struct ChangeFeedTests {
    /// c1 with user u1 and assignee agent_jane, c2 with neither; both linked; the feeds are empty.
    private func scenario() throws -> StoreScenario {
        let scenario = try StoreScenario()
        try scenario.write("INSERT INTO users (id, name) VALUES ('u1', 'Jane'), ('u2', 'Max')")
        try scenario.addConversations("c1", "c2")
        try scenario.write("UPDATE conversations SET user_id = 'u1', assignee_id = 'agent_jane' WHERE id = 'c1'")
        try scenario.write("INSERT INTO assignees VALUES ('agent_jane', 'voicebot', '7')")
        try scenario.addMessage("m0", of: "c1")
        try scenario.clearFeed()
        return scenario
    }

    @Test(arguments: [
        "title = 'x'", "tags = '[\"a\"]'", "attributes = '{\"a\":1}'", "status = 'ended'", "assignee_id = NULL",
        "last_user_read_at = '2026-03-01T12:00:00Z'", "user_id = 'u2'", "created_at = '2026-03-01T12:00:00Z'",
        "updated_at = '2026-03-01T12:00:00Z'",
    ])
    func `a changed column puts the conversation on the feed for every remote`(_ assignment: String) throws {
        let scenario = try scenario()
        try scenario.write("UPDATE conversations SET \(assignment) WHERE id = 'c1'")
        #expect(try scenario.feed() == ["c1||0"])
    }

    @Test(arguments: [
        "UPDATE conversations SET title = title, status = status, tags = tags, user_id = user_id",
        "UPDATE conversations SET title = NULL WHERE title IS NULL",
        "UPDATE users SET name = name, attributes = attributes",
        "UPDATE users SET name = 'Maximilian' WHERE id = 'u2'",
        "INSERT INTO users (id) VALUES ('u3')",
        "INSERT INTO assignees VALUES ('agent_nobody', 'voicebot', '9')",
        "INSERT INTO messages (id, conversation_id, author) VALUES ('m1', 'c1', 'agent'), ('m2', 'c1', 'fin')",
    ])
    func `a write that changes nothing puts nothing on the feed`(_ sql: String) throws {
        let scenario = try scenario()
        try scenario.write(sql)
        #expect(try scenario.feed().isEmpty)
        #expect(try scenario.lines("SELECT * FROM message_feed").isEmpty)
    }

    @Test(arguments: ["name = 'Janet'", "email = 'j@example.com'", "photo_url = 'x'", "user_type = NULL", "attributes = '{\"a\":1}'"])
    func `a changed user puts only the conversations of that user on the feed`(_ assignment: String) throws {
        let scenario = try scenario()
        try scenario.write("UPDATE users SET \(assignment) WHERE id = 'u1'")
        #expect(try scenario.feed() == ["c1||0"])
    }

    @Test func `a user that is written after a conversation puts it on the feed`() throws {
        let scenario = try StoreScenario(foreignKeys: false)
        try scenario.write("INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.clearFeed()
        try scenario.write("INSERT INTO users (id) VALUES ('u1')")
        #expect(try scenario.feed() == ["c1||0"])
    }

    @Test(arguments: [
        "INSERT INTO assignees VALUES ('agent_jane', 'vg', '9')",
        "INSERT OR REPLACE INTO assignees VALUES ('agent_jane', 'vg', '9')",
    ])
    func `a new row in assignees puts the assignee's conversations on the feed for its remote`(_ sql: String) throws {
        let scenario = try scenario()
        try scenario.write(sql)
        #expect(try scenario.feed() == ["c1|vg|0"])
    }

    @Test func `a row in assignees that changes its remote puts conversations on the feed for both remotes`() throws {
        let scenario = try scenario()
        try scenario.write("UPDATE assignees SET remote = 'vg'")
        #expect(try scenario.feed() == ["c1|vg|0", "c1|voicebot|0"])
    }

    @Test func `a renamed assignee puts the conversations of the old key and of the new one on the feed`() throws {
        let scenario = try scenario()
        try scenario.write("INSERT INTO conversations (id, assignee_id) VALUES ('c9', 'agent_joan')")
        try scenario.clearFeed()
        try scenario.write("UPDATE assignees SET assignee_id = 'agent_joan'")
        #expect(try scenario.feed() == ["c1|voicebot|0", "c9|voicebot|0"])
    }

    @Test func `a renamed user puts the conversations of the old id and of the new one on the feed`() throws {
        let scenario = try StoreScenario(foreignKeys: false)
        try scenario.write("INSERT INTO users (id) VALUES ('u1')")
        try scenario.write("INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1'), ('c2', 'u2')")
        try scenario.clearFeed()
        try scenario.write("UPDATE users SET id = 'u2'")
        #expect(try scenario.feed() == ["c1||0", "c2||0"])
    }

    @Test(arguments: [
        "UPDATE links SET remote_id = 'other' WHERE conversation_id = 'c2' AND remote = 'vg'",
        "UPDATE links SET agent_id = 'a' WHERE conversation_id = 'c2' AND remote = 'vg'",
        "UPDATE links SET remote_id = remote_id WHERE conversation_id = 'c2' AND remote = 'vg'",
        "INSERT OR REPLACE INTO links VALUES ('c2', 'vg', 'r-c2', NULL)",
    ])
    func `a new or changed link puts its conversation on the feed for its remote`(_ sql: String) throws {
        let scenario = try scenario()
        try scenario.write(sql)
        #expect(try scenario.feed() == ["c2|vg|0"])
    }

    @Test func `a new conversation is on the feed once, however often it changes`() throws {
        let scenario = try scenario()
        try scenario.write("INSERT INTO conversations (id) VALUES ('c3')")
        for status in ["closed", "open", "ended"] { try scenario.write("UPDATE conversations SET status = ? WHERE id = 'c3'", [status]) }
        #expect(try scenario.feed() == ["c3||0"])
    }

    @Test func `an upsert puts conversations on the feed as an update does`() throws {
        let scenario = try scenario()
        let upsert = "INSERT INTO conversations (id, title) VALUES ('c2', 'x') ON CONFLICT (id) DO UPDATE SET title = excluded.title"
        try scenario.write(upsert)
        #expect(try scenario.feed() == ["c2||0"])
        try scenario.clearFeed()
        try scenario.write(upsert)
        #expect(try scenario.feed().isEmpty)
    }

    @Test func `a change that is rolled back is not on the feed`() throws {
        let scenario = try scenario()
        try scenario.write("BEGIN; UPDATE conversations SET status = 'ended'; ROLLBACK")
        #expect(try scenario.feed().isEmpty)
    }

    @Test func `messages by users are on the feed in the order in which they were written`() throws {
        let scenario = try scenario()
        try scenario.addMessage("m9", of: "c2", at: "2026-03-01T12:00:00Z")
        try scenario.addMessage("m1", of: "c1", at: "2020-03-01T12:00:00Z")
        #expect(
            try scenario.lines("SELECT message_id, conversation_id, remote FROM message_feed ORDER BY sequence") == ["m9|c2|", "m1|c1|"])
        #expect(try scenario.feed().isEmpty)
    }

    @Test func `a message that is written twice is on the feed once`() throws {
        let scenario = try scenario()
        for _ in 0..<3 { try scenario.write("INSERT OR REPLACE INTO messages (id, conversation_id, author) VALUES ('m1', 'c1', 'user')") }
        #expect(try scenario.lines("SELECT message_id FROM message_feed") == ["m1"])
    }

    @Test func `a change makes an entry ready that waited for a call in flight`() throws {
        let scenario = try scenario()
        try scenario.write(
            "INSERT INTO change_feed (conversation_id, remote, changed_at, deferred) VALUES ('c1', 'vg', '2026-03-01T12:00:00Z', 1)")
        try scenario.write("UPDATE links SET agent_id = 'x' WHERE conversation_id = 'c1' AND remote = 'vg'")
        #expect(try scenario.feed() == ["c1|vg|0"])
    }

    @Test func `a row that makes a user known puts the conversations in which the remote names that user on the feed`() async throws {
        let scenario = try await StoreScenario.converged()
        try scenario.write("UPDATE link_state SET unknown_user = '99' WHERE remote = 'voicebot'")
        try scenario.write("INSERT INTO assignees VALUES ('zoe', 'vg', '99')")
        #expect(try scenario.feed() == [])
        try scenario.write("INSERT INTO assignees VALUES ('zoe', 'voicebot', '99')")
        #expect(try scenario.feed() == ["c1|voicebot|0"])
    }
}
