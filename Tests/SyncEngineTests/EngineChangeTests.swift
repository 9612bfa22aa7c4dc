import SyncCore
import Testing

@testable import SyncEngine

/// What one change costs, and that an exchange without effect is not followed by another.
@Suite struct EngineChangeTests {
    private func started(_ names: [String], poll: PollSettings? = nil) -> EngineScript {
        let script = EngineScript(names.map { MadeUp.remote($0, poll: $0 == "voicebot" ? poll : nil) })
        script.start()
        return script
    }

    @Test(arguments: [["vg", "helpdesk"], ["vg", "voicebot", "helpdesk"], ["helpdesk"], ["vg"]])
    func `a change costs three exchanges at most, and no other follows until the interval is over`(remotes: [String]) {
        let script = started(["fin", "helpdesk", "vg", "voicebot"])
        let before = script.exchanges.count
        script.change("c1", at: remotes)
        script.run(for: .seconds(50))
        #expect(script.exchanges.count - before == (remotes.contains("helpdesk") && remotes.count > 1 ? 3 : 2))
        #expect(script.calls.map(\.remote) == remotes)
        #expect(script.store.states() == [.delivered: remotes.count])
        #expect(!script.store.isRunOpen)
        script.run(for: .minutes(1))
        #expect(script.exchanges.count - before <= 4, "the interval")
        #expect(script.exchanges.last.map { $0.exchange.mayOnlyRead || $0.exchange.recoversExcept != nil } == true)
    }

    @Test func `a change goes out after the debounce and one exchange, and its outcome is stored at once`() throws {
        let script = started(["vg"])
        let changedAt = script.uptime
        script.change("c1", at: ["vg"])
        script.run(for: .seconds(1))
        let call = try #require(script.calls.first)
        #expect(call.at == changedAt + .milliseconds(52))
        #expect(script.exchanges.last?.at == call.at + .milliseconds(10))
    }

    @Test func `the remote that is pushed last is planned in the exchange that records its other calls`() throws {
        let script = started(["helpdesk", "vg", "voicebot"])
        script.ending = {
            $0.remote == "voicebot" ? .after(.milliseconds(300), .init(.delivered)) : .after(.milliseconds(10), .init(.delivered))
        }
        script.change("c1", at: ["helpdesk", "vg", "voicebot"])
        script.run(for: .seconds(2))
        #expect(script.calls.map(\.remote) == ["vg", "voicebot", "helpdesk"])
        let recording = try #require(
            script.exchanges.last { $0.exchange.lanes.contains { $0.remote == "voicebot" && !$0.finished.isEmpty } })
        #expect(recording.exchange.plan != nil)
        #expect(script.calls(to: "helpdesk").first?.at == recording.at + script.exchangeTime)
    }

    @Test func `the remote that is pushed last waits for other remotes no longer than the stall`() throws {
        let script = started(["helpdesk", "vg"])
        script.ending = { $0.remote == "vg" ? .never : .after(.milliseconds(10), .init(.delivered)) }
        let changedAt = script.uptime
        script.change("c1", at: ["helpdesk", "vg"])
        script.run(for: .seconds(20))
        let pushed = try #require(script.calls(to: "helpdesk").first)
        #expect(pushed.at - changedAt >= .seconds(10) && pushed.at - changedAt < .milliseconds(10_100))
    }

    @Test func `outcomes wait for others while calls are in flight, and go into one exchange`() throws {
        let script = started(["vg", "voicebot"])
        script.ending = { call in
            let spans: [String: Int64] = ["c0": 10, "c1": 15, "c2": 20, "c3": 29]
            return .after(.milliseconds(call.conversation.flatMap { spans[$0] } ?? 500), .init(.delivered))
        }
        for index in 0..<4 { script.store.change("c\(index)", at: ["vg"], now: script.wall) }
        script.change("slow", at: ["voicebot"])
        script.run(for: .milliseconds(52))
        #expect(script.calls.count == 5)
        let before = script.exchanges.count
        let sentAt = script.uptime
        script.run(for: .milliseconds(100))
        let storing = script.exchanges[before...].filter { $0.exchange.lanes.contains { !$0.finished.isEmpty } }
        #expect(storing.map { $0.exchange.lanes.flatMap(\.finished).count } == [4])
        #expect(storing.first?.at == sentAt + .milliseconds(30), "20 ms after the first of them")
    }

    @Test func `a backlog is delivered completely in few exchanges, and none follows`() {
        let script = started(["vg"])
        let before = script.exchanges.count
        for index in 0..<2000 { script.store.change("c\(index)", at: ["vg"], now: script.wall) }
        script.send(.databaseChanged)
        script.run(for: .seconds(20))
        #expect(script.store.states() == [.delivered: 2000])
        let made = script.exchanges.count - before
        #expect(made < 200, "\(made) exchanges for 2000 rows")
        script.run(for: .seconds(30))
        #expect(script.exchanges.count - before == made)
        #expect(script.engine.exchange.fruitless <= 1)
    }

    @Test func `while first attempts are due, at most half of the claimed rows are retries`() {
        let script = started(["vg"])
        for index in 0..<40 { script.store.addRow("r\(index)", at: "vg", attempts: 2, dueAt: script.wall - .hours(1)) }
        script.store.change("fresh", at: ["vg"], now: script.wall)
        script.send(.databaseChanged)
        script.run(for: .seconds(1))
        #expect(script.calls.prefix(8).contains { $0.conversation == "fresh" }, "forty retries do not hold up a change")
        script.run(for: .seconds(5))
        #expect(script.store.states() == [.delivered: 41])
    }
}
