import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// Claiming: one call in flight per conversation and remote, messages first in, first out, and no row before it is due.
@Suite struct ClaimTests {
    private func messages(_ ids: String..., conversation: String = "c1") throws -> StoreScenario {
        let scenario = try StoreScenario([.fin])
        try scenario.write(
            "INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1'), ('c2', 'u1')")
        for id in ids { try scenario.addMessage(id, of: conversation) }
        return scenario
    }

    private let ok = DeliveryOutcome(.delivered, httpStatus: 200)

    @Test func `a claimed row contains what its delivery needs`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.plan()
        try scenario.write(
            "UPDATE link_state SET fields = ?",
            [#"{"title":{"ours":"x","theirs":"x","held":"x"},"status":{"held":"open","doubt":["closed"]}}"#])
        let claimed = try await scenario.claimOne("vg", process: 5)
        #expect(claimed.conversationID == "c1")
        #expect(claimed.remote == "vg")
        #expect([claimed.operation, claimed.method, claimed.path] == ["update", "PATCH", "/vg/agent9/r-c1"])
        #expect(claimed.body == "{\"status\":\"open\",\"title\":null}")
        #expect(claimed.idempotencyKey == StoreScenario.firstKey)
        #expect(claimed.delta == Delta(fields: ["status": "open", "title": .null]))
        let known = claimed.known.linkRecord
        #expect(known["title"] == FieldRecord(ours: .value("x"), theirs: .value("x"), held: .value("x")))
        #expect(known["status"] == FieldRecord(held: .value("open"), doubt: ["closed"]))
        #expect(claimed.numbers == .init(repeating: LocalRow.firstNumber))
        #expect(claimed.row == OutboxRow(payload: .state, state: .sending, dueAt: StoreScenario.start))
        #expect(claimed.lease >> 32 == 5, "the upper half of a fencing value names its process")
        #expect(claimed.leaseUntil == StoreScenario.start + .seconds(60))
        #expect(claimed.earlierAttempts == 0)
        #expect(
            try scenario.lines("SELECT state, lease, lease_until FROM outbox")
                == ["sending|\(claimed.lease)|\(claimed.leaseUntil.iso8601)"])
    }

    @Test func `a claim of large rows ends with the row that reaches 4 MiB, and the rest is claimed next`() async throws {
        let scenario = try StoreScenario([.vg])
        for index in 1...6 { try scenario.addConversations("c\(index)") }
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET body = json_object('title', printf('%.*c', 1100000, 'x'))")
        let first = try await scenario.exchange("vg", claim: 6)
        #expect(first.claimed.map(\.id) == [1, 2, 3, 4] && first.isCutShort)
        #expect(first.claimed.reduce(0) { $0 + $1.body.utf8.count } >= 4 << 20)
        let second = try await scenario.exchange("vg", claim: 6)
        #expect(second.claimed.map(\.id) == [5, 6] && !second.isCutShort)
        // A single row may be larger than that.
        try scenario.write("UPDATE outbox SET state = 'pending', lease = NULL, body = json_object('title', printf('%.*c', 5000000, 'x'))")
        #expect(try await scenario.claim("vg").map(\.id) == [1])
    }

    /// Rows 1 … 6 for as many conversations; the first four have failed before and fell due first.
    private func retriesFirst() async throws -> StoreScenario {
        let scenario = try StoreScenario([.vg])
        for index in 1...6 { try scenario.addConversations("c\(index)") }
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET attempts = 1, due_at = ? WHERE id <= 4", [(StoreScenario.start - .seconds(1)).iso8601])
        return scenario
    }

    private func claim(_ scenario: StoreScenario, _ count: Int, retries: Int?) async throws -> LaneResult {
        try await scenario.exchange("vg", claim: count, retries: retries)
    }

    @Test(arguments: [
        (0, [5, 6, 1], true), (1, [5, 6, 1], true), (3, [1, 2, 3], false), (4, [1, 2, 3], false), (nil, [1, 2, 3], false),
    ])
    func `first attempts precede retries that exceed their share`(retries: Int?, ids: [Int64], hasLeftRetries: Bool) async throws {
        let scenario = try await retriesFirst()
        let reply = try await claim(scenario, 3, retries: retries)
        #expect(reply.claimed.map(\.id) == ids)
        #expect(reply.hasLeftRetries == hasLeftRetries)
        #expect(try scenario.lines("SELECT id FROM outbox WHERE state = 'sending'") == ids.sorted().map { "\($0)" })
    }

    @Test func `two claims of one process have different fencing values`() async throws {
        let scenario = try messages("m1")
        try await scenario.plan()
        let first = try await scenario.claimOne("fin")
        try await scenario.finish(first, DeliveryOutcome(.interrupted))
        #expect(try await scenario.claimOne("fin").lease != first.lease)
    }

    @Test func `one call is in flight per conversation and remote, and other conversations are claimed`() async throws {
        let scenario = try messages("m1", "m2")
        try scenario.addMessage("m3", of: "c2")
        try await scenario.plan()
        #expect(try await scenario.claim("fin").map(\.id) == [1, 3])
        #expect(try await scenario.claim("fin").isEmpty)
    }

    @Test func `messages go first in, first out, also when the first one fails`() async throws {
        let scenario = try messages("m1", "m2")
        try await scenario.plan()
        let first = try await scenario.claimOne("fin")
        try await scenario.finish(first, DeliveryOutcome(.retry, error: "HTTP 500", notBefore: StoreScenario.start + .minutes(2)))
        #expect(try await scenario.claim("fin").isEmpty, "the second must not overtake the first")
        #expect(try await scenario.claim("fin", now: StoreScenario.start + .minutes(2)).map(\.id) == [1])
    }

    @Test func `a held message blocks its conversation and no other`() async throws {
        let scenario = try messages("m1", "m2")
        try scenario.addMessage("m3", of: "c2")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = 'held' WHERE id = 1")
        #expect(try await scenario.claim("fin").map(\.id) == [3])
    }

    @Test(arguments: ["dead", "uncertain", "discarded", "delivered", "superseded"])
    func `a finished message does not block the next one`(_ state: String) async throws {
        let scenario = try messages("m1", "m2")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = ? WHERE id = 1", [state])
        #expect(try await scenario.claim("fin").map(\.id) == [2])
    }

    @Test func `the row that fell due first is claimed first`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2", "c3", "c4")
        try await scenario.plan()
        for (id, seconds) in [(1, 30), (2, 10), (3, 20), (4, 10)] as [(Int, Int64)] {
            try scenario.write("UPDATE outbox SET due_at = ? WHERE id = ?", [(StoreScenario.start + .seconds(seconds)).iso8601, id])
        }
        #expect(try await scenario.claim("vg", now: StoreScenario.start + .seconds(9)).isEmpty)
        #expect(try await scenario.claim("vg", 1, now: StoreScenario.start + .seconds(10)).map(\.id) == [2])
        #expect(try await scenario.claim("vg", 2, now: StoreScenario.start + .hours(1)).map(\.id) == [4, 3])
        #expect(try await scenario.claim("vg", 2, now: StoreScenario.start + .hours(1)).map(\.id) == [1])
    }

    @Test func `a state that is about to be replaced is not claimed, unless it was planned very recently`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2")
        try await scenario.plan()
        try scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
        // A conversation that changes constantly must not be starved.
        #expect(try await scenario.claim("vg", now: StoreScenario.start + .seconds(1)).map(\.conversationID) == ["c1", "c2"])
        try scenario.write("UPDATE outbox SET state = 'pending', lease = NULL")
        #expect(try await scenario.claim("vg", now: StoreScenario.start + .minutes(1)).map(\.conversationID) == ["c2"])
    }

    @Test func `a recently planned state is not claimed after a later report was adopted`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.plan()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try scenario.write(
            """
            INSERT INTO adopted_changes (conversation_id, remote, reported_at, adopted_at, changes, rule) VALUES ('c1', 'vg', ?1, ?1, '{}', '')
            """, [(StoreScenario.start + .milliseconds(500)).iso8601])
        #expect(try await scenario.claim("vg", now: StoreScenario.start + .seconds(1)).isEmpty)
    }

    @Test func `a message is claimed although its conversation waits to be planned`() async throws {
        let scenario = try messages("m1")
        try await scenario.plan()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        #expect(try await scenario.claim("fin", now: StoreScenario.start + .minutes(1)).count == 1)
    }

    @Test func `a claim takes rows of its remote only`() async throws {
        let scenario = try StoreScenario([.voicebot, .vg])
        try scenario.addConversations("c1")
        try await scenario.plan()
        #expect(try await scenario.claim("vg").map(\.remote) == ["vg"])
        #expect(try scenario.lines("SELECT remote FROM outbox WHERE state = 'pending'") == ["voicebot"])
    }

    @Test func `no rows of a paused remote are claimed until it is resumed, even after a restart`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.plan()
        try await scenario.store.enterRemotes(scenario.remotes)
        #expect(try await scenario.store.pause("vg", now: StoreScenario.start) != nil)
        #expect(try await scenario.store.pause("vg", now: StoreScenario.start + .hours(1)) != nil)
        let reply = try await scenario.exchange("vg", claim: 10)
        #expect(reply.orders.isPaused)
        #expect(reply.claimed.isEmpty)
        let restarted = try Store(path: scenario.path, access: .existing)
        #expect(try await restarted.storedRemotes()["vg"]?.gate.pausedAt == StoreScenario.start, "the first pause counts")
        #expect(try await restarted.resume("vg", now: StoreScenario.start) != nil)
        #expect(try await scenario.claim("vg").count == 1)
        #expect(try await restarted.pause("nobody", now: StoreScenario.start) == nil)
    }

    @Test func `the store reports when the next row is due, and whether rows are pending`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2")
        #expect(try await scenario.store.hasPending("vg") == false)
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET due_at = ? WHERE id = 2", [(StoreScenario.start + .minutes(5)).iso8601])
        #expect(try await scenario.store.nextDue("vg", after: StoreScenario.start) == StoreScenario.start + .minutes(5))
        #expect(try await scenario.store.nextDue("vg", after: StoreScenario.start - .seconds(1)) == StoreScenario.start)
        #expect(try await scenario.store.nextDue("vg", after: StoreScenario.start + .minutes(5)) == nil)
        #expect(try await scenario.store.hasPending("vg"))
        #expect(try await scenario.store.hasPending("voicebot") == false)
    }
}
