import SyncCore
import Synchronization
import Testing

@testable import SyncStore

/// Many waiting rows do not make claims and planning transactions longer: the application's own commits wait for both.
@Suite struct WaitingMessagesTests {
    /// Messages of one conversation with one timestamp, planned.
    private func scenario(messages count: Int) async throws -> StoreScenario {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count))
            INSERT INTO messages (id, conversation_id, author, body, created_at)
                SELECT 'm' || i, 'c1', 'user', 'text', '2026-03-01T11:00:00.000Z' FROM n
            """)
        return scenario
    }

    @Test func `thousands of messages of one millisecond get timestamps of their own, in short transactions`() async throws {
        let scenario = try await scenario(messages: 4000)
        var batches = 0
        while true {
            var page = scenario.page()
            page.timeLimit = .milliseconds(5)
            let exchange = scenario.exchange { [page] in $0.plan = page }
            let examined = try await scenario.store.exchange(exchange, for: scenario.parties()).plan?.batch.examined
            if examined == 0 { break }
            batches += 1
        }
        #expect(
            try scenario.lines(
                "SELECT count(*), count(DISTINCT json_extract(body, '$.message.timestamp')), count(DISTINCT dedupe_key) FROM outbox")
                == ["4000|4000|4000"])
        // Bounded by the time limit: without it, there are as many as pages. No machine plans a page in 5 ms.
        #expect(batches > 4000 / PlanWriter.pageSize)
    }

    @Test func `a message that is replayed while a later one is in flight does not block both when that one is put back`() async throws {
        let scenario = try await scenario(messages: 2)
        try await scenario.plan()
        let first = try await scenario.claimOne("fin")
        try await scenario.finish(first, DeliveryOutcome(.dead, httpStatus: 400, error: "HTTP 400"))
        let second = try await scenario.claimOne("fin")
        var filter = OutboxFilter()
        filter.ids = [first.id]
        _ = try await scenario.store.manage(.retry, filter, now: StoreScenario.start)
        #expect(try await scenario.claim("fin").isEmpty)
        try await scenario.finish(second, DeliveryOutcome(.retry, error: "HTTP 503"))
        #expect(try await scenario.claim("fin", now: StoreScenario.start + .hours(1)).map(\.id) == [first.id])
    }

    @Test func `a claim reads only the first message of a conversation, and each message gets its turn`() async throws {
        let scenario = try await scenario(messages: 30)
        try await scenario.plan()
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE behind = 0") == ["1"])
        for number in 1...30 {
            let claimed = try await scenario.claimOne("fin")
            #expect(claimed.id == Int64(number))
            #expect(try await scenario.claim("fin").isEmpty)
            try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        }
    }

    @Test func `a waiting message names the row that comes first, also when it is released behind one that is held`() async throws {
        let scenario = try await scenario(messages: 3)
        try await scenario.plan()
        func obstacles() async throws -> [RowObstacle?] { try await scenario.store.outbox(OutboxFilter()).map(\.obstacle).reversed() }
        #expect(try await obstacles() == [nil, .row(1), .row(1)])
        #expect(try await scenario.store.waitingMessages(at: "fin").compactMap(\.row).map(\.obstacle) == [nil, .row(1), .row(1)])
        try scenario.write("UPDATE outbox SET state = 'held', held_by = 'fin' WHERE id < 3")
        #expect(try await obstacles() == [nil, nil, .row(1)])
        var filter = OutboxFilter()
        filter.states = [.held]
        let all = try await scenario.store.manage(.release, filter, dryRun: true, now: StoreScenario.start)
        #expect(all.steps.map(\.waitsFor) == [nil, nil], "the row in front is released as well")
        filter.states = []
        filter.ids = [2]
        let second = try await scenario.store.manage(.release, filter, now: StoreScenario.start)
        #expect(second.steps.map(\.waitsFor) == [1])
        #expect(try await obstacles() == [nil, .row(1), .row(1)])
        try scenario.write("UPDATE outbox SET behind = 2 WHERE id = 2; UPDATE outbox SET behind = 3 WHERE id = 3")
        #expect(try await obstacles() == [nil, .planning, .sharedObject])
    }

    @Test(arguments: [
        "UPDATE outbox SET state = 'delivered' WHERE id = 1", "UPDATE outbox SET state = 'dead' WHERE id = 1",
        "DELETE FROM outbox WHERE id = 1",
        "DELETE FROM messages WHERE id = 'm1'", "UPDATE messages SET author = 'agent' WHERE id = 'm1'",
        "UPDATE messages SET conversation_id = 'c2' WHERE id = 'm1'",
    ])
    func `whatever removes the first row, the next one gets its turn`(_ sql: String) async throws {
        let scenario = try await scenario(messages: 3)
        try scenario.write("INSERT INTO conversations (id, user_id) VALUES ('c2', 'u1')")
        try await scenario.plan()
        try scenario.write(sql)
        #expect(try await scenario.claim("fin").map(\.id) == [2])
    }

    @Test func `a replayed row is sent before the later ones, and they get their turn after it`() async throws {
        let scenario = try await scenario(messages: 3)
        try await scenario.plan()
        try await scenario.finish(try await scenario.claimOne("fin"), DeliveryOutcome(.dead, httpStatus: 400, error: "no"))
        var filter = OutboxFilter()
        filter.ids = [1]
        _ = try await scenario.store.manage(.retry, filter, now: StoreScenario.start)
        for id in 1...3 {
            let claimed = try await scenario.claimOne("fin", now: StoreScenario.start + .seconds(1))
            #expect(claimed.id == Int64(id))
            try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200), now: StoreScenario.start + .seconds(1))
        }
    }

    @Test func `a wrong mark is repaired`() async throws {
        let scenario = try await scenario(messages: 3)
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET behind = 1")
        #expect(try await scenario.claim("fin").isEmpty)
        try await scenario.store.repair(now: StoreScenario.start, farthestDue: .days(3))
        #expect(try await scenario.claim("fin").map(\.id) == [1])
        #expect(try scenario.lines("SELECT id FROM outbox WHERE behind = 1 ORDER BY id") == ["2", "3"])
    }

    @Test func `a row of a conversation that waits to be planned is passed over once, and is free when it was planned`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
            INSERT INTO conversations (id) SELECT 'c' || i FROM n;
            INSERT INTO links SELECT id, 'vg', id, NULL FROM conversations;
            """)
        try await scenario.plan()
        try scenario.write("UPDATE conversations SET updated_at = '2027-01-01T00:00:00.000Z' WHERE id <> 'c7'")
        let later = StoreScenario.start + .minutes(5)
        var passes = 0
        var claimed: [ClaimedRow] = []
        while true {
            let reply = try await scenario.exchange("vg", claim: 2, now: later)
            claimed += reply.claimed
            passes += 1
            if !reply.mayHaveMore { break }
        }
        #expect(claimed.map(\.conversationID) == ["c7"])
        #expect((2...4).contains(passes))
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE behind = 2") == ["2499"])
        #expect(try await scenario.store.nextDue("vg", after: StoreScenario.start - .hours(1)) == nil)
        // Planning finds no difference, so the same rows are sent.
        try await scenario.plan(now: later)
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE behind <> 0") == ["0"])
        #expect(try await scenario.claim("vg", 3000, now: later).count == 2499)
    }

    @Test func `many messages are held and released in parts, and none remains`() async throws {
        let scenario = try await scenario(messages: 2500)
        try await scenario.plan()
        let first = try await scenario.claimOne("fin")
        var row = first.row
        row.state = .held
        let held = FinishedCall(
            claimed: first, row: row, startedAt: StoreScenario.start, finishedAt: StoreScenario.start, outcome: nil, error: "escalated",
            heldBy: "fin")
        _ = try await scenario.exchange("fin", finished: [held])
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE state = 'held'") == ["1001"])
        #expect(try await scenario.claim("fin").isEmpty)
        try scenario.addMessage("late", of: "c1")
        try await scenario.plan()
        // Fin's status changed.
        let report = Report(remote: "fin", subject: .conversation("c1"), observation: Observation(word: "x"), readAt: StoreScenario.start)
        _ = try await scenario.store.reconcile([report], scenario.inbound())
        var delivered = 0
        while let claimed = try await scenario.claim("fin", 1).first {
            try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
            delivered += 1
            try #require(delivered <= 2501)
        }
        #expect(delivered == 2501)
    }

    @Test func `the status in the response to a message was seen when the response arrived, not when the call began`() async throws {
        let scenario = try await scenario(messages: 1)
        try await scenario.plan()
        let arrival = StoreScenario.start + .seconds(9)
        var call = scenario.finished(try await scenario.claimOne("fin"), DeliveryOutcome(.delivered, httpStatus: 200))
        call.finishedAt = arrival
        call.news = Observation(word: "closed", changedAt: StoreScenario.start + .seconds(1))
        let reply = try await scenario.exchange("fin", finished: [call], now: arrival)
        #expect(reply.reconciled.map(\.verdict.word) == ["closed"])
        #expect(try scenario.lines("SELECT seen_at FROM link_state WHERE remote = 'fin'") == [arrival.iso8601])
    }
}

/// The values that closures have collected.
final class Collected: Sendable {
    private let ids = Mutex<[String]>([])
    func add(_ more: [String]) { ids.withLock { $0 += more } }
    var all: [String] { ids.withLock { $0 } }
}
