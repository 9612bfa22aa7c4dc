import SyncCore
import Testing

@testable import SyncStore

/// Applications merge conversations. A user's message that was not sent follows its row; one that may have been sent is never lost
/// without a record, and never sent twice.
@Suite struct MovedMessageTests {
    private static let merge = "UPDATE messages SET conversation_id = 'c2' WHERE conversation_id = 'c1'"
    private static let delete = "DELETE FROM conversations WHERE id = 'c1'"

    private func bench(foreignKeys: Bool = true) throws -> Bench {
        let bench = try Bench([.fin], foreignKeys: foreignKeys)
        try bench.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1'), ('c2', 'u1')")
        return bench
    }

    private func rows(_ bench: Bench) throws -> [String] {
        try bench.lines("SELECT message_id, conversation_id, state FROM outbox ORDER BY id")
    }

    @Test(arguments: [true, false], [true, false])
    func `messages of a merged conversation are sent in the other one, planned or not`(_ planned: Bool, _ foreignKeys: Bool) async throws {
        let bench = try bench(foreignKeys: foreignKeys)
        try bench.addMessage("m1", of: "c1")
        try bench.addMessage("m2", of: "c1", at: "2026-03-01T11:00:01.000Z")
        if planned { try await bench.plan() }
        try bench.write("BEGIN; \(Self.merge); \(Self.delete); COMMIT")
        try await bench.converge()
        #expect(try rows(bench).filter { !$0.hasSuffix("discarded") } == ["m1|c2|delivered", "m2|c2|delivered"])
        #expect(try bench.lines("SELECT DISTINCT last_error IS NULL FROM outbox WHERE state = 'discarded'") == (planned ? ["0"] : []))
        #expect(try bench.lines("SELECT * FROM message_feed").isEmpty)
    }

    @Test func `messages may be merged in several transactions, with runs between them`() async throws {
        let bench = try bench()
        try bench.addMessage("m1", of: "c1")
        try bench.addMessage("m2", of: "c1", at: "2026-03-01T11:00:01.000Z")
        try await bench.plan()
        try bench.write("UPDATE messages SET conversation_id = 'c2' WHERE id = 'm1'")
        try await bench.plan()
        try bench.write("UPDATE messages SET conversation_id = 'c2' WHERE id = 'm2'")
        try await bench.plan()
        try bench.write(Self.delete)
        try await bench.converge()
        #expect(try rows(bench).filter { !$0.hasSuffix("discarded") } == ["m1|c2|delivered", "m2|c2|delivered"])
    }

    @Test func `INSERT OR REPLACE moves a message as well`() async throws {
        let bench = try bench()
        try bench.addMessage("m1", of: "c1")
        try await bench.plan()
        try bench.write("INSERT OR REPLACE INTO messages (id, conversation_id, author, body) VALUES ('m1', 'c2', 'user', 'x')")
        try bench.write(Self.delete)
        try await bench.converge()
        #expect(try rows(bench) == ["m1|c1|discarded", "m1|c2|delivered"])
    }

    @Test(arguments: [true, false])
    func `a message may be moved to a conversation that is committed later`(_ planned: Bool) async throws {
        let bench = try bench(foreignKeys: false)
        try bench.addMessage("m1", of: "c1")
        if planned { try await bench.plan() }
        try bench.write("UPDATE messages SET conversation_id = 'c9'")
        try bench.write(Self.delete)
        try await bench.plan()
        #expect(try bench.claimable() == [])
        try bench.write("INSERT INTO conversations (id, user_id) VALUES ('c9', 'u1')")
        try await bench.converge()
        #expect(try rows(bench).last == "m1|c9|delivered")
    }

    @Test func `a message that waits for its conversation is sent when it is moved to another one`() async throws {
        let bench = try bench(foreignKeys: false)
        try bench.addMessage("m1", of: "c9")
        try await bench.plan()
        #expect(try bench.lines("SELECT remote FROM message_feed") == ["-"])
        try bench.write("UPDATE messages SET conversation_id = 'c2'")
        try await bench.converge()
        #expect(try rows(bench) == ["m1|c2|delivered"])
    }

    @Test func `a message that was sent is not sent again`() async throws {
        let bench = try bench()
        try bench.addMessage("m1", of: "c1")
        try await bench.converge()
        try bench.write("BEGIN; \(Self.merge); \(Self.delete); COMMIT")
        try await bench.converge()
        #expect(try rows(bench) == ["m1|c1|delivered"])
    }

    @Test func `a message in doubt becomes uncertain, even after its former conversation was deleted`() async throws {
        let bench = try bench()
        try bench.addMessage("m1", of: "c1")
        try await bench.plan()
        var outcome = DeliveryOutcome(.retry, error: "time-out")
        outcome.fate = .unknown
        try await bench.finish(try await bench.claimOne("fin"), outcome)
        #expect(try rows(bench) == ["m1|c1|pending"])
        try bench.write("BEGIN; \(Self.merge); \(Self.delete); COMMIT")
        try await bench.converge(now: Bench.start + .minutes(1))
        #expect(try rows(bench) == ["m1|c1|uncertain"])
        // A retry by an operator sends it to its present conversation.
        var filter = OutboxFilter()
        filter.ids = [1]
        let result = try await bench.store.steer(.retry, filter, acceptDuplicate: true, now: Bench.start + .minutes(2))
        #expect(result.steps.map(\.effect) == [.planAgain])
        try await bench.converge(now: Bench.start + .minutes(2))
        #expect(try rows(bench) == ["m1|c1|discarded", "m1|c2|delivered"])
    }

    @Test(arguments: [(CallFate.unknown, ["m1|c1|uncertain"]), (.notApplied, ["m1|c1|discarded", "m1|c2|delivered"])])
    func `a message moved in flight that fails is sent again only if it did not arrive`(_ fate: CallFate, _ expected: [String]) async throws
    {
        let bench = try bench()
        try bench.addMessage("m1", of: "c1")
        try await bench.plan()
        let claimed = try await bench.claimOne("fin")
        try bench.write("BEGIN; \(Self.merge); \(Self.delete); COMMIT")
        var outcome = DeliveryOutcome(.retry, error: "failed")
        outcome.fate = fate
        try await bench.finish(claimed, outcome)
        try await bench.converge()
        #expect(try rows(bench) == expected)
    }

    @Test func `a message that is moved while in flight and acknowledged is delivered`() async throws {
        let bench = try bench()
        try bench.addMessage("m1", of: "c1")
        try await bench.plan()
        let claimed = try await bench.claimOne("fin")
        try bench.write("BEGIN; \(Self.merge); \(Self.delete); COMMIT")
        try await bench.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        try await bench.converge()
        #expect(try rows(bench) == ["m1|c1|delivered"])
    }

    @Test func `a message that was moved after its process crashed with a claim is uncertain`() async throws {
        let bench = try bench()
        try bench.addMessage("m1", of: "c1")
        try await bench.plan()
        _ = try await bench.claimOne("fin")
        try bench.write("BEGIN; \(Self.merge); \(Self.delete); COMMIT")
        _ = try await bench.store.recover(now: Bench.start + .hours(1), isGone: { _ in false })
        try await bench.converge(now: Bench.start + .hours(1))
        #expect(try rows(bench) == ["m1|c1|uncertain"])
    }

    @Test func `a dead message is planned again when it is moved, and a discarded one is not`() async throws {
        let bench = try bench()
        try bench.write("UPDATE conversations SET user_id = NULL WHERE id = 'c1'")
        try bench.addMessage("m1", of: "c1")
        try bench.addMessage("m2", of: "c1")
        try await bench.plan()
        var filter = OutboxFilter()
        filter.ids = [2]
        _ = try await bench.store.steer(.discard, filter, now: Bench.start)
        #expect(try rows(bench) == ["m1|c1|dead", "m2|c1|discarded"])
        try bench.write(Self.merge)
        try await bench.converge()
        #expect(try rows(bench) == ["m1|c1|discarded", "m2|c1|discarded", "m1|c2|delivered"])
    }

    @Test func `moved messages are ordered by their timestamps, with timestamps of their own`() async throws {
        let bench = try bench()
        try bench.addMessage("m1", of: "c1", at: "2026-03-01T11:00:00.000Z")
        try await bench.plan()
        try bench.addMessage("m2", of: "c2", at: "2026-03-01T11:00:00.000Z")
        try bench.addMessage("m4", of: "c2", at: "2026-03-01T11:00:04.000Z")
        try bench.addMessage("m3", of: "c1", at: "2026-03-01T11:00:03.000Z")
        try bench.write(Self.merge)
        try await bench.converge()
        #expect(
            try bench.lines(
                """
                SELECT message_id, json_extract(body, '$.message.timestamp') FROM outbox WHERE state = 'delivered' ORDER BY id
                """) == [
                    "m2|2026-03-01T11:00:00.000Z", "m1|2026-03-01T11:00:00.001Z", "m3|2026-03-01T11:00:03.000Z",
                    "m4|2026-03-01T11:00:04.000Z",
                ])
    }

    @Test func `a text that is corrected before it is sent is sent corrected, in its place`() async throws {
        let bench = try bench()
        for id in ["m1", "m2", "m3"] { try bench.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(id.dropFirst()).000Z") }
        try await bench.plan()
        try await bench.finish(try await bench.claimOne("fin"), DeliveryOutcome(.delivered, httpStatus: 200))
        try bench.write("UPDATE messages SET body = 'corrected' WHERE id IN ('m1', 'm2')")
        try await bench.converge()
        #expect(
            try bench.lines("SELECT message_id, json_extract(body, '$.message.body') FROM outbox WHERE state = 'delivered' ORDER BY id")
                == ["m1|text of m1", "m2|corrected", "m3|text of m3"])
    }

    @Test func `a planned message follows changes of its author and id`() async throws {
        let bench = try bench()
        for id in ["m1", "m2", "m3"] { try bench.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(id.dropFirst()).000Z") }
        try bench.write("INSERT INTO messages (id, conversation_id, author, body) VALUES ('m4', 'c1', 'agent', 'x')")
        try await bench.plan()
        try bench.write("UPDATE messages SET author = 'agent' WHERE id = 'm1'; UPDATE messages SET id = 'm9' WHERE id = 'm2'")
        try bench.write("UPDATE messages SET author = 'user' WHERE id = 'm4'")
        let claimed = try await bench.claimOne("fin")
        try await bench.finish(claimed, DeliveryOutcome(.retry, httpStatus: 503, error: "HTTP 503"))
        try await bench.converge(now: Bench.start + .minutes(1))
        #expect(try rows(bench) == ["m1|c1|discarded", "m9|c1|delivered", "m3|c1|delivered", "m4|c1|delivered"])
    }
}

extension Bench {
    /// Ids of rows that wait to be claimed.
    fileprivate func claimable() throws -> [String] { try lines("SELECT id FROM outbox WHERE state = 'pending'") }
}
