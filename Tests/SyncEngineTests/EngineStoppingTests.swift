import SyncCore
import Testing

@testable import SyncEngine

/// How the service ends, and what `convosync sync` does.
@Suite struct EngineStoppingTests {
    private func script(_ names: [String] = ["vg"], poll: PollSettings? = nil, rows: Int = 40) -> EngineScript {
        let script = EngineScript(names.map { MadeUp.remote($0, poll: $0 == "voicebot" ? poll : nil) })
        for index in 0..<rows { script.store.addRow("c\(index)", at: "vg", dueAt: script.wall) }
        return script
    }

    @Test func `an idle engine stops at once`() {
        let script = script(rows: 0)
        script.start()
        let stoppedAt = script.uptime
        script.send(.stopRequested(within: .seconds(20)))
        script.run(for: .seconds(60))
        #expect(script.stoppedAt == stoppedAt)
    }

    @Test func `a stop puts back rows at hand, lets calls in flight end, and then ends`() {
        let script = script()
        script.ending = { _ in .after(.milliseconds(300), .init(.delivered)) }
        script.start()
        script.run(for: .milliseconds(250))
        let inFlight = script.openCalls.count
        let delivered = script.store.states()[.delivered] ?? 0
        #expect(inFlight > 0 && script.store.states()[.sending] ?? 0 > inFlight, "rows are at hand")
        script.send(.stopRequested(within: .seconds(20)))
        let calls = script.calls.count
        script.run(for: .seconds(1))
        #expect(script.calls.count == calls, "no further call")
        #expect(script.store.states() == [.delivered: delivered + inFlight, .pending: 40 - delivered - inFlight])
        #expect(script.stoppedAt.map { $0 < .milliseconds(1100) } == true && !script.calls.contains(where: \.isCancelled))
    }

    @Test func `calls that hang are cancelled at the deadline, and their rows are put back`() throws {
        let script = script()
        script.ending = { _ in .never }
        script.start()
        #expect(script.openCalls.count == 4)
        let requestedAt = script.uptime
        script.send(.stopRequested(within: .seconds(2)))
        script.run(for: .seconds(30))
        let stoppedAt = try #require(script.stoppedAt)
        #expect(stoppedAt - requestedAt >= .seconds(2) && stoppedAt - requestedAt < .milliseconds(2100))
        #expect(script.calls.filter(\.isCancelled).count == 4)
        #expect(script.store.states() == [.pending: 40])
    }

    @Test func `a stop ends even if the transport loses a call and the database cannot be written`() throws {
        let script = script()
        script.ending = { _ in .never }
        script.start()
        script.loses = true
        script.failure = { _ in .passing }
        let requestedAt = script.uptime
        script.send(.stopRequested(within: .seconds(2)))
        script.run(for: .seconds(60))
        let stoppedAt = try #require(script.stoppedAt)
        #expect(stoppedAt - requestedAt == .seconds(2) + Engine.stopGrace)
    }

    @Test func `a webhook call during a stop gets a response`() {
        let script = script()
        script.ending = { _ in .after(.seconds(3), .init(.delivered)) }
        script.start()
        script.send(.stopRequested(within: .seconds(20)))
        script.run(for: .seconds(1))
        script.send(.remoteEvents(5, "vg", [.somethingChanged]))
        script.run(for: .seconds(30))
        #expect(script.stoppedAt != nil && script.responses[5] == .some(1))
    }

    @Test func `a stop does not read a remote that is polled, and makes no repeated exchanges`() {
        let script = script(["vg", "voicebot"], poll: PollSettings(interval: .seconds(5)))
        script.ending = { $0.isRead ? .readAfter(.milliseconds(10), .object(["data": .array([])])) : .never }
        script.start()
        let before = (exchanges: script.exchanges.count, calls: script.calls.count)
        script.send(.stopRequested(within: .seconds(20)))
        script.run(for: .seconds(30))
        #expect(script.stoppedAt != nil)
        #expect(script.calls.count == before.calls)
        #expect(script.exchanges.count - before.exchanges <= 3, "\(script.exchanges.count - before.exchanges) exchanges")
    }

    @Test func `a run that waits for calls ends with the service`() {
        let script = script(["helpdesk", "vg"], rows: 0)
        script.ending = { _ in .never }
        script.start()
        script.change("c1", at: ["helpdesk", "vg"])
        script.run(for: .seconds(1))
        #expect(script.store.isRunOpen)
        script.send(.stopRequested(within: .seconds(2)))
        script.run(for: .seconds(30))
        #expect(script.stoppedAt != nil && !script.store.isRunOpen)
    }

    @Test func `a run without calls in flight ends with the service as well`() {
        let script = EngineScript([MadeUp.remote("helpdesk"), MadeUp.remote("vg", rate: RateLimit(calls: 1, period: .minutes(1)))])
        script.start()
        script.change("c1", at: ["helpdesk", "vg"])
        script.change("c2", at: ["helpdesk", "vg"])
        script.run(for: .seconds(1))
        #expect(script.openCalls.isEmpty && script.store.isRunOpen && !script.store.feed.isEmpty, "it waits for the rate")
        script.send(.stopRequested(within: .seconds(2)))
        script.run(for: .seconds(30))
        #expect(script.stoppedAt != nil)
        #expect(!script.store.isRunOpen)
    }

    @Test func `calls that end while the service stops belong to the run that made them`() {
        let script = script(rows: 4)
        var calls: Int64 = 0
        script.ending = { _ in
            calls += 1
            return .after(.milliseconds(calls * 300), .init(.delivered))
        }
        script.send(.turnRequested(.startup))
        script.run(for: .milliseconds(310))
        #expect(script.openCalls.count == 3)
        script.send(.stopRequested(within: .seconds(20)))
        script.run(for: .seconds(10))
        #expect(script.stoppedAt != nil && script.store.states() == [.delivered: 4] && !script.store.isRunOpen)
        #expect(script.store.runs == 1)
    }

    // MARK: sync

    private func drain(_ script: EngineScript, until span: Duration? = nil) {
        script.send(.drainRequested(until: span.map { script.uptime + $0 }))
        script.run(for: .seconds(120), until: { script.summary != nil })
    }

    @Test func `sync ends when everything due is delivered, the helpdesk last`() throws {
        let script = script(["helpdesk", "vg"])
        for index in 0..<40 { script.store.change("c\(index)", at: ["helpdesk"], now: script.wall) }
        drain(script)
        let summary = try #require(script.summary)
        #expect(script.store.states() == [.delivered: 80])
        #expect(summary.counts.delivered == 80 && summary.counts.planned == 40 && summary.nextDue == nil && summary.error == nil)
        for index in 0..<40 {
            let calls = script.calls.filter { $0.conversation == "c\(index)" }.map(\.remote)
            #expect(calls == ["vg", "helpdesk"])
        }
    }

    @Test func `sync with nothing to do ends after an exchange`() throws {
        let script = script(["fin", "helpdesk", "vg", "voicebot"], rows: 0)
        drain(script)
        #expect(script.summary?.counts == RunCounts() && script.exchanges.count == 1)
    }

    @Test func `sync attempts a failing row once, and reports when it is due`() throws {
        let script = script()
        script.ending = { _ in .after(.milliseconds(10), DeliveryOutcome(.dead, error: "HTTP 400")) }
        script.store.addRow("failing", at: "vg", attempts: 1, dueAt: script.wall)
        drain(script)
        let summary = try #require(script.summary)
        #expect(script.calls.count == 41 && summary.counts.dead == 41)
    }

    @Test func `sync does not wait for a remote that throttles repeatedly`() throws {
        let script = script()
        script.ending = { [unowned script] _ in
            .after(.milliseconds(10), DeliveryOutcome(.throttled, notBefore: script.wall + .seconds(1)))
        }
        drain(script)
        let summary = try #require(script.summary)
        #expect(script.store.states() == [.pending: 40] && summary.nextDue != nil)
        #expect(script.calls.count <= 8 && script.exchanges.count < 20)
    }

    @Test func `sync sends a conversation to the helpdesk although its call at another remote is on hold`() throws {
        let script = script(["helpdesk", "vg"], rows: 0)
        script.ending = { [unowned script] call in
            let isHeld = call.remote == "vg"
            return .after(.milliseconds(10), isHeld ? .init(.throttled, notBefore: script.wall + .seconds(1)) : .init(.delivered))
        }
        script.store.change("c1", at: ["helpdesk", "vg"], now: script.wall)
        let began = script.uptime
        drain(script)
        #expect(script.calls(to: "helpdesk").count == 1 && script.summary?.counts.delivered == 1)
        #expect(script.uptime - began < .seconds(5), "the stall is ten seconds")
    }

    @Test func `consecutive holds by a rate do not lead to claims that are put back at once`() throws {
        let script = EngineScript([MadeUp.remote("vg", rate: RateLimit(calls: 2, period: .seconds(1)))])
        for index in 0..<40 { script.store.addRow("c\(index)", at: "vg", dueAt: script.wall) }
        script.ending = { [unowned script] _ in
            .after(.milliseconds(10), DeliveryOutcome(.throttled, notBefore: script.wall + .milliseconds(100)))
        }
        script.start()
        script.run(for: .seconds(20))
        #expect((30...45).contains(script.calls.count), "\(script.calls.count)")
        #expect(script.exchanges.count <= script.calls.count * 3 + 5, "\(script.exchanges.count) for \(script.calls.count) calls")
    }

    @Test func `the deadline of sync applies to a hanging remote, whose rows stay in flight`() throws {
        let script = script()
        script.ending = { _ in .never }
        script.send(.drainRequested(until: .seconds(7)))
        script.run(for: .milliseconds(6999))
        #expect(script.summary == nil)
        script.run(for: .milliseconds(1))
        #expect(script.summary != nil && script.openCalls.count == 4)
    }

    @Test func `with a deadline, retries that fall due before it are attempted`() throws {
        let script = script(rows: 1)
        var tries = 0
        script.ending = { _ in
            tries += 1
            return .after(.milliseconds(10), tries < 4 ? DeliveryOutcome(.retry, error: "HTTP 500") : .init(.delivered))
        }
        drain(script, until: .seconds(60))
        #expect(script.summary?.counts.delivered == 1 && script.calls.count == 4)
        let single = self.script(rows: 1)
        single.ending = { _ in .after(.milliseconds(10), DeliveryOutcome(.retry, error: "HTTP 500")) }
        drain(single)
        #expect(single.calls.count == 1 && single.summary?.nextDue != nil)
    }

    @Test func `an application that keeps writing does not prevent the end of sync`() throws {
        let script = script(["vg"], rows: 0)
        script.send(.drainRequested(until: nil))
        for index in 0..<3000 where script.summary == nil {
            script.change("w\(index)", at: ["vg"])
            script.run(for: .milliseconds(10))
        }
        #expect(script.summary != nil)
    }
}
