import SyncCore
import Testing

@testable import SyncEngine

/// Without events an engine does nothing.
@Suite struct EngineIdleTests {
    @Test func `an idle engine makes one exchange per interval, which only reads`() {
        let scenario = EngineScenario(["fin", "helpdesk", "vg", "voicebot"].map { MadeUp.remote($0) })
        scenario.start()
        let before = scenario.exchanges.count
        #expect(before <= 2)
        scenario.run(for: .minutes(10))
        #expect(scenario.exchanges.count - before == 10)
        #expect(scenario.exchanges[before...].allSatisfy { $0.exchange.lanes.allSatisfy(\.onlyAsks) && $0.exchange.run.id == nil })
        #expect(scenario.store.runs == 0)
    }

    @Test func `commits by others that do not concern the service cost one exchange per debounce`() {
        let scenario = EngineScenario(["vg", "helpdesk"].map { MadeUp.remote($0) })
        scenario.start()
        let before = scenario.exchanges.count
        for _ in 0..<100 {
            scenario.send(.databaseChanged)
            scenario.run(for: .milliseconds(10))
        }
        scenario.run(for: .seconds(5))
        #expect((15...20).contains(scenario.exchanges.count - before), "\(scenario.exchanges.count - before)")
        #expect(scenario.store.runs == 0)
    }

    @Test func `rows that wait for a paused remote cause no exchange and do not delay others`() throws {
        let scenario = EngineScenario(["helpdesk", "vg"].map { MadeUp.remote($0) })
        scenario.store.orders["vg"] = RemoteOrders()
        scenario.store.orders["vg"]?.isPaused = true
        for index in 0..<200 { scenario.store.addRow("w\(index)", at: "vg", dueAt: scenario.wall) }
        scenario.start()
        let before = scenario.exchanges.count
        #expect(before <= 3)
        scenario.run(for: .seconds(30))
        #expect(scenario.exchanges.count == before)
        for index in 0..<12 {
            scenario.change("c\(index)", at: ["helpdesk", "vg"])
            scenario.run(for: .seconds(1))
        }
        #expect(scenario.calls(to: "helpdesk").count == 12 && scenario.calls(to: "vg").isEmpty)
        #expect(scenario.exchanges.count - before <= 24, "\(scenario.exchanges.count - before) exchanges for twelve changes")
    }

    @Test func `rows that wait for their next attempt cause no exchange before it is due`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        for index in 0..<20 { scenario.store.addRow("w\(index)", at: "vg", attempts: 3, dueAt: scenario.wall + .seconds(20)) }
        scenario.start()
        let before = scenario.exchanges.count
        scenario.run(for: .seconds(19))
        #expect(scenario.exchanges.count == before && scenario.calls.isEmpty)
        scenario.run(for: .seconds(2))
        #expect(scenario.store.states() == [.delivered: 20])
        #expect(scenario.calls.first.map { $0.at - .seconds(20) <= .milliseconds(20) } == true)
    }

    @Test func `a remote with a rate gets its calls one by one, with one or two exchanges each`() {
        let scenario = EngineScenario([MadeUp.remote("vg", rate: RateLimit(calls: 30, period: .minutes(1)))])
        for index in 0..<100 { scenario.store.addRow("w\(index)", at: "vg", dueAt: scenario.wall) }
        scenario.start()
        let before = (exchanges: scenario.exchanges.count, calls: scenario.calls.count)
        scenario.run(for: .seconds(60))
        let calls = scenario.calls.count - before.calls
        #expect((29...31).contains(calls))
        #expect(scenario.exchanges.count - before.exchanges <= calls * 2 + 2, "\(scenario.exchanges.count - before.exchanges)")
        #expect(scenario.store.states()[.sending] ?? 0 <= 1, "nothing is claimed that cannot go out")
    }

    // MARK: Polls

    private let emptyList = JSONValue.object(["data": .array([])])

    @Test func `a poll that finds nothing new costs its list and four exchanges, and no report`() {
        let scenario = EngineScenario([MadeUp.remote("voicebot", poll: PollSettings(interval: .seconds(10)))])
        let body = emptyList
        scenario.ending = { _ in .readAfter(.milliseconds(10), body) }
        scenario.start()
        let before = (exchanges: scenario.exchanges.count, calls: scenario.calls.count)
        #expect(before.calls == 1)
        scenario.run(for: .seconds(100))
        #expect(scenario.calls.count - before.calls == 10)
        #expect(scenario.exchanges.count - before.exchanges <= 41, "\(scenario.exchanges.count - before.exchanges)")
        #expect(scenario.store.runs == 0)
    }

    @Test func `objects that are read in rotation without news cost no further exchange`() {
        let scenario = EngineScenario([MadeUp.remote("voicebot", poll: PollSettings(interval: .seconds(10)))])
        scenario.store.rotation["voicebot"] = (1...3).map { ReadRequest(remoteID: "\($0)") }
        let list = emptyList
        scenario.ending = { call in
            guard case .read(let read) = call.purpose, let id = read.path.split(separator: "/").last.map(String.init), Int64(id) != nil
            else { return .readAfter(.milliseconds(10), list) }
            return .readAfter(.milliseconds(10), .object(["id": .string(id), "status": .string("open")]))
        }
        scenario.start()
        let before = (exchanges: scenario.exchanges.count, calls: scenario.calls.count)
        scenario.run(for: .seconds(100))
        #expect(scenario.calls.count - before.calls == 40, "a list and three objects each time")
        #expect(scenario.exchanges.count - before.exchanges <= 51, "\(scenario.exchanges.count - before.exchanges)")
        #expect(scenario.store.runs == 0, "a report that says nothing new is no run")
    }
}
