import SyncCore
import Testing

@testable import SyncEngine

/// A reload: the new configuration applies at once, and calls in flight continue.
@Suite struct EngineReloadTests {
    private func configure(_ scenario: EngineScenario, _ remotes: [Remote], _ settings: Engine.Settings = MadeUp.settings()) {
        scenario.send(.configured(remotes, settings, .init(processID: 7, remotes: [:])))
    }

    private func scenario(_ names: [String] = ["vg", "voicebot"], rows: Int = 40) -> EngineScenario {
        let scenario = EngineScenario(names.map { MadeUp.remote($0) })
        scenario.ending = { $0.remote == "vg" ? .after(.seconds(5), .init(.delivered)) : .after(.milliseconds(10), .init(.delivered)) }
        for index in 0..<rows { scenario.store.addRow("c\(index)", at: "vg", dueAt: scenario.wall) }
        scenario.start()
        return scenario
    }

    @Test func `after a reload calls in flight continue, and rows at hand are put back and claimed again`() {
        let scenario = scenario()
        let calls = scenario.calls.count
        #expect(scenario.openCalls.count == 4)
        configure(scenario, [MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        scenario.run(for: .milliseconds(100))
        #expect(scenario.calls.count == calls && !scenario.calls.contains(where: \.isCancelled), "four are in flight, and four may be")
        scenario.run(for: .seconds(120))
        #expect(scenario.store.states() == [.delivered: 40] && scenario.calls.count == 40 && scenario.strayRows.isEmpty)
    }

    @Test func `a reload beside calls in flight does not stop planning and deliveries to other remotes`() {
        let scenario = scenario()
        let reloadedAt = scenario.uptime
        configure(scenario, [MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        scenario.change("c1", at: ["voicebot"])
        scenario.run(for: .seconds(1))
        #expect(scenario.calls(to: "voicebot").first.map { $0.at - reloadedAt <= .milliseconds(60) } == true)
    }

    @Test func `a removed remote gets no further call, and is forgotten when its calls have ended`() {
        let scenario = scenario()
        configure(scenario, [MadeUp.remote("voicebot")])
        let calls = scenario.calls.count
        scenario.run(for: .seconds(2))
        #expect(scenario.lane("vg")?.isRetired == true && scenario.store.states()[.sending] == 4)
        scenario.run(for: .seconds(5))
        #expect(scenario.calls.count == calls)
        #expect(scenario.lane("vg") == nil && scenario.lane("voicebot") != nil)
        #expect(scenario.store.states() == [.delivered: 4, .pending: 36])
        let before = scenario.exchanges.count
        scenario.run(for: .seconds(20))
        #expect(scenario.exchanges.count == before)
    }

    @Test func `an object that a removed remote reports missing is decided without a read, and the remote is forgotten`() {
        let scenario = EngineScenario([MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        scenario.store.addRow("c1", at: "voicebot", dueAt: scenario.wall)
        scenario.ending = { _ in .after(.seconds(1), DeliveryOutcome(.gone, error: "HTTP 404", absence: .object)) }
        scenario.start()
        #expect(scenario.openCalls.count == 1)
        configure(scenario, [MadeUp.remote("vg")])
        scenario.run(for: .seconds(5))
        #expect(scenario.lane("voicebot") == nil && scenario.calls.count == 1)
        #expect(scenario.store.states() == [.dead: 1] && scenario.strayRows.isEmpty)
    }

    /// Neither a new remote nor one whose rows are still being sent starts anything.
    @Test func `a reload during a stop starts nothing, and the stop ends with the last call`() {
        let scenario = scenario()
        scenario.send(.stopRequested(within: .seconds(20)))
        let (calls, exchanges) = (scenario.calls.count, scenario.exchanges.count)
        let poll = PollSettings(interval: .seconds(5), pages: 1, rotate: 1)
        configure(scenario, ["helpdesk", "vg", "voicebot"].map { MadeUp.remote($0, poll: poll) })
        scenario.run(for: .seconds(30))
        #expect(scenario.calls.count == calls && scenario.exchanges.count <= exchanges + 4)
        #expect(scenario.stoppedAt.map { $0 < .seconds(8) } == true && scenario.strayRows.isEmpty)
    }

    @Test func `a disabled remote is treated as a removed one, and returns with the next reload`() {
        let scenario = scenario()
        configure(scenario, [MadeUp.remote("vg", isEnabled: false), MadeUp.remote("voicebot")])
        scenario.run(for: .seconds(1))
        configure(scenario, [MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        #expect(scenario.lane("vg")?.isRetired == false)
        scenario.run(for: .seconds(120))
        #expect(scenario.store.states() == [.delivered: 40] && scenario.calls.count == 40)
    }

    @Test func `a new remote is called at once`() {
        let scenario = scenario(["vg"], rows: 0)
        scenario.store.addRow("c1", at: "voicebot", dueAt: scenario.wall)
        configure(scenario, [MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        scenario.run(for: .milliseconds(50))
        #expect(scenario.calls.map(\.remote) == ["voicebot"])
    }

    @Test func `another concurrency and another rate apply from the reload on`() {
        let scenario = scenario()
        configure(scenario, [MadeUp.remote("vg", concurrency: 1), MadeUp.remote("voicebot")])
        scenario.run(for: .seconds(4))
        #expect(scenario.openCalls.count == 4, "four were in flight before")
        scenario.run(for: .seconds(3))
        #expect(scenario.openCalls.count == 1)
        configure(scenario, [MadeUp.remote("vg", rate: RateLimit(calls: 2, period: .minutes(1))), MadeUp.remote("voicebot")])
        let calls = scenario.calls.count
        scenario.run(for: .seconds(59))
        #expect((1...3).contains(scenario.calls.count - calls))
    }

    @Test func `another debounce and interval apply from the reload on`() throws {
        let scenario = scenario(rows: 0)
        configure(
            scenario, [MadeUp.remote("vg"), MadeUp.remote("voicebot")], MadeUp.settings(interval: .seconds(5), debounce: .seconds(1)))
        scenario.run(for: .milliseconds(100))
        let changedAt = scenario.uptime
        scenario.change("c1", at: ["voicebot"])
        scenario.run(for: .seconds(2))
        #expect(scenario.calls.first.map { $0.at - changedAt >= .seconds(1) } == true)
        let before = scenario.exchanges.count
        scenario.run(for: .seconds(50))
        #expect((9...10).contains(scenario.exchanges.count - before))
    }

    @Test func `a reload during an exchange loses no outcome and no row`() {
        let scenario = scenario()
        scenario.ending = { _ in .after(.milliseconds(10), .init(.delivered)) }
        scenario.exchangeTime = .milliseconds(200)
        for _ in 0..<20 {
            scenario.run(for: .milliseconds(137))
            configure(scenario, [MadeUp.remote("vg"), MadeUp.remote("voicebot")])
        }
        scenario.run(for: .seconds(60))
        #expect(scenario.store.states() == [.delivered: 40] && scenario.strayRows.isEmpty)
    }

    // MARK: Reading

    private let list = JSONValue.object(["data": .array([])])

    private func polled(_ seconds: Int64 = 10) -> Remote { MadeUp.remote("voicebot", poll: PollSettings(interval: .seconds(seconds))) }

    @Test func `a remote that is being read during a reload is read again`() {
        let scenario = EngineScenario([polled()])
        let list = list
        scenario.ending = { _ in .readAfter(.seconds(1), list) }
        scenario.start()
        #expect(scenario.openCalls.count == 1)
        configure(scenario, [polled()])
        let before = (exchanges: scenario.exchanges.count, calls: scenario.calls.count)
        scenario.run(for: .seconds(60))
        #expect((5...7).contains(scenario.calls.count - before.calls), "\(scenario.calls.count - before.calls) polls in a minute")
        #expect(scenario.exchanges.count - before.exchanges <= 40, "\(scenario.exchanges.count - before.exchanges) exchanges")
    }

    @Test func `a read in flight is discarded when its remote is removed and added again`() {
        let scenario = EngineScenario([polled(), MadeUp.remote("vg")])
        let list = list
        scenario.ending = { _ in .readAfter(.seconds(3), list) }
        scenario.start()
        #expect(scenario.openCalls.count == 1)
        configure(scenario, [MadeUp.remote("vg")])
        scenario.run(for: .seconds(1))
        configure(scenario, [polled(), MadeUp.remote("vg")])
        scenario.run(for: .seconds(30))
        #expect(scenario.lane("voicebot")?.gate.inFlight == 0)
        #expect((3...5).contains(scenario.calls.count))
    }
}
