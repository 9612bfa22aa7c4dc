import SyncCore
import Testing

@testable import SyncEngine

/// What the watchdog is told, and upkeep beside a remote that hangs.
@Suite struct EngineHealthTests {
    private func overdue(_ script: EngineScript) -> [String] { script.engine.health(now: script.present).overdue }

    @Test func `an idle engine is healthy and quiet, one with calls in flight is not quiet`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.start()
        script.run(for: .minutes(30))
        #expect(script.engine.health(now: script.present) == Health(overdue: [], inFlight: 0, isQuiet: true, delivered: 0))
        script.change("c1", at: ["vg"])
        script.run(for: .milliseconds(55))
        #expect(script.engine.health(now: script.present) == Health(overdue: [], inFlight: 1, isQuiet: false, delivered: 0))
        script.run(for: .seconds(1))
        #expect(script.engine.health(now: script.present) == Health(overdue: [], inFlight: 0, isQuiet: true, delivered: 1))
    }

    @Test func `a database that does not respond is reported as overdue`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.start()
        script.exchangeTime = .hours(1)
        script.send(.turnRequested(.request))
        script.run(for: .seconds(30))
        #expect(overdue(script).isEmpty)
        script.run(for: .seconds(5))
        #expect(overdue(script) == ["the database has not answered for 35 s"])
    }

    @Test func `a call that should have timed out is reported as overdue, and one that may still end is not`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.start()
        script.ending = { _ in .never }
        script.change("c1", at: ["vg"])
        script.run(for: .seconds(60))
        #expect(overdue(script).isEmpty, "connect and total time-out come to 35 s")
        script.run(for: .seconds(10))
        #expect(overdue(script) == ["a call to vg has not ended for 69 s"])
    }

    @Test func `an alarm that never rings is reported as overdue`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.start()
        script.skip(.minutes(2))
        #expect(overdue(script).count == 1 && overdue(script).first?.hasPrefix("the alarm is overdue by ") == true)
        script.run(for: .zero)
        #expect(overdue(script).isEmpty)
    }

    @Test func `an engine whose exchanges have no effect pauses between them and is reported as overdue`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.start()
        script.adjust = { _, result in
            result.hasMoreInbox = true
            result.hasWritten = false
        }
        let before = script.exchanges.count
        script.send(.turnRequested(.request))
        script.run(for: .seconds(10))
        #expect((90...110).contains(script.exchanges.count - before), "\(script.exchanges.count - before)")
        #expect(overdue(script) == ["the engine makes no progress"])
        script.adjust = { _, _ in }
        script.run(for: .seconds(2))
        #expect(overdue(script).isEmpty)
    }

    @Test func `an inbox of many pages is processed in consecutive exchanges`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.store.inbox = 1900
        script.start()
        #expect(script.store.inbox == 0 && script.exchanges.count <= 12)
    }

    @Test(arguments: [true, false])
    func `finished rows are pruned with and without a remote that hangs`(hangs: Bool) {
        var settings = MadeUp.settings()
        settings.retention.isEnabled = true
        let script = EngineScript([MadeUp.remote("vg")], settings)
        var left = 12_500
        script.adjust = { exchange, result in
            guard exchange.retention != nil else { return }
            result.prunedRows = min(left, 500)
            left -= result.prunedRows
            result.hasMoreRetention = left > 0
        }
        script.ending = { _ in hangs ? .never : .after(.milliseconds(10), .init(.delivered)) }
        for index in 0..<20 { script.store.addRow("c\(index)", at: "vg", dueAt: script.wall) }
        script.start()
        script.run(for: .seconds(hangs ? 30 : 3))
        #expect(left == 0)
        let pruned = script.reports.reduce(0) { if case .pruned(let rows, _) = $1 { $0 + rows } else { $0 } }
        #expect(pruned == 12_500)
        let before = script.exchanges.count
        script.run(for: .seconds(55))
        #expect(script.exchanges.count - before <= 2, "the interval, and upkeep a minute later")
    }
}
