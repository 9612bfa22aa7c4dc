import SyncCore
import SyncHTTP
import SyncRemotes
import SyncStore

/// Delivers the due rows of one remote: claims ahead, calls as many at once as its gate admits, and hands outcomes to the commit
/// queue in groups. Lanes know nothing of each other, so a remote that fails or dawdles delays nobody else.
package actor Lane {
    /// Outcomes wait for company this long before they are committed, unless nothing else is in flight.
    private static let linger = Span.milliseconds(20)
    /// Outcomes that wait for their commit at most; a crash repeats the calls of these and of those in flight.
    private static let uncommittedLimit = 256
    /// A hold that ends sooner than this is waited out; for a longer one the claimed rows are put back.
    private static let shortHold = Span.seconds(2)

    package nonisolated let remote: RemoteConfiguration
    private let courier: Courier
    private let commits: CommitQueue
    private let reporter: DeliveryReporter
    /// Called when a conversation can be planned whose planning waited for a call of this lane.
    private let onPlanningFreed: @Sendable () -> Void
    private let now: @Sendable () -> Instant

    private var gate: RemoteGate
    private var credential: Credential
    private var buffer: [ClaimedRow] = []
    private var finished: [FinishedCall] = []
    private var committing: [FinishedCall] = []
    private var claims: ClaimAhead
    private var isExchanging = false
    private var gateChanged = false
    private var timerAt: Instant?
    private var isActive = false
    private var isStopping = false
    /// The store has to be asked whether the remote was paused or resumed.
    private var mayBeSteered = false
    /// The run that last started the lane, and how many calls are in flight by the run under which they went out.
    private var run: Int64 = 0
    private var inFlightByRun: [Int64: Int] = [:]
    /// Wakes the round in progress; every round has its own.
    private var wakeSignal = WakeSignal()
    private var idleWaiters: [CheckedContinuation<Void, Never>] = []
    private var triedWaiters: [(run: Int64, continuation: CheckedContinuation<Void, Never>)] = []
    private var counts = RunCounts()
    private var failure: StoreError?
    private(set) package var lastProgress: Instant
    /// Rows delivered since the lane exists.
    private(set) package var delivered = 0

    init(
        remote: RemoteConfiguration, courier: Courier, credential: Credential, stored: RemoteGate.Stored, commits: CommitQueue,
        reporter: DeliveryReporter, onPlanningFreed: @escaping @Sendable () -> Void, now: @escaping @Sendable () -> Instant
    ) {
        self.remote = remote
        self.courier = courier
        self.credential = credential
        self.commits = commits
        self.reporter = reporter
        self.onPlanningFreed = onPlanningFreed
        self.now = now
        gate = RemoteGate(remote.gate, stored: stored, now: now())
        claims = ClaimAhead(concurrency: remote.gate.concurrency, payload: remote.kind.receivesMessages ? .message : .state)
        lastProgress = now()
    }

    private enum Event: Sendable {
        case finished(FinishedCall, run: Int64)
        case exchanged(Result<ExchangeReply, any Error>)
        case timer
        case woken
    }

    /// Looks for due rows and delivers them, in the background; when it is at it already, it looks again at once.
    package func start(run: Int64) {
        claims.mayBeDue()
        mayBeSteered = true
        self.run = run
        refreshCredential()
        wakeSignal.wake()
        guard !isActive, !isStopping else { return }
        isActive = true
        lastProgress = now()
        Task { await deliverAll() }
    }

    /// Returns when nothing that could be sent is left, and nothing is in flight.
    package func waitUntilIdle() async {
        guard isActive else { return }
        await withCheckedContinuation { idleWaiters.append($0) }
    }

    /// Returns when everything that was due at the last ``start(run:)`` has been tried. Calls that hang since earlier runs are not
    /// waited for.
    package func waitUntilTried() async {
        guard isActive, !hasTried(run) else { return }
        await withCheckedContinuation { triedWaiters.append((run, $0)) }
    }

    private func hasTried(_ run: Int64) -> Bool {
        !claims.mayHaveDue && buffer.isEmpty && finished.isEmpty && !isExchanging && !inFlightByRun.keys.contains { $0 >= run }
    }

    /// No new calls from now on. Calls in flight go on.
    package func stop() {
        isStopping = true
        wakeSignal.wake()
    }

    /// What happened since the last time this was asked.
    package func takeCounts() -> RunCounts {
        defer { counts = RunCounts() }
        return counts
    }

    /// The error that ended the last round early, if any; asking clears it.
    package func takeFailure() -> StoreError? {
        defer { failure = nil }
        return failure
    }

    /// When the gate opens, or nil while it is paused; now when it is open.
    package func opensAt() -> Instant? { gate.opensAt(now: now()) }

    package var isBusy: Bool { isActive }
    package var inFlight: Int { gate.inFlight }

    private func deliverAll() async {
        // A start that came while the last round was being wound up begins another one.
        repeat { await deliverRound() } while mayBeSteered && !isStopping && failure == nil
        isActive = false
        for waiter in idleWaiters + triedWaiters.map(\.continuation) { waiter.resume() }
        idleWaiters = []
        triedWaiters = []
    }

    private func deliverRound() async {
        let signal = WakeSignal()
        wakeSignal = signal
        await withTaskGroup(of: Event.self) { group in
            watchForWakes(&group, signal)
            while failure == nil {
                let hold = admit(&group)
                if isStopping || hold == .long { putBackBuffer() }
                exchangeIfNeeded(&group, isHeld: isStopping || hold != .none)
                if case .short(let until) = hold { startTimer(&group, until: until) }
                resumeTriedWaiters(hold)
                if isDone(hold) { break }
                guard let event = await group.next() else { break }
                if case .woken = event { watchForWakes(&group, signal) }
                handle(event)
            }
            signal.end()
            group.cancelAll()
            // After a failure calls may still be out: their slots become free, their rows come back when the lease ends.
            for await event in group where failure != nil { handle(event) }
        }
        timerAt = nil
        if failure != nil {
            buffer = []
            finished = []
            committing = []
        }
    }

    private func watchForWakes(_ group: inout TaskGroup<Event>, _ signal: WakeSignal) {
        group.addTask {
            await signal.wait()
            return .woken
        }
    }

    /// A remote that is on hold has nothing to be tried.
    private func resumeTriedWaiters(_ hold: Hold) {
        guard !triedWaiters.isEmpty else { return }
        let isHeld = hold == .long && !isExchanging && finished.isEmpty
        let done = triedWaiters.filter { isHeld || hasTried($0.run) }
        triedWaiters.removeAll { isHeld || hasTried($0.run) }
        for waiter in done { waiter.continuation.resume() }
    }

    // MARK: Admission

    private enum Hold: Equatable {
        case none
        case short(until: Instant)
        case long
    }

    /// Starts calls for buffered rows as long as the gate admits them.
    private func admit(_ group: inout TaskGroup<Event>) -> Hold {
        while !isStopping, finished.count + committing.count < Lane.uncommittedLimit {
            guard let claimed = buffer.first else {
                // Nothing to send: a closed gate is no reason to claim.
                guard let opensAt = gate.opensAt(now: now()) else { return .long }
                return opensAt > now() ? hold(until: opensAt) : .none
            }
            let (admission, change) = gate.admit(now: now())
            report(change)
            switch admission {
            case .admitted:
                buffer.removeFirst()
                if let unsent = unsendable(claimed) {
                    _ = gate.finished(DeliveryOutcome(.interrupted), now: now())
                    finished.append(unsent)
                } else {
                    let (courier, credential, run) = (courier, credential, run)
                    inFlightByRun[run, default: 0] += 1
                    group.addTask { .finished(await courier.deliver(claimed, credential: credential), run: run) }
                }
            case .wait(let until): return hold(until: until)
            case .paused: return .long
            case .full: return .none
            }
        }
        return .none
    }

    private func hold(until: Instant) -> Hold {
        until - now() > Lane.shortHold ? .long : .short(until: until)
    }

    /// A claimed row that must not be sent: its lease is short, or it is a message whose window is over.
    private func unsendable(_ claimed: ClaimedRow) -> FinishedCall? {
        let moment = now()
        var row = claimed.row
        if !row.mayBeSent(now: moment, timeout: remote.limits.totalTimeout) {
            row.expire()
            return FinishedCall(
                claimed: claimed, row: row, startedAt: moment, finishedAt: moment, outcome: nil, error: OutboxRow.uncertainReason)
        }
        guard claimed.leaseUntil - moment < remote.limits.totalTimeout + .seconds(5) else { return nil }
        return putBack(claimed, at: moment)
    }

    private func putBackBuffer() {
        let moment = now()
        finished += buffer.map { putBack($0, at: moment) }
        buffer = []
    }

    private func putBack(_ claimed: ClaimedRow, at moment: Instant) -> FinishedCall {
        var row = claimed.row
        row.state = .pending
        return FinishedCall(claimed: claimed, row: row, startedAt: moment, finishedAt: moment, outcome: nil, error: nil)
    }

    // MARK: Committing and claiming

    private func isDone(_ hold: Hold) -> Bool {
        gate.inFlight == 0 && !isExchanging && finished.isEmpty && buffer.isEmpty && !gateChanged && (!mayBeSteered || isStopping)
            && (!claims.mayHaveDue || isStopping || hold == .long)
    }

    /// Starts an exchange when rows are wanted, or when enough outcomes wait, or when they have waited long enough.
    private func exchangeIfNeeded(_ group: inout TaskGroup<Event>, isHeld: Bool) {
        guard !isExchanging else { return }
        let claim = claims.wanted(buffered: buffer.count, isHeld: isHeld || isStopping, isProbing: gate.concurrency == 1)
        if (claims.mayHaveDue && claim > 0) || (mayBeSteered && !isStopping) { return exchange(&group, claim: claim) }
        guard let oldest = finished.first else {
            if gateChanged, gate.inFlight == 0 { exchange(&group, claim: 0) }
            return
        }
        let deadline = oldest.finishedAt + Lane.linger
        if finished.count >= Lane.uncommittedLimit / 2 || gate.inFlight == 0 || gateChanged || now() >= deadline {
            exchange(&group, claim: claim)
        } else {
            startTimer(&group, until: deadline)
        }
    }

    private func exchange(_ group: inout TaskGroup<Event>, claim: Int) {
        isExchanging = true
        claims.asked(for: claim)
        mayBeSteered = false
        committing = finished
        finished = []
        let request = ExchangeRequest(
            remote: remote.name, finished: committing, claim: claim, leaseDuration: remote.leaseDuration,
            gate: gateChanged ? gate.stored : nil)
        gateChanged = false
        let commits = commits
        group.addTask {
            do {
                return .exchanged(.success(try await commits.exchange(request)))
            } catch {
                return .exchanged(.failure(error))
            }
        }
    }

    private func startTimer(_ group: inout TaskGroup<Event>, until: Instant) {
        if let timerAt, timerAt <= until { return }
        timerAt = until
        let span = max((until - now()).milliseconds, 1)
        group.addTask {
            try? await Task.sleep(for: .milliseconds(span))
            return .timer
        }
    }

    // MARK: Events

    private func handle(_ event: Event) {
        switch event {
        case .timer:
            timerAt = nil
        case .woken:
            break
        case .finished(let call, let run):
            inFlightByRun[run] = inFlightByRun[run].flatMap { $0 > 1 ? $0 - 1 : nil }
            let outcome = call.outcome ?? DeliveryOutcome(.interrupted)
            for change in gate.finished(outcome, now: now()) { report(change) }
            if outcome.outcome == .delivered { lastProgress = now() }
            finished.append(call)
        case .exchanged(.success(let reply)):
            isExchanging = false
            take(reply)
        case .exchanged(.failure(let error)):
            isExchanging = false
            failure = (error as? StoreError) ?? .sqlite(code: 1, detail: "\(error)")
        }
    }

    private func take(_ reply: ExchangeReply) {
        for call in committing where !reply.fenced.contains(call.claimed.id) {
            count(call)
            reporter.report(call, remote: remote)
        }
        for id in reply.fenced { reporter.reportFenced(id, remote: remote) }
        if reply.isPaused != (gate.pausedAt != nil) {
            if reply.isPaused { gate.pause(now: now()) } else { gate.resume(now: now()) }
        }
        if reply.hasFreedPlanning { onPlanningFreed() }
        claims.brought(reply.claimed.count)
        committing = []
        buffer += reply.claimed
    }

    private func count(_ call: FinishedCall) {
        switch call.row.state {
        case .delivered:
            counts.delivered += 1
            delivered += 1
        case .pending: counts.putBack += call.outcome == nil ? 0 : 1
        case .dead, .uncertain: counts.dead += 1
        default: break
        }
    }

    private func report(_ change: RemoteGate.Change?) {
        guard let change else { return }
        gateChanged = true
        reporter.report(change, remote: remote)
    }

    /// While parked: somebody may have put a new token in place.
    private func refreshCredential() {
        guard gate.parkedAt != nil, let fresh = try? remote.credential.read(), fresh != credential else { return }
        credential = fresh
        gate.credentialChanged(now: now())
    }
}
