/// Why a run starts. The words stand in `runs.cause` and in the log.
package enum RunCause: String, CaseIterable, Sendable {
    case startup
    /// The interval is over.
    case interval
    /// The database was written by somebody else.
    case change
    /// A row falls due again, or a remote that waited opens.
    case retry
    /// `convosync sync`, a reload, or a webhook call.
    case request
}

/// Decides when runs start: a machine over events, with one alarm.
///
/// | state    | event             | next                                                         |
/// |----------|-------------------|--------------------------------------------------------------|
/// | idle     | alarm             | running, when something is due; else the alarm is set again  |
/// | idle     | databaseChanged   | idle, due after the debounce (counted from the first change) |
/// | idle     | requested         | running                                                      |
/// | idle     | noticed           | running, or idle and due ``noticeSpacing`` after a run that a notice caused |
/// | running  | databaseChanged, requested | running, and another run follows at once            |
/// | running  | noticed           | running, and another run follows, ``noticeSpacing`` after this one began if it was for a notice |
/// | running  | alarm, the debounce after a change | running; the lanes look for what is due: the run may be waiting for a remote |
/// | running  | runEnded          | idle                                                         |
/// | any      | stop              | stopped: no further run                                      |
///
/// Invariants: at most one run at a time; a change that arrives during a run is never lost; the alarm is never further away than the
/// interval, so a clock that steps costs one interval at most.
package struct RunSchedule: Equatable, Sendable {
    package enum Action: Equatable, Sendable {
        case startRun(RunCause)
        /// A row was replayed or a remote resumed while a run is on its way, perhaps: it must not wait for the run's end.
        case lookForDue
        /// Replaces the alarm that was set before.
        case setAlarm(Instant)
        case stopped
    }

    /// Between runs that webhook calls cause: however many come, they do not cause a run each.
    package static let noticeSpacing = Duration.seconds(1)

    private let interval: Duration
    private let debounce: Duration
    private var nextInterval: Instant
    private var changeDue: Instant?
    /// While running: when the lanes are told of a change.
    private var lookDue: Instant?
    /// When what webhook calls brought is processed.
    private var noticeDue: Instant?
    private var noticesFrom: BoundedWait?
    private var retryDue: BoundedWait?
    private var pendingRequest: RunCause?
    private var isRunning = false
    private var isStopping = false
    private var failuresInARow = 0

    package init(interval: Duration, debounce: Duration, now: Instant) {
        self.interval = interval
        self.debounce = debounce
        nextInterval = now + interval
        pendingRequest = .startup
    }

    /// To be called once at the beginning.
    package mutating func start(now: Instant) -> [Action] { proceed(now: now) }

    package mutating func alarm(now: Instant) -> [Action] {
        guard isRunning, !isStopping, let due = lookDue else { return proceed(now: now) }
        guard now >= due else { return [.setAlarm(due)] }
        lookDue = nil
        return [.lookForDue]
    }

    package mutating func databaseChanged(now: Instant) -> [Action] {
        if changeDue == nil { changeDue = now + debounce }
        guard isRunning, !isStopping else { return proceed(now: now) }
        // A clock that stepped back would put it out of reach.
        let due = min(lookDue ?? now + debounce, now + debounce)
        defer { lookDue = due }
        return lookDue == due ? [] : [.setAlarm(due)]
    }

    package mutating func requested(now: Instant) -> [Action] {
        pendingRequest = pendingRequest ?? .request
        return proceed(now: now)
    }

    /// A webhook call has brought something, which is written down.
    package mutating func noticed(now: Instant) -> [Action] {
        if noticeDue == nil { noticeDue = noticesFrom.map { max($0.until, now) } ?? now }
        return proceed(now: now)
    }

    /// - Parameters:
    ///   - nextDue: when the next row falls due or a remote opens; nil when nothing waits.
    ///   - hasFailed: the run could not do its work; the next one waits a second, after further failures up to a minute.
    package mutating func runEnded(nextDue: Instant?, hasFailed: Bool, now: Instant) -> [Action] {
        precondition(isRunning, "a run ended that was not started")
        isRunning = false
        lookDue = nil
        failuresInARow = hasFailed ? failuresInARow + 1 : 0
        let earliest = hasFailed ? now + min(.seconds(1) * (Int64(1) << min(failuresInARow - 1, 10)), .minutes(1)) : now
        // After a failure that moment is the latest as well.
        retryDue = (hasFailed ? earliest : nextDue.map { max($0, earliest) }).map { BoundedWait(until: $0, now: now) }
        if hasFailed { changeDue = nil }
        nextInterval = now + interval
        return proceed(now: now)
    }

    package mutating func stop() -> [Action] {
        isStopping = true
        return isRunning ? [] : [.stopped]
    }

    private mutating func proceed(now: Instant) -> [Action] {
        if isStopping { return isRunning ? [] : [.stopped] }
        guard !isRunning else { return [] }
        // A clock that stepped back would put everything out of reach.
        nextInterval = min(nextInterval, now + interval)
        if let changeDue { self.changeDue = min(changeDue, now + debounce) }
        if let noticeDue { self.noticeDue = min(noticeDue, noticesFrom?.end(now: now) ?? now) }
        let retryAt = retryDue?.end(now: now)
        guard let cause = dueCause(retryAt: retryAt, now: now) else {
            return [.setAlarm([nextInterval, changeDue, noticeDue, retryAt].compactMap { $0 }.min() ?? nextInterval)]
        }
        isRunning = true
        if noticeDue != nil { noticesFrom = BoundedWait(until: now + RunSchedule.noticeSpacing, now: now) }
        noticeDue = nil
        pendingRequest = nil
        changeDue = nil
        retryDue = nil
        return [.startRun(cause)]
    }

    private func dueCause(retryAt: Instant?, now: Instant) -> RunCause? {
        if let pendingRequest { return pendingRequest }
        if let noticeDue, now >= noticeDue { return .request }
        if let changeDue, now >= changeDue { return .change }
        if let retryAt, now >= retryAt { return .retry }
        return now >= nextInterval ? .interval : nil
    }
}
