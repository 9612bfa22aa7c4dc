import SyncCore

/// Reads one remote: its list, the objects that the list, a report or a webhook names, and some linked conversations in rotation.
///
/// A poll cycle (``ReadCycle``) begins when ``PollSchedule`` decides, with the contents of `read_requests`. Lists only determine what to
/// read; only values that were read from the object itself are reconciled. Reads pass the remote's gate like deliveries, and delay nothing.
///
/// | event                     | next                                                                     |
/// |---------------------------|--------------------------------------------------------------------------|
/// | requests, or an interval  | a cycle begins; it requests the data it needs with the next exchange      |
/// | objects read              | their reports are part of the next exchange, ``batch`` at a time          |
/// | the exchange failed       | nothing is lost: the same reports go into the next one                    |
/// | the cycle has ended       | its result is stored together with its last reports                       |
struct Reader: Sendable {
    /// The most requested objects that are read in one cycle.
    static let requestLimit = 200
    /// The most reads in flight at once.
    static let width = 4
    /// Objects whose reports are stored together.
    static let batch = 50
    /// The most cycles during a drain.
    static let cyclesOfDrain = 5

    private(set) var remote: Remote
    var schedule: PollSchedule
    var cycle: ReadCycle?
    /// What the next exchange carries.
    private var pending: ReadRequestsPart
    private var committing: ReadRequestsPart?
    /// Whether requests wait to be read, as the store last reported.
    private var hasRequests = false
    /// When the first request is due that waits after a failed read, as the store last reported.
    private var requestsDueAt: Instant?
    private var failedObjects = FailedObjects()
    /// A cycle has left requests: the store is asked for them without waiting for anything.
    private var asksAgain = false
    /// A drain reads the list once, and requested objects in a few more cycles; after a stop nothing more is read. Nil: no limit.
    private var cyclesLeft: Int?

    init(_ remote: Remote, _ time: EventTime) {
        self.remote = remote
        schedule = PollSchedule(interval: remote.poll?.interval, now: time.steady)
        pending = ReadRequestsPart(remote: remote.name)
    }

    var isReading: Bool { cycle != nil }

    /// The next exchange carries what was read.
    var hasReports: Bool { !pending.reports.isEmpty }

    /// Nothing is being read or waits to be stored.
    var isIdle: Bool { cycle == nil && committing == nil && pending.onlyAsks }

    /// Until when planning waits for the list, so that a local change and a change at the remote are compared first; nil: it does not wait.
    /// A remote that responds slowly is not waited for.
    func planningWaitsUntil(_ patience: Duration, _ time: EventTime) -> Instant? {
        guard let cycle else { return cyclesLeft != 0 && schedule.isListDue(now: time.steady) ? time.steady + patience : nil }
        let end = cycle.beganAt + patience
        return cycle.scope != .requests && time.steady < end ? end : nil
    }

    // MARK: Exchanges

    func wantsExchange(_ time: EventTime) -> Bool {
        if !pending.onlyAsks || (asksAgain && cyclesLeft != 0) { return true }
        if let cycle { return cycle.question != nil }
        return cyclesLeft != 0 && dueAt.map { $0 <= time.steady } ?? false
    }

    /// When a cycle may begin without another event.
    private var dueAt: Instant? { [schedule.nextAt, requestsDueAt].compactMap { $0 }.min() }

    mutating func request(_ context: Context) -> ReadRequestsPart {
        precondition(committing == nil, "one exchange at a time")
        var part = pending
        part.question = cycle?.question
        part.requests = cycle == nil && !context.isStopping && cyclesLeft != 0 ? Reader.requestLimit : 0
        committing = part
        pending = ReadRequestsPart(remote: remote.name)
        asksAgain = false
        return part
    }

    mutating func exchangeFailed() {
        guard var part = committing else { return }
        committing = nil
        part.reports += pending.reports
        part.completed += pending.completed
        part.failed += pending.failed
        part.health = pending.health ?? part.health
        if part.requests > 0 { asksAgain = true }
        part.rotation = pending.rotation ?? part.rotation
        (part.question, part.requests) = (nil, 0)
        pending = part
    }

    mutating func take(_ result: ReadResult, _ context: inout Context) {
        guard let part = committing else { return }
        committing = nil
        hasRequests = result.hasRequests
        requestsDueAt = result.nextRequestAt.map { context.time.steady(of: $0) }
        if !result.reconciled.isEmpty { context.report(.reconciled(result.reconciled)) }
        if cycle == nil {
            begin(result.requests, asked: part.requests, context)
        } else {
            cycle?.take(result, of: part, remote, &context)
            proceed(&context)
        }
    }

    private mutating func begin(_ requests: [ReadRequest], asked: Int, _ context: Context) {
        guard asked > 0, !context.isStopping else { return }
        let objects = requests.filter { !$0.remoteID.isEmpty }
        let begun = schedule.begin(
            hasRequests: !objects.isEmpty, asksForList: objects.count < requests.count, now: context.time.steady)
        guard let begun else { return }
        if let left = cyclesLeft { cyclesLeft = left - 1 }
        cycle = ReadCycle(begun, requests, hasMore: requests.count == asked, of: remote, context.time)
    }

    // MARK: Reading

    /// Starts a read before the deliveries that wait, if it is its turn: they would take each slot as it becomes free.
    mutating func admitInTurn(_ lane: inout Lane, _ context: inout Context) {
        guard !context.isStopping, !lane.isRetired, lane.isReadNext else { return }
        _ = startRead(&lane, &context)
    }

    /// Starts as many reads as the gate admits.
    mutating func admit(_ lane: inout Lane, _ context: inout Context) {
        guard !context.isStopping, !lane.isRetired else { return }
        while startRead(&lane, &context) {}
        proceed(&context)
    }

    /// - Returns: whether a read was wanted, and the gate admitted it.
    private mutating func startRead(_ lane: inout Lane, _ context: inout Context) -> Bool {
        guard let call = cycle?.nextCall(remote, context.time) else { return false }
        let time = context.time
        guard let heldUntil = heldUntil(lane, time), heldUntil - time.steady <= Lane.shortHold else {
            cycle?.hold(until: lane.opensAt(time))
            return false
        }
        guard lane.admitRead(context) == .admitted else {
            if let opensAt = lane.opensAt(time), opensAt - time.steady > Lane.shortHold { cycle?.storeEarly() }
            return false
        }
        let id = context.call(remote.name, .read(call))
        cycle?.began(id, time)
        return true
    }

    /// Until when a hold keeps the cycle from going on; nil: until a person acts. What the rate limit admits later is waited for: a cycle
    /// that was given up would begin again with the list, and use up the next call for that. Only a drain does not wait.
    private func heldUntil(_ lane: Lane, _ time: EventTime) -> Instant? {
        cyclesLeft == nil ? lane.gate.heldUntil(now: time.steady) : lane.opensAt(time)
    }

    mutating func clockWasSet(by step: Duration) {
        cycle?.clockWasSet(by: step)
        pending.completed.setBack(by: step)
        for index in pending.failed.indices { pending.failed[index].beganAt = pending.failed[index].beganAt + min(step, .zero) }
        for index in pending.reports.indices { pending.reports[index].readAt = pending.reports[index].readAt + min(step, .zero) }
    }

    /// A read has ended, of this cycle or of an earlier one.
    mutating func ended(_ id: Engine.CallID, _ outcome: DeliveryOutcome, _ body: JSONValue?, _ context: inout Context) {
        if cycle?.ended(id, outcome, body, remote, &context) == true { proceed(&context) }
    }

    /// Passes on the results of the cycle, and ends it when it is complete.
    private mutating func proceed(_ context: inout Context) {
        guard var present = cycle else { return }
        if let batch = present.takeBatch() {
            pending.reports += batch.reports
            take(batch.completed)
        }
        cycle = present
        guard let end = present.end(&context, remote) else { return }
        finish(end, present, &context)
    }

    private mutating func finish(_ end: ReadCycle.End, _ finished: ReadCycle, _ context: inout Context) {
        cycle = nil
        take(end.completed)
        let now = context.time.steady
        switch end.kind {
        case .through:
            pending.completed += finished.listRequests
            // Objects that a webhook named say nothing about the list.
            if finished.scope != .requests || remote.poll == nil {
                pending.health = .read
                pending.rotation = finished.rotationCursor
                context.report(.read(remote.name, failure: nil))
            }
            _ = schedule.ended(hasMore: finished.hasMore, now: now)
        case .failed(let reason, of: let what):
            pending.health = .failed(reason)
            pending.rotation = finished.rotationCursor
            context.report(.read(remote.name, failure: reason))
            let scope = scope(of: what, end, finished)
            if scope == .objects { pending.completed += finished.listRequests }
            _ = schedule.failed(scope, now: now)
        case .held(let until):
            _ = schedule.held(until: until, now: now)
        }
        for read in end.failed { pending.failed.append(FailedRead(read, rest: failedObjects.failed(read.request))) }
        if cyclesLeft != nil { schedule.endList() }
        asksAgain = hasRequests
    }

    private mutating func take(_ completed: [CompletedRead]) {
        pending.completed += completed
        for read in completed { failedObjects.responded(read.request) }
    }

    /// What a failure says. Objects that could not be read before either do not show that others cannot be.
    private func scope(of failure: PollSchedule.Failure, _ end: ReadCycle.End, _ finished: ReadCycle) -> PollSchedule.Failure {
        guard failure == .everything, end.hasOnlyRequestedFailed, !end.failed.isEmpty,
            end.failed.allSatisfy({ failedObjects.contains($0.request) })
        else { return failure }
        return finished.hasListFailed ? .list : .objects
    }

    // MARK: Time, orders and configuration

    func alarmAt(gateOpensAt: Instant?) -> Instant? {
        guard let cycle else { return cyclesLeft == 0 ? nil : dueAt }
        return cycle.wantsCall ? gateOpensAt : nil
    }

    /// A person wants the remote called now.
    mutating func resumed(_ time: EventTime) { schedule.resumed(now: time.steady) }

    /// Limits the number of further cycles.
    mutating func drain(_ time: EventTime) {
        cyclesLeft = Reader.cyclesOfDrain
        schedule.beginList(now: time.steady)
    }

    /// No further reads.
    mutating func stop() {
        cycle = nil
        cyclesLeft = 0
    }

    mutating func configure(_ fresh: Remote, _ time: EventTime) {
        // A cycle that was abandoned begins again.
        if cycle != nil || fresh.poll?.interval != remote.poll?.interval {
            schedule = PollSchedule(interval: fresh.poll?.interval, now: time.steady)
        }
        remote = fresh
        cycle = nil
    }
}
