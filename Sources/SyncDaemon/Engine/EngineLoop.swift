import NIOCore
import SyncCore
import SyncEngine
import SyncHTTP
import SyncStore

/// The part of ``EngineOwner`` that is bound to its event loop: passes events to the engine one at a time, and carries out the resulting actions. It
/// makes no decisions.
///
/// Events that are posted while actions are carried out wait in the mailbox, so the engine is never called recursively.
final class EngineLoop {
    private let loop: any EventLoop
    private let now: @Sendable () -> Now
    private let reporter: EngineReporter
    private let calls: Calls
    private let queue: StoreQueue
    private let alarm: Alarm
    /// Called with every report, after it was logged.
    private let onReport: (EngineReport) -> Void
    private var engine: Engine
    private var mailbox = CircularBuffer<Engine.Event>()
    private var isHandling = false
    private var isStopped = false
    /// The callers waiting for their events to be stored, by ticket.
    private var senders: [UInt64: (Result<Int, StoreError>) -> Void] = [:]
    private var lastTicket: UInt64 = 0
    /// Why the last exchange, or a part of it, was not stored; nil if it was.
    private var storeFailure: StoreError?
    private var drainWaiter: ((Engine.DrainSummary?) -> Void)?
    private var stopWaiters: [() -> Void] = []

    init(
        _ engine: Engine, on loop: any EventLoop, reporter: EngineReporter, calls: Calls, queue: StoreQueue,
        now: @escaping @Sendable () -> Now,
        onReport: @escaping (EngineReport) -> Void
    ) {
        self.engine = engine
        self.loop = loop
        self.reporter = reporter
        self.calls = calls
        self.queue = queue
        self.now = now
        self.onReport = onReport
        // The alarm needs a closure that refers to this object, which cannot be referenced before all properties are set.
        let bell = Bell()
        alarm = Alarm(on: loop, uptime: { now().uptime }) { bell.ring() }
        bell.owner = self
    }

    private final class Bell {
        weak var owner: EngineLoop?
        func ring() { owner?.post(.alarmRang) }
    }

    // MARK: Events

    func post(_ event: Engine.Event) {
        guard !isStopped else { return }
        mailbox.append(event)
        guard !isHandling else { return }
        isHandling = true
        while let event = mailbox.popFirst() { handle(event) }
        isHandling = false
    }

    private func handle(_ event: Engine.Event) {
        var actions: [Engine.Action] = []
        engine.handle(event, now: now(), into: &actions)
        for action in actions { carryOut(action) }
    }

    // MARK: Actions

    private func carryOut(_ action: Engine.Action) {
        switch action {
        case .exchange(let exchange): queue.exchange(exchange) { [weak self] in self?.exchanged($0) }
        case .call(let id, let remote, let purpose):
            calls.start(id, to: remote, purpose, now: { [now] in now().wall }) { [weak self] in self?.post(.callEnded(id, $0)) }
        case .cancel(let id): calls.cancel(id)
        case .respond(let ticket, let new): senders.removeValue(forKey: ticket)?(new.map(Result.success) ?? .failure(notStored))
        case .setAlarm(let deadline): alarm.set(deadline)
        case .report(let report): self.report(report)
        case .drained(let summary): endDrain(summary)
        case .stopped: end()
        }
    }

    private func exchanged(_ result: Result<ExchangeResult, StoreError>) {
        storeFailure =
            switch result {
            case .success(let result):
                result.problems.isEmpty ? nil : .sqlite(code: 1, detail: result.problems.joined(separator: "; "))
            case .failure(let error): error
            }
        post(.exchanged(result))
    }

    private var notStored: StoreError { storeFailure ?? .sqlite(code: 1, detail: "what the remote said cannot be stored") }

    func report(_ report: EngineReport) {
        reporter.report(report)
        onReport(report)
    }

    func reportRepeats() { reporter.reportRepeats() }

    // MARK: Requests

    func health() -> Health { engine.health(now: now()) }

    /// - Parameter waiter: called with the number of new events when they are stored.
    func receive(_ notices: [Notice], from remote: String, _ waiter: @escaping (Result<Int, StoreError>) -> Void) {
        guard !isStopped else { return waiter(.failure(notStored)) }
        lastTicket += 1
        senders[lastTicket] = waiter
        post(.remoteEvents(lastTicket, remote, notices))
    }

    /// - Parameter deadline: a time of the uptime clock.
    func drain(until deadline: Duration?, _ waiter: @escaping (Engine.DrainSummary?) -> Void) {
        precondition(drainWaiter == nil, "one drain at a time")
        guard !isStopped else { return waiter(nil) }
        drainWaiter = waiter
        post(.drainRequested(until: deadline))
    }

    private func endDrain(_ summary: Engine.DrainSummary?) {
        guard let waiter = drainWaiter else { return }
        drainWaiter = nil
        waiter(summary)
    }

    /// - Parameter whenIdle: called when no exchange is in progress, with the rows that the engine is working on; none begins until
    ///   ``configure(_:_:_:for:repeats:)`` or ``release()``.
    func hold(_ whenIdle: @escaping (Set<Int64>) -> Void) {
        queue.hold { [self] in whenIdle(engine.ownRows) }
    }

    func release() { queue.release() }

    func configure(_ remotes: [Remote], _ settings: Engine.Settings, _ stored: Engine.StoredState, for parties: Parties, repeats: Int) {
        reporter.delivery.configure(repeats: repeats)
        calls.configure(remotes)
        post(.configured(remotes, settings, stored))
        queue.release(for: parties)
    }

    /// - Returns: the transports; shutting them down ends the calls in flight.
    func stopCalls() -> [any HTTPTransport] { calls.stop() }

    /// - Parameter waiter: called when the engine has stopped, or at the limit.
    func stop(within bound: Duration, limit: Duration, _ waiter: @escaping () -> Void) {
        guard !isStopped else { return waiter() }
        stopWaiters.append(waiter)
        loop.assumeIsolated().scheduleTask(in: .milliseconds(limit.milliseconds)) { [weak self] in self?.end() }
        post(.stopRequested(within: bound))
    }

    private func end() {
        guard !isStopped else { return }
        isStopped = true
        mailbox.removeAll()
        alarm.set(nil)
        for sender in senders.values { sender(.failure(notStored)) }
        senders = [:]
        endDrain(nil)
        reporter.reportRepeats(all: true)
        for waiter in stopWaiters { waiter() }
        stopWaiters = []
    }
}
