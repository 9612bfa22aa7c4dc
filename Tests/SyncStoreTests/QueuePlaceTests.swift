import SyncCore
import Testing

@testable import SyncStore

/// What is requested or changed repeatedly waits no longer than what is requested or changed once, and does not delay others.
@Suite struct QueuePlaceTests {
    private static func at(_ seconds: Int64) -> Instant { Bench.start + .seconds(seconds) }

    // MARK: Read requests

    private func converged() async throws -> Bench {
        let bench = try Bench([.vg])
        try bench.addConversations("c1", "c2", "c3")
        try await bench.converge()
        return bench
    }

    private func name(_ bench: Bench, _ number: Int, _ agent: String? = nil, at seconds: Int64) async throws {
        _ = try await bench.store.receive([.changed(remoteID: "r-c\(number)", agentID: agent)], from: "vg", now: Self.at(seconds))
    }

    private func requests(_ bench: Bench) async throws -> [String] {
        try await bench.store.readRequests(of: "vg", limit: 10).map(\.remoteID)
    }

    @Test func `a repeated request keeps the time of the first one`() async throws {
        let bench = try await converged()
        for (number, second) in [(1, 1), (2, 2), (1, 3), (3, 4), (1, 5)] as [(Int, Int64)] { try await name(bench, number, at: second) }
        #expect(try await requests(bench) == ["r-c1", "r-c2", "r-c3"])
    }

    @Test func `an object that is requested again during its read is read again, after the others`() async throws {
        let bench = try await converged()
        let first = ReadRequest(remoteID: "r-c1", agentID: "agent9")
        try await name(bench, 1, at: 1)
        try await name(bench, 2, at: 2)
        // The read begins at 3 and ends after 5.
        for second in [4, 5] as [Int64] { try await name(bench, 1, at: second) }
        try await name(bench, 3, at: 5)
        try await bench.store.endReadRequests([CompletedRead(first, beganAt: Self.at(3))], of: "vg")
        #expect(try await requests(bench) == ["r-c2", "r-c1", "r-c3"])
        // Further requests do not change its place.
        for second in [6, 7, 8] as [Int64] { try await name(bench, 1, at: second) }
        #expect(try await requests(bench) == ["r-c2", "r-c1", "r-c3"])
        try await bench.store.endReadRequests([CompletedRead(first, beganAt: Self.at(9))], of: "vg")
        #expect(try await requests(bench) == ["r-c2", "r-c3"])
    }

    @Test func `a read that began before the request does not end it`() async throws {
        let bench = try await converged()
        try await name(bench, 1, at: 5)
        try await bench.store.endReadRequests(
            [CompletedRead(ReadRequest(remoteID: "r-c1", agentID: "agent9"), beganAt: Self.at(4))], of: "vg")
        #expect(try bench.lines("SELECT requested_at FROM read_requests") == [Self.at(5).iso8601])
    }

    @Test func `a webhook call without an agent requests each link with that id, and one with an agent only that link`() async throws {
        let bench = try Bench([.vg])
        try bench.write("INSERT INTO conversations (id) VALUES ('c1'), ('c2'), ('c3')")
        try bench.write(
            "INSERT INTO links VALUES ('c1', 'vg', 'r-c1', NULL), ('c2', 'vg', 'r-c1', 'agent-2'), ('c3', 'vg', 'r-c3', 'agent-3')")
        try await bench.converge()
        let asked = "SELECT remote_id || ' ' || agent_id FROM read_requests ORDER BY 1"
        try await name(bench, 1, at: 1)
        #expect(try bench.lines(asked) == ["r-c1 agent-2", "r-c1 agent9"])
        try await name(bench, 3, at: 1)
        #expect(try bench.lines(asked) == ["r-c1 agent-2", "r-c1 agent9", "r-c3 agent-3"])
        try bench.write("DELETE FROM read_requests")
        try await name(bench, 1, "agent-2", at: 1)
        try await name(bench, 3, "agent-7", at: 1)
        #expect(try bench.lines(asked) == ["r-c1 agent-2"], "what is not linked need not be read")
    }

    @Test(arguments: [1, 2, 3, 10])
    func `the rotation includes every agent of one id`(limit: Int) async throws {
        let bench = try Bench([.vg])
        try bench.write("INSERT INTO conversations (id) VALUES ('c1'), ('c2'), ('c3'), ('c4')")
        try bench.write(
            "INSERT INTO links VALUES ('c1', 'vg', 'x', 'a'), ('c2', 'vg', 'x', 'b'), ('c3', 'vg', 'x', NULL), ('c4', 'vg', 'y', 'a')")
        _ = try await bench.store.reconcileRemotes(bench.remotes, now: Bench.start)
        while try await bench.store.feedReplan(bench.remotes, now: Bench.start) > 0 {}
        try await bench.converge()
        var seen: [String] = []
        while seen.count < 8 {
            seen += try await bench.store.nextInRotation(.vg, limit: limit).map { "\($0.remoteID) \($0.agentID ?? "")" }
        }
        #expect(Array(seen.prefix(8)) == ["x a", "x agent9", "x b", "y a", "x a", "x agent9", "x b", "y a"])
    }

    // MARK: Outbox rows

    private func due(_ bench: Bench) throws -> [String] {
        try bench.lines("SELECT conversation_id, due_at FROM outbox WHERE state = 'pending' ORDER BY due_at, id")
    }

    @Test func `a row that replaces a waiting one takes its place`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1", "c2")
        try await bench.plan()
        try bench.addConversations("c3")
        try await bench.plan(now: Self.at(5))
        for second in 10...12 as ClosedRange<Int64> {
            try bench.write("UPDATE conversations SET title = ? WHERE id = 'c1'", ["\(second)"])
            try await bench.plan(now: Self.at(second))
        }
        #expect(try due(bench) == ["c2|\(Self.at(0).iso8601)", "c1|\(Self.at(0).iso8601)", "c3|\(Self.at(5).iso8601)"])
    }

    @Test func `the newer state of a row in backoff neither waits for it nor jumps the queue`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1")
        try await bench.plan()
        try bench.write("UPDATE outbox SET due_at = ?, attempts = 3, last_error = 'x'", [Self.at(1000).iso8601])
        try bench.write("UPDATE conversations SET title = 'new'")
        try await bench.plan(now: Self.at(7))
        #expect(try due(bench) == ["c1|\(Self.at(7).iso8601)"])
        // A row that was given up earlier has no place any more.
        try bench.write("UPDATE outbox SET state = 'dead' WHERE state = 'pending'")
        try bench.write("UPDATE conversations SET title = 'newer'")
        try await bench.plan(now: Self.at(9))
        #expect(try due(bench) == ["c1|\(Self.at(9).iso8601)"])
    }

    @Test func `a conversation that changes constantly is sent at its second turn, and an older state never follows a newer one`()
        async throws
    {
        let bench = try Bench([.vg])
        try bench.addConversations("c1", "c2", "c3")
        try await bench.plan()
        var sent: [String] = []
        var revision = 0
        func change() throws {
            revision += 1
            try bench.write("UPDATE conversations SET title = ? WHERE id = 'c1'", ["\(revision)"])
        }
        for second in stride(from: 10, through: 60, by: 10) as StrideThrough<Int64> {
            try change()
            for claimed in try await bench.claim("vg", 1, now: Self.at(second)) {
                sent.append("\(claimed.conversationID) \(claimed.delta?.fields["title"]?.text ?? "")")
                try await bench.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200), now: Self.at(second))
            }
            try await bench.plan(now: Self.at(second + 5))
        }
        // Passed over once; at the next claim it is sent although revision 2 waits. After that it waits its turn again, behind the others.
        #expect(sent.prefix(3) == ["c2 null", "c1 \"1\"", "c3 null"])
        let titles = sent.filter { $0.hasPrefix("c1") }
        #expect(titles == titles.sorted() && titles.count >= 2, "\(sent)")
    }

    @Test func `a row that was passed over is still not sent after a later report was adopted`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1")
        try await bench.plan()
        try bench.write("UPDATE conversations SET title = 'one'")
        #expect(try await bench.claim("vg", now: Self.at(10)).isEmpty)
        try await bench.plan(now: Self.at(11))
        try bench.write("UPDATE conversations SET status = 'closed'")
        try bench.write(
            """
            INSERT INTO adopted_changes (conversation_id, remote, reported_at, adopted_at, changes, rule) VALUES ('c1', 'vg', ?1, ?1, '{}', '')
            """, [Self.at(12).iso8601])
        #expect(try await bench.claim("vg", now: Self.at(13)).isEmpty)
        try await bench.plan(now: Self.at(14))
        try bench.write("UPDATE conversations SET title = 'two'")
        #expect(try await bench.claim("vg", now: Self.at(20)).count == 1)
    }

    @Test func `a failed row is not sent again while a newer state waits, and its replacement is`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1")
        try await bench.plan()
        let claimed = try await bench.claimOne("vg")
        try await bench.finish(claimed, DeliveryOutcome(.retry, fate: .unknown, error: "timeout"))
        try bench.write("UPDATE conversations SET title = 'one'")
        #expect(try await bench.claim("vg", now: Self.at(10)).isEmpty)
        try await bench.plan(now: Self.at(11))
        try bench.write("UPDATE conversations SET title = 'two'")
        #expect(try await bench.claim("vg", now: Self.at(30)).map { $0.delta?.fields["title"] } == ["one"])
    }
}
