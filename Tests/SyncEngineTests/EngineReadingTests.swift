import SyncCore
import Testing

@testable import SyncEngine

/// What is read, and when.
@Suite struct EngineReadingTests {
    /// Every object exists and is unchanged; the list is empty.
    private func answer(_ script: EngineScript, after span: Duration = .milliseconds(10)) {
        script.ending = { call in
            guard case .read(let read) = call.purpose else { return .after(span, .init(.delivered)) }
            guard let id = read.path.split(separator: "/").last.map(String.init), Int64(id) != nil else {
                return .readAfter(span, .object(["data": .array([])]))
            }
            return .readAfter(span, .object(["id": .string(id), "status": .string("open")]))
        }
    }

    private func hook(_ script: EngineScript, _ ids: ClosedRange<Int>, ticket: UInt64 = 1) {
        script.send(.remoteEvents(ticket, "voicebot", ids.map { .changed(remoteID: "\($0)", agentID: nil) }))
    }

    @Test(arguments: [nil, PollSettings(interval: .minutes(30))])
    func `an object that a webhook call named is read at once, and its report is stored`(poll: PollSettings?) throws {
        let script = EngineScript([MadeUp.remote("voicebot", poll: poll)])
        answer(script)
        script.start()
        script.run(for: .seconds(2))
        let before = script.calls.count
        let calledAt = script.uptime
        hook(script, 7...7)
        script.run(for: .seconds(1))
        let read = try #require(script.calls.dropFirst(before).first)
        #expect(read.at - calledAt <= .milliseconds(5))
        #expect(script.store.requests["voicebot"] == [])
        #expect(script.exchanges.flatMap(\.exchange.reads).flatMap(\.reports).count == 1)
    }

    @Test(arguments: [nil, PollSettings(interval: .minutes(30))])
    func `more objects than a poll cycle reads are read in consecutive cycles`(poll: PollSettings?) {
        let script = EngineScript([MadeUp.remote("voicebot", poll: poll)])
        answer(script)
        script.start()
        script.run(for: .seconds(2))
        hook(script, 1...450)
        script.run(for: .seconds(10))
        #expect(script.store.requests["voicebot"]?.isEmpty == true, "\(script.store.requests["voicebot"]?.count ?? 0) are left")
    }

    @Test(arguments: [nil, PollSettings(interval: .minutes(30))])
    func `an object that is named during a poll cycle is read after it`(poll: PollSettings?) {
        let script = EngineScript([MadeUp.remote("voicebot", poll: poll)])
        answer(script, after: .milliseconds(200))
        script.start()
        script.run(for: .seconds(2))
        hook(script, 1...4)
        script.run(for: .milliseconds(100))
        hook(script, 5...5, ticket: 2)
        script.run(for: .seconds(5))
        #expect(script.store.requests["voicebot"]?.isEmpty == true)
    }

    @Test func `an object that is named repeatedly is read once a second`() {
        let script = EngineScript([MadeUp.remote("voicebot")])
        answer(script)
        script.start()
        for ticket in UInt64(1)...300 {
            hook(script, 7...7, ticket: ticket)
            script.run(for: .milliseconds(10))
        }
        script.run(for: .seconds(3))
        #expect((4...5).contains(script.calls.count), "\(script.calls.count) reads in three seconds")
        #expect(script.store.requests["voicebot"]?.isEmpty == true)
    }

    @Test func `reads that fail do not stop deliveries, and pause`() {
        let script = EngineScript([MadeUp.remote("voicebot", poll: PollSettings(interval: .seconds(10)))])
        script.start()
        for index in 0..<20 { script.store.change("c\(index)", at: ["voicebot"], now: script.wall) }
        script.send(.databaseChanged)
        script.run(for: .seconds(60))
        #expect(script.store.states() == [.delivered: 20])
        let reads = script.calls.filter(\.isRead).count
        #expect((2...6).contains(reads), "\(reads) lists were asked for")
        #expect(script.exchanges.count < 60)
    }

    @Test func `while deliveries wait, every fourth call is a read`() {
        let script = EngineScript([
            MadeUp.remote("voicebot", rate: RateLimit(calls: 10, period: .seconds(1)), poll: PollSettings(interval: .minutes(30)))
        ])
        script.store.rotation["voicebot"] = (1...40).map { ReadRequest(remoteID: "\($0)") }
        for index in 0..<400 { script.store.addRow("c\(index)", at: "voicebot", dueAt: script.wall) }
        answer(script)
        script.start()
        script.run(for: .seconds(12))
        let reads = script.calls.filter(\.isRead).count
        let share = Double(reads) / Double(script.calls.count)
        #expect((0.2...0.3).contains(share), "\(reads) of \(script.calls.count)")
    }

    @Test func `a paused remote is not read, and is read at once when it is resumed`() throws {
        let script = EngineScript([MadeUp.remote("voicebot", poll: PollSettings(interval: .seconds(10)))])
        answer(script)
        script.store.orders["voicebot"] = RemoteOrders()
        script.store.orders["voicebot"]?.isPaused = true
        script.start()
        let before = (exchanges: script.exchanges.count, calls: script.calls.count)
        script.run(for: .seconds(100))
        #expect(script.calls.count == before.calls)
        #expect(script.exchanges.count - before.exchanges <= 31, "\(script.exchanges.count - before.exchanges) exchanges")
        script.store.orders["voicebot"] = RemoteOrders()
        script.store.orders["voicebot"]?.resumedAt = "2026-03-01T12:00:00.000Z"
        let resumedAt = script.uptime
        script.send(.databaseChanged)
        script.run(for: .seconds(1))
        let read = try #require(script.calls.dropFirst(before.calls).first)
        #expect(read.at - resumedAt <= .milliseconds(60))
    }
}
