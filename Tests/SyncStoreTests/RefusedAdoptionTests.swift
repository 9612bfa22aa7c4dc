import SyncCore
import Testing

@testable import SyncStore

/// What becomes of an exchange if the application's own triggers refuse a change that is adopted.
@Suite struct RefusedAdoptionTests {
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }
    /// What a trigger can do with the statement: undo it alone, or everything that its transaction has done so far.
    private static let ways = ["ABORT", "ROLLBACK"]

    private static func refusal(_ way: String, of conversation: String = "c1") -> String {
        """
        CREATE TRIGGER refused BEFORE UPDATE OF status ON conversations WHEN NEW.id = '\(conversation)'
        BEGIN SELECT RAISE(\(way), 'not here'); END
        """
    }

    private func record(_ calls: [FinishedCall], of remote: String, _ scenario: StoreScenario) async throws -> ExchangeResult {
        var request = LaneRequest(remote: remote)
        request.finished = calls
        let exchange = scenario.exchange(now: Self.at(2)) { [request] in $0.lanes = [request] }
        return try await scenario.store.exchange(exchange, for: scenario.parties())
    }

    /// Its outcome would be lost otherwise, and the call would be repeated whenever its lease ends.
    @Test(arguments: ways)
    func `a call is acknowledged even if what its response shows cannot be adopted, and the object is read`(_ way: String) async throws {
        let scenario = try await StoreScenario.converged()
        try scenario.write("UPDATE conversations SET title = 'new'")
        try await scenario.plan(now: Self.at(1))
        let claimed = try await scenario.claimOne("vg", now: Self.at(1))
        try scenario.write("DELETE FROM read_requests; \(Self.refusal(way))")
        let ok = DeliveryOutcome(.delivered, httpStatus: 200, observation: Observation(word: "closed", changedAt: Self.at(2)))
        let result = try await record([scenario.finished(claimed, ok, now: Self.at(2))], of: "vg", scenario)
        #expect(result.problems.count == 1)
        #expect(result.problems.first?.hasPrefix("response to row \(claimed.id): ") == true)
        #expect(result.problems.first?.contains("not here") == true)
        #expect(try scenario.outbox("id = \(claimed.id)") == ["\(claimed.id)|c1|vg|delivered"])
        #expect(try scenario.lines("SELECT status FROM conversations") == ["open"])
        #expect(try scenario.agreed().contains("title=new"))
        #expect(try scenario.lines("SELECT remote, remote_id, agent_id FROM read_requests") == ["vg|r-c1|agent9"])
    }

    @Test(arguments: ways)
    func `a message is acknowledged even if the status in its response cannot be adopted`(_ way: String) async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        let claimed = try await scenario.claimOne("fin")
        try scenario.write(Self.refusal(way))
        var call = scenario.finished(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        call.news = Observation(word: "closed", changedAt: StoreScenario.start)
        let result = try await record([call], of: "fin", scenario)
        #expect(result.problems.map { $0.hasPrefix("response to row \(claimed.id): ") } == [true])
        #expect(try scenario.outbox() == ["\(claimed.id)|c1|fin|delivered"])
        #expect(try scenario.lines("SELECT status FROM conversations") == ["open"])
        #expect(try scenario.lines("SELECT * FROM read_requests") == [])
    }

    // MARK: Other parts of the exchange

    private func report(_ id: String) -> Report {
        Report(
            remote: "voicebot", subject: .object(ReadRequest(remoteID: "r-\(id)")), observation: Observation(word: "closed"),
            readAt: Self.at(2))
    }

    /// Two conversations that all remotes were sent, and whose first contact with voicebot is over.
    private func twoConversations() async throws -> StoreScenario {
        let scenario = try StoreScenario([.voicebot, .vg])
        try scenario.addConversations("c1", "c2")
        try await scenario.converge()
        let reports = ["c1", "c2"].map { id in
            Report(
                remote: "voicebot", subject: .object(ReadRequest(remoteID: "r-\(id)")), observation: Observation(word: "open"),
                readAt: StoreScenario.start)
        }
        _ = try await scenario.store.reconcile(reports, scenario.inbound())
        return scenario
    }

    /// The outcomes that were recorded before the report were lost, and what followed it was committed statement by statement.
    @Test(arguments: ways)
    func `a report that cannot be adopted ends, and everything else in its exchange is one commit`(_ way: String) async throws {
        let scenario = try await twoConversations()
        try scenario.write("UPDATE conversations SET title = 'new'")
        try await scenario.plan(now: Self.at(1))
        let claimed = try await scenario.claim("vg", now: Self.at(1))
        try #require(claimed.count == 2)
        for id in ["r-c1", "r-c2"] {
            _ = try await scenario.store.receive([.changed(remoteID: id, agentID: nil)], from: "voicebot", now: Self.at(1))
        }
        try scenario.write(Self.refusal(way))
        var lane = LaneRequest(remote: "vg")
        let ok = DeliveryOutcome(.delivered, httpStatus: 200, observation: Observation(changedAt: Self.at(2)))
        lane.finished = claimed.map { scenario.finished($0, ok, now: Self.at(2)) }
        var part = ReadRequestsPart(remote: "voicebot")
        part.reports = [report("c1"), report("c2")]
        part.completed = ["r-c1", "r-c2"].map { CompletedRead(ReadRequest(remoteID: $0), beganAt: Self.at(2)) }
        let exchange = scenario.exchange(now: Self.at(3)) { [lane, part] exchange in
            exchange.lanes = [lane]
            exchange.reads = [part]
        }
        let commits = Collected()
        try await scenario.store.trace { if $0 == "COMMIT" { commits.add([$0]) } }
        let result = try await scenario.store.exchange(exchange, for: scenario.parties())
        try await scenario.store.trace(nil)
        #expect(commits.all.count == 1)
        #expect(result.problems.count == 1)
        #expect(result.problems.first?.hasPrefix("report of voicebot: ") == true)
        #expect(try scenario.lines("SELECT id, status FROM conversations ORDER BY 1") == ["c1|open", "c2|closed"])
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE remote = 'vg' AND state = 'sending'") == ["0"])
        #expect(try scenario.lines("SELECT * FROM read_requests") == [])
    }

    @Test(arguments: ways)
    func `an event that cannot be adopted waits, and the others are processed`(_ way: String) async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1", "c2")
        let notices = ["c1", "c2"].map { Notice.status(conversationID: $0, word: "closed", at: StoreScenario.start, key: $0) }
        _ = try await scenario.store.receive(notices, from: "fin", now: StoreScenario.start)
        try scenario.write(Self.refusal(way))
        let result = try await scenario.store.exchange(scenario.exchange { $0.processesInbox = true }, for: scenario.parties())
        #expect(result.problems.count == 1)
        #expect(try scenario.lines("SELECT state FROM inbox ORDER BY id") == ["waiting", "done"])
        #expect(try scenario.lines("SELECT id, status FROM conversations ORDER BY 1") == ["c1|open", "c2|closed"])
    }

    @Test(arguments: ways)
    func `a change that cannot be planned is put aside, and the others are planned`(_ way: String) async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2")
        try scenario.write(
            """
            CREATE TRIGGER refused BEFORE INSERT ON outbox WHEN NEW.conversation_id = 'c1'
            BEGIN SELECT RAISE(\(way), 'not here'); END
            """)
        try await scenario.plan()
        #expect(try scenario.lines("SELECT conversation_id, state FROM outbox") == ["c2|pending"])
        #expect(try scenario.lines("SELECT conversation_id FROM change_feed WHERE deferred = 2 AND problem LIKE '%not here%'") == ["c1"])
    }
}
