import SyncCore
import Testing

@testable import SyncEngine

/// The wall clock is set while the engine works.
@Suite struct EngineClockStepTests {
    private func steps(_ script: EngineScript) -> [Duration] { script.exchanges.compactMap(\.exchange.clockStep) }

    /// The stored end of the throttle, by the wall clock.
    private func throttles(_ script: EngineScript) -> [Instant] {
        script.exchanges.flatMap { made in made.exchange.lanes.compactMap { $0.gate?.throttledUntil } }
    }

    @Test(arguments: [Duration.hours(-20), .hours(20), .minutes(-1), .seconds(3)])
    func `a clock step is stored by one exchange, and a retry is made when it was due`(step: Duration) throws {
        let script = EngineScript([MadeUp.remote("vg")])
        script.store.addRow("c1", at: "vg", attempts: 2, dueAt: script.wall + .seconds(8))
        script.start()
        script.run(for: .seconds(2))
        script.setWallClock(by: step)
        script.send(.databaseChanged)
        script.run(for: .seconds(60))
        #expect(steps(script) == [step])
        let call = try #require(script.calls.first)
        #expect(call.at - .seconds(8) <= .milliseconds(10) && call.at >= .seconds(8))
        #expect(script.store.states() == [.delivered: 1])
    }

    @Test func `a clock step that was not stored is stored together with the next one`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.start()
        script.failure = { _ in .passing }
        script.setWallClock(by: .hours(5))
        script.send(.databaseChanged)
        script.run(for: .seconds(1))
        #expect(steps(script).count > 1 && steps(script).allSatisfy { $0 == .hours(5) })
        script.setWallClock(by: .hours(-2))
        script.run(for: .seconds(5))
        script.failure = { _ in nil }
        script.run(for: .seconds(5))
        let told = steps(script).count
        #expect(steps(script).last == .hours(3))
        script.run(for: .minutes(5))
        #expect(steps(script).count == told, "and then never again")
    }

    @Test func `rows at hand that are put back after the clock was set back are due at once`() throws {
        let script = EngineScript([MadeUp.remote("vg")])
        for index in 0..<16 { script.store.addRow("c\(index)", at: "vg", dueAt: script.wall) }
        script.ending = { _ in .after(.seconds(3), .init(.delivered)) }
        script.start()
        script.setWallClock(by: .hours(-5))
        script.store.orders["vg"] = RemoteOrders()
        script.store.orders["vg"]?.isPaused = true
        script.send(.databaseChanged)
        script.run(for: .seconds(5))
        script.store.orders["vg"] = RemoteOrders()
        script.send(.databaseChanged)
        script.run(for: .seconds(20))
        #expect(script.store.states() == [.delivered: 16])
    }

    @Test func `a retry whose outcome is not yet stored when the clock is set back is made when it was due`() throws {
        let script = EngineScript([MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        script.start()
        var calls = 0
        script.ending = { call in
            guard call.remote == "vg" else { return .never }
            calls += 1
            return .after(.milliseconds(10), calls == 1 ? DeliveryOutcome(.retry, error: "HTTP 500") : .init(.delivered))
        }
        script.change("c1", at: ["vg", "voicebot"])
        script.run(for: .milliseconds(70))
        #expect(calls == 1 && script.store.states(at: "vg") == [.sending: 1], "its outcome waits for company")
        script.setWallClock(by: .hours(-5))
        script.send(.databaseChanged)
        script.run(for: .seconds(20))
        #expect(calls == 2)
    }

    @Test func `a small clock step causes no exchange`() {
        let script = EngineScript([MadeUp.remote("vg")])
        script.start()
        for _ in 0..<20 {
            script.setWallClock(by: .milliseconds(1900))
            script.send(.databaseChanged)
            script.run(for: .seconds(1))
        }
        #expect(steps(script).isEmpty)
        #expect(script.exchanges.last.map { script.wall - $0.exchange.now <= .seconds(1) } == true, "but the time that is stored follows")
    }

    @Test func `a throttle lasts as long as the remote asked for, and is stored by the wall clock`() throws {
        let script = EngineScript([MadeUp.remote("vg")])
        script.store.addRow("c1", at: "vg", dueAt: script.wall)
        script.ending = { [unowned script] _ in
            .after(.milliseconds(10), DeliveryOutcome(.throttled, notBefore: script.wall + .seconds(30)))
        }
        script.start()
        let until = try #require(throttles(script).last)
        script.setWallClock(by: .hours(-7))
        script.send(.databaseChanged)
        script.run(for: .seconds(1))
        let moved = try #require(throttles(script).last)
        #expect(moved == until - .hours(7))
        script.run(for: .seconds(60))
        let second = try #require(script.calls.dropFirst().first)
        #expect(second.at - script.calls[0].at >= .seconds(30) && second.at - script.calls[0].at < .milliseconds(30_200))
    }

    @Test func `polls keep their interval when the clock is set`() {
        let script = EngineScript([MadeUp.remote("voicebot", poll: PollSettings(interval: .seconds(10)))])
        script.ending = { _ in .readAfter(.milliseconds(10), .object(["data": .array([])])) }
        script.start()
        for step in [Duration.hours(-9), .hours(30), .hours(-3)] {
            script.setWallClock(by: step)
            script.run(for: .seconds(30))
        }
        #expect((9...10).contains(script.calls.count))
    }
}
