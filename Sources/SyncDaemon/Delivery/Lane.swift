import SyncCore
import SyncHTTP
import SyncRemotes
import SyncStore

/// Delivers the due rows of one remote: claims ahead, calls as many at once as its gate admits, and hands outcomes to the commit
/// queue in groups. Lanes know nothing of each other, so a remote that fails or dawdles delays nobody else.
package actor Lane {
    /// Outcomes wait for company this long before they are committed, unless nothing else is in flight.
    static let linger = Duration.milliseconds(20)
    /// Outcomes that wait for their commit at most; a crash repeats the calls of these and of those in flight.
    static let uncommittedLimit = 256
    /// A hold that ends sooner than this is waited out; for a longer one the claimed rows are put back.
    static let shortHold = Duration.seconds(2)
    /// Rows are claimed for the calls that the rate admits within this span: a commit that brings a claim takes about as long.
    static let rateLead = Duration.milliseconds(50)

    package nonisolated let remote: Remote
    let courier: Courier
    let commits: CommitQueue
    let reporter: DeliveryReporter
    let inboundReporter: InboundReporter
    let credentials: Credentials
    /// Called when there is something for a run to do: to plan what waited for a call, or to find out when rows fall due that were put
    /// back after the run had ended.
    let onWork: @Sendable () -> Void
    let now: @Sendable () -> Instant

    var gate: RemoteGate
    var absences: AbsenceWatch
    /// Calls whose end is recorded when the read is over that decides about them, and the row of the one that wants the read.
    var undecided: [FinishedCall] = []
    var wantedRead: ClaimedRow?
    /// For the next exchange.
    var absenceRecords: [AbsenceRecord] = []
    /// Those of the exchange in progress; a commit that fails does not lose them.
    var committingAbsences: [AbsenceRecord] = []
    /// A slice: taking the first row away moves no others.
    var buffer: ArraySlice<ClaimedRow> = []
    /// The rows that the lane has claimed and whose end is not recorded: nobody takes these back while it is at work.
    package internal(set) var claimed: Set<Int64> = []
    var finished: [FinishedCall] = []
    var committing: [FinishedCall] = []
    var claims: ClaimAhead
    var readTurn = ReadTurn()
    /// Holds that end after that moment are not waited out; nil: as many as there are.
    var waitsUntil: Instant?
    /// Rows that have failed before are due and could not be claimed or sent, because the retry budget was used up.
    var retriesWait = false
    var isExchanging = false
    /// What the store knows of the gate, and what it is told with the exchange in progress.
    var storedGate: RemoteGate.Stored
    var storingGate: RemoteGate.Stored
    /// The gate has changed in a way that must not wait for the next outcomes to be stored.
    var gateChanged = false
    var timerAt: Instant?
    var isActive = false
    var isStopping = false
    /// The run ended before the lane's work did.
    private var outlivesRun = false
    /// Whether there was, or came, anything to do after the run had ended.
    var worksAfterRun = false
    /// The store has to be asked whether the remote was paused or resumed.
    var mayBeSteered = false
    /// When the remote was last resumed by hand, as the store said it last; the outer nil: it has not been asked yet.
    var resumedAt: String??
    /// How often a person has resumed the remote.
    var resumptions = 0
    /// The run that last started the lane, and how many calls are in flight by the run under which they went out.
    var run: Int64 = 0
    var inFlightByRun: [Int64: Int] = [:]
    /// Wakes the round in progress; every round has its own.
    var wakeSignal = WakeSignal()
    var idleWaiters: [CheckedContinuation<Void, Never>] = []
    var triedWaiters: [(run: Int64, continuation: CheckedContinuation<Void, Never>)] = []
    var counts = RunCounts()
    var failure: StoreError?
    package private(set) var lastProgress: Instant
    /// When due rows were last claimed; what was due then and is pending yet waits for something else.
    package internal(set) var lookedAt: Instant?
    /// When a call began or ended, or a commit was asked for or answered.
    var movedAt: Instant
    /// Rows delivered since the lane exists.
    package internal(set) var delivered = 0

    init(
        remote: Remote, courier: Courier, credentials: Credentials, commits: CommitQueue, reporter: DeliveryReporter,
        inboundReporter: InboundReporter, onWork: @escaping @Sendable () -> Void, now: @escaping @Sendable () -> Instant
    ) {
        self.remote = remote
        self.courier = courier
        self.credentials = credentials
        self.commits = commits
        self.reporter = reporter
        self.inboundReporter = inboundReporter
        self.onWork = onWork
        self.now = now
        gate = RemoteGate(remote.gate, now: now())
        absences = AbsenceWatch(canRead: remote.kind.hasList)
        storedGate = gate.stored
        storingGate = storedGate
        claims = ClaimAhead(concurrency: remote.gate.concurrency, payload: remote.kind.receivesMessages ? .message : .state)
        lastProgress = now()
        movedAt = lastProgress
    }

    enum Event: Sendable {
        case finished(FinishedCall, run: Int64, credential: Credential)
        case exchanged(Result<ExchangeReply, any Error>)
        case read(AbsenceWatch.ReadResult)
        case timer
        case woken
    }

    /// Takes over what the store knows of the gate. Before the lane is started for the first time.
    package func restore(_ remote: StoredRemote) {
        let stored = remote.gate
        precondition(!isActive && run == 0, "a lane that is at work knows more than the store")
        gate = RemoteGate(self.remote.gate, stored: stored, now: now())
        absences = AbsenceWatch(
            canRead: self.remote.kind.hasList, suspects: remote.suspects,
            acknowledgedAt: remote.lastSuccessAt.flatMap(Instant.init(iso8601:)))
        storedGate = stored
        storingGate = stored
    }

    /// Looks for due rows and delivers them, in the background; when it is at it already, it looks again at once.
    package func start(run: Int64) {
        self.run = run
        look()
    }

    /// The file with the token was replaced. A parked remote is probed at once.
    /// - Returns: whether it was parked.
    package func credentialChanged() -> Bool {
        guard gate.parkedAt != nil else { return false }
        gate.credentialChanged()
        look()
        return true
    }

    /// Asks the store for due rows and for pauses, in the name of the run that last started the lane.
    package func look() {
        claims.mayBeDue()
        mayBeSteered = true
        wakeSignal.wake()
        guard !isActive, !isStopping else { return }
        isActive = true
        lastProgress = now()
        movedAt = lastProgress
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

    func hasTried(_ run: Int64) -> Bool {
        !claims.mayHaveDue && buffer.isEmpty && finished.isEmpty && undecided.isEmpty && !isExchanging
            && !inFlightByRun.keys.contains { $0 >= run }
    }

    /// The run has ended. What becomes of the lane's rows from now on is not part of its account of what falls due when.
    package func runEnded() {
        outlivesRun = isActive
        worksAfterRun = isActive && (!hasTried(run) || !inFlightByRun.isEmpty)
    }

    /// From that moment on no hold is waited out, however short it is.
    package func waitNoLonger(than moment: Instant) {
        waitsUntil = moment
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
    package func opensAt(now moment: Instant) -> Instant? {
        gate.opensAt(now: moment).map { retriesWait ? max($0, gate.retriesOpenAt(now: moment)) : $0 }
    }

    /// Rows were due when the gate closed, and nobody is at work on them: they are sent when it opens, whenever they fell due.
    package var hasLeftDueRows: Bool { !isActive && (claims.mayHaveDue || retriesWait) }

    package var isBusy: Bool { isActive }
    package var inFlight: Int { gate.inFlight }

    func deliverAll() async {
        // A start that came while the last round was being wound up begins another one.
        repeat { await deliverRound() } while mayBeSteered && !isStopping && failure == nil
        isActive = false
        // A lane that was only wound up late asks for no run: that one would be as late, and so on for as long as the database is busy.
        if outlivesRun, !isStopping, worksAfterRun || claims.mayHaveDue || retriesWait { onWork() }
        outlivesRun = false
        for waiter in idleWaiters + triedWaiters.map(\.continuation) { waiter.resume() }
        idleWaiters = []
        triedWaiters = []
    }

    func deliverRound() async {
        let signal = WakeSignal()
        wakeSignal = signal
        await withTaskGroup(of: Event.self) { group in
            watchForWakes(&group, signal)
            while failure == nil {
                startRead(&group)
                let hold = admit(&group)
                if isStopping || hold == .long { putBackBuffer() }
                askForRetries()
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
            claimed = []
            finished = []
            undecided = []
            wantedRead = nil
            absences.readAbandoned()
            absenceRecords = committingAbsences + absenceRecords
            committingAbsences = []
            committing = []
        }
    }

    func watchForWakes(_ group: inout TaskGroup<Event>, _ signal: WakeSignal) {
        group.addTask {
            await signal.wait()
            return .woken
        }
    }

    /// A remote that is on hold has nothing to be tried.
    func resumeTriedWaiters(_ hold: Hold) {
        guard !triedWaiters.isEmpty else { return }
        let isHeld = hold == .long && !isExchanging && finished.isEmpty
        let done = triedWaiters.filter { isHeld || hasTried($0.run) }
        triedWaiters.removeAll { isHeld || hasTried($0.run) }
        for waiter in done { waiter.continuation.resume() }
    }

    func startTimer(_ group: inout TaskGroup<Event>, until: Instant) {
        if let timerAt, timerAt <= until { return }
        timerAt = until
        let span = max((until - now()).milliseconds, 1)
        group.addTask {
            try? await Task.sleep(for: .milliseconds(span))
            return .timer
        }
    }

    // MARK: Events

    func handle(_ event: Event) {
        movedAt = now()
        switch event {
        case .timer:
            timerAt = nil
        case .woken:
            break
        case .finished(let call, let run, let credential):
            inFlightByRun[run] = inFlightByRun[run].flatMap { $0 > 1 ? $0 - 1 : nil }
            ended(call, hadPresentCredential: credential == credentials[remote.name])
        case .read(let result):
            decided(by: result)
        case .exchanged(.success(let reply)):
            isExchanging = false
            take(reply)
        case .exchanged(.failure(let error)):
            isExchanging = false
            failure = (error as? StoreError) ?? .sqlite(code: 1, detail: "\(error)")
        }
    }

    func conclude(_ call: FinishedCall, hadPresentCredential: Bool) {
        let outcome = call.outcome ?? DeliveryOutcome(.interrupted)
        let changes = gate.finished(
            outcome, isRetry: call.claimed.isRetry, startedAt: call.startedAt, hadPresentCredential: hadPresentCredential, now: now())
        for change in changes { report(change) }
        if outcome.outcome == .delivered { lastProgress = now() }
        // The former token was refused: the row is due, and nothing holds the remote.
        if outcome.outcome == .park, !hadPresentCredential { claims.mayBeDue() }
    }

    func report(_ change: RemoteGate.Change?) {
        guard let change else { return }
        gateChanged = true
        reporter.report(change, remote: remote)
    }
}
