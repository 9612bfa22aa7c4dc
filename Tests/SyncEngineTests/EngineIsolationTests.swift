import SyncCore
import Testing

@testable import SyncEngine

/// A remote that is slow or fails does not delay the others.
@Suite struct EngineIsolationTests {
    /// Sends a fresh change of each of the conversations to voicebot, one after the other.
    /// - Returns: how long each took, the slowest last.
    private func fresh(_ script: EngineScript, _ count: Int = 20) -> [Duration] {
        (0..<count).compactMap { index in
            let changedAt = script.uptime
            script.change("fresh\(index)", at: ["voicebot"])
            script.run(for: .milliseconds(730))
            return script.calls.first { $0.conversation == "fresh\(index)" }.map { $0.at - changedAt }
        }
        .sorted()
    }

    private func script(_ rate: RateLimit? = nil, _ vg: @escaping (EngineScript.MadeCall) -> EngineScript.Ending) -> EngineScript {
        let script = EngineScript([MadeUp.remote("vg", rate: rate), MadeUp.remote("voicebot")])
        script.ending = { $0.remote == "vg" ? vg($0) : .after(.milliseconds(10), .init(.delivered)) }
        for index in 0..<200 { script.store.addRow("v\(index)", at: "vg", dueAt: script.wall) }
        script.start()
        return script
    }

    @Test func `a fresh change goes out beside a remote that hangs as fast as without it`() {
        let script = script { _ in .never }
        let spans = fresh(script)
        #expect(spans.count == 20 && spans.last.map { $0 <= .milliseconds(56) } == true, "\(spans)")
        #expect(script.calls(to: "vg").count == 4, "as many calls as may be in flight at first")
    }

    @Test(arguments: [Int64(400), 3000])
    func `a fresh change goes out beside a slow remote as fast as without it`(milliseconds: Int64) {
        let script = script { _ in .after(.milliseconds(milliseconds), .init(.delivered)) }
        let spans = fresh(script)
        #expect(spans.count == 20 && spans.last.map { $0 <= .milliseconds(60) } == true, "\(spans)")
    }

    @Test func `a fresh change goes out beside a remote with a rate as fast as without it`() {
        let script = script(RateLimit(calls: 5, period: .seconds(1))) { _ in .after(.milliseconds(10), .init(.delivered)) }
        let spans = fresh(script)
        #expect(spans.count == 20 && spans.last.map { $0 <= .milliseconds(60) } == true, "\(spans)")
        #expect((70...85).contains(script.calls(to: "vg").count), "and the rate is used: \(script.calls(to: "vg").count)")
    }

    @Test(arguments: [OutcomeClass.retry, .throttled, .park, .dead])
    func `a fresh change goes out beside a remote that fails as fast as without it`(outcome: OutcomeClass) {
        let script = script { _ in .after(.milliseconds(10), DeliveryOutcome(outcome, error: "HTTP 500")) }
        let spans = fresh(script)
        #expect(spans.count == 20 && spans.last.map { $0 <= .milliseconds(60) } == true, "\(spans)")
    }

    @Test func `a retry is made when it is due, beside a remote that hangs`() throws {
        let script = script { _ in .never }
        script.store.addRow("later", at: "voicebot", attempts: 1, dueAt: script.wall + .seconds(3))
        let addedAt = script.uptime
        script.send(.databaseChanged)
        script.run(for: .seconds(4))
        let call = try #require(script.calls(to: "voicebot").first)
        #expect(call.at - addedAt - .seconds(3) <= .milliseconds(10))
    }

    /// With frequent events, one may arrive between the time when a row falls due and the alarm for it.
    @Test func `a retry is made when it is due, even if another event arrives just before its alarm`() throws {
        let script = EngineScript([MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        script.store.addRow("later", at: "voicebot", attempts: 1, dueAt: script.wall + .seconds(3))
        script.start()
        script.run(for: .seconds(3) - script.uptime - .milliseconds(1))
        script.skip(.milliseconds(2))
        script.send(.credentialReplaced("vg"))
        script.run(for: .seconds(4))
        let call = try #require(script.calls(to: "voicebot").first)
        #expect(call.at - .seconds(3) <= .milliseconds(10), "it is made \((call.at - .seconds(3)).notation) late")
    }

    @Test func `a row that falls due during an exchange is claimed by the next one`() throws {
        let script = EngineScript([MadeUp.remote("voicebot")])
        script.start()
        script.exchangeTime = .milliseconds(100)
        script.store.addRow("later", at: "voicebot", attempts: 1, dueAt: script.wall + .milliseconds(70))
        let addedAt = script.uptime
        script.send(.turnRequested(.request))
        script.run(for: .seconds(5))
        let call = try #require(script.calls.first)
        #expect(call.at - addedAt <= .milliseconds(200))
    }

    @Test func `a paused remote is not called, and its rows at hand are put back`() throws {
        let script = script { _ in .after(.milliseconds(200), .init(.delivered)) }
        script.run(for: .milliseconds(100))
        script.store.orders["vg"] = RemoteOrders()
        script.store.orders["vg"]?.isPaused = true
        script.send(.databaseChanged)
        script.run(for: .seconds(2))
        let made = script.calls(to: "vg").count
        #expect(script.openCalls.isEmpty && script.store.states(at: "vg")[.sending] == nil && script.strayRows.isEmpty)
        #expect(script.store.states(at: "vg")[.pending] == 200 - made)
        script.run(for: .seconds(20))
        #expect(script.calls(to: "vg").count == made)
        script.store.orders["vg"] = RemoteOrders()
        script.store.orders["vg"]?.resumedAt = "2026-03-01T12:00:00.000Z"
        let resumedAt = script.uptime
        script.send(.databaseChanged)
        script.run(for: .seconds(1))
        let first = try #require(script.calls(to: "vg").dropFirst(made).first)
        #expect(first.at - resumedAt <= .milliseconds(60))
    }

    @Test func `a parked remote is called at once when its credential is replaced`() throws {
        let script = script { _ in .after(.milliseconds(10), DeliveryOutcome(.park, error: "HTTP 401")) }
        script.run(for: .seconds(3))
        #expect(script.openCalls.isEmpty)
        script.ending = { _ in .after(.milliseconds(10), .init(.delivered)) }
        let made = script.calls.count
        let replacedAt = script.uptime
        script.send(.credentialReplaced("vg"))
        script.run(for: .seconds(20))
        let first = try #require(script.calls.dropFirst(made).first)
        #expect(first.at - replacedAt <= .milliseconds(5))
        #expect(script.store.states(at: "vg") == [.delivered: 200])
    }
}
