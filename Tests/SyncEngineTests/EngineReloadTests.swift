import SyncCore
import Testing

@testable import SyncEngine

/// A reload: the new configuration applies at once, and calls in flight continue.
@Suite struct EngineReloadTests {
    private func configure(_ script: EngineScript, _ remotes: [Remote], _ settings: Engine.Settings = MadeUp.settings()) {
        script.send(.configured(remotes, settings, .init(processID: 7, remotes: [:])))
    }

    private func script(_ names: [String] = ["vg", "voicebot"], rows: Int = 40) -> EngineScript {
        let script = EngineScript(names.map { MadeUp.remote($0) })
        script.ending = { $0.remote == "vg" ? .after(.seconds(5), .init(.delivered)) : .after(.milliseconds(10), .init(.delivered)) }
        for index in 0..<rows { script.store.addRow("c\(index)", at: "vg", dueAt: script.wall) }
        script.start()
        return script
    }

    @Test func `after a reload calls in flight continue, and rows at hand are put back and claimed again`() {
        let script = script()
        let calls = script.calls.count
        #expect(script.openCalls.count == 4)
        configure(script, [MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        script.run(for: .milliseconds(100))
        #expect(script.calls.count == calls && !script.calls.contains(where: \.isCancelled), "four are in flight, and four may be")
        script.run(for: .seconds(120))
        #expect(script.store.states() == [.delivered: 40] && script.calls.count == 40 && script.strayRows.isEmpty)
    }

    @Test func `a reload beside calls in flight does not stop planning and deliveries to other remotes`() {
        let script = script()
        let reloadedAt = script.uptime
        configure(script, [MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        script.change("c1", at: ["voicebot"])
        script.run(for: .seconds(1))
        #expect(script.calls(to: "voicebot").first.map { $0.at - reloadedAt <= .milliseconds(60) } == true)
    }

    @Test func `a removed remote gets no further call, and is forgotten when its calls have ended`() {
        let script = script()
        configure(script, [MadeUp.remote("voicebot")])
        let calls = script.calls.count
        script.run(for: .seconds(2))
        #expect(script.lane("vg")?.isRetired == true && script.store.states()[.sending] == 4)
        script.run(for: .seconds(5))
        #expect(script.calls.count == calls)
        #expect(script.lane("vg") == nil && script.lane("voicebot") != nil)
        #expect(script.store.states() == [.delivered: 4, .pending: 36])
        let before = script.exchanges.count
        script.run(for: .seconds(20))
        #expect(script.exchanges.count == before)
    }

    /// Neither a remote that is new nor one whose rows go on begins anything.
    @Test func `a reload during a stop begins nothing, and the stop ends with the last call`() {
        let script = script()
        script.send(.stopRequested(within: .seconds(20)))
        let (calls, exchanges) = (script.calls.count, script.exchanges.count)
        let poll = PollSettings(interval: .seconds(5), pages: 1, rotate: 1)
        configure(script, ["helpdesk", "vg", "voicebot"].map { MadeUp.remote($0, poll: poll) })
        script.run(for: .seconds(30))
        #expect(script.calls.count == calls && script.exchanges.count <= exchanges + 4)
        #expect(script.stoppedAt.map { $0 < .seconds(8) } == true && script.strayRows.isEmpty)
    }

    @Test func `a disabled remote is treated as a removed one, and returns with the next reload`() {
        let script = script()
        configure(script, [MadeUp.remote("vg", isEnabled: false), MadeUp.remote("voicebot")])
        script.run(for: .seconds(1))
        configure(script, [MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        #expect(script.lane("vg")?.isRetired == false)
        script.run(for: .seconds(120))
        #expect(script.store.states() == [.delivered: 40] && script.calls.count == 40)
    }

    @Test func `a new remote is called at once`() {
        let script = script(["vg"], rows: 0)
        script.store.addRow("c1", at: "voicebot", dueAt: script.wall)
        configure(script, [MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        script.run(for: .milliseconds(50))
        #expect(script.calls.map(\.remote) == ["voicebot"])
    }

    @Test func `another concurrency and another rate apply from the reload on`() {
        let script = script()
        configure(script, [MadeUp.remote("vg", concurrency: 1), MadeUp.remote("voicebot")])
        script.run(for: .seconds(4))
        #expect(script.openCalls.count == 4, "four were in flight before")
        script.run(for: .seconds(3))
        #expect(script.openCalls.count == 1)
        configure(script, [MadeUp.remote("vg", rate: RateLimit(calls: 2, period: .minutes(1))), MadeUp.remote("voicebot")])
        let calls = script.calls.count
        script.run(for: .seconds(59))
        #expect((1...3).contains(script.calls.count - calls))
    }

    @Test func `another debounce and interval apply from the reload on`() throws {
        let script = script(rows: 0)
        configure(script, [MadeUp.remote("vg"), MadeUp.remote("voicebot")], MadeUp.settings(interval: .seconds(5), debounce: .seconds(1)))
        script.run(for: .milliseconds(100))
        let changedAt = script.uptime
        script.change("c1", at: ["voicebot"])
        script.run(for: .seconds(2))
        #expect(script.calls.first.map { $0.at - changedAt >= .seconds(1) } == true)
        let before = script.exchanges.count
        script.run(for: .seconds(50))
        #expect((9...10).contains(script.exchanges.count - before))
    }

    @Test func `a reload during an exchange loses no outcome and no row`() {
        let script = script()
        script.ending = { _ in .after(.milliseconds(10), .init(.delivered)) }
        script.exchangeTime = .milliseconds(200)
        for _ in 0..<20 {
            script.run(for: .milliseconds(137))
            configure(script, [MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        }
        script.run(for: .seconds(60))
        #expect(script.store.states() == [.delivered: 40] && script.strayRows.isEmpty)
    }

    // MARK: Reading

    private let list = JSONValue.object(["data": .array([])])

    private func polled(_ seconds: Int64 = 10) -> Remote { MadeUp.remote("voicebot", poll: PollSettings(interval: .seconds(seconds))) }

    @Test func `a remote that is being read during a reload is read again`() {
        let script = EngineScript([polled()])
        let list = list
        script.ending = { _ in .readAfter(.seconds(1), list) }
        script.start()
        #expect(script.openCalls.count == 1)
        configure(script, [polled()])
        let before = (exchanges: script.exchanges.count, calls: script.calls.count)
        script.run(for: .seconds(60))
        #expect((5...7).contains(script.calls.count - before.calls), "\(script.calls.count - before.calls) polls in a minute")
        #expect(script.exchanges.count - before.exchanges <= 40, "\(script.exchanges.count - before.exchanges) exchanges")
    }

    @Test func `a read in flight is discarded when its remote is removed and added again`() {
        let script = EngineScript([polled(), MadeUp.remote("vg")])
        let list = list
        script.ending = { _ in .readAfter(.seconds(3), list) }
        script.start()
        #expect(script.openCalls.count == 1)
        configure(script, [MadeUp.remote("vg")])
        script.run(for: .seconds(1))
        configure(script, [polled(), MadeUp.remote("vg")])
        script.run(for: .seconds(30))
        #expect(script.lane("voicebot")?.gate.inFlight == 0)
        #expect((3...5).contains(script.calls.count))
    }
}
