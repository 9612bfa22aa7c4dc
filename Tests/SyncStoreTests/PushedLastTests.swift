import SyncCore
import Testing

@testable import SyncStore

/// The remote that is pushed last waits, conversation by conversation, for the calls at the others.
@Suite struct PushedLastTests {
    private static let stall = Duration.seconds(30)
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }
    private let ok = DeliveryOutcome(.delivered, httpStatus: 200)

    /// c1 at three remotes that all know it.
    private func scenario() async throws -> StoreScenario {
        let scenario = try StoreScenario([.voicebot, .vg, .helpdesk])
        try scenario.addConversations("c1")
        try await scenario.converge()
        return scenario
    }

    /// Records the ends of calls, plans, and claims at all remotes, as the engine does.
    @discardableResult
    private func exchange(
        _ scenario: StoreScenario, _ finished: [FinishedCall] = [], delivering: Set<String> = ["voicebot", "vg", "helpdesk"],
        claims: Int = 10,
        now: Instant = StoreScenario.start
    ) async throws -> ExchangeResult {
        var page = scenario.page()
        page.delivering = delivering
        page.stall = Self.stall
        let lanes = scenario.remotes.map { remote in
            var lane = LaneRequest(remote: remote.name)
            lane.finished = finished.filter { $0.claimed.remote == remote.name }
            lane.claim = .init(rows: claims, retries: claims, retriesDueBy: now, leaseDuration: .seconds(600))
            return lane
        }
        let result = try await scenario.store.exchange(
            scenario.exchange(now: now) { [page] in
                $0.plan = page
                $0.lanes = lanes
            }, for: scenario.parties())
        #expect(result.problems == [])
        return result
    }

    private func claimed(_ result: ExchangeResult) -> [String] { result.lanes.values.flatMap(\.claimed).map(\.remote).sorted() }

    @Test func `the helpdesk waits for the conversation's calls, and is planned and claimed with the last outcome`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        let first = try await exchange(scenario)
        #expect(claimed(first) == ["vg", "voicebot"])
        #expect(try scenario.feed() == ["c1|helpdesk|3"])
        #expect(first.plan?.nextPlanAt == StoreScenario.start + Self.stall)
        #expect(first.plan?.hasMore == false)
        let voicebot = try #require(first.lanes["voicebot"]?.claimed.first)
        let second = try await exchange(scenario, [scenario.finished(voicebot, ok, now: Self.at(1))], now: Self.at(1))
        #expect(claimed(second) == [], "vg's call is in flight")
        #expect(try scenario.feed() == ["c1|helpdesk|3"])
        #expect(second.plan?.nextPlanAt == StoreScenario.start + Self.stall, "it goes on waiting since then")
        let vg = try #require(first.lanes["vg"]?.claimed.first)
        let third = try await exchange(scenario, [scenario.finished(vg, ok, now: Self.at(2))], now: Self.at(2))
        #expect(claimed(third) == ["helpdesk"])
        #expect(third.lanes["vg"]?.hasFreedPlanning == true)
        #expect(try scenario.feed() == [])
    }

    @Test func `one change at two remotes and the helpdesk takes three transactions`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        let transactions = Collected()
        try await scenario.store.trace { if $0.hasPrefix("BEGIN IMMEDIATE") { transactions.add([$0]) } }
        var finished: [FinishedCall] = []
        repeat {
            let result = try await exchange(scenario, finished)
            finished = result.lanes.values.flatMap(\.claimed).map { scenario.finished($0, ok) }
        } while !finished.isEmpty
        try await scenario.store.trace(nil)
        #expect(transactions.all.count == 3)
        #expect(try scenario.lines("SELECT count(*) FROM outbox WHERE state = 'delivered'") == ["6"])
        #expect(try scenario.feed() == [])
    }

    @Test func `the helpdesk waits for a first attempt that is due, but not for one at a remote that takes no calls`() async throws {
        for (delivering, feed) in [(Set(["voicebot", "vg"]), ["c1|helpdesk|3"]), (["voicebot"], ["c1|helpdesk|3"]), ([], [])] {
            let scenario = try await scenario()
            try scenario.write("UPDATE conversations SET status = 'closed'")
            try await exchange(scenario, delivering: delivering, claims: 0)
            #expect(try scenario.feed() == feed, "\(delivering)")
        }
    }

    @Test(
        arguments: [
            "attempts = 1, due_at = '2030-01-01T00:00:00.000Z'", "attempts = 1", "due_at = '2030-01-01T00:00:00.000Z'", "behind = 1",
            "held_by = 'fin'", "state = 'held', held_by = 'brake'", "state = 'dead', finished_at = 'x'",
        ])
    func `the helpdesk does not wait for a row that has failed before, is not due, or is held`(change: String) async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET title = 'x'")
        try await exchange(scenario, claims: 0)
        #expect(try scenario.feed() == ["c1|helpdesk|3"])
        try scenario.write("UPDATE outbox SET \(change) WHERE state = 'pending'; UPDATE change_feed SET deferred = 0")
        try await exchange(scenario, claims: 0)
        #expect(try scenario.feed() == [])
    }

    @Test func `after the longest wait the helpdesk is planned although a call is in flight`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await exchange(scenario)
        let before = try await exchange(scenario, now: StoreScenario.start + Self.stall - .milliseconds(1))
        #expect(!before.hasWritten)
        let after = try await exchange(scenario, now: StoreScenario.start + Self.stall)
        #expect(claimed(after) == ["helpdesk"])
        #expect(after.plan?.nextPlanAt == nil)
    }

    @Test func `another change of the conversation does not restart the wait, and its age counts from the first change`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await exchange(scenario)
        let since = try scenario.lines("SELECT since FROM change_feed")
        try scenario.write("UPDATE conversations SET title = 'x'")
        let second = try await exchange(scenario, now: Self.at(10))
        #expect(second.plan?.nextPlanAt == StoreScenario.start + Self.stall)
        #expect(try scenario.lines("SELECT remote, deferred FROM change_feed ORDER BY 1") == ["helpdesk|3", "vg|1", "voicebot|1"])
        #expect(try scenario.lines("SELECT since FROM change_feed WHERE remote = 'helpdesk'") == since)
        let third = try await exchange(scenario, now: StoreScenario.start + Self.stall)
        #expect(claimed(third) == ["helpdesk"])
        #expect(third.lanes["helpdesk"]?.claimed.first?.body == #"{"status":"closed","title":"x"}"#)
    }

    @Test func `entries whose wait has ended are planned by the next page when one is full`() async throws {
        let scenario = try StoreScenario([.voicebot, .helpdesk])
        try scenario.addConversations("c1", "c2", "c3")
        try await scenario.converge()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await exchange(scenario)
        for left in [2, 1, 0] {
            var page = scenario.page()
            page.delivering = ["voicebot"]
            page.stall = Self.stall
            page.limit = 1
            let exchange = scenario.exchange(now: StoreScenario.start + Self.stall) { [page] in $0.plan = page }
            let planned = try await scenario.store.exchange(exchange, for: scenario.parties()).plan
            #expect(planned?.batch.examined == 1)
            #expect(planned?.hasMore == (left > 0))
        }
        #expect(try scenario.feed() == [])
    }

    @Test func `a row that was planned before is not passed over while a newer state waits`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET title = 'x'")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET created_at = '2020-01-01T00:00:00.000Z' WHERE state = 'pending'")
        let claimed = try await scenario.claimOne("vg")
        #expect(claimed.remote == "vg")
        try scenario.write("UPDATE conversations SET title = 'y'")
        try await exchange(scenario, claims: 0)
        #expect(try scenario.feed() == ["c1|helpdesk|3", "c1|vg|1"])
        #expect(try await scenario.claim("helpdesk").map(\.body) == [#"{"title":"x"}"#])
    }

    @Test func `after a start no entry waits any longer`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await exchange(scenario)
        #expect(try scenario.feed() == ["c1|helpdesk|3"])
        _ = try await scenario.store.reconcileRemotes(scenario.remotes, now: Self.at(1))
        #expect(try scenario.lines("SELECT deferred, waits_since FROM change_feed WHERE remote = 'helpdesk'") == ["0|-"])
    }

    @Test func `the call of a crashed process is no longer waited for`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'; UPDATE change_feed SET remote = 'vg' WHERE remote = ''")
        try await exchange(scenario)
        try scenario.write("INSERT INTO change_feed (conversation_id, remote, changed_at, deferred) VALUES ('c1', 'helpdesk', 'x', 3)")
        #expect(try await scenario.store.recover(now: Self.at(3600), isGone: { _ in false }).rows == 1)
        #expect(try scenario.feed() == ["c1|helpdesk|0"])
    }

    @Test func `a waiting conversation counts as unplanned`() async throws {
        let scenario = try await scenario()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await exchange(scenario)
        #expect(try await !scenario.store.feedIsEmpty())
        #expect(try await scenario.store.status(of: [.named("helpdesk")]).unplanned == 1)
        #expect(try await scenario.store.status(of: [.named("helpdesk")]).putAside == 0)
    }
}
