import SyncCore
import Testing

@testable import SyncEngine

/// Exchanges that fail lose nothing.
@Suite struct EngineFailureTests {
    /// The database is locked until this time.
    private func lock(_ script: EngineScript, for span: Duration, error: StoreError = .passing) {
        let until = script.uptime + span
        script.failure = { [unowned script] _ in script.uptime < until ? error : nil }
    }

    @Test(arguments: [StoreError.passing, .lasting])
    func `outcomes that could not be stored go into the next exchange, together with newer ones`(error: StoreError) throws {
        let script = EngineScript(["vg", "voicebot"].map { MadeUp.remote($0) })
        script.start()
        script.ending = { $0.remote == "vg" ? .after(.milliseconds(10), .init(.delivered)) : .after(.milliseconds(40), .init(.delivered)) }
        script.change("c1", at: ["vg", "voicebot"])
        script.run(for: .milliseconds(53))
        #expect(script.calls.count == 2)
        let before = script.exchanges.count
        lock(script, for: .milliseconds(500), error: error)
        script.run(for: .seconds(5))
        let carried = script.exchanges[before...].map { $0.exchange.lanes.flatMap(\.finished).map(\.claimed.conversationID).count }
        #expect(carried.first == 1 && carried.last { $0 > 0 } == 2)
        #expect(script.store.states() == [.delivered: 2] && script.strayRows.isEmpty)
        #expect(script.calls.count == 2, "nothing is sent twice")
        let isSaid = script.reports.count { if case .storeUnavailable = $0 { true } else { false } }
        let isOver = script.reports.count { if case .storeAvailable = $0 { true } else { false } }
        #expect(isSaid == 1 && isOver == 1)
    }

    @Test func `a locked database is tried again after growing pauses, not at once`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.start()
        lock(script, for: .seconds(30))
        let before = script.exchanges.count
        script.change("c1", at: ["vg"])
        script.run(for: .seconds(30))
        #expect((15...25).contains(script.exchanges.count - before), "\(script.exchanges.count - before)")
        script.run(for: .seconds(3))
        #expect(script.store.states() == [.delivered: 1])
    }

    @Test func `a claim that failed is made again`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.store.addRow("c1", at: "vg", dueAt: script.wall)
        lock(script, for: .milliseconds(300))
        script.start()
        script.run(for: .seconds(2))
        #expect(script.store.states() == [.delivered: 1])
    }

    @Test func `the sender of a webhook call is told that the exchange failed, or how many events were new`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.start()
        script.send(.remoteEvents(1, "vg", [.changed(remoteID: "o1", agentID: nil), .somethingChanged]))
        script.run(for: .milliseconds(100))
        #expect(script.responses[1] == .some(2))
        lock(script, for: .milliseconds(20))
        script.send(.remoteEvents(2, "vg", [.somethingChanged]))
        script.run(for: .seconds(1))
        #expect(script.responses[2] == .some(nil))
        script.send(.remoteEvents(3, "vg", []))
        script.run(for: .seconds(1))
        #expect(script.responses.count == 3, "each gets one response")
    }

    @Test func `events that arrive during an exchange share the next one`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.start()
        script.exchangeTime = .milliseconds(50)
        for ticket in UInt64(1)...20 {
            script.send(.remoteEvents(ticket, "vg", [.changed(remoteID: "o\(ticket)", agentID: nil)]))
            script.run(for: .milliseconds(1))
        }
        script.run(for: .milliseconds(200))
        #expect(script.responses.count == 20)
        let carrying = script.exchanges.map(\.exchange.events.count).filter { $0 > 0 }
        #expect(carrying == [1, 19])
    }

    @Test func `a report that could not be stored goes into the next exchange`() {
        let script = EngineScript([MadeUp.remote("voicebot")])
        script.start()
        script.ending = { _ in .readAfter(.milliseconds(10), .object(["id": .string("7"), "status": .string("open")])) }
        script.send(.remoteEvents(1, "voicebot", [.changed(remoteID: "7", agentID: nil)]))
        script.run(for: .milliseconds(9))
        lock(script, for: .milliseconds(300))
        script.run(for: .seconds(1))
        let reports = script.exchanges.map { $0.exchange.reads.flatMap(\.reports).count }.filter { $0 > 0 }
        #expect(reports.count >= 3 && reports.allSatisfy { $0 == 1 })
        #expect(script.store.requests["voicebot"] == [] && script.calls.count == 1)
    }

    @Test func `a lasting error ends the run and is stored with it`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.start()
        lock(script, for: .milliseconds(20), error: .lasting)
        script.send(.turnRequested(.request))
        script.run(for: .seconds(3))
        let errors = script.reports.compactMap { if case .runEnded(_, _, _, let error, _, _) = $0 { error } else { nil } }
        #expect(errors == [StoreError.lasting.description])
        #expect(!script.store.isRunOpen)
    }
}
