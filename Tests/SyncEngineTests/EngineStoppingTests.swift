import SyncCore
import Testing

@testable import SyncEngine

/// How the service ends, and what `convosync sync` does.
@Suite struct EngineStoppingTests {
    private func scenario(_ names: [String] = ["vg"], poll: PollSettings? = nil, rows: Int = 40) -> EngineScenario {
        let scenario = EngineScenario(names.map { MadeUp.remote($0, poll: $0 == "voicebot" ? poll : nil) })
        for index in 0..<rows { scenario.store.addRow("c\(index)", at: "vg", dueAt: scenario.wall) }
        return scenario
    }

    @Test func `an idle engine stops at once`() {
        let scenario = scenario(rows: 0)
        scenario.start()
        let stoppedAt = scenario.uptime
        scenario.send(.stopRequested(within: .seconds(20)))
        scenario.run(for: .seconds(60))
        #expect(scenario.stoppedAt == stoppedAt)
    }

    @Test func `a stop puts back rows at hand, lets calls in flight end, and then ends`() {
        let scenario = scenario()
        scenario.ending = { _ in .after(.milliseconds(300), .init(.delivered)) }
        scenario.start()
        scenario.run(for: .milliseconds(250))
        let inFlight = scenario.openCalls.count
        let delivered = scenario.store.states()[.delivered] ?? 0
        #expect(inFlight > 0 && scenario.store.states()[.sending] ?? 0 > inFlight, "rows are at hand")
        scenario.send(.stopRequested(within: .seconds(20)))
        let calls = scenario.calls.count
        scenario.run(for: .seconds(1))
        #expect(scenario.calls.count == calls, "no further call")
        #expect(scenario.store.states() == [.delivered: delivered + inFlight, .pending: 40 - delivered - inFlight])
        #expect(scenario.stoppedAt.map { $0 < .milliseconds(1100) } == true && !scenario.calls.contains(where: \.isCancelled))
    }

    @Test func `calls that hang are cancelled at the deadline, and their rows are put back`() throws {
        let scenario = scenario()
        scenario.ending = { _ in .never }
        scenario.start()
        #expect(scenario.openCalls.count == 4)
        let requestedAt = scenario.uptime
        scenario.send(.stopRequested(within: .seconds(2)))
        scenario.run(for: .seconds(30))
        let stoppedAt = try #require(scenario.stoppedAt)
        #expect(stoppedAt - requestedAt >= .seconds(2) && stoppedAt - requestedAt < .milliseconds(2100))
        #expect(scenario.calls.filter(\.isCancelled).count == 4)
        #expect(scenario.store.states() == [.pending: 40])
    }

    @Test func `a stop ends even if the transport loses a call and the database cannot be written`() throws {
        let scenario = scenario()
        scenario.ending = { _ in .never }
        scenario.start()
        scenario.loses = true
        scenario.failure = { _ in .passing }
        let requestedAt = scenario.uptime
        scenario.send(.stopRequested(within: .seconds(2)))
        scenario.run(for: .seconds(60))
        let stoppedAt = try #require(scenario.stoppedAt)
        #expect(stoppedAt - requestedAt == .seconds(2) + Engine.stopGrace)
    }

    @Test func `an object that is reported missing during a stop does not delay its end, and the outcome is stored`() throws {
        let scenario = EngineScenario([MadeUp.remote("voicebot")])
        scenario.store.addRow("c1", at: "voicebot", dueAt: scenario.wall)
        scenario.ending = { _ in .after(.seconds(1), DeliveryOutcome(.gone, error: "HTTP 404", absence: .object)) }
        scenario.start()
        #expect(scenario.openCalls.count == 1)
        scenario.send(.stopRequested(within: .seconds(20)))
        scenario.run(for: .seconds(60))
        let stoppedAt = try #require(scenario.stoppedAt)
        #expect(stoppedAt < .milliseconds(1100) && scenario.calls.count == 1)
        #expect(scenario.store.states() == [.dead: 1])
    }

    @Test func `a webhook call during a stop gets a response`() {
        let scenario = scenario()
        scenario.ending = { _ in .after(.seconds(3), .init(.delivered)) }
        scenario.start()
        scenario.send(.stopRequested(within: .seconds(20)))
        scenario.run(for: .seconds(1))
        scenario.send(.remoteEvents(5, "vg", [.somethingChanged]))
        scenario.run(for: .seconds(30))
        #expect(scenario.stoppedAt != nil && scenario.responses[5] == .some(1))
    }

    @Test func `a stop does not read a remote that is polled, and makes no repeated exchanges`() {
        let scenario = scenario(["vg", "voicebot"], poll: PollSettings(interval: .seconds(5)))
        scenario.ending = { $0.isRead ? .readAfter(.milliseconds(10), .object(["data": .array([])])) : .never }
        scenario.start()
        let before = (exchanges: scenario.exchanges.count, calls: scenario.calls.count)
        scenario.send(.stopRequested(within: .seconds(20)))
        scenario.run(for: .seconds(30))
        #expect(scenario.stoppedAt != nil)
        #expect(scenario.calls.count == before.calls)
        #expect(scenario.exchanges.count - before.exchanges <= 3, "\(scenario.exchanges.count - before.exchanges) exchanges")
    }

    @Test func `a run that waits for calls ends with the service`() {
        let scenario = scenario(["helpdesk", "vg"], rows: 0)
        scenario.ending = { _ in .never }
        scenario.start()
        scenario.change("c1", at: ["helpdesk", "vg"])
        scenario.run(for: .seconds(1))
        #expect(scenario.store.isRunOpen)
        scenario.send(.stopRequested(within: .seconds(2)))
        scenario.run(for: .seconds(30))
        #expect(scenario.stoppedAt != nil && !scenario.store.isRunOpen)
    }

    @Test func `a run without calls in flight ends with the service as well`() {
        let scenario = EngineScenario([MadeUp.remote("helpdesk"), MadeUp.remote("vg", rate: RateLimit(calls: 1, period: .minutes(1)))])
        scenario.start()
        scenario.change("c1", at: ["helpdesk", "vg"])
        scenario.change("c2", at: ["helpdesk", "vg"])
        scenario.run(for: .seconds(1))
        #expect(scenario.openCalls.isEmpty && scenario.store.isRunOpen && !scenario.store.feed.isEmpty, "it waits for the rate")
        scenario.send(.stopRequested(within: .seconds(2)))
        scenario.run(for: .seconds(30))
        #expect(scenario.stoppedAt != nil)
        #expect(!scenario.store.isRunOpen)
    }

    @Test func `calls that end while the service stops belong to the run that made them`() {
        let scenario = scenario(rows: 4)
        var calls: Int64 = 0
        scenario.ending = { _ in
            calls += 1
            return .after(.milliseconds(calls * 300), .init(.delivered))
        }
        scenario.send(.turnRequested(.startup))
        scenario.run(for: .milliseconds(310))
        #expect(scenario.openCalls.count == 3)
        scenario.send(.stopRequested(within: .seconds(20)))
        scenario.run(for: .seconds(10))
        #expect(scenario.stoppedAt != nil && scenario.store.states() == [.delivered: 4] && !scenario.store.isRunOpen)
        #expect(scenario.store.runs == 1)
    }

    // MARK: sync

    private func drain(_ scenario: EngineScenario, until span: Duration? = nil) {
        scenario.send(.drainRequested(until: span.map { scenario.uptime + $0 }))
        scenario.run(for: .seconds(120), until: { scenario.summary != nil })
    }

    @Test func `sync ends when everything due is delivered, the helpdesk last`() throws {
        let scenario = scenario(["helpdesk", "vg"])
        for index in 0..<40 { scenario.store.change("c\(index)", at: ["helpdesk"], now: scenario.wall) }
        drain(scenario)
        let summary = try #require(scenario.summary)
        #expect(scenario.store.states() == [.delivered: 80])
        #expect(summary.counts.delivered == 80 && summary.counts.planned == 40 && summary.nextDue == nil && summary.error == nil)
        for index in 0..<40 {
            let calls = scenario.calls.filter { $0.conversation == "c\(index)" }.map(\.remote)
            #expect(calls == ["vg", "helpdesk"])
        }
    }

    @Test func `sync with nothing to do ends after an exchange`() throws {
        let scenario = scenario(["fin", "helpdesk", "vg", "voicebot"], rows: 0)
        drain(scenario)
        #expect(scenario.summary?.counts == RunCounts() && scenario.exchanges.count == 1)
    }

    @Test func `sync attempts a failing row once, and reports when it is due`() throws {
        let scenario = scenario()
        scenario.ending = { _ in .after(.milliseconds(10), DeliveryOutcome(.dead, error: "HTTP 400")) }
        scenario.store.addRow("failing", at: "vg", attempts: 1, dueAt: scenario.wall)
        drain(scenario)
        let summary = try #require(scenario.summary)
        #expect(scenario.calls.count == 41 && summary.counts.dead == 41)
    }

    @Test func `sync does not wait for a remote that throttles repeatedly`() throws {
        let scenario = scenario()
        scenario.ending = { [unowned scenario] _ in
            .after(.milliseconds(10), DeliveryOutcome(.throttled, notBefore: scenario.wall + .seconds(1)))
        }
        drain(scenario)
        let summary = try #require(scenario.summary)
        #expect(scenario.store.states() == [.pending: 40] && summary.nextDue != nil)
        #expect(scenario.calls.count <= 8 && scenario.exchanges.count < 20)
    }

    /// Otherwise it would probe the remote once a second, without end.
    @Test(arguments: [false, true])
    func `sync calls a parked remote once, however short the pause between probes is`(wasParked: Bool) throws {
        var remote = MadeUp.remote("vg")
        remote.gate.probeInterval = .seconds(1)
        let stored = StoredRemote(gate: .init(parkedAt: wasParked ? MadeUp.noon - .hours(1) : nil))
        let scenario = EngineScenario([remote], stored: ["vg": stored])
        for index in 0..<40 { scenario.store.addRow("c\(index)", at: "vg", dueAt: scenario.wall) }
        scenario.ending = { _ in .after(.milliseconds(10), DeliveryOutcome(.park, error: "HTTP 401")) }
        drain(scenario)
        let summary = try #require(scenario.summary)
        #expect(scenario.calls.count == (wasParked ? 1 : 4), "a probe, or one volley")
        #expect(scenario.store.states() == [.pending: 40] && summary.nextDue != nil)
        #expect(scenario.uptime < .seconds(1))
    }

    @Test func `sync sends a conversation to the helpdesk although its call at another remote is on hold`() throws {
        let scenario = scenario(["helpdesk", "vg"], rows: 0)
        scenario.ending = { [unowned scenario] call in
            let isHeld = call.remote == "vg"
            return .after(.milliseconds(10), isHeld ? .init(.throttled, notBefore: scenario.wall + .seconds(1)) : .init(.delivered))
        }
        scenario.store.change("c1", at: ["helpdesk", "vg"], now: scenario.wall)
        let began = scenario.uptime
        drain(scenario)
        #expect(scenario.calls(to: "helpdesk").count == 1 && scenario.summary?.counts.delivered == 1)
        #expect(scenario.uptime - began < .seconds(5), "the stall is ten seconds")
    }

    @Test func `consecutive holds by a rate do not lead to claims that are put back at once`() throws {
        let scenario = EngineScenario([MadeUp.remote("vg", rate: RateLimit(calls: 2, period: .seconds(3)))])
        for index in 0..<40 { scenario.store.addRow("c\(index)", at: "vg", dueAt: scenario.wall) }
        scenario.ending = { [unowned scenario] _ in
            .after(.milliseconds(10), DeliveryOutcome(.throttled, notBefore: scenario.wall + .seconds(1)))
        }
        scenario.start()
        scenario.run(for: .seconds(20))
        #expect((10...16).contains(scenario.calls.count), "\(scenario.calls.count)")
        #expect(scenario.exchanges.count <= scenario.calls.count * 3 + 5, "\(scenario.exchanges.count) for \(scenario.calls.count) calls")
    }

    @Test(arguments: [Duration.zero, .seconds(3)])
    func `calls in flight at the deadline of sync end by themselves`(deadline: Duration) throws {
        let scenario = scenario(rows: 4)
        scenario.ending = { _ in .after(.seconds(5), .init(.delivered)) }
        scenario.send(.drainRequested(until: deadline))
        scenario.run(for: .seconds(4))
        #expect(scenario.summary == nil && scenario.openCalls.count == 4)
        scenario.run(for: .seconds(2), until: { scenario.summary != nil })
        #expect(scenario.summary?.counts.delivered == 4 && scenario.store.states() == [.delivered: 4])
        #expect(!scenario.calls.contains { $0.isCancelled })
    }

    @Test func `a transaction that lasts beyond the deadline of sync counts, and so do its calls`() throws {
        let scenario = scenario(rows: 0)
        scenario.exchangeTime = .seconds(5)
        scenario.store.change("c1", at: ["vg"], now: scenario.wall)
        drain(scenario, until: .seconds(3))
        let summary = try #require(scenario.summary)
        #expect(summary.counts.planned == 1 && summary.counts.delivered == 1 && scenario.openCalls.isEmpty)
    }

    @Test func `a list that is being read at the deadline of sync is read to its end`() throws {
        let scenario = scenario(["voicebot"], poll: PollSettings(interval: .minutes(30)), rows: 0)
        scenario.ending = { $0.isRead ? .readAfter(.seconds(5), .object(["data": .array([])])) : .after(.seconds(5), .init(.delivered)) }
        scenario.store.change("c1", at: ["voicebot"], now: scenario.wall)
        drain(scenario, until: .seconds(3))
        let summary = try #require(scenario.summary)
        #expect(scenario.calls.contains(where: \.isRead) && summary.counts.delivered == 1 && scenario.openCalls.isEmpty)
    }

    @Test(arguments: [Duration.zero, .seconds(2)])
    func `with a deadline, sync attempts everything that it attempts without one`(deadline: Duration) throws {
        let scenario = scenario(["helpdesk", "vg"])
        for index in 0..<40 { scenario.store.change("c\(index)", at: ["helpdesk"], now: scenario.wall) }
        scenario.store.addRow("failing", at: "vg", attempts: 1, dueAt: scenario.wall)
        scenario.ending = { _ in .after(.seconds(1), .init(.delivered)) }
        drain(scenario, until: deadline)
        #expect(scenario.summary?.counts.delivered == 81 && scenario.store.states() == [.delivered: 81])
    }

    @Test func `a row that fails after the deadline of sync is not attempted again`() throws {
        let scenario = scenario(rows: 1)
        scenario.ending = { _ in .after(.seconds(5), DeliveryOutcome(.retry, error: "HTTP 500")) }
        drain(scenario, until: .seconds(3))
        #expect(scenario.summary != nil && scenario.uptime < .milliseconds(5100))
        #expect(scenario.calls.count == 1 && scenario.store.states() == [.pending: 1])
    }

    @Test func `retries that are at hand at the deadline of sync are put back`() throws {
        let scenario = EngineScenario([MadeUp.remote("vg", concurrency: 1)])
        for index in 0..<3 { scenario.store.addRow("c\(index)", at: "vg", attempts: 1, dueAt: scenario.wall + .seconds(1)) }
        scenario.ending = { _ in .after(.seconds(5), .init(.delivered)) }
        scenario.send(.drainRequested(until: .seconds(3)))
        scenario.run(for: .milliseconds(2900))
        #expect(scenario.store.states() == [.sending: 3] && scenario.openCalls.count == 1)
        scenario.run(for: .milliseconds(200))
        #expect(scenario.store.states() == [.sending: 1, .pending: 2] && scenario.summary == nil)
        scenario.run(for: .seconds(4), until: { scenario.summary != nil })
        #expect(scenario.summary?.counts.delivered == 1 && scenario.calls.count == 1)
        #expect(scenario.store.states() == [.delivered: 1, .pending: 2])
    }

    @Test func `a remote that is on hold beyond the deadline of sync is not waited for`() throws {
        let scenario = scenario()
        scenario.ending = { [unowned scenario] _ in
            .after(.milliseconds(10), DeliveryOutcome(.throttled, notBefore: scenario.wall + .seconds(10)))
        }
        drain(scenario, until: .seconds(3))
        #expect(scenario.summary?.nextDue != nil && scenario.uptime < .seconds(1))
        #expect(scenario.store.states() == [.pending: 40])
    }

    @Test func `a signal ends sync as before, also after its deadline`() throws {
        let scenario = scenario()
        scenario.ending = { _ in .never }
        scenario.send(.drainRequested(until: .seconds(3)))
        scenario.run(for: .seconds(4))
        #expect(scenario.summary == nil && scenario.openCalls.count == 4)
        scenario.send(.stopRequested(within: .seconds(2)))
        scenario.run(for: .seconds(30))
        #expect(scenario.summary != nil && scenario.calls.count(where: \.isCancelled) == 4)
        #expect(scenario.store.states() == [.pending: 40])
    }

    @Test func `with a deadline, retries that fall due before it are attempted`() throws {
        let scenario = scenario(rows: 1)
        var tries = 0
        scenario.ending = { _ in
            tries += 1
            return .after(.milliseconds(10), tries < 4 ? DeliveryOutcome(.retry, error: "HTTP 500") : .init(.delivered))
        }
        drain(scenario, until: .seconds(60))
        #expect(scenario.summary?.counts.delivered == 1 && scenario.calls.count == 4)
        let single = self.scenario(rows: 1)
        single.ending = { _ in .after(.milliseconds(10), DeliveryOutcome(.retry, error: "HTTP 500")) }
        drain(single)
        #expect(single.calls.count == 1 && single.summary?.nextDue != nil)
    }

    @Test func `an application that keeps writing does not prevent the end of sync`() throws {
        let scenario = scenario(["vg"], rows: 0)
        scenario.send(.drainRequested(until: nil))
        for index in 0..<3000 where scenario.summary == nil {
            scenario.change("w\(index)", at: ["vg"])
            scenario.run(for: .milliseconds(10))
        }
        #expect(scenario.summary != nil)
    }
}
