import GRDB
import SyncCore
import Testing

@testable import SyncStore

/// Events: written before the sender is answered, worked off in the order in which they happened, once each.
@Suite struct InboxTests {
    private let reconciling = ReconcilingTests()
    private static func at(_ seconds: Int64) -> Instant { Bench.start + .seconds(seconds) }

    private func status(_ word: String, _ seconds: Int64, of id: String = "c1") -> Notice {
        .status(conversationID: id, word: word, at: Self.at(seconds), key: "\(id) \(word) \(seconds)")
    }

    private func receive(_ bench: Bench, _ notices: [Notice]) async throws -> Int {
        try await bench.store.receive(notices, from: "fin", now: Self.at(60))
    }

    private func workOff(_ bench: Bench) async throws -> [Reconciled] {
        try await bench.store.workOffInbox(reconciling.context(bench, now: Self.at(61)))
    }

    @Test func `events of one batch are worked off by their own time, whatever the order of arrival`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        #expect(try await receive(bench, [status("ended", 3), status("resolved", 1), status("closed", 2)]) == 3)
        #expect(try await workOff(bench).map(\.verdict.word) == ["resolved", "closed", "ended"])
        #expect(try bench.lines("SELECT status FROM conversations") == ["ended"])
        #expect(try bench.lines("SELECT DISTINCT state, payload FROM inbox") == ["done|{}"])
    }

    @Test func `a repetition is known by its key, also after it was worked off`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        #expect(try await receive(bench, [status("closed", 1), status("closed", 1)]) == 1)
        _ = try await workOff(bench)
        #expect(try await receive(bench, [status("closed", 1)]) == 0)
        #expect(try await workOff(bench).isEmpty)
        // Another remote may use the same key.
        #expect(try await bench.store.receive([status("closed", 1)], from: "fin2", now: Self.at(60)) == 1)
    }

    @Test func `what Fin wrote becomes a message by fin, once`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        let first = Notice.message(conversationID: "c1", id: "m1", body: "Hello", at: Self.at(1), key: "m1")
        let again = Notice.message(conversationID: "c1", id: "m1", body: "Hello", at: Self.at(1), key: "m1 by another way")
        #expect(try await receive(bench, [first, again]) == 2)
        _ = try await workOff(bench)
        #expect(
            try bench.lines("SELECT id, conversation_id, author, body, created_at FROM messages") == [
                "fin:m1|c1|fin|Hello|\(Self.at(1).iso8601)"
            ])
        // It is not sent back to where it comes from.
        #expect(try bench.lines("SELECT * FROM message_feed") == [])
        #expect(try bench.lines("SELECT payload FROM inbox") == ["{}", "{}"])
    }

    @Test func `events wait for a conversation that is inserted later, and then come in their order`() async throws {
        let bench = try Bench()
        #expect(try await receive(bench, [status("closed", 2), status("resolved", 1)]) == 2)
        #expect(try await workOff(bench).isEmpty)
        #expect(try bench.lines("SELECT DISTINCT state FROM inbox") == ["waiting"])
        #expect(try await workOff(bench).isEmpty)
        try bench.addConversations("other", "c1")
        #expect(try await workOff(bench).map(\.verdict.word) == ["resolved", "closed"])
        #expect(try bench.lines("SELECT status FROM conversations WHERE id = 'c1'") == ["closed"])
    }

    @Test func `an event for one that never comes does not stop the others`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        let strangers = (0..<450).map { status("closed", Int64($0), of: "stranger \($0)") }
        #expect(try await receive(bench, strangers + [status("closed", 500)]) == 451)
        #expect(try await workOff(bench).map(\.conversationID) == ["c1"])
    }

    @Test func `events of a deleted conversation go with it`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        _ = try await receive(bench, [status("closed", 1)])
        try bench.write("DELETE FROM conversations")
        #expect(try bench.lines("SELECT * FROM inbox") == [])
        #expect(try await workOff(bench).isEmpty)
    }

    @Test func `replies that waited for Fin are looked at again when Fin says something else`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1")
        try bench.write("INSERT INTO users (id) VALUES ('u1'); UPDATE conversations SET user_id = 'u1'")
        try bench.addMessage("m1", of: "c1")
        try await bench.plan()
        let claimed = try await bench.claimOne("fin")
        var row = claimed.row
        row.state = .held
        let held = FinishedCall(
            claimed: claimed, row: row, startedAt: Self.at(1), finishedAt: Self.at(1), outcome: nil, error: "held", heldBy: "fin")
        _ = try await bench.exchange("fin", finished: [held], now: Self.at(1))
        #expect(try bench.lines("SELECT state, held_by FROM outbox WHERE remote = 'fin'") == ["held|fin"])
        _ = try await receive(bench, [status("resolved", 5, of: "another"), status("closed", 5)])
        _ = try await workOff(bench)
        #expect(
            try bench.lines("SELECT state, held_by, due_at FROM outbox WHERE remote = 'fin'") == ["pending|-|\(Self.at(61).iso8601)"])
    }
}
