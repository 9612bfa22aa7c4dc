import SyncCore
import Testing

@testable import SyncEngine

/// The wall clock is set while the engine works.
@Suite struct EngineClockStepTests {
    private func steps(_ scenario: EngineScenario) -> [Duration] { scenario.exchanges.compactMap(\.exchange.clockStep) }

    /// The stored end of the throttle, by the wall clock.
    private func throttles(_ scenario: EngineScenario) -> [Instant] {
        scenario.exchanges.flatMap { made in made.exchange.lanes.compactMap { $0.gate?.throttledUntil } }
    }

    @Test(arguments: [Duration.hours(-20), .hours(20), .minutes(-1), .seconds(3)])
    func `a clock step is stored by one exchange, and a retry is made when it was due`(step: Duration) throws {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.store.addRow("c1", at: "vg", attempts: 2, dueAt: scenario.wall + .seconds(8))
        scenario.start()
        scenario.run(for: .seconds(2))
        scenario.setWallClock(by: step)
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(60))
        #expect(steps(scenario) == [step])
        let call = try #require(scenario.calls.first)
        #expect(call.at - .seconds(8) <= .milliseconds(10) && call.at >= .seconds(8))
        #expect(scenario.store.states() == [.delivered: 1])
    }

    @Test(arguments: [Duration.hours(-5), .hours(5)])
    func `an object that was being read when the clock was set is read again`(step: Duration) throws {
        let scenario = EngineScenario([MadeUp.remote("voicebot")])
        scenario.ending = { call in
            guard case .read(let read) = call.purpose, let id = read.path.split(separator: "/").last, Int64(id) != nil else {
                return .readAfter(.seconds(1), .object(["data": .array([])]))
            }
            return .readAfter(.seconds(1), .object(["id": .string(String(id)), "status": "open"]))
        }
        scenario.start()
        scenario.run(for: .seconds(5))
        let before = scenario.calls.count
        scenario.send(.remoteEvents(1, "voicebot", [.changed(remoteID: "7", agentID: nil)]))
        scenario.run(for: .milliseconds(500))
        scenario.setWallClock(by: step)
        scenario.run(for: .seconds(5))
        let reads = scenario.calls.dropFirst(before).filter(\.isRead)
        #expect(reads.count == 2)
        let reports = scenario.exchanges.flatMap(\.exchange.reads).flatMap(\.reports)
        let again = try #require(reads.last)
        #expect(reports.map(\.readAt) == [MadeUp.noon + step + again.at])
    }

    @Test func `a clock step that was not stored is stored together with the next one`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        scenario.failure = { _ in .passing }
        scenario.setWallClock(by: .hours(5))
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(1))
        #expect(steps(scenario).count > 1 && steps(scenario).allSatisfy { $0 == .hours(5) })
        scenario.setWallClock(by: .hours(-2))
        scenario.run(for: .seconds(5))
        scenario.failure = { _ in nil }
        scenario.run(for: .seconds(5))
        let told = steps(scenario).count
        #expect(steps(scenario).last == .hours(3))
        scenario.run(for: .minutes(5))
        #expect(steps(scenario).count == told, "and then never again")
    }

    @Test(arguments: [Duration.hours(5), .hours(-5)])
    func `rows that were being claimed when the clock was set have times of the new clock`(step: Duration) throws {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.store.addRow("c1", at: "vg", dueAt: scenario.wall)
        scenario.exchangeTime = .seconds(1)
        scenario.send(.turnRequested(.startup))
        scenario.run(for: .milliseconds(500))
        scenario.setWallClock(by: step)
        scenario.run(for: .seconds(5))
        let call = try #require(scenario.calls.first)
        guard case .deliver(let row) = call.purpose else {
            Issue.record("not a delivery")
            return
        }
        let left = row.leaseUntil - (MadeUp.noon + step + call.at)
        #expect(left > .zero && left <= .minutes(2))
        #expect(scenario.calls.count == 1 && call.at <= .milliseconds(1100))
    }

    @Test func `rows at hand that are put back after the clock was set back are due at once`() throws {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        for index in 0..<16 { scenario.store.addRow("c\(index)", at: "vg", dueAt: scenario.wall) }
        scenario.ending = { _ in .after(.seconds(3), .init(.delivered)) }
        scenario.start()
        scenario.setWallClock(by: .hours(-5))
        scenario.store.orders["vg"] = RemoteOrders()
        scenario.store.orders["vg"]?.isPaused = true
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(5))
        scenario.store.orders["vg"] = RemoteOrders()
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(20))
        #expect(scenario.store.states() == [.delivered: 16])
    }

    @Test func `a retry whose outcome is not yet stored when the clock is set back is made when it was due`() throws {
        let scenario = EngineScenario([MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        scenario.start()
        var calls = 0
        scenario.ending = { call in
            guard call.remote == "vg" else { return .never }
            calls += 1
            return .after(.milliseconds(10), calls == 1 ? DeliveryOutcome(.retry, error: "HTTP 500") : .init(.delivered))
        }
        scenario.change("c1", at: ["vg", "voicebot"])
        scenario.run(for: .milliseconds(70))
        #expect(calls == 1 && scenario.store.states(at: "vg") == [.sending: 1], "its outcome waits for company")
        scenario.setWallClock(by: .hours(-5))
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(20))
        #expect(calls == 2)
    }

    @Test func `a small clock step causes no exchange`() {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        for _ in 0..<20 {
            scenario.setWallClock(by: .milliseconds(1900))
            scenario.send(.databaseChanged)
            scenario.run(for: .seconds(1))
        }
        #expect(steps(scenario).isEmpty)
        #expect(
            scenario.exchanges.last.map { scenario.wall - $0.exchange.now <= .seconds(1) } == true, "but the time that is stored follows")
    }

    @Test func `a throttle lasts as long as the remote asked for, and is stored by the wall clock`() throws {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.store.addRow("c1", at: "vg", dueAt: scenario.wall)
        scenario.ending = { [unowned scenario] _ in
            .after(.milliseconds(10), DeliveryOutcome(.throttled, notBefore: scenario.wall + .seconds(30)))
        }
        scenario.start()
        let until = try #require(throttles(scenario).last)
        scenario.setWallClock(by: .hours(-7))
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(1))
        let moved = try #require(throttles(scenario).last)
        #expect(moved == until - .hours(7))
        scenario.run(for: .seconds(60))
        let second = try #require(scenario.calls.dropFirst().first)
        #expect(second.at - scenario.calls[0].at >= .seconds(30) && second.at - scenario.calls[0].at < .milliseconds(30_200))
    }

    @Test func `polls keep their interval when the clock is set`() {
        let scenario = EngineScenario([MadeUp.remote("voicebot", poll: PollSettings(interval: .seconds(10)))])
        scenario.ending = { _ in .readAfter(.milliseconds(10), .object(["data": .array([])])) }
        scenario.start()
        for step in [Duration.hours(-9), .hours(30), .hours(-3)] {
            scenario.setWallClock(by: step)
            scenario.run(for: .seconds(30))
        }
        #expect((9...10).contains(scenario.calls.count))
    }
}
