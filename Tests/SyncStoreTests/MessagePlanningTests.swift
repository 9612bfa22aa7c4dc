import SyncCore
import Testing

@testable import SyncStore

/// Messages are events: each is planned once, in order, with a timestamp of its own.
@Suite struct MessagePlanningTests {
    private func scenario(_ remotes: [RemoteParticipation] = [.fin]) throws -> StoreScenario {
        let scenario = try StoreScenario(remotes)
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        return scenario
    }

    private func planned(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT message_id, state FROM outbox WHERE payload = 'message' ORDER BY id")
    }

    private func timestamps(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT json_extract(body, '$.message.timestamp') FROM outbox WHERE payload = 'message' ORDER BY id")
    }

    @Test func `messages are planned in the order in which they were written, and none are merged`() async throws {
        let scenario = try scenario()
        for id in ["m3", "m1", "m2"] { try scenario.addMessage(id, of: "c1") }
        try await scenario.plan()
        try scenario.addMessage("m0", of: "c1")
        try await scenario.plan()
        #expect(try planned(scenario) == ["m3|pending", "m1|pending", "m2|pending", "m0|pending"])
        #expect(try scenario.lines("SELECT * FROM message_feed").isEmpty)
    }

    @Test func `messages of one millisecond get timestamps of their own, in later runs as well`() async throws {
        let scenario = try scenario()
        for id in ["m1", "m2"] { try scenario.addMessage(id, of: "c1", at: "2026-03-01T11:00:00.000Z") }
        try await scenario.plan()
        try scenario.addMessage("m3", of: "c1", at: "2026-03-01T11:00:00.000Z")
        try await scenario.plan()
        #expect(
            try timestamps(scenario) == ["2026-03-01T11:00:00.000Z", "2026-03-01T11:00:00.001Z", "2026-03-01T11:00:00.002Z"])
    }

    @Test func `a recently delivered timestamp is taken, and one delivered long ago is free`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1", at: "2026-03-01T11:00:00.000Z")
        try await scenario.converge()
        try scenario.addMessage("m2", of: "c1", at: "2026-03-01T11:00:00.000Z")
        try await scenario.plan(now: StoreScenario.start + .minutes(9))
        try scenario.write("UPDATE outbox SET state = 'delivered'")
        try scenario.addMessage("m3", of: "c1", at: "2026-03-01T11:00:00.000Z")
        try await scenario.plan(now: StoreScenario.start + .minutes(11))
        let found = try timestamps(scenario).map { String($0.suffix(4)) }
        #expect(found == ["000Z", "001Z", "000Z"])
    }

    @Test(arguments: [OutboxState.dead, .uncertain, .discarded])
    func `the timestamp of a message that may be retried is taken, however long ago it was planned`(_ state: OutboxState) async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1", at: "2026-03-01T11:00:00.000Z")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = ?, finished_at = updated_at", [state.rawValue])
        try scenario.addMessage("m2", of: "c1", at: "2026-03-01T11:00:00.000Z")
        try await scenario.plan(now: StoreScenario.start + .days(3))
        var filter = OutboxFilter()
        filter.ids = [1]
        let retried = try await scenario.store.manage(.retry, filter, acceptDuplicate: true, now: StoreScenario.start + .days(3))
        #expect(retried.steps.map(\.effect) == [.sendAgain])
        #expect(try timestamps(scenario) == ["2026-03-01T11:00:00.000Z", "2026-03-01T11:00:00.001Z"])
    }

    @Test func `messages with the zero time of their application get timestamps of their own, in their order`() async throws {
        let scenario = try scenario()
        for id in ["m1", "m2", "m3", "m4"] { try scenario.addMessage(id, of: "c1", at: "0001-01-01T00:00:00Z") }
        try await scenario.plan()
        let planned = ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.001Z", "0001-01-01T00:00:00.002Z", "0001-01-01T00:00:00.003Z"]
        #expect(try timestamps(scenario) == planned)
        #expect(try scenario.lines("SELECT count(DISTINCT dedupe_key) FROM outbox") == ["4"])
        // Rows that are written again as they were change nothing.
        try scenario.write("INSERT OR REPLACE INTO messages SELECT * FROM messages")
        try await scenario.plan()
        #expect(try timestamps(scenario) == planned)
    }

    @Test func `of messages at the very end of the year 9999 one is sent, and the others are refused until they have a time`() async throws
    {
        let scenario = try scenario()
        for id in ["m1", "m2"] { try scenario.addMessage(id, of: "c1", at: "9999-12-31T23:59:59.999Z") }
        try await scenario.plan()
        #expect(
            try scenario.lines("SELECT message_id, state, last_error FROM outbox ORDER BY id")
                == ["m1|pending|-", "m2|dead|not sendable: no free timestamp"])
        try scenario.write("UPDATE messages SET created_at = '2026-03-01T11:00:00.000Z' WHERE id = 'm2'")
        var filter = OutboxFilter()
        filter.ids = [2]
        #expect(try await scenario.store.manage(.retry, filter, now: StoreScenario.start).steps.map(\.effect) == [.planAgain])
        try await scenario.converge()
        #expect(try planned(scenario) == ["m1|delivered", "m2|discarded", "m2|delivered"])
    }

    @Test func `a timestamp in another conversation is free`() async throws {
        let scenario = try scenario()
        try scenario.write("INSERT INTO conversations (id, user_id) VALUES ('c2', 'u1')")
        try scenario.addMessage("m1", of: "c1")
        try scenario.addMessage("m2", of: "c2")
        try await scenario.plan()
        #expect(Set(try timestamps(scenario)) == ["2026-03-01T11:00:00.000Z"])
    }

    @Test func `a message that is written again after it was planned is not planned twice`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try await scenario.converge()
        try scenario.write("INSERT OR REPLACE INTO messages (id, conversation_id, author, body) VALUES ('m1', 'c1', 'user', 'again')")
        try await scenario.plan()
        #expect(try planned(scenario) == ["m1|delivered"])
        #expect(try scenario.lines("SELECT * FROM message_feed").isEmpty)
    }

    @Test func `a message that is written again is not planned twice after its outbox row was pruned`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try await scenario.converge()
        try scenario.write("DELETE FROM outbox")
        try scenario.write("INSERT OR REPLACE INTO messages (id, conversation_id, author, body) VALUES ('m1', 'c1', 'user', 'again')")
        try await scenario.plan()
        #expect(try planned(scenario).isEmpty)
    }

    @Test func `a disabled fin keeps its messages and their order`() async throws {
        let scenario = try scenario()
        for id in ["m2", "m1"] { try scenario.addMessage(id, of: "c1") }
        try await scenario.plan(remotes: [.fin.disabled])
        try scenario.addMessage("m3", of: "c1")
        try await scenario.plan(remotes: [.fin.disabled])
        #expect(try planned(scenario).isEmpty)
        #expect(try scenario.lines("SELECT message_id, remote FROM message_feed ORDER BY sequence") == ["m2|fin", "m1|fin", "m3|fin"])
        #expect(try await scenario.store.feedIsEmpty(), "messages of a disabled remote are not work for a run")
        try await scenario.plan()
        #expect(try planned(scenario) == ["m2|pending", "m1|pending", "m3|pending"])
    }

    @Test func `two fin remotes get every message once, even if one was disabled for a while`() async throws {
        let second = RemoteParticipation.fin.with { $0.name = "fin2" }
        let scenario = try scenario([.fin, second])
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan(remotes: [.fin, second.disabled])
        try scenario.addMessage("m2", of: "c1")
        try await scenario.plan()
        #expect(
            try scenario.lines("SELECT remote, message_id FROM outbox WHERE payload = 'message' ORDER BY remote, id")
                == ["fin|m1", "fin|m2", "fin2|m1", "fin2|m2"])
    }

    @Test func `messages without a receiver leave the feed`() async throws {
        let scenario = try scenario([.voicebot])
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        #expect(try scenario.lines("SELECT * FROM message_feed").isEmpty)
        #expect(try planned(scenario).isEmpty)
    }

    @Test func `a message that cannot be sent becomes dead once, with its reason`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1')")
        try scenario.addMessage("m1", of: "c1")
        let batch = try await scenario.planPage()
        #expect(batch.refused.map(\.reason) == ["not sendable: no user"])
        try await scenario.plan()
        #expect(try scenario.lines("SELECT message_id, state, last_error FROM outbox") == ["m1|dead|not sendable: no user"])
    }

    @Test func `a message is planned with its present text`() async throws {
        let scenario = try scenario()
        try scenario.addMessage("m1", of: "c1")
        try scenario.write("UPDATE messages SET body = 'corrected'")
        try await scenario.plan()
        #expect(try scenario.lines("SELECT json_extract(body, '$.message.body') FROM outbox WHERE payload = 'message'") == ["corrected"])
    }

    @Test func `a message that is committed before its conversation waits for it`() async throws {
        let scenario = try StoreScenario([.fin], foreignKeys: false)
        try scenario.addMessage("m1", of: "c9")
        try await scenario.plan()
        #expect(try planned(scenario).isEmpty)
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c9', 'u1')")
        try await scenario.plan()
        #expect(try scenario.lines("SELECT message_id, state FROM outbox") == ["m1|pending"])
        #expect(try scenario.lines("SELECT * FROM message_feed").isEmpty)
    }
}
