import SyncCore
import Testing

@testable import SyncStore

/// What becomes of an exchange if the application's own triggers refuse a change that is adopted.
@Suite struct RefusedAdoptionTests {
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }
    private static let refusal =
        "CREATE TRIGGER refused BEFORE UPDATE OF status ON conversations BEGIN SELECT RAISE(ABORT, 'not here'); END"

    private func record(_ calls: [FinishedCall], of remote: String, _ scenario: StoreScenario) async throws -> ExchangeResult {
        var request = LaneRequest(remote: remote)
        request.finished = calls
        let exchange = scenario.exchange(now: Self.at(2)) { [request] in $0.lanes = [request] }
        return try await scenario.store.exchange(exchange, for: scenario.parties())
    }

    /// Its outcome would be lost otherwise, and the call would be repeated whenever its lease ends.
    @Test func `a call is acknowledged even if what its response shows cannot be adopted, and the object is read`() async throws {
        let scenario = try await StoreScenario.converged()
        try scenario.write("UPDATE conversations SET title = 'new'")
        try await scenario.plan(now: Self.at(1))
        let claimed = try await scenario.claimOne("vg", now: Self.at(1))
        try scenario.write("DELETE FROM read_requests; \(Self.refusal)")
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

    @Test func `a message is acknowledged even if the status in its response cannot be adopted`() async throws {
        let scenario = try StoreScenario([.fin])
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); INSERT INTO conversations (id, user_id) VALUES ('c1', 'u1')")
        try scenario.addMessage("m1", of: "c1")
        try await scenario.plan()
        let claimed = try await scenario.claimOne("fin")
        try scenario.write(Self.refusal)
        var call = scenario.finished(claimed, DeliveryOutcome(.delivered, httpStatus: 200))
        call.news = Observation(word: "closed", changedAt: StoreScenario.start)
        let result = try await record([call], of: "fin", scenario)
        #expect(result.problems.map { $0.hasPrefix("response to row \(claimed.id): ") } == [true])
        #expect(try scenario.outbox() == ["\(claimed.id)|c1|fin|delivered"])
        #expect(try scenario.lines("SELECT status FROM conversations") == ["open"])
        #expect(try scenario.lines("SELECT * FROM read_requests") == [])
    }
}
