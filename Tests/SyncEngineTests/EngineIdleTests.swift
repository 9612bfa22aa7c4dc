import SyncCore
import Testing

@testable import SyncEngine

/// Without events an engine does nothing.
@Suite struct EngineIdleTests {
    @Test func `an idle engine makes one exchange per interval, which only reads`() {
        let script = EngineScript(["fin", "helpdesk", "vg", "voicebot"].map { MadeUp.remote($0) })
        script.start()
        let before = script.exchanges.count
        #expect(before <= 2)
        script.run(for: .minutes(10))
        #expect(script.exchanges.count - before == 10)
        #expect(script.exchanges[before...].allSatisfy { $0.exchange.lanes.allSatisfy(\.onlyAsks) && $0.exchange.run.id == nil })
        #expect(script.store.runs == 0)
    }

    @Test func `commits by others that do not concern the service cost one exchange per debounce`() {
        let script = EngineScript(["vg", "helpdesk"].map { MadeUp.remote($0) })
        script.start()
        let before = script.exchanges.count
        for _ in 0..<100 {
            script.send(.databaseChanged)
            script.run(for: .milliseconds(10))
        }
        script.run(for: .seconds(5))
        #expect((15...20).contains(script.exchanges.count - before), "\(script.exchanges.count - before)")
        #expect(script.store.runs == 0)
    }

    @Test func `rows that wait for a paused remote cause no exchange and do not delay others`() throws {
        let script = EngineScript(["helpdesk", "vg"].map { MadeUp.remote($0) })
        script.store.orders["vg"] = RemoteOrders()
        script.store.orders["vg"]?.isPaused = true
        for index in 0..<200 { script.store.addRow("w\(index)", at: "vg", dueAt: script.wall) }
        script.start()
        let before = script.exchanges.count
        #expect(before <= 3)
        script.run(for: .seconds(30))
        #expect(script.exchanges.count == before)
        for index in 0..<12 {
            script.change("c\(index)", at: ["helpdesk", "vg"])
            script.run(for: .seconds(1))
        }
        #expect(script.calls(to: "helpdesk").count == 12 && script.calls(to: "vg").isEmpty)
        #expect(script.exchanges.count - before <= 24, "\(script.exchanges.count - before) exchanges for twelve changes")
    }

    @Test func `rows that wait for their next attempt cause no exchange before it is due`() {
        let script = EngineScript([MadeUp.remote("vg")])
        for index in 0..<20 { script.store.addRow("w\(index)", at: "vg", attempts: 3, dueAt: script.wall + .seconds(20)) }
        script.start()
        let before = script.exchanges.count
        script.run(for: .seconds(19))
        #expect(script.exchanges.count == before && script.calls.isEmpty)
        script.run(for: .seconds(2))
        #expect(script.store.states() == [.delivered: 20])
        #expect(script.calls.first.map { $0.at - .seconds(20) <= .milliseconds(20) } == true)
    }

    @Test func `a remote with a rate gets its calls one by one, with one or two exchanges each`() {
        let script = EngineScript([MadeUp.remote("vg", rate: RateLimit(calls: 30, period: .minutes(1)))])
        for index in 0..<100 { script.store.addRow("w\(index)", at: "vg", dueAt: script.wall) }
        script.start()
        let before = (exchanges: script.exchanges.count, calls: script.calls.count)
        script.run(for: .seconds(60))
        let calls = script.calls.count - before.calls
        #expect((29...31).contains(calls))
        #expect(script.exchanges.count - before.exchanges <= calls * 2 + 2, "\(script.exchanges.count - before.exchanges)")
        #expect(script.store.states()[.sending] ?? 0 <= 1, "nothing is claimed that cannot go out")
    }

    // MARK: Polls

    private let emptyList = JSONValue.object(["data": .array([])])

    @Test func `a poll that finds nothing new costs its list and four exchanges, and no report`() {
        let script = EngineScript([MadeUp.remote("voicebot", poll: PollSettings(interval: .seconds(10)))])
        let body = emptyList
        script.ending = { _ in .readAfter(.milliseconds(10), body) }
        script.start()
        let before = (exchanges: script.exchanges.count, calls: script.calls.count)
        #expect(before.calls == 1)
        script.run(for: .seconds(100))
        #expect(script.calls.count - before.calls == 10)
        #expect(script.exchanges.count - before.exchanges <= 41, "\(script.exchanges.count - before.exchanges)")
        #expect(script.store.runs == 0)
    }

    @Test func `objects that are read in rotation without news cost no further exchange`() {
        let script = EngineScript([MadeUp.remote("voicebot", poll: PollSettings(interval: .seconds(10)))])
        script.store.rotation["voicebot"] = (1...3).map { ReadRequest(remoteID: "\($0)") }
        let list = emptyList
        script.ending = { call in
            guard case .read(let read) = call.purpose, let id = read.path.split(separator: "/").last.map(String.init), Int64(id) != nil
            else { return .readAfter(.milliseconds(10), list) }
            return .readAfter(.milliseconds(10), .object(["id": .string(id), "status": .string("open")]))
        }
        script.start()
        let before = (exchanges: script.exchanges.count, calls: script.calls.count)
        script.run(for: .seconds(100))
        #expect(script.calls.count - before.calls == 40, "a list and three objects each time")
        #expect(script.exchanges.count - before.exchanges <= 51, "\(script.exchanges.count - before.exchanges)")
        #expect(script.store.runs == 0, "a report that says nothing new is no run")
    }
}
