import SyncCore
import Testing

@testable import SyncStore

/// A conversation or its link is deleted and written again while a call for it is in flight. The call says nothing about what both sides agree on now:
/// it may have set its values at the remote, and everything is sent.
@Suite struct WrittenAgainTests {
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }
    private static let delivered = DeliveryOutcome(.delivered, httpStatus: 200)

    /// What is written again, what is to be sent then, and the numbers of the local changes that it includes.
    struct Way: Sendable {
        var sql: String
        var body: String
        var numbers: String
    }

    static let ways = [
        Way(
            sql: """
                DELETE FROM conversations;
                INSERT INTO conversations (id, status) VALUES ('c1', 'closed');
                INSERT INTO links VALUES ('c1', 'vg', 'r-c1', NULL)
                """,
            body: #"{"status":"closed","title":null}"#, numbers: "[1,1,1]"),
        Way(
            sql: "DELETE FROM links; INSERT INTO links VALUES ('c1', 'vg', 'r-c1', NULL)",
            body: #"{"status":"closed","title":"x","user_id":"u7"}"#, numbers: "[3,2,2]"),
    ]

    /// vg has acknowledged an open conversation with a title and an assignee. The call that closes it is in flight.
    private func inFlight() async throws -> (scenario: StoreScenario, call: ClaimedRow) {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try scenario.write("INSERT INTO assignees VALUES ('bert', 'vg', 'u7'); UPDATE conversations SET title = 'x', assignee_id = 'bert'")
        try await scenario.converge()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan(now: Self.at(1))
        let call = try await scenario.claimOne("vg", now: Self.at(1))
        #expect(call.body == #"{"status":"closed"}"# && call.numbers == .init(status: 3, assignee: 2, title: 2))
        return (scenario, call)
    }

    private func waiting(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT body FROM outbox WHERE state = 'pending'")
    }

    private func member(_ name: String, _ scenario: StoreScenario) throws -> [String] {
        try scenario.lines("SELECT record ->> '$.\(name)' FROM link_state")
    }

    /// Planning and one call: both sides know everything, and there is nothing more to send.
    private func expectConverging(_ scenario: StoreScenario, _ way: Way) async throws {
        try await scenario.plan(now: Self.at(4))
        #expect(try waiting(scenario) == [way.body])
        try await scenario.finish(try await scenario.claimOne("vg", now: Self.at(4)), Self.delivered, now: Self.at(5))
        #expect(try scenario.doubts() == [])
        #expect(try scenario.lines("SELECT fields ->> '$.status.upto' FROM link_state") == [way.numbers])
        #expect(try member("known", scenario) == ["1"])
        let rows = try scenario.outbox()
        try await scenario.plan(now: Self.at(6))
        #expect(try scenario.outbox() == rows && scenario.feed() == [])
    }

    @Test(arguments: ways, [false, true])
    func `an acknowledgement counts as a call without a response`(way: Way, isExaminedMeanwhile: Bool) async throws {
        let (scenario, call) = try await inFlight()
        try scenario.application.write(way.sql)
        if isExaminedMeanwhile { try await scenario.plan(now: Self.at(2)) }
        let result = try await scenario.finish(call, Self.delivered, now: Self.at(3))
        #expect(result.hasFreedPlanning && result.split == [])
        #expect(try scenario.outbox("id = \(call.id)") == ["\(call.id)|c1|vg|delivered"])
        #expect(try scenario.agreed() == [])
        #expect(try scenario.doubts() == [#"status=["closed"]"#])
        #expect(try member("doubt_of", scenario) == ["[0,0,0]"])
        #expect(try scenario.lines("SELECT acknowledged_at FROM link_state") == ["-"])
        try await expectConverging(scenario, way)
    }

    @Test(arguments: ways, [false, true])
    func `a call without a response leaves its values in doubt, and is not made again`(way: Way, isExaminedMeanwhile: Bool) async throws {
        let (scenario, call) = try await inFlight()
        try scenario.application.write(way.sql)
        if isExaminedMeanwhile { try await scenario.plan(now: Self.at(2)) }
        try await scenario.finish(call, DeliveryOutcome(.retry, fate: .unknown, error: "timeout"), now: Self.at(3))
        #expect(try scenario.outbox("id = \(call.id)") == ["\(call.id)|c1|vg|discarded"])
        #expect(try scenario.doubts() == [#"status=["closed"]"#])
        #expect(try member("doubt_of", scenario) == ["[0,0,0]"])
        try await expectConverging(scenario, way)
    }

    @Test(arguments: ways, [RefusedMembers(members: ["status"]), RefusedMembers()])
    func `a refusal is not about what is wanted now`(way: Way, refusal: RefusedMembers) async throws {
        let (scenario, call) = try await inFlight()
        try scenario.application.write(way.sql)
        var outcome = DeliveryOutcome(.dead, httpStatus: 422, error: "HTTP 422")
        outcome.refusal = refusal
        let result = try await scenario.finish(call, outcome, now: Self.at(3))
        #expect(result.hasFreedPlanning && result.split == [call.id])
        #expect(try scenario.outbox("id = \(call.id)") == ["\(call.id)|c1|vg|discarded"])
        #expect(try scenario.lines("SELECT fields FROM link_state") == ["{}"])
        try await expectConverging(scenario, way)
    }

    @Test(arguments: ways)
    func `a call that was interrupted leaves its values in doubt, also if its end comes late`(way: Way) async throws {
        let (scenario, call) = try await inFlight()
        try scenario.application.write(way.sql)
        _ = try await scenario.store.recover(now: Self.at(3600), isGone: { _ in false })
        #expect(try scenario.outbox("id = \(call.id)") == ["\(call.id)|c1|vg|discarded"])
        #expect(try scenario.doubts() == [#"status=["closed"]"#])
        #expect(try member("doubt_of", scenario) == ["[0,0,0]"])
        #expect(try await scenario.finish(call, Self.delivered, now: Self.at(3601)).fenced == [call.id])
        #expect(try scenario.doubts() == [#"status=["closed"]"#])
        #expect(try member("doubt_of", scenario) == ["[0,0,0]"])
        try await expectConverging(scenario, way)
    }

    @Test func `a link that leads elsewhere and back meanwhile has a record of its own`() async throws {
        let (scenario, call) = try await inFlight()
        try scenario.write("UPDATE links SET remote_id = 'other'")
        try await scenario.plan(now: Self.at(2))
        try scenario.write("UPDATE links SET remote_id = 'r-c1'")
        try await scenario.finish(call, Self.delivered, now: Self.at(3))
        #expect(try scenario.agreed() == [])
        try await expectConverging(scenario, Self.ways[1])
    }

    @Test func `INSERT OR REPLACE writes nothing again: the acknowledgement counts`() async throws {
        let (scenario, call) = try await inFlight()
        try scenario.write("INSERT OR REPLACE INTO links VALUES ('c1', 'vg', 'r-c1', NULL)")
        try await scenario.finish(call, Self.delivered, now: Self.at(3))
        #expect(try scenario.agreed() == ["status=closed", "title=x", "user_id=u7"])
        #expect(try scenario.lines("SELECT fields ->> '$.status.upto' FROM link_state") == ["[3,2,2]"])
    }

    @Test func `a deleted conversation has no record because of a call`() async throws {
        let (scenario, call) = try await inFlight()
        try scenario.write("DELETE FROM conversations")
        try await scenario.finish(call, Self.delivered, now: Self.at(3))
        #expect(try scenario.lines("SELECT * FROM link_state") == [])
    }
}
