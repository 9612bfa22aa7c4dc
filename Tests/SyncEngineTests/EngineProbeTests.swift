import SyncCore
import Testing

@testable import SyncEngine

/// How a parked remote or one with an open breaker is found to work again.
@Suite struct EngineProbeTests {
    private func scenario(_ name: String, rows: Int, _ ending: @escaping (EngineScenario.MadeCall) -> EngineScenario.Ending)
        -> EngineScenario
    {
        let scenario = EngineScenario([MadeUp.remote(name)])
        for index in 0..<rows { scenario.store.addRow("c\(index)", at: name, dueAt: scenario.wall) }
        scenario.ending = ending
        scenario.start()
        return scenario
    }

    /// The times of the calls after the first ones.
    private func probes(_ scenario: EngineScenario) -> [Duration] {
        scenario.calls.map(\.at).filter { $0 > .milliseconds(500) }
    }

    @Test func `a remote that refuses the credential gets single probes, 10, 20 and 40 seconds apart`() {
        let scenario = scenario("vg", rows: 40) { _ in .after(.milliseconds(10), DeliveryOutcome(.park, error: "HTTP 401")) }
        #expect(scenario.calls.count == 4, "one volley")
        scenario.run(for: .seconds(75))
        let gaps = zip([.milliseconds(12)] + probes(scenario), probes(scenario)).map { $1 - $0 }
        #expect(gaps.count == 3)
        for (gap, seconds) in zip(gaps, [Int64(10), 20, 40]) {
            #expect(gap >= .seconds(seconds) && gap < .seconds(seconds) + .milliseconds(50), "\(gap.notation)")
        }
        #expect(scenario.store.states() == [.pending: 40] && scenario.exchanges.count < 30)
    }

    @Test func `an open breaker is probed by one call when its pause is over, and a remote that works again gets all rows`() throws {
        var isBack = false
        let scenario = scenario("vg", rows: 40) { _ in
            .after(.milliseconds(10), isBack ? .init(.delivered) : DeliveryOutcome(.retry, error: "HTTP 500"))
        }
        scenario.run(for: .seconds(5))
        let opened = scenario.reports.contains { if case .gate(.breaker(.opened), _) = $0 { true } else { false } }
        #expect(opened)
        let made = scenario.calls.count
        let last = try #require(scenario.calls.last).at + .milliseconds(10)
        isBack = true
        scenario.run(for: .seconds(30))
        let probe = try #require(scenario.calls.dropFirst(made).first).at
        #expect(probe - last >= .seconds(15) && probe - last < .milliseconds(15_050), "\((probe - last).notation)")
        #expect(scenario.calls.dropFirst(made + 1).first.map { $0.at >= probe + .milliseconds(10) } == true, "one at a time")
        #expect(scenario.store.states() == [.delivered: 40])
    }

    @Test func `where all objects and the list are missing, no row is given up, and all are sent once the URL is right`() {
        var isRight = false
        let absent = DeliveryOutcome(.gone, httpStatus: 404, error: "HTTP 404", absence: .object)
        let scenario = scenario("voicebot", rows: 40) { call in
            if call.isRead {
                return isRight ? .readAfter(.milliseconds(10), .object(["data": .array([])])) : .readAfter(.milliseconds(10), nil, absent)
            }
            return .after(.milliseconds(10), isRight ? .init(.delivered) : absent)
        }
        scenario.run(for: .seconds(60))
        #expect(scenario.store.states() == [.pending: 40])
        #expect(
            scenario.calls.count < 30 && scenario.exchanges.count < 60,
            "\(scenario.calls.count) calls, \(scenario.exchanges.count) exchanges")
        let parked = scenario.reports.contains { if case .gate(.parked, "voicebot") = $0 { true } else { false } }
        #expect(parked)
        isRight = true
        scenario.run(for: .minutes(6))
        #expect(scenario.store.states() == [.delivered: 40])
    }

    @Test func `where one object is missing and the list is readable, only the row of that object becomes dead`() {
        let scenario = scenario("voicebot", rows: 12) { call in
            if call.isRead { return .readAfter(.milliseconds(10), .object(["data": .array([])])) }
            let isMissing = call.conversation == "c0"
            return .after(.milliseconds(10), isMissing ? DeliveryOutcome(.gone, error: "HTTP 404", absence: .object) : .init(.delivered))
        }
        scenario.run(for: .seconds(10))
        #expect(scenario.store.states() == [.delivered: 11, .dead: 1])
        #expect(scenario.calls.filter(\.isRead).count == 1 && scenario.calls.count == 13)
    }
}
