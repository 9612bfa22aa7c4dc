import GRDB
import SyncCore
import Testing

@testable import SyncStore

/// Applications replace rows and delete them: nothing that belongs to a conversation may get lost or be left behind.
@Suite struct ReplaceAndDeleteTests {
    @Test(arguments: [true, false])
    func `INSERT OR REPLACE keeps links, messages and the agreed state`(_ foreignKeys: Bool) async throws {
        let bench = try Bench(foreignKeys: foreignKeys)
        try bench.addConversations("c1")
        try bench.addMessage("m1", of: "c1")
        try await bench.converge()
        try bench.write("INSERT OR REPLACE INTO conversations (id, status) VALUES ('c1', 'ended')")
        #expect(try bench.lines("SELECT remote FROM links ORDER BY 1") == ["vg", "voicebot"])
        #expect(try bench.lines("SELECT id FROM messages") == ["m1"])
        #expect(try bench.feed() == ["c1||0"])
        try await bench.plan()
        // Only the status differs from what was acknowledged before.
        #expect(try bench.lines("SELECT DISTINCT body FROM outbox WHERE state = 'pending'") == ["{\"status\":\"ended\"}"])
    }

    @Test(arguments: [true, false])
    func `INSERT OR REPLACE on users keeps their conversations`(_ foreignKeys: Bool) throws {
        let bench = try Bench(foreignKeys: foreignKeys)
        try bench.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try bench.clearFeed()
        try bench.write("INSERT OR REPLACE INTO users (id, name) VALUES ('u1', 'Jane')")
        #expect(try bench.lines("SELECT id, user_id FROM conversations") == ["c1|u1"])
        #expect(try bench.feed() == ["c1||0"])
    }

    @Test(arguments: [true, false])
    func `a deleted conversation is deleted with everything that belongs to it`(_ foreignKeys: Bool) async throws {
        let bench = try Bench(foreignKeys: foreignKeys)
        try bench.addConversations("c1", "c2")
        try await bench.plan()
        try bench.addMessage("m1", of: "c1")
        try bench.write("UPDATE conversations SET title = 'x'")
        try bench.write("DELETE FROM conversations WHERE id = 'c1'")
        for table in ["links", "messages", "message_feed", "change_feed", "link_state"] {
            #expect(try bench.lines("SELECT count(*) FROM \(table) WHERE conversation_id = 'c1'") == ["0"], "\(table)")
        }
        #expect(try bench.lines("SELECT count(*) FROM links") == ["2"])
        #expect(
            try bench.lines("SELECT DISTINCT state, last_error, finished_at IS NULL FROM outbox WHERE conversation_id = 'c1'")
                == ["discarded|the conversation was deleted|0"])
        #expect(try bench.lines("SELECT DISTINCT state FROM outbox WHERE conversation_id = 'c2'") == ["pending"])
    }

    @Test func `a deleted conversation leaves finished rows as they are`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        try await bench.converge()
        try bench.write("DELETE FROM conversations")
        #expect(try bench.lines("SELECT DISTINCT state FROM outbox") == ["delivered"])
    }

    @Test func `a deleted link discards its unsent rows and no others`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        try await bench.plan()
        try bench.write("UPDATE outbox SET state = 'held' WHERE remote = 'vg'")
        try bench.write("DELETE FROM links WHERE remote = 'vg'")
        #expect(try bench.lines("SELECT state, last_error FROM outbox WHERE remote = 'vg'") == ["discarded|the link was deleted"])
        #expect(try bench.lines("SELECT state FROM outbox WHERE remote = 'voicebot'") == ["pending"])
        #expect(try bench.lines("SELECT remote FROM link_state ORDER BY 1") == ["helpdesk", "voicebot"])
    }

    @Test func `a link that is deleted and written again is sent completely`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        try await bench.converge()
        try bench.write("DELETE FROM links WHERE remote = 'vg'; INSERT INTO links VALUES ('c1', 'vg', 'r-c1', NULL)")
        try await bench.plan()
        #expect(try bench.lines("SELECT remote, body FROM outbox WHERE state = 'pending'") == ["vg|{\"status\":\"open\",\"title\":null}"])
    }

    @Test(arguments: ["remote_id = 'other'", "agent_id = 'agent8'"])
    func `a link to another object starts without an agreed state`(_ assignment: String) async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        try await bench.converge()
        try bench.write("UPDATE links SET \(assignment) WHERE remote = 'vg'")
        try await bench.plan()
        #expect(try bench.lines("SELECT remote, body FROM outbox WHERE state = 'pending'") == ["vg|{\"status\":\"open\",\"title\":null}"])
    }

    @Test func `writing a link again without a change sends nothing`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        try await bench.converge()
        try bench.write("UPDATE links SET remote_id = remote_id, agent_id = agent_id")
        try await bench.plan()
        #expect(try bench.outbox("state <> 'delivered'").isEmpty)
    }

    @Test func `a link that is moved to another conversation leaves nothing behind`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        try bench.write("INSERT INTO conversations (id) VALUES ('c2')")
        try await bench.plan()
        try bench.write("UPDATE links SET conversation_id = 'c2' WHERE remote = 'vg'")
        #expect(
            try bench.lines("SELECT state, last_error FROM outbox WHERE conversation_id = 'c1' AND remote = 'vg'")
                == ["discarded|the link was moved"])
        try await bench.plan()
        let pending = try bench.lines("SELECT remote FROM outbox WHERE conversation_id = 'c2' AND state = 'pending' ORDER BY 1")
        #expect(pending == ["helpdesk", "vg"])
    }

    @Test func `a deleted message is not sent`() async throws {
        let bench = try Bench()
        try bench.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try bench.addMessage("m1", of: "c1")
        try bench.addMessage("m2", of: "c1", at: "2026-03-01T11:00:01.000Z")
        try await bench.plan()
        try bench.addMessage("m3", of: "c1")
        try bench.write("DELETE FROM messages WHERE id <> 'm2'")
        #expect(
            try bench.lines("SELECT message_id, state, last_error FROM outbox WHERE remote = 'fin' ORDER BY id")
                == ["m1|discarded|the message was deleted", "m2|pending|-"])
        #expect(try bench.lines("SELECT * FROM message_feed").isEmpty)
    }

    @Test(arguments: ["DELETE FROM conversations", "DELETE FROM links"])
    func `a row in flight during the deletion is not sent again after a failure`(_ sql: String) async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        try await bench.plan()
        let claimed = try await bench.claimOne("vg")
        try bench.write(sql)
        try await bench.finish(claimed, DeliveryOutcome(.retry, httpStatus: 500, error: "HTTP 500"))
        let again = try await bench.claim("vg", now: Bench.start + .hours(1))
        #expect(again.isEmpty)
    }

    @Test(arguments: ["DELETE FROM conversations", "DELETE FROM links"])
    func `a row that was claimed before the deletion and put back without an attempt is not sent`(_ sql: String) async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        try await bench.plan()
        let claimed = try await bench.claimOne("vg")
        try bench.write(sql)
        var row = claimed.row
        row.state = .pending
        let putBack = FinishedCall(
            claimed: claimed, row: row, startedAt: Bench.start, finishedAt: Bench.start, outcome: nil, error: nil)
        _ = try await bench.exchange("vg", finished: [putBack])
        #expect(try await bench.claim("vg", now: Bench.start + .hours(1)).isEmpty)
    }
}
