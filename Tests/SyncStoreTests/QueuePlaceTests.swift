import SyncCore
import Testing

@testable import SyncStore

/// What is requested or changed repeatedly waits no longer than what is requested or changed once, and does not delay others.
@Suite struct QueuePlaceTests {
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }

    // MARK: Read requests

    private func converged() async throws -> StoreScenario {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2", "c3")
        try await scenario.converge()
        return scenario
    }

    private func name(_ scenario: StoreScenario, _ number: Int, _ agent: String? = nil, at seconds: Int64) async throws {
        _ = try await scenario.store.receive([.changed(remoteID: "r-c\(number)", agentID: agent)], from: "vg", now: Self.at(seconds))
    }

    private func requests(_ scenario: StoreScenario) async throws -> [String] {
        try await scenario.store.readRequests(of: .vg, limit: 10).map(\.remoteID)
    }

    @Test func `a repeated request keeps the time of the first one`() async throws {
        let scenario = try await converged()
        for (number, second) in [(1, 1), (2, 2), (1, 3), (3, 4), (1, 5)] as [(Int, Int64)] { try await name(scenario, number, at: second) }
        #expect(try await requests(scenario) == ["r-c1", "r-c2", "r-c3"])
    }

    @Test func `an object that is requested again during its read is read again, after the others`() async throws {
        let scenario = try await converged()
        try await name(scenario, 1, at: 1)
        try await name(scenario, 2, at: 2)
        // The read begins at 3 and ends after 5.
        for second in [4, 5] as [Int64] { try await name(scenario, 1, at: second) }
        try await name(scenario, 3, at: 5)
        try await scenario.store.endReadRequests([CompletedRead(first, beganAt: Self.at(3))], of: "vg")
        #expect(try await requests(scenario) == ["r-c2", "r-c1", "r-c3"])
        // Further requests do not change its place.
        for second in [6, 7, 8] as [Int64] { try await name(scenario, 1, at: second) }
        #expect(try await requests(scenario) == ["r-c2", "r-c1", "r-c3"])
        try await scenario.store.endReadRequests([CompletedRead(first, beganAt: Self.at(9))], of: "vg")
        #expect(try await requests(scenario) == ["r-c2", "r-c3"])
    }

    /// The requests that are due then.
    private func requests(_ scenario: StoreScenario, dueAt seconds: Int64) async throws -> [String] {
        try await scenario.store.readRequests(of: .vg, limit: 10, now: Self.at(seconds)).map(\.remoteID)
    }

    private let first = ReadRequest(remoteID: "r-c1", agentID: "agent9")

    @Test func `an object whose read failed waits behind the others, unless it is requested again`() async throws {
        let scenario = try await converged()
        for number in 1...3 { try await name(scenario, number, at: Int64(number)) }
        // Requested twice, the second time before the read began.
        try await name(scenario, 1, at: 3)
        let failed = FailedRead(CompletedRead(first, beganAt: Self.at(4)), rest: .seconds(10))
        try await scenario.store.postponeRequests([failed], of: "vg", now: Self.at(5))
        #expect(try await requests(scenario, dueAt: 5) == ["r-c2", "r-c3"])
        #expect(try await scenario.store.nextRequest(of: "vg", after: Self.at(5)) == Self.at(15))
        #expect(try await requests(scenario, dueAt: 14) == ["r-c2", "r-c3"])
        #expect(try await requests(scenario, dueAt: 15) == ["r-c2", "r-c3", "r-c1"])
        #expect(try await scenario.store.nextRequest(of: "vg", after: Self.at(15)) == nil)
        try await name(scenario, 1, at: 6)
        #expect(try await requests(scenario, dueAt: 6) == ["r-c2", "r-c3", "r-c1"])
        #expect(try await scenario.store.nextRequest(of: "vg", after: Self.at(6)) == nil)
        try await scenario.store.endReadRequests([CompletedRead(first, beganAt: Self.at(7))], of: "vg", now: Self.at(8))
        #expect(try await requests(scenario, dueAt: 8) == ["r-c2", "r-c3"])
    }

    @Test func `an object that is requested while a read of it fails is due at once, after the others`() async throws {
        let scenario = try await converged()
        for number in 1...2 { try await name(scenario, number, at: Int64(number)) }
        try await name(scenario, 1, at: 4)
        let failed = FailedRead(CompletedRead(first, beganAt: Self.at(3)), rest: .minutes(5))
        try await scenario.store.postponeRequests([failed], of: "vg", now: Self.at(5))
        #expect(try await requests(scenario, dueAt: 5) == ["r-c2", "r-c1"])
    }

    @Test func `a request that waits moves with the clock, and one that is dated too far ahead does not wait`() async throws {
        let scenario = try await converged()
        try await name(scenario, 1, at: 1)
        let failed = FailedRead(CompletedRead(first, beganAt: Self.at(2)), rest: .seconds(20))
        try await scenario.store.postponeRequests([failed], of: "vg", now: Self.at(3))
        let exchange = scenario.exchange { $0.clockStep = .minutes(-2) }
        #expect(try await scenario.store.exchange(exchange, for: scenario.parties()).problems == [])
        #expect(try await scenario.store.nextRequest(of: "vg", after: Self.at(-100)) == Self.at(-97))
        try scenario.write("UPDATE read_requests SET requested_at = ?", [Self.at(301).iso8601])
        #expect(try await requests(scenario, dueAt: 0) == ["r-c1"])
        #expect(try await requests(scenario, dueAt: 1) == [])
    }

    @Test func `a read that began before the request does not end it`() async throws {
        let scenario = try await converged()
        try await name(scenario, 1, at: 5)
        try await scenario.store.endReadRequests(
            [CompletedRead(ReadRequest(remoteID: "r-c1", agentID: "agent9"), beganAt: Self.at(4))], of: "vg")
        #expect(try scenario.lines("SELECT requested_at FROM read_requests") == [Self.at(5).iso8601])
    }

    @Test func `a request that is dated more than a minute ahead was made before the clock was set back, and ends with the read`()
        async throws
    {
        let scenario = try await converged()
        try await name(scenario, 1, at: 65)
        let read = CompletedRead(ReadRequest(remoteID: "r-c1", agentID: "agent9"), beganAt: Self.at(4))
        try await scenario.store.endReadRequests([read], of: "vg", now: Self.at(5))
        #expect(try await requests(scenario) == ["r-c1"])
        try await scenario.store.endReadRequests([read], of: "vg", now: Self.at(5) - .milliseconds(1))
        #expect(try await requests(scenario) == [])
    }

    @Test func `a webhook call without an agent requests each link with that id, and one with an agent only that link`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1'), ('c2'), ('c3')")
        try scenario.write(
            "INSERT INTO links VALUES ('c1', 'vg', 'r-c1', NULL), ('c2', 'vg', 'r-c1', 'agent-2'), ('c3', 'vg', 'r-c3', 'agent-3')")
        try await scenario.converge()
        let asked = "SELECT remote_id || ' ' || agent_id FROM read_requests ORDER BY 1"
        try await name(scenario, 1, at: 1)
        #expect(try scenario.lines(asked) == ["r-c1 agent-2", "r-c1 agent9"])
        try await name(scenario, 3, at: 1)
        #expect(try scenario.lines(asked) == ["r-c1 agent-2", "r-c1 agent9", "r-c3 agent-3"])
        try scenario.write("DELETE FROM read_requests")
        try await name(scenario, 1, "agent-2", at: 1)
        try await name(scenario, 3, "agent-7", at: 1)
        #expect(try scenario.lines(asked) == ["r-c1 agent-2"], "what is not linked need not be read")
    }

    @Test(arguments: [1, 2, 3, 10])
    func `the rotation includes every agent of one id`(limit: Int) async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1'), ('c2'), ('c3'), ('c4')")
        try scenario.write(
            "INSERT INTO links VALUES ('c1', 'vg', 'x', 'a'), ('c2', 'vg', 'x', 'b'), ('c3', 'vg', 'x', NULL), ('c4', 'vg', 'y', 'a')")
        _ = try await scenario.store.reconcileRemotes(scenario.remotes, now: StoreScenario.start)
        while try await scenario.store.feedReplan(scenario.remotes, now: StoreScenario.start) > 0 {}
        try await scenario.converge()
        var seen: [String] = []
        while seen.count < 8 {
            seen += try await scenario.store.nextInRotation(.vg, limit: limit).map { "\($0.remoteID) \($0.agentID ?? "")" }
        }
        #expect(Array(seen.prefix(8)) == ["x a", "x agent9", "x b", "y a", "x a", "x agent9", "x b", "y a"])
    }

    // MARK: Outbox rows

    private func due(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT conversation_id, due_at FROM outbox WHERE state = 'pending' ORDER BY due_at, id")
    }

    @Test func `a row that replaces a waiting one takes its place`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2")
        try await scenario.plan()
        try scenario.addConversations("c3")
        try await scenario.plan(now: Self.at(5))
        for second in 10...12 as ClosedRange<Int64> {
            try scenario.write("UPDATE conversations SET title = ? WHERE id = 'c1'", ["\(second)"])
            try await scenario.plan(now: Self.at(second))
        }
        #expect(try due(scenario) == ["c2|\(Self.at(0).iso8601)", "c1|\(Self.at(0).iso8601)", "c3|\(Self.at(5).iso8601)"])
    }

    @Test func `the newer state of a row in backoff neither waits for it nor jumps the queue`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET due_at = ?, attempts = 3, last_error = 'x'", [Self.at(1000).iso8601])
        try scenario.write("UPDATE conversations SET title = 'new'")
        try await scenario.plan(now: Self.at(7))
        #expect(try due(scenario) == ["c1|\(Self.at(7).iso8601)"])
        // A row that was given up earlier has no place any more.
        try scenario.write("UPDATE outbox SET state = 'dead' WHERE state = 'pending'")
        try scenario.write("UPDATE conversations SET title = 'newer'")
        try await scenario.plan(now: Self.at(9))
        #expect(try due(scenario) == ["c1|\(Self.at(9).iso8601)"])
    }

    @Test func `a conversation that changes constantly is sent at its second turn, and an older state never follows a newer one`()
        async throws
    {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1", "c2", "c3")
        try await scenario.plan()
        var sent: [String] = []
        var revision = 0
        func change() throws {
            revision += 1
            try scenario.write("UPDATE conversations SET title = ? WHERE id = 'c1'", ["\(revision)"])
        }
        for second in stride(from: 10, through: 60, by: 10) as StrideThrough<Int64> {
            try change()
            for claimed in try await scenario.claim("vg", 1, now: Self.at(second)) {
                sent.append("\(claimed.conversationID) \(claimed.delta?.fields["title"]?.text ?? "")")
                try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200), now: Self.at(second))
            }
            try await scenario.plan(now: Self.at(second + 5))
        }
        // Passed over once; at the next claim it is sent although revision 2 waits. After that it waits its turn again, behind the others.
        #expect(sent.prefix(3) == ["c2 null", "c1 \"1\"", "c3 null"])
        let titles = sent.filter { $0.hasPrefix("c1") }
        #expect(titles == titles.sorted() && titles.count >= 2, "\(sent)")
    }

    @Test func `a row that was passed over is still not sent after a later report was adopted`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.plan()
        try scenario.write("UPDATE conversations SET title = 'one'")
        #expect(try await scenario.claim("vg", now: Self.at(10)).isEmpty)
        try await scenario.plan(now: Self.at(11))
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try scenario.write(
            """
            INSERT INTO adopted_changes (conversation_id, remote, reported_at, adopted_at, changes, rule) VALUES ('c1', 'vg', ?1, ?1, '{}', '')
            """, [Self.at(12).iso8601])
        #expect(try await scenario.claim("vg", now: Self.at(13)).isEmpty)
        try await scenario.plan(now: Self.at(14))
        try scenario.write("UPDATE conversations SET title = 'two'")
        #expect(try await scenario.claim("vg", now: Self.at(20)).count == 1)
    }

    @Test func `a failed row is not sent again while a newer state waits, and its replacement is`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.plan()
        let claimed = try await scenario.claimOne("vg")
        try await scenario.finish(claimed, DeliveryOutcome(.retry, fate: .unknown, error: "timeout"))
        try scenario.write("UPDATE conversations SET title = 'one'")
        #expect(try await scenario.claim("vg", now: Self.at(10)).isEmpty)
        try await scenario.plan(now: Self.at(11))
        try scenario.write("UPDATE conversations SET title = 'two'")
        #expect(try await scenario.claim("vg", now: Self.at(30)).map { $0.delta?.fields["title"] } == ["one"])
    }
}
