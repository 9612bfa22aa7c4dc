import SyncCore
import Testing

@testable import SyncStore

/// Applications replace rows and delete them: nothing that belongs to a conversation may get lost or be left behind.
@Suite struct ReplaceAndDeleteTests {
    @Test(arguments: [true, false])
    func `INSERT OR REPLACE keeps links, messages and the agreed state`(_ foreignKeys: Bool) async throws {
        let scenario = try StoreScenario(foreignKeys: foreignKeys)
        try scenario.addConversations("c1")
        try scenario.addMessage("m1", of: "c1")
        try await scenario.converge()
        try scenario.write("INSERT OR REPLACE INTO conversations (id, status) VALUES ('c1', 'ended')")
        #expect(try scenario.lines("SELECT remote FROM links ORDER BY 1") == ["vg", "voicebot"])
        #expect(try scenario.lines("SELECT id FROM messages") == ["m1"])
        #expect(try scenario.feed() == ["c1||0"])
        try await scenario.plan()
        // Only the status differs from what was acknowledged before.
        #expect(try scenario.lines("SELECT DISTINCT body FROM outbox WHERE state = 'pending'") == ["{\"status\":\"ended\"}"])
    }

    @Test(arguments: [true, false])
    func `INSERT OR REPLACE on users keeps their conversations`(_ foreignKeys: Bool) throws {
        let scenario = try StoreScenario(foreignKeys: foreignKeys)
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.clearFeed()
        try scenario.write("INSERT OR REPLACE INTO users (id, name) VALUES ('u1', 'Jane')")
        #expect(try scenario.lines("SELECT id, user_id FROM conversations") == ["c1|u1"])
        #expect(try scenario.feed() == ["c1||0"])
    }

    @Test(arguments: [true, false])
    func `a deleted conversation is deleted with everything that belongs to it`(_ foreignKeys: Bool) async throws {
        let scenario = try StoreScenario(foreignKeys: foreignKeys)
        try scenario.addConversations("c1", "c2")
        try await scenario.plan()
        try scenario.addMessage("m1", of: "c1")
        try scenario.write("UPDATE conversations SET title = 'x'")
        try scenario.write("DELETE FROM conversations WHERE id = 'c1'")
        for table in ["links", "messages", "message_feed", "change_feed", "link_state"] {
            #expect(try scenario.lines("SELECT count(*) FROM \(table) WHERE conversation_id = 'c1'") == ["0"], "\(table)")
        }
        #expect(try scenario.lines("SELECT count(*) FROM links") == ["2"])
        #expect(
            try scenario.lines("SELECT DISTINCT state, last_error, finished_at IS NULL FROM outbox WHERE conversation_id = 'c1'")
                == ["discarded|the conversation was deleted|0"])
        #expect(try scenario.lines("SELECT DISTINCT state FROM outbox WHERE conversation_id = 'c2'") == ["pending"])
    }

    @Test func `a deleted conversation leaves finished rows as they are`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try await scenario.converge()
        try scenario.write("DELETE FROM conversations")
        #expect(try scenario.lines("SELECT DISTINCT state FROM outbox") == ["delivered"])
    }

    @Test func `a deleted link discards its unsent rows and no others`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = 'held' WHERE remote = 'vg'")
        try scenario.write("DELETE FROM links WHERE remote = 'vg'")
        #expect(try scenario.lines("SELECT state, last_error FROM outbox WHERE remote = 'vg'") == ["discarded|the link was deleted"])
        #expect(try scenario.lines("SELECT state FROM outbox WHERE remote = 'voicebot'") == ["pending"])
        #expect(try scenario.lines("SELECT remote FROM link_state ORDER BY 1") == ["helpdesk", "voicebot"])
    }

    @Test func `a link that is deleted and written again is sent completely`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try await scenario.converge()
        try scenario.write("DELETE FROM links WHERE remote = 'vg'; INSERT INTO links VALUES ('c1', 'vg', 'r-c1', NULL)")
        try await scenario.plan()
        #expect(
            try scenario.lines("SELECT remote, body FROM outbox WHERE state = 'pending'") == ["vg|{\"status\":\"open\",\"title\":null}"])
    }

    @Test(arguments: ["remote_id = 'other'", "agent_id = 'agent8'"])
    func `a link to another object starts without an agreed state`(_ assignment: String) async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try await scenario.converge()
        try scenario.write("UPDATE links SET \(assignment) WHERE remote = 'vg'")
        try await scenario.plan()
        #expect(
            try scenario.lines("SELECT remote, body FROM outbox WHERE state = 'pending'") == ["vg|{\"status\":\"open\",\"title\":null}"])
    }

    @Test func `writing a link again without a change sends nothing`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try await scenario.converge()
        try scenario.write("UPDATE links SET remote_id = remote_id, agent_id = agent_id")
        try await scenario.plan()
        #expect(try scenario.outbox("state <> 'delivered'").isEmpty)
    }

    @Test func `a link that is moved to another conversation leaves nothing behind`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try scenario.write("INSERT INTO conversations (id) VALUES ('c2')")
        try await scenario.plan()
        try scenario.write("UPDATE links SET conversation_id = 'c2' WHERE remote = 'vg'")
        #expect(
            try scenario.lines("SELECT state, last_error FROM outbox WHERE conversation_id = 'c1' AND remote = 'vg'")
                == ["discarded|the link was moved"])
        try await scenario.plan()
        let pending = try scenario.lines("SELECT remote FROM outbox WHERE conversation_id = 'c2' AND state = 'pending' ORDER BY 1")
        #expect(pending == ["helpdesk", "vg"])
    }

    @Test func `a deleted message is not sent`() async throws {
        let scenario = try StoreScenario()
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.addMessage("m1", of: "c1")
        try scenario.addMessage("m2", of: "c1", at: "2026-03-01T11:00:01.000Z")
        try await scenario.plan()
        try scenario.addMessage("m3", of: "c1")
        try scenario.write("DELETE FROM messages WHERE id <> 'm2'")
        #expect(
            try scenario.lines("SELECT message_id, state, last_error FROM outbox WHERE remote = 'fin' ORDER BY id")
                == ["m1|discarded|the message was deleted", "m2|pending|-"])
        #expect(try scenario.lines("SELECT * FROM message_feed").isEmpty)
    }

    @Test(arguments: ["DELETE FROM conversations", "DELETE FROM links"])
    func `a row in flight during the deletion is not sent again after a failure`(_ sql: String) async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try await scenario.plan()
        let claimed = try await scenario.claimOne("vg")
        try scenario.write(sql)
        try await scenario.finish(claimed, DeliveryOutcome(.retry, httpStatus: 500, error: "HTTP 500"))
        let again = try await scenario.claim("vg", now: StoreScenario.start + .hours(1))
        #expect(again.isEmpty)
    }

    @Test(arguments: ["DELETE FROM conversations", "DELETE FROM links"])
    func `a row that was claimed before the deletion and put back without an attempt is not sent`(_ sql: String) async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try await scenario.plan()
        let claimed = try await scenario.claimOne("vg")
        try scenario.write(sql)
        var row = claimed.row
        row.state = .pending
        let putBack = FinishedCall(
            claimed: claimed, row: row, startedAt: StoreScenario.start, finishedAt: StoreScenario.start, outcome: nil, error: nil)
        _ = try await scenario.exchange("vg", finished: [putBack])
        #expect(try await scenario.claim("vg", now: StoreScenario.start + .hours(1)).isEmpty)
    }
}
