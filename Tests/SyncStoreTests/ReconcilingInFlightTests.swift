import SyncCore
import Testing

@testable import SyncStore

/// Reports that arrive while a call is in flight, objects that are gone, and pending reads.
@Suite struct ReconcilingInFlightTests {
    private let reconciling = ReconcilingTests()
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }

    private func converged() async throws -> StoreScenario { try await StoreScenario.converged() }

    @Test func `a report during a call is not adopted, and the object is read again and planned when the call has ended`()
        async throws
    {
        let scenario = try await converged()
        try scenario.write("UPDATE conversations SET status = 'resolved'")
        try await scenario.plan(now: Self.at(1))
        let claimed = try await scenario.claimOne("voicebot", now: Self.at(1))
        #expect(try await reconciling.report(scenario, "voicebot", "closed", readAt: Self.at(2)).isEmpty)
        #expect(try scenario.lines("SELECT status FROM conversations") == ["resolved"])
        #expect(try scenario.lines("SELECT remote_id FROM read_requests") == ["r-c1"])
        #expect(try await scenario.store.readRequests(of: .voicebot, limit: 10) == [], "what it shows would not be used")
        #expect(try scenario.feed() == ["c1|voicebot|1"])
        // A report of another remote is not affected by that call.
        #expect(try await reconciling.report(scenario, "vg", "ended", readAt: Self.at(2)).count == 1)
        let reply = try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200), now: Self.at(3))
        #expect(reply.hasFreedPlanning)
        #expect(try await scenario.store.readRequests(of: .voicebot, limit: 10) == [ReadRequest(remoteID: "r-c1")])
        #expect(try scenario.feed().contains("c1|voicebot|0"))
    }

    /// A webhook call named the object, and nothing names it again: the change at the remote would never be adopted.
    @Test func `a read that the end of a call overtakes is requested again, and the next one ends the request`() async throws {
        let scenario = try await converged()
        _ = try await scenario.store.receive([.changed(remoteID: "r-c1", agentID: nil)], from: "voicebot", now: Self.at(1))
        try scenario.write("UPDATE conversations SET title = 'new'")
        try await scenario.plan(now: Self.at(2))
        let claimed = try await scenario.claimOne("voicebot", now: Self.at(2))
        try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 204), now: Self.at(4))
        // The read began before the call ended, and is stored after that; the next one begins later.
        let steps: [(began: Int64, now: Int64, kind: Verdict.Kind, status: String, requests: [ReadRequest])] = [
            (3, 5, .stale, "open", [ReadRequest(remoteID: "r-c1")]), (6, 7, .adopted, "closed", []),
        ]
        for step in steps {
            let request = ReadRequest(remoteID: "r-c1")
            var part = ReadRequestsPart(remote: "voicebot")
            part.reports = [
                Report(
                    remote: "voicebot", subject: .object(request), observation: Observation(word: "closed"), readAt: Self.at(step.began))
            ]
            part.completed = [CompletedRead(request, beganAt: Self.at(step.began))]
            let exchange = scenario.exchange(now: Self.at(step.now)) { [part] in $0.reads = [part] }
            let result = try await scenario.store.exchange(exchange, for: scenario.parties())
            #expect(result.problems == [] && result.reads["voicebot"]?.reconciled.map(\.verdict.kind) == [step.kind])
            #expect(try scenario.lines("SELECT status FROM conversations") == [step.status])
            #expect(try await scenario.store.readRequests(of: .voicebot, limit: 10) == step.requests)
        }
    }

    @Test func `an object of the helpdesk is not read during a call either, and others are`() async throws {
        let scenario = try await converged()
        try scenario.write("UPDATE conversations SET status = 'resolved'")
        try await scenario.plan(now: Self.at(1))
        try scenario.write(
            """
            DELETE FROM read_requests;
            INSERT INTO read_requests (remote, remote_id, agent_id, requested_at) VALUES ('helpdesk', 'c1', '', '1'), ('helpdesk', 'c2', '', '2')
            """
        )
        let claimed = try await scenario.claimOne("helpdesk", now: Self.at(1))
        #expect(try await scenario.store.readRequests(of: .helpdesk, limit: 10).map(\.remoteID) == ["c2"])
        try await scenario.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200), now: Self.at(3))
        #expect(try await scenario.store.readRequests(of: .helpdesk, limit: 10).map(\.remoteID) == ["c1", "c2"])
    }

    @Test func `a call in doubt leaves its value in doubt until a report of the object settles it`() async throws {
        let scenario = try await converged()
        try scenario.write("UPDATE conversations SET status = 'resolved'")
        try await scenario.plan(now: Self.at(1))
        let claimed = try await scenario.claimOne("voicebot", now: Self.at(1))
        try await scenario.finish(claimed, DeliveryOutcome(.retry, fate: .unknown, error: "timeout"), now: Self.at(2))
        let doubts = "SELECT json_extract(fields, '$.status.doubt') FROM link_state WHERE remote = 'voicebot'"
        #expect(try scenario.lines(doubts) == [#"["resolved"]"#])
        let report = Report(
            remote: "voicebot", subject: .object(.init(remoteID: "r-c1")), observation: Observation(word: "resolved"), readAt: Self.at(3))
        #expect(try await scenario.store.reconcile([report], scenario.inbound(now: Self.at(3))).count == 1)
        #expect(try scenario.lines(doubts) == ["-"])
    }

    /// What the call brought must not look like somebody's change when the remote is configured again, or the object is not shared any more.
    @Test(arguments: [DeliveryOutcome(.delivered, httpStatus: 200), DeliveryOutcome(.interrupted, fate: .unknown)], [false, true])
    func `a call whose end cannot be compared leaves its values in doubt`(outcome: DeliveryOutcome, isShared: Bool) async throws {
        let scenario = try await converged()
        try scenario.write("UPDATE conversations SET status = 'resolved'")
        try await scenario.plan(now: Self.at(1))
        let claimed = try await scenario.claimOne("voicebot", now: Self.at(1))
        var request = LaneRequest(remote: "voicebot")
        request.finished = [scenario.finished(claimed, outcome, now: Self.at(2))]
        if isShared {
            try scenario.write(
                """
                INSERT INTO conversations (id, status) VALUES ('c2', 'open');
                INSERT INTO links (conversation_id, remote, remote_id) VALUES ('c2', 'voicebot', 'r-c1')
                """)
        }
        let others = isShared ? scenario.remotes : scenario.remotes.filter { $0.name != "voicebot" }
        let exchange = scenario.exchange(now: Self.at(2)) { $0.lanes = [request] }
        #expect(try await scenario.store.exchange(exchange, for: scenario.parties(others)).problems == [])
        let doubts = "SELECT json_extract(fields, '$.status.doubt') FROM link_state WHERE conversation_id = 'c1' AND remote = 'voicebot'"
        #expect(try scenario.lines(doubts) == [#"["resolved"]"#])
    }

    @Test func `a report of an object that is gone is ignored`() async throws {
        let scenario = try await converged()
        try scenario.write("UPDATE link_state SET gone_at = ? WHERE remote = 'vg'", [Self.at(1).iso8601])
        #expect(try await reconciling.report(scenario, "vg", "ended", readAt: Self.at(3)).isEmpty)
        #expect(try await scenario.store.nextInRotation(.vg, limit: 10) == [])
    }

    @Test func `the rotation goes through all linked objects, and starts over`() async throws {
        let scenario = try StoreScenario()
        try scenario.addConversations("c1", "c2", "c3", "c4", "c5")
        _ = try await scenario.store.reconcileRemotes(scenario.remotes, now: StoreScenario.start)
        while try await scenario.store.feedReplan(scenario.remotes, now: StoreScenario.start) > 0 {}
        #expect(try await scenario.store.nextInRotation(.voicebot, limit: 2) == [])
        try await scenario.converge()
        var seen: [String] = []
        for _ in 0..<6 { seen += try await scenario.store.nextInRotation(.voicebot, limit: 2).map(\.remoteID) }
        #expect(seen == ["r-c1", "r-c2", "r-c3", "r-c4", "r-c5", "r-c1", "r-c2", "r-c3", "r-c4", "r-c5"])
    }

    @Test func `a request that was made after the read began stays`() async throws {
        let scenario = try await converged()
        let request = ReadRequest(remoteID: "r-c1")
        let notice = Notice.changed(remoteID: "r-c1", agentID: nil)
        _ = try await scenario.store.receive([notice], from: "voicebot", now: Self.at(1))
        _ = try await scenario.store.receive([notice, notice], from: "voicebot", now: Self.at(3))
        try await scenario.store.endReadRequests([CompletedRead(request, beganAt: Self.at(2))], of: "voicebot")
        #expect(try await scenario.store.readRequests(of: .voicebot, limit: 10) == [request])
        // In the same millisecond the order is unknown.
        try await scenario.store.endReadRequests([CompletedRead(request, beganAt: Self.at(3))], of: "voicebot")
        #expect(try await scenario.store.readRequests(of: .voicebot, limit: 10) == [request])
        try await scenario.store.endReadRequests([CompletedRead(request, beganAt: Self.at(4))], of: "voicebot")
        #expect(try await scenario.store.readRequests(of: .voicebot, limit: 10) == [])
    }
}
