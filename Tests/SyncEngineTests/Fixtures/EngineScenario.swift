import SyncCore
import Testing

@testable import SyncEngine

/// The engine over a ``ScriptedStore`` and scripted calls, in virtual time: carries out its actions, checks them, and records them.
final class EngineScenario {
    struct Made {
        var exchange: Exchange
        var at: Duration
    }

    struct MadeCall {
        var id: Engine.CallID
        var remote: String
        var purpose: Engine.CallPurpose
        var at: Duration
        var isCancelled = false

        var conversation: String? { if case .deliver(let row) = purpose { row.conversationID } else { nil } }
        var isRead: Bool { if case .read = purpose { true } else { false } }
    }

    /// How a call ends.
    enum Ending {
        case after(Duration, DeliveryOutcome)
        /// - outcome: delivered where there is a body.
        case readAfter(Duration, JSONValue?, DeliveryOutcome = DeliveryOutcome(.delivered))
        case never
    }

    private enum Occurrence {
        case exchangeEnds(Exchange)
        /// - wallStep: the offset of the wall clock to which timestamps in the outcome refer.
        case callEnds(Engine.CallID, Engine.CallEnd, wallStep: Duration)
    }

    private(set) var engine: Engine
    var store: ScriptedStore
    /// Changes the result of an exchange.
    var adjust: (Exchange, inout ExchangeResult) -> Void = { _, _ in }
    /// The duration of a transaction.
    var exchangeTime = Duration.milliseconds(2)
    /// The error with which an exchange fails; nil: it succeeds.
    var failure: (Exchange) -> StoreError? = { _ in nil }
    var ending: (MadeCall) -> Ending = { call in
        call.isRead
            ? .readAfter(.milliseconds(10), nil, DeliveryOutcome(.retry, error: "HTTP 500")) : .after(.milliseconds(10), .init(.delivered))
    }

    /// A call that is cancelled never ends.
    var loses = false

    private(set) var uptime = Duration.zero
    /// The offset that was added to the wall clock.
    private(set) var wallStep = Duration.zero
    private(set) var exchanges: [Made] = []
    private(set) var calls: [MadeCall] = []
    private(set) var reports: [EngineReport] = []
    private(set) var responses: [UInt64: Int?] = [:]
    private(set) var summary: Engine.DrainSummary?
    private(set) var stoppedAt: Duration?
    private var alarmAt: Duration?
    private var isExchanging = false
    private var open: Set<UInt64> = []
    private var occurrences: [(at: Duration, order: Int, what: Occurrence)] = []
    private var lastOrder = 0

    init(_ remotes: [Remote], _ settings: Engine.Settings = MadeUp.settings(), stored: [String: StoredRemote] = [:], seed: UInt64 = 1) {
        store = ScriptedStore()
        store.pushedLast = Set(remotes.filter(\.kind.isPushedAtEndOfRun).map(\.name))
        engine = Engine(
            remotes, settings, stored: .init(processID: 7, remotes: stored), seed: seed, now: Now(wall: MadeUp.noon, uptime: .zero))
    }

    var wall: Instant { MadeUp.noon + uptime + wallStep }

    // MARK: Events

    /// Starts the service and runs it until it is idle.
    func start() {
        send(.turnRequested(.startup))
        run(for: .milliseconds(500))
    }

    func send(_ event: Engine.Event) {
        var actions: [Engine.Action] = []
        engine.handle(event, now: Now(wall: wall, uptime: uptime), into: &actions)
        if stoppedAt != nil, !actions.isEmpty { Issue.record("the engine has stopped, and acts: \(actions)") }
        for action in actions { perform(action) }
    }

    /// The application changes a conversation, and the change of the file is seen.
    func change(_ conversation: String, at remotes: [String]) {
        store.change(conversation, at: remotes, now: wall)
        send(.databaseChanged)
    }

    /// Sets the wall clock. The engine learns about it with the next event.
    func setWallClock(by step: Duration) { wallStep = wallStep + step }

    /// Advances the time: alarms, ends of exchanges and of calls happen in their order.
    func run(for span: Duration, until isOver: () -> Bool = { false }) {
        let end = uptime + span
        for _ in 0..<20_000 {
            if isOver() { return }
            let index = occurrences.indices.min {
                (occurrences[$0].at, occurrences[$0].order) < (occurrences[$1].at, occurrences[$1].order)
            }
            let occursAt = index.map { occurrences[$0].at }
            if let alarmAt, alarmAt <= end, alarmAt < occursAt ?? .days(365) {
                uptime = max(uptime, alarmAt)
                self.alarmAt = nil
                send(.alarmRang)
            } else if let index, let occursAt, occursAt <= end {
                uptime = max(uptime, occursAt)
                occur(occurrences.remove(at: index).what)
            } else {
                uptime = end
                return
            }
        }
        Issue.record("the engine does not come to rest: \(exchanges.count) exchanges, \(calls.count) calls")
    }

    /// Advances the time without handling anything that falls due meanwhile.
    func skip(_ span: Duration) { uptime = uptime + span }

    private func occur(_ what: Occurrence) {
        switch what {
        case .exchangeEnds(let exchange):
            isExchanging = false
            if let error = failure(exchange) {
                send(.exchanged(.failure(error)))
            } else {
                var result = store.carryOut(exchange)
                adjust(exchange, &result)
                send(.exchanged(.success(result)))
            }
        case .callEnds(let id, let end, let step):
            open.remove(id.number)
            send(.callEnded(id, end.moved(by: wallStep - step)))
        }
    }

    private func schedule(_ what: Occurrence, after span: Duration) {
        lastOrder += 1
        occurrences.append((uptime + span, lastOrder, what))
    }

    // MARK: Actions

    private func perform(_ action: Engine.Action) {
        switch action {
        case .exchange(let exchange):
            if isExchanging { Issue.record("an exchange begins while another one is in progress") }
            isExchanging = true
            exchanges.append(Made(exchange: exchange, at: uptime))
            schedule(.exchangeEnds(exchange), after: exchangeTime)
        case .call(let id, let remote, let purpose): call(MadeCall(id: id, remote: remote, purpose: purpose, at: uptime))
        case .cancel(let id): cancel(id)
        case .respond(let ticket, let written):
            if responses[ticket] != nil { Issue.record("ticket \(ticket) gets two responses") }
            responses[ticket] = .some(written)
        case .setAlarm(let moment):
            if let moment, moment <= uptime { Issue.record("an alarm is set for \(moment.notation), and it is \(uptime.notation)") }
            alarmAt = moment
        case .report(let report): reports.append(report)
        case .drained(let drained): summary = drained
        case .stopped: stoppedAt = uptime
        }
    }

    private func call(_ call: MadeCall) {
        if case .deliver(let row) = call.purpose, store.rows[row.id]?.row.state != .sending {
            Issue.record("row \(row.id) is sent, and its state is \(String(describing: store.rows[row.id]?.row.state))")
        }
        calls.append(call)
        open.insert(call.id.number)
        switch ending(call) {
        case .after(let span, let outcome):
            schedule(.callEnds(call.id, .delivered(outcome, hadPresentCredential: true), wallStep: wallStep), after: span)
        case .readAfter(let span, let body, let outcome):
            schedule(.callEnds(call.id, .read(outcome, body: body), wallStep: wallStep), after: span)
        case .never: break
        }
    }

    /// A call that is cancelled ends at once.
    private func cancel(_ id: Engine.CallID) {
        guard open.contains(id.number), let index = calls.firstIndex(where: { $0.id == id }) else {
            Issue.record("a call is cancelled that is not on its way")
            return
        }
        calls[index].isCancelled = true
        if !loses { end(calls[index], DeliveryOutcome(.interrupted, fate: .unknown)) }
    }

    /// Ends a call that would never end by itself.
    func end(_ call: MadeCall, _ outcome: DeliveryOutcome, body: JSONValue? = nil) {
        let isRead = call.isRead
        schedule(
            .callEnds(call.id, isRead ? .read(outcome, body: body) : .delivered(outcome, hadPresentCredential: true), wallStep: wallStep),
            after: .zero)
    }

    // MARK: Results

    var present: Now { Now(wall: wall, uptime: uptime) }

    var openCalls: [MadeCall] { calls.filter { open.contains($0.id.number) } }

    func calls(to remote: String) -> [MadeCall] { calls.filter { $0.remote == remote } }

    func lane(_ remote: String) -> Lane? { engine.index(of: remote).map { engine.remotes[$0].lane } }

    /// Rows under a lease that no lane knows: they would never end.
    var strayRows: [Int64] {
        let known = engine.ownRows
        return store.rows.filter { $0.value.row.state == .sending && !known.contains($0.key) }.map(\.key).sorted()
    }
}

extension Engine.CallEnd {
    /// The outcome by a wall clock that was set meanwhile: responses are read when they arrive.
    fileprivate func moved(by step: Duration) -> Engine.CallEnd {
        switch self {
        case .delivered(let outcome, let hadPresentCredential):
            .delivered(outcome.moved(by: step), hadPresentCredential: hadPresentCredential)
        case .read(let outcome, let body): .read(outcome.moved(by: step), body: body)
        }
    }
}
