import SyncCore
import Testing

@testable import SyncEngine

/// Exchanges that fail lose nothing.
@Suite struct EngineFailureTests {
    /// The database is locked until this time.
    private func lock(_ scenario: EngineScenario, for span: Duration, error: StoreError = .passing) {
        let until = scenario.uptime + span
        scenario.failure = { [unowned scenario] _ in scenario.uptime < until ? error : nil }
    }

    @Test(arguments: [StoreError.passing, .lasting])
    func `outcomes that could not be stored go into the next exchange, together with newer ones`(error: StoreError) throws {
        let scenario = EngineScenario(["vg", "voicebot"].map { MadeUp.remote($0) })
        scenario.start()
        scenario.ending = {
            $0.remote == "vg" ? .after(.milliseconds(10), .init(.delivered)) : .after(.milliseconds(40), .init(.delivered))
        }
        scenario.change("c1", at: ["vg", "voicebot"])
        scenario.run(for: .milliseconds(53))
        #expect(scenario.calls.count == 2)
        let before = scenario.exchanges.count
        lock(scenario, for: .milliseconds(500), error: error)
        scenario.run(for: .seconds(5))
        let carried = scenario.exchanges[before...].map { $0.exchange.lanes.flatMap(\.finished).map(\.claimed.conversationID).count }
        #expect(carried.first == 1 && carried.last { $0 > 0 } == 2)
        #expect(scenario.store.states() == [.delivered: 2] && scenario.strayRows.isEmpty)
        #expect(scenario.calls.count == 2, "nothing is sent twice")
        let isSaid = scenario.reports.count { if case .storeUnavailable = $0 { true } else { false } }
        let isOver = scenario.reports.count { if case .storeAvailable = $0 { true } else { false } }
        #expect(isSaid == 1 && isOver == 1)
    }

    @Test func `a locked database is tried again after growing pauses, not at once`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        lock(scenario, for: .seconds(30))
        let before = scenario.exchanges.count
        scenario.change("c1", at: ["vg"])
        scenario.run(for: .seconds(30))
        #expect((15...25).contains(scenario.exchanges.count - before), "\(scenario.exchanges.count - before)")
        scenario.run(for: .seconds(3))
        #expect(scenario.store.states() == [.delivered: 1])
    }

    @Test func `a claim that failed is made again`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.store.addRow("c1", at: "vg", dueAt: scenario.wall)
        lock(scenario, for: .milliseconds(300))
        scenario.start()
        scenario.run(for: .seconds(2))
        #expect(scenario.store.states() == [.delivered: 1])
    }

    @Test func `the sender of a webhook call is told that the exchange failed, or how many events were new`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        scenario.send(.remoteEvents(1, "vg", [.changed(remoteID: "o1", agentID: nil), .somethingChanged]))
        scenario.run(for: .milliseconds(100))
        #expect(scenario.responses[1] == .some(2))
        lock(scenario, for: .milliseconds(20))
        scenario.send(.remoteEvents(2, "vg", [.somethingChanged]))
        scenario.run(for: .seconds(1))
        #expect(scenario.responses[2] == .some(nil))
        scenario.send(.remoteEvents(3, "vg", []))
        scenario.run(for: .seconds(1))
        #expect(scenario.responses.count == 3, "each gets one response")
    }

    @Test func `events that arrive during an exchange share the next one`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        scenario.exchangeTime = .milliseconds(50)
        for ticket in UInt64(1)...20 {
            scenario.send(.remoteEvents(ticket, "vg", [.changed(remoteID: "o\(ticket)", agentID: nil)]))
            scenario.run(for: .milliseconds(1))
        }
        scenario.run(for: .milliseconds(200))
        #expect(scenario.responses.count == 20)
        let carrying = scenario.exchanges.map(\.exchange.events.count).filter { $0 > 0 }
        #expect(carrying == [1, 19])
    }

    @Test func `a report that could not be stored goes into the next exchange`() {
        let scenario = EngineScenario([MadeUp.remote("voicebot")])
        scenario.start()
        scenario.ending = { _ in .readAfter(.milliseconds(10), .object(["id": .string("7"), "status": .string("open")])) }
        scenario.send(.remoteEvents(1, "voicebot", [.changed(remoteID: "7", agentID: nil)]))
        scenario.run(for: .milliseconds(9))
        lock(scenario, for: .milliseconds(300))
        scenario.run(for: .seconds(1))
        let reports = scenario.exchanges.map { $0.exchange.reads.flatMap(\.reports).count }.filter { $0 > 0 }
        #expect(reports.count >= 3 && reports.allSatisfy { $0 == 1 })
        #expect(scenario.store.requests["voicebot"] == [] && scenario.calls.count == 1)
    }

    @Test func `a lasting error ends the run and is stored with it`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        lock(scenario, for: .milliseconds(20), error: .lasting)
        scenario.send(.turnRequested(.request))
        scenario.run(for: .seconds(3))
        let errors = scenario.reports.compactMap { if case .runEnded(_, _, _, let error, _, _) = $0 { error } else { nil } }
        #expect(errors == [StoreError.lasting.description])
        #expect(!scenario.store.isRunOpen)
    }
}
