import Foundation
import SyncCore
import Synchronization
import Testing

@testable import SyncStore

/// Events: stored before the sender gets its response, processed in the order in which they happened, once each.
@Suite struct InboxTests {
    private let reconciling = ReconcilingTests()
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }

    private func status(_ word: String, _ seconds: Int64, of id: String = "c1") -> Notice {
        .status(conversationID: id, word: word, at: Self.at(seconds), key: "\(id) \(word) \(seconds)")
    }

    private func receive(_ scenario: StoreScenario, _ notices: [Notice]) async throws -> Int {
        try await scenario.store.receive(notices, from: "fin", now: Self.at(60))
    }

    private func process(_ scenario: StoreScenario) async throws -> [Reconciled] {
        try await scenario.store.processInbox(reconciling.context(scenario, now: Self.at(61))).reconciled
    }

    @Test func `events of one batch are processed by their own timestamps, whatever the order of arrival`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        #expect(try await receive(scenario, [status("ended", 3), status("resolved", 1), status("closed", 2)]) == 3)
        #expect(try await process(scenario).map(\.verdict.word) == ["resolved", "closed", "ended"])
        #expect(try scenario.lines("SELECT status FROM conversations") == ["ended"])
        #expect(try scenario.lines("SELECT DISTINCT state, payload FROM inbox") == ["done|{}"])
    }

    @Test func `a repeated event is recognised by its key, even after it was processed`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        #expect(try await receive(scenario, [status("closed", 1), status("closed", 1)]) == 1)
        _ = try await process(scenario)
        #expect(try await receive(scenario, [status("closed", 1)]) == 0)
        #expect(try await process(scenario).isEmpty)
        // Another remote may use the same key.
        #expect(try await scenario.store.receive([status("closed", 1)], from: "fin2", now: Self.at(60)) == 1)
    }

    @Test func `an event that is dated in the future was heard of when it was received`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        _ = try await receive(scenario, [status("closed", 200_000)])
        #expect(try await process(scenario).map(\.verdict.word) == ["closed"])
        #expect(try scenario.lines("SELECT seen_at FROM link_state WHERE remote = 'fin'") == [Self.at(60).iso8601])
    }

    @Test func `after another configuration of Fin each of its links is decided once, a page at a time`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.addConversations("c1", "c2", "c3")
        #expect(try await scenario.store.reconcileRemotes([.fin], now: Self.at(0)) == [])
        #expect(try await receive(scenario, ["c1", "c2", "c3"].map { status("open", 1, of: $0) }) == 3)
        _ = try await process(scenario)
        let edited = RemoteParticipation.fin.with { $0.fingerprint = "f2" }
        #expect(try await scenario.store.reconcileRemotes([edited], now: Self.at(62)) == [], "no state is planned for it")
        let isLeftAlone = try await scenario.store.read { session in try !Store.isDecidedAgain(.fin, session) }
        #expect(isLeftAlone, "by a process with the former configuration")
        var pages: [[String]] = []
        for _ in 0..<3 {
            pages.append(
                try await scenario.store.write { session in try Store.takePage(of: edited, size: 2, session).conversations })
        }
        #expect(pages == [["c1", "c2"], ["c3"], []])
        let isOver = try await scenario.store.read { session in try !Store.isDecidedAgain(edited, session) }
        #expect(isOver)
    }

    @Test func `a reply by Fin becomes one message with the author fin`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        let first = Notice.message(conversationID: "c1", id: "m1", body: "Hello", at: Self.at(1), key: "m1")
        let again = Notice.message(conversationID: "c1", id: "m1", body: "Hello", at: Self.at(1), key: "m1 by another way")
        #expect(try await receive(scenario, [first, again]) == 2)
        _ = try await process(scenario)
        #expect(
            try scenario.lines("SELECT id, conversation_id, author, body, created_at FROM messages") == [
                "fin/c1/m1|c1|fin|Hello|\(Self.at(1).iso8601)"
            ])
        // It is not sent back to Fin.
        #expect(try scenario.lines("SELECT * FROM message_feed") == [])
        #expect(try scenario.lines("SELECT payload FROM inbox") == ["{}", "{}"])
    }

    // MARK: Messages

    private func message(_ id: String, _ text: String, of conversation: String = "c1", _ seconds: Int64 = 1) -> Notice {
        .message(conversationID: conversation, id: id, body: text, at: Self.at(seconds), key: "message:\(id):\(conversation) \(text)")
    }

    @Test func `messages of two conversations may have the same id`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1", "c2")
        _ = try await receive(scenario, [message("1", "one"), message("1", "two", of: "c2"), message("1", "one")])
        let result = try await scenario.store.processInbox(reconciling.context(scenario, now: Self.at(61)))
        #expect(result.collisions == [])
        #expect(try scenario.lines("SELECT conversation_id, body FROM messages ORDER BY 1") == ["c1|one", "c2|two"])
    }

    @Test func `conversations never share a message row, whatever their ids look like`() async throws {
        let scenario = try StoreScenario()
        let names = ["a", "a/b", "a%2Fb", "b", "a:b", "fin/a"]
        for name in names { try scenario.write("INSERT INTO conversations (id) VALUES (?)", [name]) }
        for name in names {
            for id in ["b/c", "c", "b%2Fc", "b:c"] { _ = try await receive(scenario, [message(id, "\(name) \(id)", of: name)]) }
        }
        #expect(try await scenario.store.processInbox(reconciling.context(scenario, now: Self.at(61))).collisions == [])
        #expect(try scenario.lines("SELECT count(*), count(DISTINCT body) FROM messages") == ["24|24"])
    }

    @Test func `a second text for the same message id is reported once, and the first text stays`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        _ = try await receive(scenario, [message("1", "one", of: "c1", 1), message("1", "two", of: "c1", 2)])
        let collision = MessageCollision(remote: "fin", conversationID: "c1", messageID: "fin/c1/1")
        #expect(try await scenario.store.processInbox(reconciling.context(scenario, now: Self.at(61))).collisions == [collision])
        _ = try await receive(scenario, [message("1", "two", of: "c1", 2), message("1", "one", of: "c1", 1)])
        #expect(try await scenario.store.processInbox(reconciling.context(scenario, now: Self.at(62))).collisions == [])
        #expect(try scenario.lines("SELECT body FROM messages") == ["one"])
    }

    @Test func `a message that an earlier version stored is not stored again`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1", "c2", "c3")
        // The row exists, was moved, or was deleted; the event of c2 was mistaken for a repetition of c1's.
        try scenario.write(
            """
            INSERT INTO messages (id, conversation_id, author, body) VALUES ('fin:1', 'c1', 'fin', 'one'), ('fin:2', 'c3', 'fin', 'moved');
            INSERT INTO inbox (remote, kind, conversation_id, event_key, occurred_at, received_at, payload, state)
            VALUES ('fin', 'message', 'c1', 'message:1', 1, '2026-01-01T00:00:00.000Z', '{}', 'done'),
                ('fin', 'message', 'c1', 'message:2', 1, '2026-01-01T00:00:00.000Z', '{}', 'done'),
                ('fin', 'message', 'c1', 'message:3', 1, '2026-01-01T00:00:00.000Z', '{}', 'done');
            """)
        _ = try await receive(
            scenario, [message("1", "one"), message("2", "moved"), message("3", "deleted"), message("1", "two", of: "c2")])
        let result = try await scenario.store.processInbox(reconciling.context(scenario, now: Self.at(61)))
        #expect(result.collisions == [])
        #expect(
            try scenario.lines("SELECT id, conversation_id, body FROM messages ORDER BY id") == [
                "fin/c2/1|c2|two", "fin:1|c1|one", "fin:2|c3|moved",
            ])
        _ = try await receive(scenario, [message("1", "another text")])
        #expect(
            try await scenario.store.processInbox(reconciling.context(scenario, now: Self.at(62))).collisions.map(\.conversationID) == [
                "c1"
            ])
    }

    // MARK: Events without a conversation

    @Test func `waiting events are dropped after a day together with their content, and are counted`() async throws {
        let scenario = try StoreScenario()
        _ = try await receive(scenario, [status("closed", 1), message("1", "a text")])
        func process(after span: Duration) async throws -> InboxResult {
            try await scenario.store.processInbox(reconciling.context(scenario, now: Self.at(60) + span))
        }
        #expect(try await process(after: .hours(24)).dropped == [])
        #expect(try scenario.lines("SELECT count(*) FROM inbox WHERE state = 'waiting'") == ["2"])
        #expect(
            try await process(after: .hours(24) + .milliseconds(1)).dropped == [DroppedEvents(remote: "fin", reason: .age, count: 2)])
        #expect(try scenario.lines("SELECT * FROM inbox") == [])
        // If the conversation appears later and the event is repeated, it is stored.
        try scenario.addConversations("c1")
        _ = try await receive(scenario, [message("1", "a text")])
        _ = try await process(after: .hours(25))
        #expect(try scenario.lines("SELECT body FROM messages") == ["a text"])
    }

    @Test func `if more events wait than may, the oldest are dropped`() async throws {
        let scenario = try StoreScenario()
        var limits = WaitingLimits()
        #expect(limits.count == 10_000)
        limits.count = 700
        for batch in 0..<3 {
            let strangers = (0..<500).map { status("closed", Int64($0), of: "stranger \(batch) \($0)") }
            _ = try await scenario.store.receive(strangers, from: batch == 0 ? "fin2" : "fin", now: Self.at(Int64(batch)))
        }
        let result = try await scenario.store.processInbox(reconciling.context(scenario, now: Self.at(61)), waiting: limits)
        #expect(
            result.dropped == [
                DroppedEvents(remote: "fin2", reason: .number, count: 500), DroppedEvents(remote: "fin", reason: .number, count: 300),
            ])
        #expect(try scenario.lines("SELECT count(*), min(received_at) FROM inbox") == ["700|\(Self.at(1).iso8601)"])
        #expect(try await scenario.store.processInbox(reconciling.context(scenario, now: Self.at(62)), waiting: limits).dropped == [])
    }

    @Test func `events of existing conversations do not count as waiting`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        var limits = WaitingLimits()
        limits.count = 0
        _ = try await receive(scenario, [status("closed", 1)])
        let result = try await scenario.store.processInbox(reconciling.context(scenario, now: Self.at(61)), waiting: limits)
        #expect(result.dropped == [] && result.reconciled.count == 1)
    }

    @Test func `the INSERT of a conversation is not a change that competes with earlier events`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1", "c2")
        try scenario.write("UPDATE conversations SET status = 'resolved' WHERE id = 'c2'")
        // Dated long before both rows were written.
        let notices = ["c1", "c2"].map { Notice.status(conversationID: $0, word: "closed", at: Self.at(1), key: $0) }
        _ = try await receive(scenario, notices)
        _ = try await process(scenario)
        #expect(try scenario.lines("SELECT status FROM conversations ORDER BY id") == ["closed", "resolved"])
    }

    @Test func `events wait for a conversation that is inserted later, and are then processed in order`() async throws {
        let scenario = try StoreScenario()
        #expect(try await receive(scenario, [status("closed", 2), status("resolved", 1)]) == 2)
        #expect(try await process(scenario).isEmpty)
        #expect(try scenario.lines("SELECT DISTINCT state FROM inbox") == ["waiting"])
        #expect(try await process(scenario).isEmpty)
        try scenario.addConversations("other", "c1")
        #expect(try await process(scenario).map(\.verdict.word) == ["resolved", "closed"])
        #expect(try scenario.lines("SELECT status FROM conversations WHERE id = 'c1'") == ["closed"])
    }

    @Test func `an event of a conversation that never appears does not stop the others`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        let strangers = (0..<450).map { status("closed", Int64($0), of: "stranger \($0)") }
        #expect(try await receive(scenario, strangers + [status("closed", 500)]) == 451)
        #expect(try await process(scenario).map(\.conversationID) == ["c1"])
    }

    @Test func `events of a deleted conversation are deleted with it`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        _ = try await receive(scenario, [status("closed", 1)])
        try scenario.write("DELETE FROM conversations")
        #expect(try scenario.lines("SELECT * FROM inbox") == [])
        #expect(try await process(scenario).isEmpty)
    }

    @Test func `replies held for Fin are released when Fin reports another status`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); UPDATE conversations SET user_id = 'u1'")
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        let claimed = try await scenario.claimOne("fin")
        var row = claimed.row
        row.state = .held
        let held = FinishedCall(
            claimed: claimed, row: row, startedAt: Self.at(1), finishedAt: Self.at(1), outcome: nil, error: "held", heldBy: "fin")
        _ = try await scenario.exchange("fin", finished: [held], now: Self.at(1))
        #expect(try scenario.lines("SELECT state, held_by FROM outbox WHERE remote = 'fin'") == ["held|fin"])
        _ = try await receive(scenario, [status("resolved", 5, of: "another"), status("closed", 5)])
        _ = try await process(scenario)
        #expect(
            try scenario.lines("SELECT state, held_by, due_at FROM outbox WHERE remote = 'fin'") == ["pending|-|\(Self.at(61).iso8601)"])
    }
}
