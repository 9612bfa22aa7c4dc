import GRDB
import SyncCore
import Testing

@testable import SyncStore

/// Reports that arrive while a call is in flight, objects that are gone, and pending reads.
@Suite struct ReconcilingInFlightTests {
    private let reconciling = ReconcilingTests()
    private static func at(_ seconds: Int64) -> Instant { Bench.start + .seconds(seconds) }

    private func converged() async throws -> Bench { try await Bench.converged() }

    @Test func `a report during a call is not adopted, and the object is read again and planned when the call has ended`()
        async throws
    {
        let bench = try await converged()
        try bench.write("UPDATE conversations SET status = 'resolved'")
        try await bench.plan(now: Self.at(1))
        let claimed = try await bench.claimOne("voicebot", now: Self.at(1))
        #expect(try await reconciling.report(bench, "voicebot", "closed", readAt: Self.at(2)).isEmpty)
        #expect(try bench.lines("SELECT status FROM conversations") == ["resolved"])
        let requests = try await bench.store.readRequests(of: "voicebot", limit: 10)
        #expect(requests == [ReadRequest(remoteID: "r-c1")])
        #expect(try bench.feed() == ["c1|voicebot|1"])
        // A report of another remote is not affected by that call.
        #expect(try await reconciling.report(bench, "vg", "ended", readAt: Self.at(2)).count == 1)
        let reply = try await bench.finish(claimed, DeliveryOutcome(.delivered, httpStatus: 200), now: Self.at(3))
        #expect(reply.hasFreedPlanning)
        #expect(try bench.feed().contains("c1|voicebot|0"))
    }

    @Test func `a call in doubt leaves its value in doubt until a report of the object settles it`() async throws {
        let bench = try await converged()
        try bench.write("UPDATE conversations SET status = 'resolved'")
        try await bench.plan(now: Self.at(1))
        let claimed = try await bench.claimOne("voicebot", now: Self.at(1))
        try await bench.finish(claimed, DeliveryOutcome(.retry, fate: .unknown, error: "timeout"), now: Self.at(2))
        let doubts = "SELECT json_extract(fields, '$.status.doubt') FROM link_state WHERE remote = 'voicebot'"
        #expect(try bench.lines(doubts) == [#"["resolved"]"#])
        let report = Report(
            remote: "voicebot", subject: .object(.init(remoteID: "r-c1")), observation: Observation(word: "resolved"), readAt: Self.at(3))
        #expect(try await bench.store.reconcile([report], bench.inbound(now: Self.at(3))).count == 1)
        #expect(try bench.lines(doubts) == ["-"])
    }

    @Test func `a report of an object that is gone is ignored`() async throws {
        let bench = try await converged()
        try bench.write("UPDATE link_state SET gone_at = ? WHERE remote = 'vg'", [Self.at(1).iso8601])
        #expect(try await reconciling.report(bench, "vg", "ended", readAt: Self.at(3)).isEmpty)
        #expect(try await bench.store.nextInRotation(.vg, limit: 10) == [])
    }

    @Test func `the rotation goes through all linked objects, and starts over`() async throws {
        let bench = try Bench()
        try bench.addConversations("c1", "c2", "c3", "c4", "c5")
        _ = try await bench.store.reconcileRemotes(bench.remotes, now: Bench.start)
        while try await bench.store.feedReplan(bench.remotes, now: Bench.start) > 0 {}
        #expect(try await bench.store.nextInRotation(.voicebot, limit: 2) == [])
        try await bench.converge()
        var seen: [String] = []
        for _ in 0..<6 { seen += try await bench.store.nextInRotation(.voicebot, limit: 2).map(\.remoteID) }
        #expect(seen == ["r-c1", "r-c2", "r-c3", "r-c4", "r-c5", "r-c1", "r-c2", "r-c3", "r-c4", "r-c5"])
    }

    @Test func `a request that was made after the read began stays`() async throws {
        let bench = try await converged()
        let request = ReadRequest(remoteID: "r-c1")
        let notice = Notice.changed(remoteID: "r-c1", agentID: nil)
        _ = try await bench.store.receive([notice], from: "voicebot", now: Self.at(1))
        _ = try await bench.store.receive([notice, notice], from: "voicebot", now: Self.at(3))
        try await bench.store.endReadRequests([CompletedRead(request, beganAt: Self.at(2))], of: "voicebot")
        #expect(try await bench.store.readRequests(of: "voicebot", limit: 10) == [request])
        // In the same millisecond the order is unknown.
        try await bench.store.endReadRequests([CompletedRead(request, beganAt: Self.at(3))], of: "voicebot")
        #expect(try await bench.store.readRequests(of: "voicebot", limit: 10) == [request])
        try await bench.store.endReadRequests([CompletedRead(request, beganAt: Self.at(4))], of: "voicebot")
        #expect(try await bench.store.readRequests(of: "voicebot", limit: 10) == [])
    }
}
