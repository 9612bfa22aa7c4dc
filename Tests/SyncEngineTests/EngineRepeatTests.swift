import Fixtures
import SyncCore
import Testing

@testable import SyncEngine

/// Random histories of the engine: remotes that fail in every way, a locked database, reloads, pauses, and a clock that is set.
@Suite struct EngineRepeatTests {
    private static let names = ["fin", "helpdesk", "vg", "voicebot"]

    /// The settings that follow from the seed.
    private final class Life {
        let scenario: EngineScenario
        var random: SeededGenerator
        var conversations = 0
        var tickets: UInt64 = 0
        var isCalm = false

        init(seed: UInt64) {
            random = SeededGenerator(seed: seed)
            scenario = EngineScenario(
                EngineRepeatTests.names.map { MadeUp.remote($0, poll: $0 == "voicebot" ? .init(interval: .seconds(20)) : nil) }, seed: seed)
            scenario.ending = { [unowned self] in ending($0) }
            scenario.failure = { [unowned self] _ in
                guard !isCalm, Int.random(in: 0..<15, using: &random) == 0 else { return nil }
                return Bool.random(using: &random) ? .passing : .lasting
            }
        }

        private func ending(_ call: EngineScenario.MadeCall) -> EngineScenario.Ending {
            let span = Duration.milliseconds(Int64.random(in: 1...(isCalm ? 50 : 3000), using: &random))
            let isFine = isCalm || Int.random(in: 0..<3, using: &random) > 0
            guard case .read(let read) = call.purpose else {
                let outcomes: [OutcomeClass] = [.retry, .throttled, .park, .interrupted]
                let outcome = isFine ? .delivered : outcomes.randomElement(using: &random) ?? .retry
                let waits = outcome == .throttled && Bool.random(using: &random)
                return .after(
                    span,
                    DeliveryOutcome(outcome, notBefore: waits ? scenario.wall + .seconds(Int64.random(in: 1...9, using: &random)) : nil)
                )
            }
            guard isFine else { return .readAfter(span, nil, DeliveryOutcome(.retry, error: "HTTP 503")) }
            let id = read.path.split(separator: "/").last.map(String.init)
            guard let id, Int64(id) != nil else { return .readAfter(span, .object(["data": .array([])])) }
            return .readAfter(span, .object(["id": .string(id), "status": .string("open")]))
        }

        func takeStep() {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<40:
                conversations += 1
                let remotes = ["helpdesk", "vg", "voicebot"].filter { _ in Bool.random(using: &random) }
                scenario.change("c\(conversations)", at: remotes)
            case 40..<50:
                tickets += 1
                scenario.send(
                    .remoteEvents(tickets, "voicebot", [.changed(remoteID: "\(Int.random(in: 1...50, using: &random))", agentID: nil)]))
            case 50..<55: scenario.setWallClock(by: .seconds(Int64.random(in: -4000...4000, using: &random)))
            case 55..<60: setPaused(EngineRepeatTests.names.randomElement(using: &random) ?? "vg", Bool.random(using: &random))
            case 60..<63: reload(EngineRepeatTests.names.filter { _ in Int.random(in: 0..<4, using: &random) > 0 })
            case 63..<66: scenario.send(.credentialReplaced("vg"))
            case 66..<70: scenario.send(.databaseChanged)
            default: break
            }
            scenario.run(for: .milliseconds(Int64.random(in: 0...400, using: &random)))
        }

        private func setPaused(_ name: String, _ isPaused: Bool) {
            var orders = RemoteOrders()
            orders.isPaused = isPaused
            orders.resumedAt = isPaused ? nil : scenario.wall.iso8601
            scenario.store.orders[name] = orders
            scenario.send(.databaseChanged)
        }

        private func reload(_ present: [String]) {
            let remotes = present.map { MadeUp.remote($0, poll: $0 == "voicebot" ? .init(interval: .seconds(20)) : nil) }
            scenario.send(.configured(remotes, MadeUp.settings(), .init(processID: 7, remotes: [:])))
        }

        /// All disturbances end, and every call gets a response: all rows have to be finished.
        func settle() {
            isCalm = true
            reload(EngineRepeatTests.names)
            for name in EngineRepeatTests.names { setPaused(name, false) }
            scenario.run(for: .minutes(12))
        }
    }

    @Test(arguments: (UInt64(1)...8).map { $0 })
    func `in random histories everything is delivered in the end, no wait lasts for ever, and the engine becomes idle`(seed: UInt64) {
        let life = Life(seed: seed)
        let scenario = life.scenario
        scenario.start()
        for _ in 0..<400 { life.takeStep() }
        #expect(
            scenario.calls.count > 10 && scenario.exchanges.count > 200,
            "seed \(seed): \(scenario.calls.count), \(scenario.exchanges.count)")
        life.settle()
        #expect(scenario.store.feed.isEmpty && scenario.strayRows.isEmpty, "seed \(seed)")
        let left = scenario.store.rows.filter { $0.value.row.state != .delivered }
        #expect(left.isEmpty, "seed \(seed), due in \(left.map { ($0.value.row.dueAt - scenario.wall).notation })")
        #expect(scenario.responses.count == Int(life.tickets), "seed \(seed)")
        #expect(scenario.openCalls.isEmpty && !scenario.store.isRunOpen, "seed \(seed)")
        let before = scenario.exchanges.count
        scenario.run(for: .minutes(5))
        // Five intervals, and fifteen polls of a list with at most four exchanges each.
        #expect(
            scenario.exchanges.count - before <= 5 + 15 * 4, "seed \(seed): \(scenario.exchanges.count - before) exchanges in a calm minute"
        )
        scenario.send(.stopRequested(within: .seconds(20)))
        scenario.run(for: .seconds(30))
        #expect(scenario.stoppedAt != nil, "seed \(seed)")
    }

    @Test func `the same seed and the same events lead to the same actions`() {
        func journal(_ seed: UInt64) -> [String] {
            let life = Life(seed: seed)
            life.scenario.start()
            for _ in 0..<200 { life.takeStep() }
            let calls = life.scenario.calls.map { "\($0.at.notation) \($0.id.number) \($0.remote) \($0.conversation ?? "-")" }
            let exchanges = life.scenario.exchanges.map {
                "\($0.at.notation) \($0.exchange.lanes.map { "\($0.remote) \($0.finished.map(\.row)) \(String(describing: $0.claim))" }) \($0.exchange.plan?.keySeed ?? 0)"
            }
            return calls + exchanges
        }
        let first = journal(5)
        #expect(first.count > 200 && first == journal(5))
        #expect(first != journal(6))
    }
}
