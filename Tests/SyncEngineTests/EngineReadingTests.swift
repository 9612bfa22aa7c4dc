import SyncCore
import Testing

@testable import SyncEngine

/// What is read, and when.
@Suite struct EngineReadingTests {
    /// Every object exists and is unchanged; the list is empty.
    private func answer(_ scenario: EngineScenario, after span: Duration = .milliseconds(10)) {
        scenario.ending = { call in
            guard case .read(let read) = call.purpose else { return .after(span, .init(.delivered)) }
            guard let id = read.path.split(separator: "/").last.map(String.init), Int64(id) != nil else {
                return .readAfter(span, .object(["data": .array([])]))
            }
            return .readAfter(span, .object(["id": .string(id), "status": .string("open")]))
        }
    }

    private func hook(_ scenario: EngineScenario, _ ids: ClosedRange<Int>, ticket: UInt64 = 1) {
        scenario.send(.remoteEvents(ticket, "voicebot", ids.map { .changed(remoteID: "\($0)", agentID: nil) }))
    }

    @Test(arguments: [nil, PollSettings(interval: .minutes(30))])
    func `an object that a webhook call named is read at once, and its report is stored`(poll: PollSettings?) throws {
        let scenario = EngineScenario([MadeUp.remote("voicebot", poll: poll)])
        answer(scenario)
        scenario.start()
        scenario.run(for: .seconds(2))
        let before = scenario.calls.count
        let calledAt = scenario.uptime
        hook(scenario, 7...7)
        scenario.run(for: .seconds(1))
        let read = try #require(scenario.calls.dropFirst(before).first)
        #expect(read.at - calledAt <= .milliseconds(5))
        #expect(scenario.store.requests["voicebot"] == [])
        #expect(scenario.exchanges.flatMap(\.exchange.reads).flatMap(\.reports).count == 1)
    }

    @Test(arguments: [nil, PollSettings(interval: .minutes(30))])
    func `more objects than a poll cycle reads are read in consecutive cycles`(poll: PollSettings?) {
        let scenario = EngineScenario([MadeUp.remote("voicebot", poll: poll)])
        answer(scenario)
        scenario.start()
        scenario.run(for: .seconds(2))
        hook(scenario, 1...450)
        scenario.run(for: .seconds(10))
        #expect(scenario.store.requests["voicebot"]?.isEmpty == true, "\(scenario.store.requests["voicebot"]?.count ?? 0) are left")
    }

    @Test func `a poll cycle reads 200 named objects, four at a time, and stores the reports of 50 together`() {
        let scenario = EngineScenario([MadeUp.remote("voicebot", concurrency: 64)])
        answer(scenario)
        let answering = scenario.ending
        var most = 0
        scenario.ending = { [unowned scenario] call in
            most = max(most, scenario.openCalls.count)
            return answering(call)
        }
        scenario.start()
        scenario.run(for: .seconds(2))
        hook(scenario, 1...450)
        scenario.run(for: .seconds(10))
        let parts = scenario.exchanges.flatMap(\.exchange.reads)
        #expect(most == 4)
        #expect(parts.map(\.requests).max() == 200)
        #expect(parts.map(\.reports.count).max() == 50 && parts.map(\.reports.count).reduce(0, +) == 450)
    }

    @Test func `a drain reads five poll cycles, and leaves the rest of the named objects`() {
        let scenario = EngineScenario([MadeUp.remote("voicebot")])
        answer(scenario)
        scenario.store.requests["voicebot"] = (1...1500).map { ReadRequest(remoteID: "\($0)") }
        scenario.send(.drainRequested(until: nil))
        scenario.run(for: .minutes(2)) { scenario.summary != nil }
        #expect(scenario.summary != nil)
        #expect(scenario.store.requests["voicebot"]?.count == 500)
    }

    @Test(arguments: [nil, PollSettings(interval: .minutes(30))])
    func `an object that is named during a poll cycle is read after it`(poll: PollSettings?) {
        let scenario = EngineScenario([MadeUp.remote("voicebot", poll: poll)])
        answer(scenario, after: .milliseconds(200))
        scenario.start()
        scenario.run(for: .seconds(2))
        hook(scenario, 1...4)
        scenario.run(for: .milliseconds(100))
        hook(scenario, 5...5, ticket: 2)
        scenario.run(for: .seconds(5))
        #expect(scenario.store.requests["voicebot"]?.isEmpty == true)
    }

    @Test func `an object that is named repeatedly is read once a second`() {
        let scenario = EngineScenario([MadeUp.remote("voicebot")])
        answer(scenario)
        scenario.start()
        for ticket in UInt64(1)...300 {
            hook(scenario, 7...7, ticket: ticket)
            scenario.run(for: .milliseconds(10))
        }
        scenario.run(for: .seconds(3))
        #expect((4...5).contains(scenario.calls.count), "\(scenario.calls.count) reads in three seconds")
        #expect(scenario.store.requests["voicebot"]?.isEmpty == true)
    }

    /// Until the returned value is false, every object responds with something that is not a conversation.
    private func answerStrangely(_ scenario: EngineScenario) -> Flag {
        answer(scenario)
        let (answering, isStrange) = (scenario.ending, Flag())
        scenario.ending = { call in
            guard isStrange.value, case .read(let read) = call.purpose, read.path.last?.isNumber == true else { return answering(call) }
            return .readAfter(.milliseconds(10), .object(["message": .string("busy")]))
        }
        return isStrange
    }

    private final class Flag {
        var value = true
    }

    @Test(arguments: [nil, PollSettings(interval: .minutes(30))])
    func `objects of a poll cycle in which nothing can be understood are read again`(poll: PollSettings?) {
        let scenario = EngineScenario([MadeUp.remote("voicebot", poll: poll)])
        let isStrange = answerStrangely(scenario)
        scenario.start()
        scenario.run(for: .seconds(2))
        hook(scenario, 1...3)
        scenario.run(for: .seconds(1))
        #expect(scenario.store.requests["voicebot"]?.count == 3)
        isStrange.value = false
        scenario.run(for: .seconds(10))
        #expect(scenario.store.requests["voicebot"] == [])
        #expect(scenario.exchanges.flatMap(\.exchange.reads).flatMap(\.reports).count == 3)
    }

    @Test func `an object that alone cannot be understood is not read again`() {
        let scenario = EngineScenario([MadeUp.remote("voicebot")])
        _ = answerStrangely(scenario)
        scenario.start()
        hook(scenario, 7...7)
        scenario.run(for: .minutes(1))
        #expect(scenario.store.requests["voicebot"] == [])
        #expect(scenario.calls.count == 1)
    }

    /// Reads of these objects fail; all others are answered.
    private func refuse(_ ids: Set<String>, _ scenario: EngineScenario) {
        answer(scenario)
        let answering = scenario.ending
        scenario.ending = { call in
            guard case .read(let read) = call.purpose, let id = read.path.split(separator: "/").last, ids.contains(String(id)) else {
                return answering(call)
            }
            return .readAfter(.milliseconds(10), nil, DeliveryOutcome(.park, error: "HTTP 403"))
        }
    }

    /// A remote that sends webhook calls.
    private var calling: Remote {
        var remote = MadeUp.remote("voicebot")
        remote.webhook = WebhookSettings(path: "/hooks/voicebot", secret: .environment(variable: "SECRET"))
        return remote
    }

    @Test func `what a remote without polls and webhook calls does not allow to read is reported, not read again, and no failure`() {
        let scenario = EngineScenario([MadeUp.remote("voicebot")])
        refuse(["1", "2"], scenario)
        scenario.start()
        hook(scenario, 1...2)
        scenario.run(for: .minutes(10))
        #expect(scenario.store.requests["voicebot"] == [])
        #expect(scenario.calls.compactMap { objectRead(by: $0) }.sorted() == ["1", "2"])
        let unreadable = scenario.reports.compactMap { report -> String? in
            guard case .unreadable(let object, remote: _, reason: "HTTP 403", hint: _) = report else { return nil }
            return object.remoteID
        }
        #expect(unreadable.sorted() == ["1", "2"])
        #expect(scenario.exchanges.flatMap(\.exchange.reads).compactMap(\.health) == [.read])
    }

    @Test func `named objects whose reads always fail do not keep those behind them from being read`() {
        let scenario = EngineScenario([calling])
        refuse(Set((1...60).map { "\($0)" }), scenario)
        scenario.start()
        hook(scenario, 1...65)
        scenario.run(for: .seconds(10))
        #expect(scenario.exchanges.flatMap(\.exchange.reads).flatMap(\.reports).count == 5)
        #expect(Set((scenario.store.requests["voicebot"] ?? []).map(\.remoteID)) == Set((1...60).map { "\($0)" }))
    }

    @Test func `an object whose read always fails is read less and less often, and no other waits for it`() throws {
        let scenario = EngineScenario([calling])
        refuse(["1"], scenario)
        scenario.start()
        hook(scenario, 1...1)
        scenario.run(for: .minutes(10))
        let before = scenario.calls.count
        #expect((8...12).contains(before), "\(before) reads in ten minutes")
        for (id, ticket) in [(2, 2), (1, 3)] as [(Int, UInt64)] {
            let (calls, namedAt) = (scenario.calls.count, scenario.uptime)
            hook(scenario, id...id, ticket: ticket)
            scenario.run(for: .seconds(1))
            let call = try #require(scenario.calls.dropFirst(calls).first, "\(id) is not read")
            #expect(objectRead(by: call) == "\(id)" && call.at - namedAt <= .milliseconds(5))
            scenario.run(for: .seconds(1))
        }
        #expect(scenario.store.requests["voicebot"]?.map(\.remoteID) == ["1"])
    }

    @Test(arguments: [nil, PollSettings(interval: .minutes(1))])
    func `a list that fails does not keep the named objects from being read`(poll: PollSettings?) {
        let scenario = EngineScenario([MadeUp.remote("voicebot", poll: poll)])
        let failing = scenario.ending
        answer(scenario)
        let answering = scenario.ending
        scenario.ending = { call in
            if case .read(let read) = call.purpose, read.path.last?.isNumber == true { answering(call) } else { failing(call) }
        }
        scenario.store.rotation["voicebot"] = [ReadRequest(remoteID: "9")]
        scenario.send(.remoteEvents(1, "voicebot", [.somethingChanged, .changed(remoteID: "7", agentID: nil)]))
        scenario.run(for: .seconds(1))
        #expect(scenario.store.requests["voicebot"] == [ReadRequest(remoteID: "")], "the list is still to be read")
        #expect(scenario.exchanges.flatMap(\.exchange.reads).compactMap(\.health) == [.failed("list: HTTP 500")])
        // However often the list has failed.
        scenario.run(for: .minutes(5))
        hook(scenario, 8...8, ticket: 2)
        scenario.run(for: .seconds(2))
        #expect(scenario.store.requests["voicebot"] == [ReadRequest(remoteID: "")])
        let lists = scenario.calls.count(where: { objectRead(by: $0) == nil })
        #expect(scenario.calls.compactMap { objectRead(by: $0) } == ["7", "8"])
        #expect((3...12).contains(lists), "\(lists) lists were asked for")
    }

    @Test func `reads that fail do not stop deliveries, and pause`() {
        let scenario = EngineScenario([MadeUp.remote("voicebot", poll: PollSettings(interval: .seconds(10)))])
        scenario.start()
        for index in 0..<20 { scenario.store.change("c\(index)", at: ["voicebot"], now: scenario.wall) }
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(60))
        #expect(scenario.store.states() == [.delivered: 20])
        let reads = scenario.calls.filter(\.isRead).count
        #expect((2...6).contains(reads), "\(reads) lists were asked for")
        #expect(scenario.exchanges.count < 60)
    }

    @Test func `while deliveries wait, every fourth call is a read`() {
        let scenario = EngineScenario([
            MadeUp.remote("voicebot", rate: RateLimit(calls: 10, period: .seconds(1)), poll: PollSettings(interval: .minutes(30)))
        ])
        scenario.store.rotation["voicebot"] = (1...40).map { ReadRequest(remoteID: "\($0)") }
        for index in 0..<400 { scenario.store.addRow("c\(index)", at: "voicebot", dueAt: scenario.wall) }
        answer(scenario)
        scenario.start()
        scenario.run(for: .seconds(12))
        let reads = scenario.calls.filter(\.isRead).count
        let share = Double(reads) / Double(scenario.calls.count)
        #expect((0.2...0.3).contains(share), "\(reads) of \(scenario.calls.count)")
    }

    /// Nil for a list.
    private func objectRead(by call: EngineScenario.MadeCall) -> String? {
        guard case .read(let read) = call.purpose, let id = read.path.split(separator: "/").last, Int64(id) != nil else { return nil }
        return String(id)
    }

    /// A remote with a backlog that lasts for seconds, and 40 objects to read.
    private func busy() -> EngineScenario {
        let scenario = EngineScenario([MadeUp.remote("voicebot", poll: PollSettings(interval: .minutes(30)))])
        scenario.store.rotation["voicebot"] = (1...40).map { ReadRequest(remoteID: "\($0)") }
        for index in 0..<2000 { scenario.store.addRow("c\(index)", at: "voicebot", dueAt: scenario.wall) }
        answer(scenario)
        return scenario
    }

    @Test func `a backlog that takes every slot does not keep the remote from being read`() {
        let scenario = busy()
        scenario.start()
        scenario.run(for: .milliseconds(500))
        #expect(scenario.store.states()[.pending] ?? 0 > 0, "the backlog is over")
        #expect(scenario.calls.count(where: \.isRead) == 41)
        let first = scenario.calls.prefix(100)
        #expect(first.count(where: \.isRead) <= 25, "deliveries have three of four calls")
    }

    @Test func `reads that hang leave three of four slots to the deliveries that wait`() {
        let scenario = busy()
        let answering = scenario.ending
        scenario.ending = { call in
            guard case .read(let read) = call.purpose, read.path.hasSuffix("0") else { return answering(call) }
            return .never
        }
        scenario.start()
        scenario.run(for: .milliseconds(500))
        #expect(scenario.store.states()[.pending] ?? 0 > 0, "the backlog is over")
        #expect(scenario.openCalls.count(where: \.isRead) == 2)
        #expect(scenario.calls.count > 300)
    }

    @Test func `at a rate below a call in two seconds a poll cycle goes on with each call, and each report is stored at once`() {
        let rate = RateLimit(calls: 1500, period: .hours(1))
        let scenario = EngineScenario([MadeUp.remote("voicebot", rate: rate, poll: PollSettings(interval: .minutes(30)))])
        scenario.store.rotation["voicebot"] = (1...3).map { ReadRequest(remoteID: "\($0)") }
        answer(scenario)
        scenario.start()
        scenario.run(for: .seconds(20))
        #expect(scenario.calls.count == 4, "the list and three objects")
        let parts = scenario.exchanges.flatMap(\.exchange.reads)
        #expect(parts.map(\.reports.count).filter { $0 > 0 } == [1, 1, 1])
        #expect(parts.compactMap(\.health) == [.read])
    }

    @Test func `a paused remote is not read, and is read at once when it is resumed`() throws {
        let scenario = EngineScenario([MadeUp.remote("voicebot", poll: PollSettings(interval: .seconds(10)))])
        answer(scenario)
        scenario.store.orders["voicebot"] = RemoteOrders()
        scenario.store.orders["voicebot"]?.isPaused = true
        scenario.start()
        let before = (exchanges: scenario.exchanges.count, calls: scenario.calls.count)
        scenario.run(for: .seconds(100))
        #expect(scenario.calls.count == before.calls)
        #expect(scenario.exchanges.count - before.exchanges <= 31, "\(scenario.exchanges.count - before.exchanges) exchanges")
        scenario.store.orders["voicebot"] = RemoteOrders()
        scenario.store.orders["voicebot"]?.resumedAt = "2026-03-01T12:00:00.000Z"
        let resumedAt = scenario.uptime
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(1))
        let read = try #require(scenario.calls.dropFirst(before.calls).first)
        #expect(read.at - resumedAt <= .milliseconds(60))
    }
}
