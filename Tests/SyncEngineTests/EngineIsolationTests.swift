import SyncCore
import Testing

@testable import SyncEngine

/// A remote that is slow or fails does not delay the others.
@Suite struct EngineIsolationTests {
    /// Sends a fresh change of each of the conversations to voicebot, one after the other.
    /// - Returns: how long each took, the slowest last.
    private func fresh(_ scenario: EngineScenario, _ count: Int = 20) -> [Duration] {
        (0..<count).compactMap { index in
            let changedAt = scenario.uptime
            scenario.change("fresh\(index)", at: ["voicebot"])
            scenario.run(for: .milliseconds(730))
            return scenario.calls.first { $0.conversation == "fresh\(index)" }.map { $0.at - changedAt }
        }
        .sorted()
    }

    private func scenario(_ rate: RateLimit? = nil, _ vg: @escaping (EngineScenario.MadeCall) -> EngineScenario.Ending) -> EngineScenario {
        let scenario = EngineScenario([MadeUp.remote("vg", rate: rate), MadeUp.remote("voicebot")])
        scenario.ending = { $0.remote == "vg" ? vg($0) : .after(.milliseconds(10), .init(.delivered)) }
        for index in 0..<200 { scenario.store.addRow("v\(index)", at: "vg", dueAt: scenario.wall) }
        scenario.start()
        return scenario
    }

    @Test func `a fresh change goes out beside a remote that hangs as fast as without it`() {
        let scenario = scenario { _ in .never }
        let spans = fresh(scenario)
        #expect(spans.count == 20 && spans.last.map { $0 <= .milliseconds(56) } == true, "\(spans)")
        #expect(scenario.calls(to: "vg").count == 4, "as many calls as may be in flight at first")
    }

    @Test(arguments: [Int64(400), 3000])
    func `a fresh change goes out beside a slow remote as fast as without it`(milliseconds: Int64) {
        let scenario = scenario { _ in .after(.milliseconds(milliseconds), .init(.delivered)) }
        let spans = fresh(scenario)
        #expect(spans.count == 20 && spans.last.map { $0 <= .milliseconds(60) } == true, "\(spans)")
    }

    /// Planning waits for a list that is being read, and not for the ones that begin before it has ended.
    @Test func `a fresh change goes out beside lists that are read one after the other`() {
        let intervals = [("vg", Int64(1000)), ("helpdesk", 1100), ("voicebot", 1300)]
        let scenario = EngineScenario(
            intervals.map { name, interval in
                MadeUp.remote(name, poll: PollSettings(interval: .milliseconds(interval), pages: 1, rotate: 1))
            })
        scenario.ending = { call in
            guard case .read = call.purpose else { return .after(.milliseconds(10), .init(.delivered)) }
            return .readAfter(.milliseconds(480), .object(["data": .array([])]))
        }
        scenario.start()
        let spans = fresh(scenario, 100)
        #expect(spans.count == 100 && spans.last.map { $0 <= .milliseconds(560) } == true, "\(spans.suffix(5))")
    }

    @Test func `planning waits half a second for a list that hangs, and no longer`() throws {
        let scenario = EngineScenario([MadeUp.remote("helpdesk"), MadeUp.remote("voicebot", poll: PollSettings(interval: .minutes(30)))])
        scenario.ending = { call in call.isRead ? .never : .after(.milliseconds(10), .init(.delivered)) }
        scenario.send(.turnRequested(.startup))
        scenario.change("c1", at: ["helpdesk"])
        scenario.run(for: .seconds(5))
        let sent = try #require(scenario.calls(to: "helpdesk").first)
        #expect(sent.at >= .milliseconds(500) && sent.at <= .milliseconds(560), "\(sent.at.notation)")
    }

    @Test func `a fresh change goes out beside a remote with a rate as fast as without it`() {
        let scenario = scenario(RateLimit(calls: 5, period: .seconds(1))) { _ in .after(.milliseconds(10), .init(.delivered)) }
        let spans = fresh(scenario)
        #expect(spans.count == 20 && spans.last.map { $0 <= .milliseconds(60) } == true, "\(spans)")
        #expect((70...85).contains(scenario.calls(to: "vg").count), "and the rate is used: \(scenario.calls(to: "vg").count)")
    }

    @Test(arguments: [OutcomeClass.retry, .throttled, .park, .dead])
    func `a fresh change goes out beside a remote that fails as fast as without it`(outcome: OutcomeClass) {
        let scenario = scenario { _ in .after(.milliseconds(10), DeliveryOutcome(outcome, error: "HTTP 500")) }
        let spans = fresh(scenario)
        #expect(spans.count == 20 && spans.last.map { $0 <= .milliseconds(60) } == true, "\(spans)")
    }

    @Test func `a retry is made when it is due, beside a remote that hangs`() throws {
        let scenario = scenario { _ in .never }
        scenario.store.addRow("later", at: "voicebot", attempts: 1, dueAt: scenario.wall + .seconds(3))
        let addedAt = scenario.uptime
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(4))
        let call = try #require(scenario.calls(to: "voicebot").first)
        #expect(call.at - addedAt - .seconds(3) <= .milliseconds(10))
    }

    /// With frequent events, one may arrive between the time when a row falls due and the alarm for it.
    @Test func `a retry is made when it is due, even if another event arrives just before its alarm`() throws {
        let scenario = EngineScenario([MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        scenario.store.addRow("later", at: "voicebot", attempts: 1, dueAt: scenario.wall + .seconds(3))
        scenario.start()
        scenario.run(for: .seconds(3) - scenario.uptime - .milliseconds(1))
        scenario.skip(.milliseconds(2))
        scenario.send(.credentialReplaced("vg"))
        scenario.run(for: .seconds(4))
        let call = try #require(scenario.calls(to: "voicebot").first)
        #expect(call.at - .seconds(3) <= .milliseconds(10), "it is made \((call.at - .seconds(3)).notation) late")
    }

    @Test func `a row that falls due during an exchange is claimed by the next one`() throws {
        let scenario = EngineScenario([MadeUp.remote("voicebot")])
        scenario.start()
        scenario.exchangeTime = .milliseconds(100)
        scenario.store.addRow("later", at: "voicebot", attempts: 1, dueAt: scenario.wall + .milliseconds(70))
        let addedAt = scenario.uptime
        scenario.send(.turnRequested(.request))
        scenario.run(for: .seconds(5))
        let call = try #require(scenario.calls.first)
        #expect(call.at - addedAt <= .milliseconds(200))
    }

    @Test func `a paused remote is not called, and its rows at hand are put back`() throws {
        let scenario = scenario { _ in .after(.milliseconds(200), .init(.delivered)) }
        scenario.run(for: .milliseconds(100))
        scenario.store.orders["vg"] = RemoteOrders()
        scenario.store.orders["vg"]?.isPaused = true
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(2))
        let made = scenario.calls(to: "vg").count
        #expect(scenario.openCalls.isEmpty && scenario.store.states(at: "vg")[.sending] == nil && scenario.strayRows.isEmpty)
        #expect(scenario.store.states(at: "vg")[.pending] == 200 - made)
        scenario.run(for: .seconds(20))
        #expect(scenario.calls(to: "vg").count == made)
        scenario.store.orders["vg"] = RemoteOrders()
        scenario.store.orders["vg"]?.resumedAt = "2026-03-01T12:00:00.000Z"
        let resumedAt = scenario.uptime
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(1))
        let first = try #require(scenario.calls(to: "vg").dropFirst(made).first)
        #expect(first.at - resumedAt <= .milliseconds(60))
    }

    @Test func `a parked remote is called at once when its credential is replaced`() throws {
        let scenario = scenario { _ in .after(.milliseconds(10), DeliveryOutcome(.park, error: "HTTP 401")) }
        scenario.run(for: .seconds(3))
        #expect(scenario.openCalls.isEmpty)
        scenario.ending = { _ in .after(.milliseconds(10), .init(.delivered)) }
        let made = scenario.calls.count
        let replacedAt = scenario.uptime
        scenario.send(.credentialReplaced("vg"))
        scenario.run(for: .seconds(20))
        let first = try #require(scenario.calls.dropFirst(made).first)
        #expect(first.at - replacedAt <= .milliseconds(5))
        #expect(scenario.store.states(at: "vg") == [.delivered: 200])
    }
}
