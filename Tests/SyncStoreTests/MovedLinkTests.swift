import SyncCore
import Testing

@testable import SyncStore

/// A link is moved to another conversation while a call to its object is in flight. A call of the new conversation would overtake it, and
/// what the former one had would look like somebody's change: so the new conversation waits for the end of the call.
@Suite struct MovedLinkTests {
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }
    private static let delivered = DeliveryOutcome(.delivered, httpStatus: 200)

    /// A call in flight that closes voicebot's object, which was c1's then and is c2's now. c2 is open, and was never planned for it.
    private func moved() async throws -> (scenario: StoreScenario, call: ClaimedRow) {
        let scenario = try StoreScenario([.voicebot])
        try scenario.addConversations("c1")
        try scenario.write("INSERT INTO conversations (id) VALUES ('c2')")
        try await scenario.converge()
        try scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
        try await scenario.plan(now: Self.at(1))
        let call = try await scenario.claimOne("voicebot", now: Self.at(1))
        try scenario.write("UPDATE links SET conversation_id = 'c2' WHERE conversation_id = 'c1'")
        return (scenario, call)
    }

    private func report(_ scenario: StoreScenario, _ word: String, readAt: Instant, now: Instant) async throws -> [Reconciled] {
        let report = Report(
            remote: "voicebot", subject: .object(ReadRequest(remoteID: "r-c1")), observation: Observation(word: word), readAt: readAt)
        return try await scenario.store.reconcile([report], scenario.inbound(now: now))
    }

    @Test(arguments: [
        MovedLinkTests.delivered, DeliveryOutcome(.retry, fate: .unknown, error: "timeout"),
        DeliveryOutcome(.retry, httpStatus: 503, error: "HTTP 503"),
    ])
    func `the new conversation is planned and claimed when the call has ended`(outcome: DeliveryOutcome) async throws {
        let (scenario, call) = try await moved()
        try await scenario.plan(now: Self.at(2))
        #expect(try scenario.outbox("conversation_id = 'c2'") == [])
        #expect(try scenario.feed() == ["c2|voicebot|1"])
        #expect(try await scenario.claim("voicebot", now: Self.at(2)).isEmpty)
        let result = try await scenario.finish(call, outcome, now: Self.at(3))
        #expect(result.hasFreedPlanning)
        #expect(try scenario.feed() == ["c2|voicebot|0"])
        try await scenario.plan(now: Self.at(4))
        #expect(try await scenario.claimOne("voicebot", now: Self.at(4)).conversationID == "c2")
    }

    @Test func `a read of the object during the call is not adopted, and the object is read again when the call has ended`() async throws {
        let (scenario, call) = try await moved()
        #expect(try await report(scenario, "closed", readAt: Self.at(2), now: Self.at(2)).isEmpty)
        #expect(try scenario.feed() == ["c2|voicebot|1"])
        #expect(try scenario.lines("SELECT remote_id FROM read_requests") == ["r-c1"])
        #expect(try await scenario.store.readRequests(of: .voicebot, limit: 10) == [], "what it shows would not be used")
        try await scenario.finish(call, Self.delivered, now: Self.at(3))
        #expect(try await scenario.store.readRequests(of: .voicebot, limit: 10) == [ReadRequest(remoteID: "r-c1")])
        try await scenario.plan(now: Self.at(4))
        try await scenario.finish(try await scenario.claimOne("voicebot", now: Self.at(4)), Self.delivered, now: Self.at(5))
        // A read that began during the first call, and comes late.
        _ = try await report(scenario, "closed", readAt: Self.at(2), now: Self.at(6))
        #expect(try scenario.lines("SELECT status FROM conversations WHERE id = 'c2'") == ["open"])
    }

    /// An earlier version planned it.
    @Test func `a row of the new conversation that exists already is claimed when the call has ended`() async throws {
        let (scenario, call) = try await moved()
        try scenario.write("UPDATE outbox SET state = 'held' WHERE id = ?", [call.id])
        try await scenario.plan(now: Self.at(2))
        try scenario.write("UPDATE outbox SET state = 'sending' WHERE id = ?", [call.id])
        #expect(try await scenario.claim("voicebot", now: Self.at(3)).isEmpty)
        #expect(try scenario.lines("SELECT state, behind FROM outbox WHERE conversation_id = 'c2'") == ["pending|1"])
        try await scenario.finish(call, Self.delivered, now: Self.at(4))
        #expect(try await scenario.claimOne("voicebot", now: Self.at(5)).conversationID == "c2")
    }

    @Test func `the new conversation is planned when the call was abandoned, and not by a repair before`() async throws {
        let (scenario, _) = try await moved()
        try await scenario.plan(now: Self.at(2))
        try await scenario.store.repair(now: Self.at(3), farthestDue: .days(1))
        #expect(try scenario.feed() == ["c2|voicebot|1"])
        #expect(try await scenario.store.recover(now: Self.at(3600), isGone: { _ in false }).rows == 1)
        #expect(try scenario.feed() == ["c2|voicebot|0"])
        try await scenario.plan(now: Self.at(3600))
        #expect(try await scenario.claimOne("voicebot", now: Self.at(3600)).conversationID == "c2")
    }

    @Test(arguments: [("agent9", [String]()), ("other", ["c2"])])
    func `only a call to the object of the same agent counts`(_ agent: String, _ claimed: [String]) async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write("INSERT INTO conversations (id) VALUES ('c1'), ('c2'); INSERT INTO links VALUES ('c1', 'vg', 'x', NULL)")
        try await scenario.plan()
        let call = try await scenario.claimOne("vg")
        try scenario.write("DELETE FROM links")
        try scenario.write("INSERT INTO links VALUES ('c2', 'vg', 'x', ?)", [agent])
        try await scenario.plan(now: Self.at(1))
        #expect(try await scenario.claim("vg", now: Self.at(1)).map(\.conversationID) == claimed)
        try await scenario.finish(call, Self.delivered, now: Self.at(2))
        try await scenario.plan(now: Self.at(3))
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE conversation_id = 'c2'") == ["1"])
    }
}
