import SyncCore
import Testing

@testable import SyncEngine

/// What one change costs, and that an exchange without effect is not followed by another.
@Suite struct EngineChangeTests {
    private func started(_ names: [String], poll: PollSettings? = nil) -> EngineScenario {
        let scenario = EngineScenario(names.map { MadeUp.remote($0, poll: $0 == "voicebot" ? poll : nil) })
        scenario.start()
        return scenario
    }

    @Test(arguments: [["vg", "helpdesk"], ["vg", "voicebot", "helpdesk"], ["helpdesk"], ["vg"]])
    func `a change costs three exchanges at most, and no other follows until the interval is over`(remotes: [String]) {
        let scenario = started(["fin", "helpdesk", "vg", "voicebot"])
        let before = scenario.exchanges.count
        scenario.change("c1", at: remotes)
        scenario.run(for: .seconds(50))
        #expect(scenario.exchanges.count - before == (remotes.contains("helpdesk") && remotes.count > 1 ? 3 : 2))
        #expect(scenario.calls.map(\.remote) == remotes)
        #expect(scenario.store.states() == [.delivered: remotes.count])
        #expect(!scenario.store.isRunOpen)
        scenario.run(for: .minutes(1))
        #expect(scenario.exchanges.count - before <= 4, "the interval")
        #expect(scenario.exchanges.last.map { $0.exchange.mayOnlyRead || $0.exchange.recoversExcept != nil } == true)
    }

    @Test func `a change goes out after the debounce and one exchange, and its outcome is stored at once`() throws {
        let scenario = started(["vg"])
        let changedAt = scenario.uptime
        scenario.change("c1", at: ["vg"])
        scenario.run(for: .seconds(1))
        let call = try #require(scenario.calls.first)
        #expect(call.at == changedAt + .milliseconds(52))
        #expect(scenario.exchanges.last?.at == call.at + .milliseconds(10))
    }

    @Test func `the remote that is pushed last is planned in the exchange that records its other calls`() throws {
        let scenario = started(["helpdesk", "vg", "voicebot"])
        scenario.ending = {
            $0.remote == "voicebot" ? .after(.milliseconds(300), .init(.delivered)) : .after(.milliseconds(10), .init(.delivered))
        }
        scenario.change("c1", at: ["helpdesk", "vg", "voicebot"])
        scenario.run(for: .seconds(2))
        #expect(scenario.calls.map(\.remote) == ["vg", "voicebot", "helpdesk"])
        let recording = try #require(
            scenario.exchanges.last { $0.exchange.lanes.contains { $0.remote == "voicebot" && !$0.finished.isEmpty } })
        #expect(recording.exchange.plan != nil)
        #expect(scenario.calls(to: "helpdesk").first?.at == recording.at + scenario.exchangeTime)
    }

    @Test func `the remote that is pushed last waits for other remotes no longer than the stall`() throws {
        let scenario = started(["helpdesk", "vg"])
        scenario.ending = { $0.remote == "vg" ? .never : .after(.milliseconds(10), .init(.delivered)) }
        let changedAt = scenario.uptime
        scenario.change("c1", at: ["helpdesk", "vg"])
        scenario.run(for: .seconds(20))
        let pushed = try #require(scenario.calls(to: "helpdesk").first)
        #expect(pushed.at - changedAt >= .seconds(10) && pushed.at - changedAt < .milliseconds(10_100))
    }

    @Test func `outcomes wait for others while calls are in flight, and go into one exchange`() throws {
        let scenario = started(["vg", "voicebot"])
        scenario.ending = { call in
            let spans: [String: Int64] = ["c0": 10, "c1": 15, "c2": 20, "c3": 29]
            return .after(.milliseconds(call.conversation.flatMap { spans[$0] } ?? 500), .init(.delivered))
        }
        for index in 0..<4 { scenario.store.change("c\(index)", at: ["vg"], now: scenario.wall) }
        scenario.change("slow", at: ["voicebot"])
        scenario.run(for: .milliseconds(52))
        #expect(scenario.calls.count == 5)
        let before = scenario.exchanges.count
        let sentAt = scenario.uptime
        scenario.run(for: .milliseconds(100))
        let storing = scenario.exchanges[before...].filter { $0.exchange.lanes.contains { !$0.finished.isEmpty } }
        #expect(storing.map { $0.exchange.lanes.flatMap(\.finished).count } == [4])
        #expect(storing.first?.at == sentAt + .milliseconds(30), "20 ms after the first of them")
    }

    @Test func `a backlog is delivered completely in few exchanges, and none follows`() {
        let scenario = started(["vg"])
        let before = scenario.exchanges.count
        for index in 0..<2000 { scenario.store.change("c\(index)", at: ["vg"], now: scenario.wall) }
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(20))
        #expect(scenario.store.states() == [.delivered: 2000])
        let made = scenario.exchanges.count - before
        #expect(made < 200, "\(made) exchanges for 2000 rows")
        scenario.run(for: .seconds(30))
        #expect(scenario.exchanges.count - before == made)
        #expect(scenario.engine.exchange.fruitless <= 1)
    }

    @Test func `while first attempts are due, at most half of the claimed rows are retries`() {
        let scenario = started(["vg"])
        for index in 0..<40 { scenario.store.addRow("r\(index)", at: "vg", attempts: 2, dueAt: scenario.wall - .hours(1)) }
        scenario.store.change("fresh", at: ["vg"], now: scenario.wall)
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(1))
        #expect(scenario.calls.prefix(8).contains { $0.conversation == "fresh" }, "forty retries do not hold up a change")
        scenario.run(for: .seconds(5))
        #expect(scenario.store.states() == [.delivered: 41])
    }
}
