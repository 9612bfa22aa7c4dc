import SyncCore
import Testing

@testable import SyncStore

/// What becomes of a claimed row whose object was read before it is sent.
@Suite struct ReadBeforeWriteStoreTests {
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }

    /// A changed title that is about to be sent to vg.
    private func claimed(_ scenario: StoreScenario) async throws -> ClaimedRow {
        try scenario.write("UPDATE conversations SET title = 'new'")
        try await scenario.plan(now: Self.at(1))
        return try await scenario.claimOne("vg", now: Self.at(1))
    }

    private func takeIn(_ observation: Observation, before claimed: ClaimedRow, _ scenario: StoreScenario) async throws -> ExchangeResult {
        let report = Report(
            remote: "vg", subject: .object(ReadRequest(remoteID: claimed.targetID, agentID: claimed.agent)), observation: observation,
            readAt: Self.at(2))
        var request = LaneRequest(remote: "vg")
        request.reads = [ReadBeforeWrite(claimed: claimed, report: report, leaseDuration: .minutes(3))]
        let exchange = scenario.exchange(now: Self.at(3)) { [request] in $0.lanes = [request] }
        return try await scenario.store.exchange(exchange, for: scenario.parties())
    }

    @Test func `a row that is still wanted stays claimed, under a new lease`() async throws {
        let scenario = try await StoreScenario.converged()
        let claimed = try await claimed(scenario)
        let result = try await takeIn(Observation(word: "open", changedAt: Self.at(0)), before: claimed, scenario)
        let confirmed = try #require(result.lanes["vg"]?.confirmed.first)
        #expect(confirmed.id == claimed.id && confirmed.lease == claimed.lease && confirmed.leaseUntil == Self.at(183))
        #expect(confirmed.body == claimed.body && confirmed.known.linkRecord.lastHeardAt == Self.at(2))
        #expect(
            try scenario.lines("SELECT state, lease_until FROM outbox WHERE id = \(claimed.id)")
                == ["sending|\(Self.at(183).iso8601)"])
        // The call ends as any other.
        try await scenario.finish(confirmed, DeliveryOutcome(.delivered, httpStatus: 200), now: Self.at(4))
        #expect(try scenario.lines("SELECT state FROM outbox WHERE id = \(claimed.id)") == ["delivered"])
    }

    @Test func `a row that is not wanted any more waits, and is replaced by the next planning`() async throws {
        let scenario = try await StoreScenario.converged()
        let claimed = try await claimed(scenario)
        try scenario.write("UPDATE outbox SET differs_since = '\(Self.at(-7200).iso8601)' WHERE id = \(claimed.id)")
        try scenario.write("UPDATE conversations SET title = 'newer'")
        let result = try await takeIn(Observation(word: "open", changedAt: Self.at(0)), before: claimed, scenario)
        #expect(result.lanes["vg"]?.confirmed.isEmpty == true && result.problems == [])
        #expect(
            try scenario.lines("SELECT state, behind, last_error FROM outbox WHERE id = \(claimed.id)")
                == ["pending|2|its object was read before the call, and something else is wanted by now: decided again"])
        #expect(try await scenario.claim("vg", now: Self.at(3)).isEmpty)
        try await scenario.plan(now: Self.at(4))
        let next = try await scenario.claimOne("vg", now: Self.at(4))
        #expect(next.id != claimed.id && next.body.contains("newer"))
        #expect(try scenario.lines("SELECT state FROM outbox WHERE id = \(claimed.id)") == ["superseded"])
        #expect(try scenario.lines("SELECT differs_since FROM outbox WHERE id = \(next.id)") == [Self.at(-7200).iso8601])
    }

    /// The entry of a remote that is pushed last waits for the others, and one that cannot be planned until it can.
    @Test(arguments: [2, 3]) func `it waits for as long as the planning does`(deferred: Int) async throws {
        let scenario = try await StoreScenario.converged()
        let claimed = try await claimed(scenario)
        try scenario.write("UPDATE conversations SET title = 'newer'")
        _ = try await takeIn(Observation(word: "open", changedAt: Self.at(0)), before: claimed, scenario)
        try scenario.write("DELETE FROM change_feed WHERE remote = ''; UPDATE change_feed SET deferred = \(deferred), waits_since = '9'")
        #expect(try scenario.lines("SELECT behind FROM outbox WHERE id = \(claimed.id)") == ["0"])
        #expect(try await scenario.claim("vg", now: Self.at(3)).isEmpty)
        try scenario.write("DELETE FROM change_feed")
        #expect(try await scenario.claim("vg", now: Self.at(3)).map(\.id) == [claimed.id])
    }

    @Test func `what the object shows is adopted, and the row decided with it`() async throws {
        let scenario = try await StoreScenario.converged()
        let claimed = try await claimed(scenario)
        let result = try await takeIn(Observation(word: "closed", changedAt: Self.at(2)), before: claimed, scenario)
        #expect(result.lanes["vg"]?.reconciled.map(\.verdict.kind) == [.adopted])
        #expect(try scenario.lines("SELECT status FROM conversations") == ["closed"])
        #expect(result.lanes["vg"]?.confirmed.map(\.id) == [claimed.id], "the title is still wanted")
    }

    @Test func `a state that may be an earlier one leaves the row pending: the object is read once more`() async throws {
        let scenario = try await StoreScenario.converged()
        try scenario.write("UPDATE link_state SET record = json_set(record, '$.former', 'anything') WHERE remote = 'vg'")
        let claimed = try await claimed(scenario)
        let result = try await takeIn(Observation(word: "closed"), before: claimed, scenario)
        #expect(result.lanes["vg"]?.confirmed.isEmpty == true)
        #expect(try scenario.lines("SELECT state, lease FROM outbox WHERE id = \(claimed.id)") == ["pending|-"])
        let again = try await scenario.claimOne("vg", now: Self.at(3))
        #expect(again.id == claimed.id && again.known.linkRecord.isSuspect)
    }

    @Test func `a row whose lease was lost is not sent, and nothing is compared`() async throws {
        let scenario = try await StoreScenario.converged()
        let claimed = try await claimed(scenario)
        try scenario.write("UPDATE outbox SET lease = 99 WHERE id = \(claimed.id)")
        let result = try await takeIn(Observation(word: "closed", changedAt: Self.at(2)), before: claimed, scenario)
        #expect(result.lanes["vg"]?.confirmed.isEmpty == true && result.lanes["vg"]?.reconciled.isEmpty == true)
        #expect(try scenario.lines("SELECT state, lease FROM outbox WHERE id = \(claimed.id)") == ["sending|99"])
    }

    @Test(arguments: ["ABORT", "ROLLBACK"])
    func `what cannot be adopted puts the row off`(_ way: String) async throws {
        let scenario = try await StoreScenario.converged()
        let claimed = try await claimed(scenario)
        try scenario.write(
            "CREATE TRIGGER refused BEFORE UPDATE OF status ON conversations BEGIN SELECT RAISE(\(way), 'not here'); END")
        let result = try await takeIn(Observation(word: "closed", changedAt: Self.at(2)), before: claimed, scenario)
        #expect(result.lanes["vg"]?.confirmed.isEmpty == true)
        #expect(result.problems.map { $0.hasPrefix("the read before row \(claimed.id): ") } == [true])
        let stored = try scenario.lines("SELECT state, due_at, last_error FROM outbox WHERE id = \(claimed.id)")
        #expect(stored.first?.hasPrefix("pending|\(Self.at(63).iso8601)|the read before row \(claimed.id): ") == true, "\(stored)")
    }
}
