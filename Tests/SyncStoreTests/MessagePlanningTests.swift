import SyncCore
import Testing

@testable import SyncStore

/// Messages are events: each is planned once, in order, with a timestamp of its own.
@Suite struct MessagePlanningTests {
    private func bench(_ remotes: [RemoteParticipation] = [.fin]) throws -> Bench {
        let bench = try Bench(remotes)
        try bench.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        return bench
    }

    private func planned(_ bench: Bench) throws -> [String] {
        try bench.lines("SELECT message_id, state FROM outbox WHERE payload = 'message' ORDER BY id")
    }

    private func timestamps(_ bench: Bench) throws -> [String] {
        try bench.lines("SELECT json_extract(body, '$.message.timestamp') FROM outbox WHERE payload = 'message' ORDER BY id")
    }

    @Test func `messages are planned in the order in which they were written, and none are merged`() async throws {
        let bench = try bench()
        for id in ["m3", "m1", "m2"] { try bench.addMessage(id, of: "c1") }
        try await bench.plan()
        try bench.addMessage("m0", of: "c1")
        try await bench.plan()
        #expect(try planned(bench) == ["m3|pending", "m1|pending", "m2|pending", "m0|pending"])
        #expect(try bench.lines("SELECT * FROM message_feed").isEmpty)
    }

    @Test func `messages of one millisecond get timestamps of their own, in later runs as well`() async throws {
        let bench = try bench()
        for id in ["m1", "m2"] { try bench.addMessage(id, of: "c1", at: "2026-03-01T11:00:00.000Z") }
        try await bench.plan()
        try bench.addMessage("m3", of: "c1", at: "2026-03-01T11:00:00.000Z")
        try await bench.plan()
        #expect(
            try timestamps(bench) == ["2026-03-01T11:00:00.000Z", "2026-03-01T11:00:00.001Z", "2026-03-01T11:00:00.002Z"])
    }

    @Test func `a recently delivered timestamp is taken, and one delivered long ago is free`() async throws {
        let bench = try bench()
        try bench.addMessage("m1", of: "c1", at: "2026-03-01T11:00:00.000Z")
        try await bench.converge()
        try bench.addMessage("m2", of: "c1", at: "2026-03-01T11:00:00.000Z")
        try await bench.plan(now: Bench.start + .minutes(9))
        try bench.write("UPDATE outbox SET state = 'delivered'")
        try bench.addMessage("m3", of: "c1", at: "2026-03-01T11:00:00.000Z")
        try await bench.plan(now: Bench.start + .minutes(11))
        let found = try timestamps(bench).map { String($0.suffix(4)) }
        #expect(found == ["000Z", "001Z", "000Z"])
    }

    @Test func `a timestamp in another conversation is free`() async throws {
        let bench = try bench()
        try bench.write("INSERT INTO conversations (id, user_id) VALUES ('c2', 'u1')")
        try bench.addMessage("m1", of: "c1")
        try bench.addMessage("m2", of: "c2")
        try await bench.plan()
        #expect(Set(try timestamps(bench)) == ["2026-03-01T11:00:00.000Z"])
    }

    @Test func `a message that is written again after it was planned is not planned twice`() async throws {
        let bench = try bench()
        try bench.addMessage("m1", of: "c1")
        try await bench.converge()
        try bench.write("INSERT OR REPLACE INTO messages (id, conversation_id, author, body) VALUES ('m1', 'c1', 'user', 'again')")
        try await bench.plan()
        #expect(try planned(bench) == ["m1|delivered"])
        #expect(try bench.lines("SELECT * FROM message_feed").isEmpty)
    }

    @Test func `a message that is written again is not planned twice after its outbox row was pruned`() async throws {
        let bench = try bench()
        try bench.addMessage("m1", of: "c1")
        try await bench.converge()
        try bench.write("DELETE FROM outbox")
        try bench.write("INSERT OR REPLACE INTO messages (id, conversation_id, author, body) VALUES ('m1', 'c1', 'user', 'again')")
        try await bench.plan()
        #expect(try planned(bench).isEmpty)
    }

    @Test func `a disabled fin keeps its messages and their order`() async throws {
        let bench = try bench()
        for id in ["m2", "m1"] { try bench.addMessage(id, of: "c1") }
        try await bench.plan(remotes: [.fin.disabled])
        try bench.addMessage("m3", of: "c1")
        try await bench.plan(remotes: [.fin.disabled])
        #expect(try planned(bench).isEmpty)
        #expect(try bench.lines("SELECT message_id, remote FROM message_feed ORDER BY sequence") == ["m2|fin", "m1|fin", "m3|fin"])
        #expect(try await bench.store.feedIsEmpty(), "messages of a disabled remote are not work for a run")
        try await bench.plan()
        #expect(try planned(bench) == ["m2|pending", "m1|pending", "m3|pending"])
    }

    @Test func `two fin remotes get every message once, even if one was disabled for a while`() async throws {
        let second = RemoteParticipation.fin.with { $0.name = "fin2" }
        let bench = try bench([.fin, second])
        try bench.addMessage("m1", of: "c1")
        try await bench.plan(remotes: [.fin, second.disabled])
        try bench.addMessage("m2", of: "c1")
        try await bench.plan()
        #expect(
            try bench.lines("SELECT remote, message_id FROM outbox WHERE payload = 'message' ORDER BY remote, id")
                == ["fin|m1", "fin|m2", "fin2|m1", "fin2|m2"])
    }

    @Test func `messages without a receiver leave the feed`() async throws {
        let bench = try bench([.voicebot])
        try bench.addMessage("m1", of: "c1")
        try await bench.plan()
        #expect(try bench.lines("SELECT * FROM message_feed").isEmpty)
        #expect(try planned(bench).isEmpty)
    }

    @Test func `a message that cannot be sent becomes dead once, with its reason`() async throws {
        let bench = try Bench([.fin])
        try bench.write("INSERT INTO conversations (id) VALUES ('c1')")
        try bench.addMessage("m1", of: "c1")
        let batch = try await bench.planPage()
        #expect(batch.refused.map(\.reason) == ["not sendable: no user"])
        try await bench.plan()
        #expect(try bench.lines("SELECT message_id, state, last_error FROM outbox") == ["m1|dead|not sendable: no user"])
    }

    @Test func `a message is planned with its present text`() async throws {
        let bench = try bench()
        try bench.addMessage("m1", of: "c1")
        try bench.write("UPDATE messages SET body = 'corrected'")
        try await bench.plan()
        #expect(try bench.lines("SELECT json_extract(body, '$.message.body') FROM outbox WHERE payload = 'message'") == ["corrected"])
    }

    @Test func `a message that is committed before its conversation waits for it`() async throws {
        let bench = try Bench([.fin], foreignKeys: false)
        try bench.addMessage("m1", of: "c9")
        try await bench.plan()
        #expect(try planned(bench).isEmpty)
        try bench.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c9', 'u1')")
        try await bench.plan()
        #expect(try bench.lines("SELECT message_id, state FROM outbox") == ["m1|pending"])
        #expect(try bench.lines("SELECT * FROM message_feed").isEmpty)
    }
}
