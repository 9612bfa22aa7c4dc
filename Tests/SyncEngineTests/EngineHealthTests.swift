import SyncCore
import Testing

@testable import SyncEngine

/// What the watchdog is told, and upkeep beside a remote that hangs.
@Suite struct EngineHealthTests {
    private func overdue(_ scenario: EngineScenario) -> [String] { scenario.engine.health(now: scenario.present).overdue }

    @Test func `an idle engine is healthy and quiet, one with calls in flight is not quiet`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        scenario.run(for: .minutes(30))
        #expect(scenario.engine.health(now: scenario.present) == Health(overdue: [], inFlight: 0, isQuiet: true, delivered: 0))
        scenario.change("c1", at: ["vg"])
        scenario.run(for: .milliseconds(55))
        #expect(scenario.engine.health(now: scenario.present) == Health(overdue: [], inFlight: 1, isQuiet: false, delivered: 0))
        scenario.run(for: .seconds(1))
        #expect(scenario.engine.health(now: scenario.present) == Health(overdue: [], inFlight: 0, isQuiet: true, delivered: 1))
    }

    @Test func `a database that does not respond is reported as overdue`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        scenario.exchangeTime = .hours(1)
        scenario.send(.turnRequested(.request))
        scenario.run(for: .seconds(30))
        #expect(overdue(scenario).isEmpty)
        scenario.run(for: .seconds(5))
        #expect(overdue(scenario) == ["the database has not answered for 35 s"])
    }

    @Test func `a call that should have timed out is reported as overdue, and one that may still end is not`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        scenario.ending = { _ in .never }
        scenario.change("c1", at: ["vg"])
        scenario.run(for: .seconds(60))
        #expect(overdue(scenario).isEmpty, "connect and total time-out come to 35 s")
        scenario.run(for: .seconds(10))
        #expect(overdue(scenario) == ["a call to vg has not ended for 69 s"])
    }

    @Test func `an alarm that never rings is reported as overdue`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        scenario.skip(.minutes(2))
        #expect(overdue(scenario).count == 1 && overdue(scenario).first?.hasPrefix("the alarm is overdue by ") == true)
        scenario.run(for: .zero)
        #expect(overdue(scenario).isEmpty)
    }

    @Test func `an engine whose exchanges have no effect pauses between them and is reported as overdue`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        scenario.adjust = { _, result in
            result.hasMoreInbox = true
            result.hasWritten = false
        }
        let before = scenario.exchanges.count
        scenario.send(.turnRequested(.request))
        scenario.run(for: .seconds(10))
        #expect((90...110).contains(scenario.exchanges.count - before), "\(scenario.exchanges.count - before)")
        #expect(overdue(scenario) == ["the engine makes no progress"])
        scenario.adjust = { _, _ in }
        scenario.run(for: .seconds(2))
        #expect(overdue(scenario).isEmpty)
    }

    @Test func `an inbox of many pages is processed in consecutive exchanges`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.store.inbox = 1900
        scenario.start()
        #expect(scenario.store.inbox == 0 && scenario.exchanges.count <= 12)
    }

    @Test(arguments: [true, false])
    func `finished rows are pruned with and without a remote that hangs`(hangs: Bool) {
        var settings = MadeUp.settings()
        settings.retention.isEnabled = true
        let scenario = EngineScenario([MadeUp.remote("vg")], settings)
        var left = 12_500
        scenario.adjust = { exchange, result in
            guard exchange.retention != nil else { return }
            result.prunedRows = min(left, 500)
            left -= result.prunedRows
            result.hasMoreRetention = left > 0
        }
        scenario.ending = { _ in hangs ? .never : .after(.milliseconds(10), .init(.delivered)) }
        for index in 0..<20 { scenario.store.addRow("c\(index)", at: "vg", dueAt: scenario.wall) }
        scenario.start()
        scenario.run(for: .seconds(hangs ? 30 : 3))
        #expect(left == 0)
        let pruned = scenario.reports.reduce(0) { if case .pruned(let rows, _) = $1 { $0 + rows } else { $0 } }
        #expect(pruned == 12_500)
        let before = scenario.exchanges.count
        scenario.run(for: .seconds(55))
        #expect(scenario.exchanges.count - before <= 2, "the interval, and upkeep a minute later")
    }
}
