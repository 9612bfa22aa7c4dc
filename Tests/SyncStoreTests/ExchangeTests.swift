import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// One transaction for everything that an exchange asks for.
@Suite struct ExchangeTests {
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }
    private let ok = DeliveryOutcome(.delivered, httpStatus: 200)

    private func lane(_ remote: String, _ finished: [FinishedCall] = [], claim: Int = 0) -> LaneRequest {
        var lane = LaneRequest(remote: remote)
        lane.finished = finished
        if claim > 0 {
            lane.claim = .init(rows: claim, retries: claim, retriesDueBy: .init(milliseconds: .max), leaseDuration: .seconds(60))
        }
        return lane
    }

    /// The number of write transactions that the closure begins.
    private func transactions(_ scenario: StoreScenario, during work: () async throws -> Void) async throws -> Int {
        let begun = Collected()
        try await scenario.store.trace { if $0.hasPrefix("BEGIN IMMEDIATE") { begun.add([$0]) } }
        try await work()
        try await scenario.store.trace(nil)
        return begun.all.count
    }

    // MARK: Nothing to do

    /// Everything that an idle engine asks for.
    private func idle(_ scenario: StoreScenario, now: Instant = StoreScenario.start) -> Exchange {
        var read = ReadRequestsPart(remote: "vg")
        read.requests = 10
        read.question = .cycle(rotation: 5, includesRecent: true)
        return scenario.exchange(now: now) { exchange in
            exchange.plan = scenario.page(isFirst: true)
            exchange.processesInbox = true
            exchange.lanes = scenario.remotes.map { lane($0.name, claim: 10) }
            exchange.reads = [read]
            exchange.run.endsIfDone = true
        }
    }

    @Test func `an exchange that finds nothing to do takes no write lock`() async throws {
        let scenario = try await StoreScenario.converged()
        try scenario.write("UPDATE conversations SET title = 'x'")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET due_at = ? WHERE state = 'pending'", [Self.at(60).iso8601])
        try await scenario.store.enterRemotes(scenario.remotes)
        let exchange = idle(scenario)
        let application = try SQLiteSession(path: scenario.path, access: .readWrite, busyTimeout: .zero)
        try application.script("BEGIN IMMEDIATE")
        let result = try await scenario.store.exchange(exchange, for: scenario.parties())
        try application.script("ROLLBACK")
        #expect(!result.hasWritten)
        #expect(result.lanes["vg"]?.nextDueAt == Self.at(60))
        #expect(result.lanes["vg"]?.claimed.isEmpty == true)
        #expect(result.plan?.hasMore == false)
        #expect(result.plan?.shared == [])
        #expect(result.reads["vg"]?.rotation.map(\.remoteID) == ["r-c1", "r-c1"], "the rotation, and what was acknowledged last")
        #expect(result.reads["vg"]?.agents == ["agent9"])
        #expect(result.hasEndedRun)
        #expect(try scenario.lines("SELECT count(*) FROM runs WHERE finished_at IS NOT NULL") == ["0"])
    }

    @Test(arguments: [nil, StoreScenario.start])
    func `a retry that falls due between the request and the exchange is due, unless a drain leaves it`(retriesDueBy: Instant?) async throws
    {
        let scenario = try await StoreScenario.converged()
        try scenario.write("UPDATE conversations SET title = 'x'")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET attempts = 1, due_at = ? WHERE state = 'pending'", [Self.at(2).iso8601])
        try await scenario.store.enterRemotes(scenario.remotes)
        var lane = lane("vg")
        lane.retriesDueBy = retriesDueBy
        // The database was busy from the second on.
        lane.claim = .init(rows: 10, retries: 10, retriesDueBy: retriesDueBy ?? Self.at(1), leaseDuration: .seconds(60))
        let result = try await scenario.store.exchange(scenario.exchange(now: Self.at(3)) { $0.lanes = [lane] }, for: scenario.parties())
        #expect(result.lanes["vg"]?.claimed.isEmpty == true)
        #expect(result.lanes["vg"]?.nextDueAt == (retriesDueBy == nil ? Self.at(2) : nil))
    }

    @Test(
        arguments: [
            "UPDATE conversations SET title = 'y'", "UPDATE outbox SET due_at = '2026-01-01T00:00:00.000Z' WHERE state = 'pending'",
            "UPDATE remotes SET replan_cursor = ''", "INSERT INTO messages (id, conversation_id, author) VALUES ('m1', 'c1', 'user')",
            """
            INSERT INTO inbox (remote, kind, conversation_id, event_key, occurred_at, received_at, payload)
            VALUES ('fin', 'status', 'c1', 'k', 1, '2026-03-01T12:00:00.000Z', '{}')
            """,
            "INSERT INTO change_feed (conversation_id, remote, changed_at) VALUES ('c1', 'stranger', 'x')",
            "INSERT INTO change_feed (conversation_id, remote, changed_at, deferred, waits_since) VALUES ('c1', 'vg', 'x', 3, '2026-01-01T00:00:00.000Z')",
        ])
    func `an exchange with work to do writes`(change: String) async throws {
        let scenario = try await StoreScenario.converged()
        try await scenario.store.enterRemotes(scenario.remotes)
        try scenario.write("UPDATE conversations SET title = 'x'")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET due_at = ? WHERE state = 'pending'", [Self.at(60).iso8601])
        #expect(try await !scenario.store.exchange(idle(scenario), for: scenario.parties()).hasWritten)
        try scenario.write(change)
        #expect(try await scenario.store.exchange(idle(scenario), for: scenario.parties()).hasWritten)
    }

    // MARK: One commit

    @Test func `events, outcomes, reads, planning and claims share a commit`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1", "c2")
        try await scenario.plan()
        let claimed = try await scenario.firstClaimed("vg")
        var read = ReadRequestsPart(remote: "voicebot")
        read.reports = [
            Report(
                remote: "voicebot", subject: .object(ReadRequest(remoteID: "r-c2")), observation: Observation(word: "open"),
                readAt: StoreScenario.start)
        ]
        read.health = .read
        let events = ReceivedEvents(
            ticket: 7, remote: "fin", notices: [.status(conversationID: "c1", word: "closed", at: StoreScenario.start, key: "k1")])
        let exchange = scenario.exchange { [read] exchange in
            exchange.lanes = [lane("vg", [scenario.finished(claimed, ok)]), lane("voicebot", claim: 10)]
            exchange.events = [events, ReceivedEvents(ticket: 8, remote: "fin", notices: events.notices)]
            exchange.reads = [read]
            exchange.processesInbox = true
            exchange.plan = scenario.page()
        }
        let begun = try await transactions(scenario) {
            let result = try await scenario.store.exchange(exchange, for: scenario.parties())
            #expect(result.problems == [])
            #expect(result.events == [7: 1, 8: 0], "the same event came twice")
            #expect(result.inbox.reconciled.map(\.conversationID) == ["c1"])
            #expect(result.reads["voicebot"]?.reconciled.map(\.conversationID) == ["c2"])
            #expect(result.lanes["voicebot"]?.claimed.count == 2)
            #expect(result.hasWritten)
        }
        #expect(begun == 1)
        #expect(try scenario.outbox("id = \(claimed.id)") == ["\(claimed.id)|\(claimed.conversationID)|vg|delivered"])
    }

    // MARK: Parts that fail

    @Test func `an outcome that cannot be recorded is left out, and the rest of the exchange is committed`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1", "c2")
        try await scenario.plan()
        let rows = try await scenario.claim("vg")
        try #require(rows.count == 2)
        try scenario.write(
            """
            CREATE TRIGGER refused BEFORE UPDATE ON outbox WHEN NEW.id = \(rows[0].id) AND NEW.state = 'delivered'
            BEGIN SELECT RAISE(ABORT, 'not this one'); END
            """)
        let events = ReceivedEvents(
            ticket: 1, remote: "fin", notices: [.message(conversationID: "c1", id: "m", body: "x", at: StoreScenario.start, key: "k")])
        let exchange = scenario.exchange { exchange in
            exchange.lanes = [lane("vg", rows.map { scenario.finished($0, ok) }), lane("voicebot", claim: 10)]
            exchange.events = [events]
        }
        let result = try await scenario.store.exchange(exchange, for: scenario.parties())
        #expect(result.problems.count == 1)
        #expect(result.problems.first?.hasPrefix("outcome of row \(rows[0].id): ") == true)
        #expect(result.problems.first?.contains("not this one") == true)
        #expect(try scenario.lines("SELECT state FROM outbox WHERE remote = 'vg' ORDER BY id") == ["sending", "delivered"])
        #expect(result.events == [1: 1])
        #expect(result.lanes["voicebot"]?.claimed.count == 2)
    }

    @Test func `events that cannot be stored have no count, so that their sender is told`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        try scenario.write(
            "CREATE TRIGGER refused BEFORE INSERT ON inbox WHEN NEW.event_key = 'bad' BEGIN SELECT RAISE(ABORT, 'not this one'); END")
        let exchange = scenario.exchange { exchange in
            exchange.events = ["bad", "good"].enumerated().map { index, key in
                ReceivedEvents(
                    ticket: UInt64(index), remote: "fin",
                    notices: [.status(conversationID: "c1", word: "closed", at: StoreScenario.start, key: key)])
            }
        }
        let result = try await scenario.store.exchange(exchange, for: scenario.parties())
        #expect(result.events == [1: 1])
        #expect(result.problems.count == 1)
    }

    @Test func `an event that cannot be processed waits, and the others are processed`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1")
        let notices = ["m1", "m2", "m3"].map {
            Notice.message(conversationID: "c1", id: $0, body: $0, at: StoreScenario.start, key: $0)
        }
        _ = try await scenario.store.receive(notices, from: "fin", now: StoreScenario.start)
        try scenario.write(
            "CREATE TRIGGER refused BEFORE INSERT ON messages WHEN NEW.body = 'm2' BEGIN SELECT RAISE(ABORT, 'not this one'); END")
        let result = try await scenario.store.exchange(scenario.exchange { $0.processesInbox = true }, for: scenario.parties())
        #expect(result.problems.count == 1)
        #expect(try scenario.lines("SELECT body FROM messages ORDER BY 1") == ["m1", "m3"])
        #expect(try scenario.lines("SELECT state FROM inbox ORDER BY id") == ["done", "waiting", "done"])
    }

    @Test func `a report that cannot be processed is left out, and its read ends nevertheless`() async throws {
        let scenario = try await StoreScenario.converged()
        _ = try await scenario.store.receive([.changed(remoteID: "r-c1", agentID: nil)], from: "vg", now: StoreScenario.start)
        try scenario.write(
            "CREATE TRIGGER refused BEFORE UPDATE ON conversations BEGIN SELECT RAISE(ABORT, 'not this one'); END")
        let object = ReadRequest(remoteID: "r-c1", agentID: "agent9")
        var part = ReadRequestsPart(remote: "vg")
        part.reports = [
            Report(remote: "vg", subject: .object(object), observation: Observation(word: "closed"), readAt: Self.at(5))
        ]
        part.completed = [CompletedRead(object, beganAt: Self.at(5))]
        let exchange = scenario.exchange(now: Self.at(6)) { [part] in $0.reads = [part] }
        let result = try await scenario.store.exchange(exchange, for: scenario.parties())
        #expect(result.problems.count == 1)
        #expect(result.reads["vg"]?.hasRequests == false)
    }
}

extension StoreScenario {
    /// The first of several claimed rows.
    fileprivate func firstClaimed(_ remote: String) async throws -> ClaimedRow { try #require(try await claim(remote).first) }
}
