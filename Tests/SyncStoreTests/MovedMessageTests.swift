import SyncCore
import Testing

@testable import SyncStore

/// Applications merge conversations. A user's message that was not sent follows its row; one that may have been sent is never lost
/// without a record, and never sent twice.
@Suite struct MovedMessageTests {
    private static let merge = "UPDATE messages SET conversation_id = 'c2' WHERE conversation_id = 'c1'"
    private static let delete = "DELETE FROM conversations WHERE id = 'c1'"

    private func scenario(foreignKeys: Bool = true) throws -> StoreScenario {
        let scenario = try StoreScenario([.fin], foreignKeys: foreignKeys)
        try scenario.write(
            "INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1'), ('c2', 'u1')")
        return scenario
    }

    private func rows(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT message_id, conversation_id, state FROM outbox ORDER BY id")
    }

    @Test(arguments: [true, false], [true, false])
    func `messages of a merged conversation are sent in the other one, planned or not`(_ planned: Bool, _ foreignKeys: Bool) async throws {
        let scenario = try scenario(foreignKeys: foreignKeys)
        try scenario.addMessage("m1", of: "c1")
        try scenario.addMessage("m2", of: "c1", at: "2026-03-01T11:00:01.000Z")
        if planned { try await scenario.plan() }
        try scenario.write("BEGIN; \(Self.merge); \(Self.delete); COMMIT")
        try await scenario.converge()
        #expect(try rows(scenario).filter { !$0.hasSuffix("discarded") } == ["m1|c2|delivered", "m2|c2|delivered"])
        #expect(try scenario.lines("SELECT DISTINCT last_error IS NULL FROM outbox WHERE state = 'discarded'") == (planned ? ["0"] : []))
        #expect(try scenario.lines("SELECT * FROM message_feed").isEmpty)
    }

    @Test func `messages may be merged in several transactions, with runs between them`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try scenario.addMessage("m2", of: "c1", at: "2026-03-01T11:00:01.000Z")
        try await scenario.plan()
        try scenario.write("UPDATE messages SET conversation_id = 'c2' WHERE id = 'm1'")
        try await scenario.plan()
        try scenario.write("UPDATE messages SET conversation_id = 'c2' WHERE id = 'm2'")
        try await scenario.plan()
        try scenario.write(Self.delete)
        try await scenario.converge()
        #expect(try rows(scenario).filter { !$0.hasSuffix("discarded") } == ["m1|c2|delivered", "m2|c2|delivered"])
    }

    @Test func `INSERT OR REPLACE moves a message as well`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        try scenario.write("INSERT OR REPLACE INTO messages (id, conversation_id, author, body) VALUES ('m1', 'c2', 'user', 'x')")
        try scenario.write(Self.delete)
        try await scenario.converge()
        #expect(try rows(scenario) == ["m1|c1|discarded", "m1|c2|delivered"])
    }

    @Test(arguments: [true, false], ["agent", "fin"])
    func `a message that INSERT OR REPLACE gives to another author is not sent`(_ planned: Bool, _ author: String) async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try scenario.addMessage("m2", of: "c1", at: "2026-03-01T11:00:01.000Z")
        if planned { try await scenario.plan() }
        try scenario.write("INSERT OR REPLACE INTO messages (id, conversation_id, author, body) VALUES ('m1', 'c1', ?, 'x')", [author])
        #expect(try scenario.lines("SELECT message_id FROM message_feed WHERE message_id = 'm1'") == [])
        try await scenario.converge()
        #expect(try sent(scenario) == ["m2|text of m2"])
        try scenario.write("UPDATE messages SET author = 'user', body = 'y' WHERE id = 'm1'")
        try await scenario.converge()
        #expect(try sent(scenario) == ["m2|text of m2", "m1|y"], "it is the user's again")
    }

    @Test func `a message in doubt that INSERT OR REPLACE gives to another author is uncertain`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET in_doubt_since = ?", [StoreScenario.start.iso8601])
        try scenario.write("INSERT OR REPLACE INTO messages (id, conversation_id, author, body) VALUES ('m1', 'c1', 'agent', 'x')")
        #expect(try rows(scenario) == ["m1|c1|uncertain"])
    }

    /// Not of the user, whatever the feed holds.
    @Test func `a message of another author is not planned`() async throws {
        let scenario = try scenario()
        try scenario.write("INSERT INTO messages (id, conversation_id, author, body) VALUES ('m1', 'c1', 'agent', 'x')")
        try scenario.write("INSERT INTO message_feed (message_id, conversation_id) VALUES ('m1', 'c1')")
        try await scenario.plan()
        #expect(try rows(scenario) == [])
        #expect(try scenario.lines("SELECT * FROM message_feed") == [])
    }

    @Test(arguments: [
        ("body, created_at) VALUES ('m1', 'c1', 'user', 'new', '2026-03-01T11:00:01.000Z')", "new"),
        ("body, created_at) VALUES ('m1', 'c1', 'user', 'text of m1', '2026-03-01T11:00:01.001Z')", "text of m1"),
        (
            """
            body, created_at, attachments)
            VALUES ('m1', 'c1', 'user', 'text of m1', '2026-03-01T11:00:01.000Z', '[{"type":"url","url":"https://example.com/a"}]')
            """, "text of m1"
        ),
    ])
    func `a message that INSERT OR REPLACE corrects before it is sent is planned again`(_ columns: String, _ text: String) async throws {
        let scenario = try scenario()
        for id in ["m1", "m2"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(id.dropFirst()).000Z") }
        try await scenario.plan()
        try scenario.write("INSERT OR REPLACE INTO messages SELECT * FROM messages")
        try await scenario.plan()
        #expect(try rows(scenario) == ["m1|c1|pending", "m2|c1|pending"], "nothing has changed")
        try scenario.write("INSERT OR REPLACE INTO messages (id, conversation_id, author, \(columns)")
        #expect(try rows(scenario) == ["m1|c1|discarded", "m2|c1|discarded"])
        try await scenario.converge()
        #expect(try sent(scenario) == ["m1|\(text)", "m2|text of m2"])
    }

    @Test(arguments: [true, false])
    func `a message may be moved to a conversation that is committed later`(_ planned: Bool) async throws {
        let scenario = try scenario(foreignKeys: false)
        try scenario.addMessage("m1", of: "c1")
        if planned { try await scenario.plan() }
        try scenario.write("UPDATE messages SET conversation_id = 'c9'")
        try scenario.write(Self.delete)
        try await scenario.plan()
        #expect(try scenario.claimable() == [])
        try scenario.write("INSERT INTO conversations (id, user_id) VALUES ('c9', 'u1')")
        try await scenario.converge()
        #expect(try rows(scenario).last == "m1|c9|delivered")
    }

    @Test func `a message that waits for its conversation is sent when it is moved to another one`() async throws {
        let scenario = try scenario(foreignKeys: false)
        try scenario.addMessage("m1", of: "c9")
        try await scenario.plan()
        #expect(try scenario.lines("SELECT remote FROM message_feed") == ["-"])
        try scenario.write("UPDATE messages SET conversation_id = 'c2'")
        try await scenario.converge()
        #expect(try rows(scenario) == ["m1|c2|delivered"])
    }

    @Test func `a message that was sent is not sent again`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try await scenario.converge()
        try scenario.write("BEGIN; \(Self.merge); \(Self.delete); COMMIT")
        try await scenario.converge()
        #expect(try rows(scenario) == ["m1|c1|delivered"])
    }

    @Test func `a message in doubt becomes uncertain, even after its former conversation was deleted`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        var outcome = DeliveryOutcome(.retry, error: "time-out")
        outcome.fate = .unknown
        try await scenario.finish(try await scenario.claimOne("fin"), outcome)
        #expect(try rows(scenario) == ["m1|c1|pending"])
        try scenario.write("BEGIN; \(Self.merge); \(Self.delete); COMMIT")
        try await scenario.converge(now: StoreScenario.start + .minutes(1))
        #expect(try rows(scenario) == ["m1|c1|uncertain"])
        // A retry by an operator sends it to its present conversation.
        var filter = OutboxFilter()
        filter.ids = [1]
        let result = try await scenario.store.manage(.retry, filter, acceptDuplicate: true, now: StoreScenario.start + .minutes(2))
        #expect(result.steps.map(\.effect) == [.planAgain])
        try await scenario.converge(now: StoreScenario.start + .minutes(2))
        #expect(try rows(scenario) == ["m1|c1|discarded", "m1|c2|delivered"])
    }

    @Test(arguments: [(CallFate.unknown, ["m1|c1|uncertain"]), (.notApplied, ["m1|c1|discarded", "m1|c2|delivered"])])
    func `a message moved in flight that fails is sent again only if it did not arrive`(_ fate: CallFate, _ expected: [String]) async throws
    {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        let claimed = try await scenario.claimOne("fin")
        try scenario.write("BEGIN; \(Self.merge); \(Self.delete); COMMIT")
        var outcome = DeliveryOutcome(.retry, error: "failed")
        outcome.fate = fate
        try await scenario.finish(claimed, outcome)
        try await scenario.converge()
        #expect(try rows(scenario) == expected)
    }

    @Test func `a message that is moved while in flight and acknowledged is delivered`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        let claimed = try await scenario.claimOne("fin")
        try scenario.write("BEGIN; \(Self.merge); \(Self.delete); COMMIT")
        try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        try await scenario.converge()
        #expect(try rows(scenario) == ["m1|c1|delivered"])
    }

    @Test func `a message that was moved after its process crashed with a claim is uncertain`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        _ = try await scenario.claimOne("fin")
        try scenario.write("BEGIN; \(Self.merge); \(Self.delete); COMMIT")
        _ = try await scenario.store.recover(now: StoreScenario.start + .hours(1), isGone: { _ in false })
        try await scenario.converge(now: StoreScenario.start + .hours(1))
        #expect(try rows(scenario) == ["m1|c1|uncertain"])
    }

    @Test func `a dead message is planned again when it is moved, and a discarded one is not`() async throws {
        let scenario = try scenario()
        try scenario.write("UPDATE conversations SET user_id = NULL WHERE id = 'c1'")
        try scenario.addMessage("m1", of: "c1")
        try scenario.addMessage("m2", of: "c1")
        try await scenario.plan()
        var filter = OutboxFilter()
        filter.ids = [2]
        _ = try await scenario.store.manage(.discard, filter, now: StoreScenario.start)
        #expect(try rows(scenario) == ["m1|c1|dead", "m2|c1|discarded"])
        try scenario.write(Self.merge)
        try await scenario.converge()
        #expect(try rows(scenario) == ["m1|c1|discarded", "m2|c1|discarded", "m1|c2|delivered"])
    }

    @Test func `of a moved message that was discarded, a retry sends only the row of its present conversation`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        try scenario.write(Self.merge)
        try await scenario.plan()
        var filter = OutboxFilter()
        filter.remote = "fin"
        #expect(try await scenario.store.manage(.discard, filter, now: StoreScenario.start).affected == [2])
        #expect(try await scenario.store.manage(.retry, filter, now: StoreScenario.start).affected == [2])
        try await scenario.converge()
        #expect(try rows(scenario) == ["m1|c1|discarded", "m1|c2|delivered"])
    }

    @Test func `moved messages are ordered by their timestamps, with timestamps of their own`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1", at: "2026-03-01T11:00:00.000Z")
        try await scenario.plan()
        try scenario.addMessage("m2", of: "c2", at: "2026-03-01T11:00:00.000Z")
        try scenario.addMessage("m4", of: "c2", at: "2026-03-01T11:00:04.000Z")
        try scenario.addMessage("m3", of: "c1", at: "2026-03-01T11:00:03.000Z")
        try scenario.write(Self.merge)
        try await scenario.converge()
        #expect(
            try scenario.lines(
                """
                SELECT message_id, json_extract(body, '$.message.timestamp') FROM outbox WHERE state = 'delivered' ORDER BY id
                """) == [
                    "m2|2026-03-01T11:00:00.000Z", "m1|2026-03-01T11:00:00.001Z", "m3|2026-03-01T11:00:03.000Z",
                    "m4|2026-03-01T11:00:04.000Z",
                ])
    }

    @Test func `a text that is corrected before it is sent is sent corrected, in its place`() async throws {
        let scenario = try scenario()
        for id in ["m1", "m2", "m3"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(id.dropFirst()).000Z") }
        try await scenario.plan()
        try await scenario.finish(try await scenario.claimOne("fin"), DeliveryOutcome(.delivered, httpStatus: 200))
        try scenario.write("UPDATE messages SET body = 'corrected' WHERE id IN ('m1', 'm2')")
        try await scenario.converge()
        #expect(
            try scenario.lines("SELECT message_id, json_extract(body, '$.message.body') FROM outbox WHERE state = 'delivered' ORDER BY id")
                == ["m1|text of m1", "m2|corrected", "m3|text of m3"])
    }

    /// Messages m1, m2 and m3, whose timestamps are in the opposite order.
    private func addInOppositeOrder(_ scenario: StoreScenario) throws {
        for (second, id) in ["m1", "m2", "m3"].enumerated() {
            try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(5 - second).000Z")
        }
    }

    @Test(arguments: [["m1"], ["m1", "m2"], ["m2", "m1"], ["m3", "m1"]])
    func `messages that are corrected stay in the order in which they were written, whatever their timestamps`(_ corrected: [String])
        async throws
    {
        let scenario = try scenario()
        try addInOppositeOrder(scenario)
        try await scenario.plan()
        for id in corrected { try scenario.write("UPDATE messages SET body = 'corrected' WHERE id = ?", [id]) }
        try await scenario.converge()
        #expect(try sent(scenario) == ["m1", "m2", "m3"].map { corrected.contains($0) ? "\($0)|corrected" : "\($0)|text of \($0)" })
    }

    @Test func `a message that is corrected stays before those that were not planned yet, however many wait`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1", at: "2026-03-01T11:00:05.000Z")
        try await scenario.plan()
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
            INSERT INTO messages (id, conversation_id, author, body, created_at)
                SELECT 'n' || i, 'c1', 'user', 'x', '2026-03-01T11:00:00.000Z' FROM n;
            UPDATE messages SET body = 'corrected' WHERE id = 'm1'
            """)
        try await scenario.planPage()
        #expect(
            try scenario.lines("SELECT message_id FROM outbox WHERE state = 'pending' ORDER BY id LIMIT 3") == ["m1", "n1", "n2"])
    }

    @Test func `beside a message that is moved to their conversation, corrected ones keep their order`() async throws {
        let scenario = try scenario()
        try addInOppositeOrder(scenario)
        try await scenario.plan()
        try scenario.addMessage("m4", of: "c1", at: "2026-03-01T11:00:09.000Z")
        try scenario.addMessage("m5", of: "c2", at: "2026-03-01T11:00:00.000Z")
        try scenario.write(
            "UPDATE messages SET body = 'corrected' WHERE id = 'm1'; UPDATE messages SET conversation_id = 'c1' WHERE id = 'm5'")
        try await scenario.converge()
        #expect(try sent(scenario).map { $0.prefix(2) } == ["m1", "m2", "m3", "m5", "m4"])
    }

    @Test func `a message that is corrected while its row is claimed stays before the others, whatever their timestamps`() async throws {
        let scenario = try scenario()
        try addInOppositeOrder(scenario)
        try await scenario.plan()
        let claimed = try await scenario.claimOne("fin")
        try scenario.write("UPDATE messages SET body = 'corrected' WHERE id = 'm1'")
        try await end(claimed, as: .putBack, scenario)
        try await scenario.converge()
        #expect(try sent(scenario) == ["m1|corrected", "m2|text of m2", "m3|text of m3"])
    }

    /// How a claimed message that did not arrive ends.
    enum Unsent: CaseIterable, Sendable {
        case putBack, notApplied, held
    }

    private func end(_ claimed: ClaimedRow, as unsent: Unsent, _ scenario: StoreScenario) async throws {
        var row = claimed.row
        row.state = unsent == .held ? .held : .pending
        let unmade = FinishedCall(
            claimed: claimed, row: row, startedAt: StoreScenario.start, finishedAt: StoreScenario.start, outcome: nil,
            error: unsent == .held ? "escalated" : nil, heldBy: unsent == .held ? "fin" : nil)
        let refused = scenario.finished(claimed, DeliveryOutcome(.throttled, httpStatus: 429, error: "HTTP 429"))
        let reply = try await scenario.exchange("fin", finished: [unsent == .notApplied ? refused : unmade])
        #expect(reply.fenced.isEmpty)
    }

    private func sent(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT message_id, json_extract(body, '$.message.body') FROM outbox WHERE state = 'delivered' ORDER BY id")
    }

    @Test(arguments: Unsent.allCases)
    func `a text that is corrected while its row is claimed is sent corrected, in its place, unless it was sent`(_ unsent: Unsent)
        async throws
    {
        let scenario = try scenario()
        for id in ["m1", "m2"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(id.dropFirst()).000Z") }
        try await scenario.plan()
        let claimed = try await scenario.claimOne("fin")
        try scenario.write("UPDATE messages SET body = 'corrected' WHERE id = 'm1'")
        try await end(claimed, as: unsent, scenario)
        try await scenario.converge()
        #expect(try sent(scenario) == ["m1|corrected", "m2|text of m2"])
        #expect(try rows(scenario).prefix(2) == ["m1|c1|discarded", "m2|c1|discarded"])
    }

    @Test(arguments: Unsent.allCases)
    func `a message whose author changes while its row is claimed is not sent`(_ unsent: Unsent) async throws {
        let scenario = try scenario()
        for id in ["m1", "m2"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(id.dropFirst()).000Z") }
        try await scenario.plan()
        let claimed = try await scenario.claimOne("fin")
        try scenario.write("UPDATE messages SET author = 'agent' WHERE id = 'm1'")
        try await end(claimed, as: unsent, scenario)
        #expect(try rows(scenario).first == "m1|c1|discarded")
        #expect(try scenario.lines("SELECT message_id FROM planned_messages ORDER BY 1") == ["m2"])
    }

    @Test(arguments: [true, false])
    func `of a message that is deleted and written again while its row is claimed, one row is sent`(_ isPlanned: Bool) async throws {
        let scenario = try scenario()
        for id in ["m1", "m2"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(id.dropFirst()).000Z") }
        try await scenario.plan()
        let claimed = try await scenario.claimOne("fin")
        try scenario.write("DELETE FROM messages WHERE id = 'm1'")
        try scenario.addMessage("m1", of: "c1", at: "2026-03-01T11:00:01.000Z")
        if isPlanned { try await scenario.plan() }
        try await end(claimed, as: .putBack, scenario)
        try await scenario.converge()
        #expect(try sent(scenario).sorted() == ["m1|text of m1", "m2|text of m2"])
    }

    @Test func `a message that may have arrived is repeated as it was, and is uncertain once it has another author`() async throws {
        let scenario = try scenario()
        for id in ["m1", "m2"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(id.dropFirst()).000Z") }
        try await scenario.plan()
        var lost = DeliveryOutcome(.retry, error: "time-out")
        lost.fate = .unknown
        var claimed = try await scenario.claimOne("fin")
        try scenario.write("UPDATE messages SET body = 'corrected' WHERE id = 'm1'")
        try await scenario.finish(claimed, lost)
        #expect(try rows(scenario) == ["m1|c1|pending", "m2|c1|pending"])
        claimed = try await scenario.claimOne("fin")
        try scenario.write("UPDATE messages SET author = 'agent' WHERE id = 'm1'")
        try await scenario.finish(claimed, lost)
        #expect(try rows(scenario) == ["m1|c1|uncertain", "m2|c1|pending"])
    }

    @Test func `a planned message follows changes of its author and id`() async throws {
        let scenario = try scenario()
        for id in ["m1", "m2", "m3"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(id.dropFirst()).000Z") }
        try scenario.write("INSERT INTO messages (id, conversation_id, author, body) VALUES ('m4', 'c1', 'agent', 'x')")
        try await scenario.plan()
        try scenario.write("UPDATE messages SET author = 'agent' WHERE id = 'm1'; UPDATE messages SET id = 'm9' WHERE id = 'm2'")
        try scenario.write("UPDATE messages SET author = 'user' WHERE id = 'm4'")
        let claimed = try await scenario.claimOne("fin")
        try await scenario.finish(claimed, DeliveryOutcome(.retry, httpStatus: 503, error: "HTTP 503"))
        try await scenario.converge(now: StoreScenario.start + .minutes(1))
        #expect(try rows(scenario) == ["m1|c1|discarded", "m9|c1|delivered", "m3|c1|delivered", "m4|c1|delivered"])
    }
}

extension StoreScenario {
    /// Ids of rows that wait to be claimed.
    fileprivate func claimable() throws -> [String] { try lines("SELECT id FROM outbox WHERE state = 'pending'") }
}
