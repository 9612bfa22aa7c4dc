import SyncCore
import Testing

@testable import SyncStore

/// A message that is planned again keeps its place among those of its conversation, whatever the id of its new row is (`outbox.place`).
@Suite struct MessagePlaceTests {
    private static let messages = ["m1", "m2", "m3", "m4", "m5"]

    /// Five messages of a user, planned: the rows 1 to 5.
    private func scenario() async throws -> StoreScenario {
        let scenario = try StoreScenario([.fin])
        try scenario.write(
            "INSERT INTO users (id, name) VALUES ('u1', 'Jane'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        for id in Self.messages { try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:0\(id.dropFirst()).000Z") }
        try await scenario.plan()
        return scenario
    }

    /// Plans as many messages in pages that have no time left after one of them.
    private func plan(_ count: Int, _ scenario: StoreScenario) async throws {
        for _ in 0..<count {
            var page = scenario.page()
            page.timeLimit = .seconds(-1)
            let exchange = scenario.exchange { [page] in $0.plan = page }
            let result = try await scenario.store.exchange(exchange, for: scenario.parties())
            #expect(result.problems.isEmpty)
            #expect(result.plan?.batch.examined == 1)
        }
    }

    /// Delivers everything, and lists the messages in the order in which they were sent.
    private func sent(_ scenario: StoreScenario) async throws -> [String] {
        var sent: [String] = []
        while let claimed = try await scenario.claim("fin", 1).first {
            sent += try scenario.lines("SELECT message_id FROM outbox WHERE id = \(claimed.id)")
            try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
            try #require(sent.count <= Self.messages.count + 1)
        }
        #expect(try scenario.outbox("state = 'pending'") == [])
        return sent
    }

    private func filter(_ ids: Int64...) -> OutboxFilter {
        var filter = OutboxFilter()
        filter.ids = ids
        return filter
    }

    /// What is planned again has the rows 6 to 9, and m2 the row 2: it was discarded meanwhile.
    private func scenarioWithDiscarded(_ correction: String = "UPDATE messages SET body = 'x' WHERE id = 'm1'") async throws
        -> StoreScenario
    {
        let scenario = try await scenario()
        _ = try await scenario.store.manage(.discard, filter(2), now: StoreScenario.start)
        try scenario.write(correction)
        try await scenario.plan()
        #expect(
            try scenario.lines("SELECT id, message_id FROM outbox WHERE state = 'pending' ORDER BY id") == ["6|m1", "7|m3", "8|m4", "9|m5"])
        return scenario
    }

    @Test(arguments: [2, 3], [1, 2, 4])
    func `messages whose user changes again while they are being planned again keep their order`(_ times: Int, _ planned: Int) async throws
    {
        let scenario = try await scenario()
        for number in 1...times {
            try scenario.write("UPDATE users SET name = 'name \(number)'")
            if number < times { try await plan(planned, scenario) }
        }
        try scenario.addMessage("m6", of: "c1", at: "2026-03-01T11:00:06.000Z")
        try await scenario.plan()
        #expect(try scenario.lines("SELECT * FROM message_feed") == [])
        #expect(try await sent(scenario) == Self.messages + ["m6"])
        #expect(
            try scenario.lines("SELECT DISTINCT json_extract(body, '$.user.name') FROM outbox WHERE state = 'delivered'") == [
                "name \(times)"
            ])
    }

    @Test(arguments: [2, 3], ["m1", "m3"])
    func `a message that is corrected again before the later ones are planned again stays before them`(_ times: Int, _ id: String)
        async throws
    {
        let scenario = try await scenario()
        for number in 1...times {
            try scenario.write("UPDATE messages SET body = 'text \(number)' WHERE id = '\(id)'")
            if number < times { try await plan(1, scenario) }
        }
        try await scenario.plan()
        #expect(try await sent(scenario) == Self.messages)
        #expect(
            try scenario.lines("SELECT json_extract(body, '$.message.body') FROM outbox WHERE message_id = '\(id)' AND state = 'delivered'")
                == ["text \(times)"])
    }

    @Test func `a message that was put back, planned again and corrected once more stays before the others`() async throws {
        let scenario = try await scenario()
        let claimed = try await scenario.claimOne("fin")
        try scenario.write("UPDATE users SET name = 'one'")
        try await scenario.finish(claimed, DeliveryOutcome(.throttled, httpStatus: 429, error: "HTTP 429"))
        try await plan(1, scenario)
        try scenario.write("UPDATE users SET name = 'two'")
        try await scenario.plan()
        #expect(try await sent(scenario) == Self.messages)
    }

    @Test func `a released message stays released, however often it is planned again`() async throws {
        let scenario = try await scenario()
        for name in ["one", "two", "three"] {
            try scenario.write("UPDATE users SET name = '\(name)'")
            try await scenario.plan()
            // The rows that the next ones replace, and not those whose place they have.
            if name == "one" {
                try scenario.write("UPDATE outbox SET released_at = ? WHERE state = 'pending'", [StoreScenario.start.iso8601])
            }
        }
        #expect(
            try scenario.lines("SELECT DISTINCT released_at FROM outbox WHERE state = 'pending'") == [StoreScenario.start.iso8601])
    }

    @Test func `a discarded message that is retried as it was is sent in its place among those that were planned again meanwhile`()
        async throws
    {
        let scenario = try await scenarioWithDiscarded()
        let retried = try await scenario.store.manage(.retry, filter(2), now: StoreScenario.start)
        #expect(retried.steps.map(\.effect) == [.sendAgain])
        #expect(retried.steps.map(\.waitsFor) == [6])
        #expect(try await scenario.store.outbox(filter(2)).map(\.obstacle) == [.row(6)])
        #expect(try await scenario.store.waitingMessages(at: "fin").map(\.messageID) == Self.messages)
        #expect(try await sent(scenario) == Self.messages)
    }

    @Test func `a discarded message that is planned again by a retry does not come before earlier ones`() async throws {
        let scenario = try await scenarioWithDiscarded("UPDATE users SET name = 'one'")
        #expect(try await scenario.store.manage(.retry, filter(2), now: StoreScenario.start).steps.map(\.effect) == [.planAgain])
        try await scenario.plan()
        #expect(try await sent(scenario) == Self.messages)
    }

    @Test func `a message that is retried follows an earlier one that waits to be planned again, and not a later one`() async throws {
        let scenario = try await scenarioWithDiscarded()
        // m3 and the later ones wait to be planned again; their rows are 7 to 9, and their places 3 to 5.
        try scenario.write("UPDATE messages SET body = 'y' WHERE id = 'm3'")
        _ = try await scenario.store.manage(.retry, filter(2), now: StoreScenario.start)
        #expect(try scenario.lines("SELECT id FROM outbox WHERE state = 'pending' ORDER BY id") == ["2", "6"])
        _ = try await scenario.store.manage(.discard, filter(2), now: StoreScenario.start)
        // And m1, whose row is 6.
        try scenario.write("UPDATE messages SET body = 'y' WHERE id = 'm1'")
        _ = try await scenario.store.manage(.retry, filter(2), now: StoreScenario.start)
        #expect(try scenario.outbox("state = 'pending'") == [])
        try await scenario.plan()
        #expect(try await sent(scenario) == Self.messages)
    }

    @Test func `messages behind a held one are held and let go by their places`() async throws {
        let scenario = try await scenarioWithDiscarded()
        _ = try await scenario.store.manage(.retry, filter(2), now: StoreScenario.start)
        let claimed = try await scenario.claimOne("fin")
        #expect(claimed.id == 6)
        var row = claimed.row
        row.state = .held
        let held = FinishedCall(
            claimed: claimed, row: row, startedAt: StoreScenario.start, finishedAt: StoreScenario.start, outcome: nil, error: "escalated",
            heldBy: "fin")
        _ = try await scenario.exchange("fin", finished: [held])
        #expect(try scenario.lines("SELECT id FROM outbox WHERE state = 'held' ORDER BY id") == ["2", "6", "7", "8", "9"])
        let report = Report(remote: "fin", subject: .conversation("c1"), observation: Observation(word: "x"), readAt: StoreScenario.start)
        _ = try await scenario.store.reconcile([report], scenario.inbound())
        #expect(try await sent(scenario) == Self.messages)
    }

    @Test func `a wrong mark of the first message is repaired, whatever its id is`() async throws {
        let scenario = try await scenarioWithDiscarded()
        _ = try await scenario.store.manage(.retry, filter(2), now: StoreScenario.start)
        try scenario.write("UPDATE outbox SET behind = 1 WHERE state = 'pending'")
        #expect(try await scenario.claim("fin").isEmpty)
        try await scenario.store.repair(now: StoreScenario.start, farthestDue: .days(3))
        #expect(try scenario.lines("SELECT id FROM outbox WHERE state = 'pending' AND behind = 0") == ["6"])
        #expect(try await sent(scenario) == Self.messages)
    }

    @Test func `the message after a deleted one gets its turn by its place`() async throws {
        let scenario = try await scenarioWithDiscarded()
        _ = try await scenario.store.manage(.retry, filter(2), now: StoreScenario.start)
        try scenario.write("UPDATE outbox SET behind = 1 WHERE id IN (2, 7); DELETE FROM outbox WHERE id = 6")
        #expect(try scenario.lines("SELECT id FROM outbox WHERE state = 'pending' AND behind = 0") == ["2"])
        #expect(try await sent(scenario) == ["m2", "m3", "m4", "m5"])
    }
}
