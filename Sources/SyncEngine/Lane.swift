import SyncCore

/// The deliveries to one remote: buffered rows, calls in flight, outcomes that are not stored yet, and the gate that all calls pass.
///
/// | event                          | next                                                                                     |
/// |--------------------------------|------------------------------------------------------------------------------------------|
/// | rows may be due                | the next exchange includes a claim, as large as ``ClaimAhead`` decides                    |
/// | rows are claimed               | they are sent as far as the gate admits; if the gate is closed for longer than ``shortHold``, or until a probe, they are put back |
/// | a row is claimed of a conversation that is still worked on | it is put back once the end of the former row is stored        |
/// | a call ended                   | its outcome waits up to ``linger`` for others, then for the next exchange                 |
/// | the exchange failed            | nothing is lost: the same outcomes go into the next one                                  |
/// | the remote is no longer configured | it is retired: calls in flight end, nothing else is sent                             |
/// | a row's turn comes whose call could undo what a person has done | its object is read first, and the row decided again by the next exchange |
/// | a call ended that needs a read, and the lane is retired or the engine stops | it is decided without the read             |
///
/// Lanes are independent of each other. Invariants: a row is buffered, read for, in flight or finished, and is in ``claimed`` during all that time,
/// where a conversation has one row; at most ``uncommittedLimit`` outcomes are not stored.
struct Lane: Sendable {
    /// How long outcomes wait for others before they are stored, unless nothing is in flight.
    static let linger = Duration.milliseconds(20)
    /// The most outcomes that wait for their commit; a crash repeats their calls and those in flight.
    static let uncommittedLimit = 256
    /// A hold that ends sooner than this is waited out; for a longer one the claimed rows are put back.
    static let shortHold = Duration.seconds(2)
    /// Rows are claimed for the calls that the rate limit admits within this span: a commit with a claim takes about as long.
    static let rateLead = Duration.milliseconds(50)

    struct CallInFlight: Sendable {
        var claimed: ClaimedRow
        /// By the steady clock.
        var startedAt: Instant
    }

    private(set) var remote: Remote
    var gate: RemoteGate
    var absences: AbsenceWatch
    var readTurn = ReadTurn()
    /// A slice, so that removing the first row moves no others.
    var buffer: ArraySlice<ClaimedRow> = []
    var inFlight: [Engine.CallID: CallInFlight] = [:]
    /// The conversations with a row whose end is not stored, and these rows: they are not recovered while the process works on them.
    var claimed: [ExactText: Int64] = [:]
    /// Rows of such conversations that were claimed all the same: the process was suspended or the clock was set, and another process took the
    /// former rows for abandoned. They are put back, as soon as the ends of those rows are stored.
    var claimedTwice: [ClaimedRow] = []
    var finished: [FinishedCall] = []
    /// When the first of them was added.
    var finishedSince: Instant?
    /// Calls whose outcome waits for the read that decides about missing objects, and the row of the call that needs the read.
    var undecided: [FinishedCall] = []
    var wantedRead: ClaimedRow?
    /// That read, while it is in flight.
    var absenceRead: (id: Engine.CallID, startedAt: Instant)?
    var absenceRecords: [AbsenceRecord] = []
    /// Reads of the objects of rows that are sent after them.
    var readsBeforeWrites: [Engine.CallID: ReadInFlight] = [:]
    /// What these have shown, to be stored before the rows are sent.
    var shown: [ReadBeforeWrite] = []
    /// The rows whose object was read lately.
    var readFor: [Int64: FormerRead] = [:]
    var claims: ClaimAhead
    /// The gate has changed in a way that must be stored without waiting for outcomes.
    var mustStoreGate = false
    /// The gate's state in the store; nil: it differs from any known state.
    var storedGate: RemoteGate.Stored?
    var orders: RemoteOrders?
    /// When the next row falls due that is not due yet; nil if none is known.
    var nextDueAt: Instant?
    /// Rows are due, and none was claimed.
    var hasDueRows = false
    /// The last claim of a single row returned one that had failed before: the next one prefers a row that has not.
    var wasSingleRetry = false
    /// The exchange in progress does not claim rows that failed before and fell due after a drain began.
    var leavesRetries = false
    private(set) var isRetired = false
    private(set) var delivered = 0
    /// The number of throttles since the last acknowledgement.
    private(set) var holdsInARow = 0

    /// A drain no longer waits for this remote.
    var isPutOff = false
    /// A row was sent since the drain began, or something was read.
    var (hasSent, hasRead) = (false, false)
    /// A person wants the remote called now; reset by the code that handles it.
    var wasResumed = false

    // What the exchange in progress carries.
    var committing: [FinishedCall] = []
    var committingReads: [ReadBeforeWrite] = []
    var committingAbsences: [AbsenceRecord] = []
    var committingGate: RemoteGate.Stored?
    var isCommittingClaim = false
    /// By how much the wall clock was set since the exchange began.
    var stepWhileCommitting = Duration.zero

    init(_ remote: Remote, stored: StoredRemote?, _ time: EventTime) {
        self.remote = remote
        let gateStored = stored?.gate.moved(by: .zero - time.offset)
        gate = RemoteGate(remote.gate, stored: gateStored ?? .init(), now: time.steady)
        absences = AbsenceWatch(
            canRead: remote.kind.hasList, suspects: stored?.suspects ?? [],
            acknowledgedAt: stored?.lastSuccessAt.flatMap(Instant.init(iso8601:)).map { time.steady(of: $0) })
        storedGate = gateStored
        claims = ClaimAhead(concurrency: remote.gate.concurrency, payload: remote.kind.receivesMessages ? .message : .state)
        claims.mayBeDue()
    }

    // MARK: State

    var ownRows: [Int64] { claimed.values + claimedTwice.map(\.id) }

    var isCalling: Bool { !inFlight.isEmpty || !readsBeforeWrites.isEmpty || absences.isReading }

    /// Rows are buffered or wait to be put back, calls are in flight, or outcomes are undecided.
    var isBusy: Bool {
        !buffer.isEmpty || !inFlight.isEmpty || isReadingBeforeWrites || !undecided.isEmpty || !claimedTwice.isEmpty || absences.isReading
    }

    /// Rows wait for the read of their object, or for it to be stored.
    private var isReadingBeforeWrites: Bool { !readsBeforeWrites.isEmpty || !shown.isEmpty || !committingReads.isEmpty }

    /// Nothing is buffered, in flight or not stored.
    var isIdle: Bool {
        buffer.isEmpty && inFlight.isEmpty && finished.isEmpty && committing.isEmpty && undecided.isEmpty && claimedTwice.isEmpty
            && gate.inFlight == 0 && !absences.isReading && !isReadingBeforeWrites
    }

    /// When the gate opens; nil: not before a person acts.
    func opensAt(_ time: EventTime) -> Instant? {
        var gate = gate
        return gate.opensAt(now: time.steady)
    }

    /// How long no call can go out; nil if one can.
    func hold(_ time: EventTime) -> Duration? {
        guard let opensAt = opensAt(time) else { return .days(36_500) }
        return opensAt > time.steady ? opensAt - time.steady : nil
    }

    /// Whether the remote is parked, and is left alone until its next probe.
    func waitsForProbe(_ time: EventTime) -> Bool {
        guard gate.parkedAt != nil, let until = gate.heldUntil(now: time.steady) else { return false }
        return until > time.steady
    }

    /// Whether the rate limit alone has kept the lane from sending anything since the drain began, because what was read has used up what it admits.
    func waitsForFirstCall(_ opensAt: Instant, _ time: EventTime) -> Bool {
        guard hasRead, !hasSent, let heldUntil = gate.heldUntil(now: time.steady), heldUntil <= time.steady else { return false }
        return opensAt - time.steady <= Lane.firstCallPatience
    }

    /// How long a drain waits for the first call that the rate limit admits.
    static let firstCallPatience = Duration.minutes(1)

    /// Whether first attempts at the remote will be made within seconds.
    func isDelivering(_ time: EventTime) -> Bool {
        guard !isRetired, let until = gate.heldUntil(now: time.steady) else { return false }
        return until - time.steady <= Lane.shortHold
    }

    // MARK: Sending

    /// Starts calls for the buffered rows as far as the gate admits them.
    mutating func admit(_ context: inout Context) {
        let time = context.time
        if isRetired || context.isStopping { return putBackBuffer(time) }
        startAbsenceRead(&context)
        // While it is unknown whether the URL is right, nothing more is sent to it.
        while !absences.isReading, finished.count + committing.count < Lane.uncommittedLimit, let row = buffer.first {
            // Rows that must not be sent do not reach the gate: they are not calls, and say nothing about the remote.
            if let unsent = unsendable(row, time) {
                buffer.removeFirst()
                append(unsent, time)
                continue
            }
            let (admission, change) = gate.admit(now: time.steady)
            note(change, &context)
            guard admission == .admitted else { break }
            buffer.removeFirst()
            readTurn.deliveryAdmitted()
            if let call = readBeforeWrite(of: row, time) {
                hasRead = true
                readsBeforeWrites[context.call(remote.name, .read(call))] = ReadInFlight(
                    claimed: row, startedAt: time.steady, startedAtWall: time.wall)
            } else {
                noteSent(row.id)
                hasSent = true
                inFlight[context.call(remote.name, .deliver(row))] = CallInFlight(claimed: row, startedAt: time.steady)
            }
        }
        guard let hold = hold(time) else { return }
        guard hold > Lane.shortHold || waitsForProbe(time) || holdsInARow > 1 && gate.throttledUntil != nil else { return }
        noteHold(time)
        putBackBuffer(time)
    }

    /// Admits a read, if one may go out. It counts as in flight until ``readEnded(_:startedAt:_:)``.
    mutating func admitRead(beforeDeliveries: Bool = false, _ context: Context) -> RemoteGate.Admission {
        // Rows that are not claimed, because a drain no longer waits for this remote, take no turn.
        let deliveriesWait = !buffer.isEmpty || (claims.mayHaveDue && !context.holdsClaims && !isPutOff)
        let isItsTurn = readTurn.mayRead(deliveriesWait: deliveriesWait) && (!deliveriesWait || hasSlotForReads)
        guard beforeDeliveries || isItsTurn else { return .full }
        let admission = gate.admitRead(now: context.time.steady)
        if admission == .admitted {
            readTurn.readAdmitted()
            hasRead = true
        }
        return admission
    }

    /// While deliveries wait, reads have a fourth of the slots: those that hang would otherwise take one slot after the other.
    private var hasSlotForReads: Bool {
        gate.readsInFlight < max(gate.concurrency / (ReadTurn.deliveriesPerRead + 1), 1)
    }

    /// Whether the next call is a read, if one is wanted. A probe, and the read that decides about missing objects, come first.
    var isReadNext: Bool { readTurn.isDue && hasSlotForReads && !gate.isProbing && wantedRead == nil }

    mutating func readEnded(_ outcome: DeliveryOutcome, startedAt: Instant, _ context: inout Context) {
        for change in gate.readFinished(outcome.moved(by: .zero - context.time.offset), startedAt: startedAt, now: context.time.steady) {
            note(change, &context)
        }
    }

    // MARK: Outcomes

    mutating func append(_ call: FinishedCall, _ time: EventTime) {
        if finished.isEmpty { finishedSince = time.steady }
        if call.row.state != .pending { readFor[call.claimed.id] = nil }
        finished.append(call)
    }

    mutating func putBackBuffer(_ time: EventTime) {
        guard !buffer.isEmpty else { return }
        for row in buffer { append(putBack(row, time), time) }
        buffer = []
        claims.mayBeDue()
    }

    /// Puts back rows that have failed before, unless they were due by the given time, by the wall clock.
    mutating func putBackRetries(dueAfter limit: Instant, _ time: EventTime) {
        let isLeft = { (claimed: ClaimedRow) in claimed.isRetry && claimed.row.dueAt > limit }
        let rows = buffer.filter(isLeft)
        guard !rows.isEmpty else { return }
        buffer.removeAll(where: isLeft)
        for row in rows { append(putBack(row, time), time) }
    }

    func putBack(_ claimed: ClaimedRow, _ time: EventTime) -> FinishedCall {
        var row = claimed.row
        row.state = .pending
        // It was due when it was claimed, whatever the wall clock shows now.
        row.dueAt = min(row.dueAt, time.wall)
        return FinishedCall(claimed: claimed, row: row, startedAt: time.wall, finishedAt: time.wall, outcome: nil, error: nil)
    }

    mutating func note(_ change: RemoteGate.Change?, _ context: inout Context) {
        guard var change else { return }
        mustStoreGate = true
        if case .throttled(let until, let note) = change {
            holdsInARow += 1
            change = .throttled(until: context.time.wall(of: until), note: note)
        }
        context.report(.gate(change, remote: remote.name))
    }

    mutating func noteDelivered() {
        delivered += 1
        holdsInARow = 0
    }

    // MARK: Time and configuration

    /// Checks whether rows have fallen due.
    mutating func wake(_ time: EventTime) {
        if let dueAt = nextDueAt, dueAt <= time.steady {
            nextDueAt = nil
            hasDueRows = true
            claims.mayBeDue()
        }
    }

    /// When something has to be done that no event triggers; nil: never.
    func alarmAt(_ time: EventTime) -> Instant? {
        var times: [Instant] = []
        if let finishedSince, !finished.isEmpty { times.append(finishedSince + Lane.linger) }
        if !isRetired {
            if let nextDueAt { times.append(nextDueAt) }
            if !isPutOff, !buffer.isEmpty || claims.mayHaveDue || wantedRead != nil, let opensAt = opensAt(time), opensAt > time.steady {
                times.append(opensAt)
            }
        }
        return times.min()
    }

    /// The wall clock was set: the stored gate is outdated, and so are the times of all rows that are not stored.
    mutating func clockWasSet(by step: Duration) {
        buffer = ArraySlice(buffer.map { $0.moved(by: step) })
        claimedTwice = claimedTwice.map { $0.moved(by: step) }
        inFlight = inFlight.mapValues { CallInFlight(claimed: $0.claimed.moved(by: step), startedAt: $0.startedAt) }
        finished = finished.map { $0.moved(by: step) }
        undecided = undecided.map { $0.moved(by: step) }
        moveReadsBeforeWrites(by: step)
        // What an exchange in progress stores is shifted in the database, unless it fails; what it brings is shifted when it arrives.
        stepWhileCommitting += step
        storedGate = nil
        mustStoreGate = true
    }

    mutating func credentialReplaced() {
        guard gate.parkedAt != nil else { return }
        gate.credentialChanged()
        claims.mayBeDue()
    }

    /// A reload: calls in flight continue, buffered rows are put back, since they may have to be planned again.
    mutating func configure(_ fresh: Remote, _ context: inout Context) {
        let time = context.time
        putBackBuffer(time)
        gate.configure(fresh.gate, now: time.steady)
        gate.credentialChanged()
        if fresh.kind !== remote.kind {
            for call in undecided { append(call, time) }
            absences = AbsenceWatch(canRead: fresh.kind.hasList)
            (wantedRead, absenceRead, undecided) = (nil, nil, [])
        }
        for id in readsBeforeWrites.keys { readsBeforeWrites[id]?.isVoid = true }
        claims = ClaimAhead(concurrency: fresh.gate.concurrency, payload: fresh.kind.receivesMessages ? .message : .state)
        claims.mayBeDue()
        remote = fresh
        isRetired = false
        orders = nil
        mustStoreGate = true
    }

    /// No further calls; those in flight continue.
    mutating func stop(_ context: inout Context) {
        putBackBuffer(context.time)
        if wantedRead != nil { decided(by: .inconclusive, &context) }
    }

    /// The remote is no longer configured, or not enabled.
    mutating func retire(_ context: inout Context) {
        isRetired = true
        stop(&context)
    }
}

extension DeliveryOutcome {
    /// The same with its timestamps shifted from one clock to another.
    func moved(by span: Duration) -> DeliveryOutcome {
        guard span != .zero else { return self }
        var moved = self
        moved.notBefore = notBefore.map { $0 + span }
        moved.quotaResetsAt = quotaResetsAt.map { $0 + span }
        return moved
    }
}
