import SyncCore

/// What `convosync sync` waits for: nothing is left on the feed, and everything that was due was attempted or is on hold.
///
/// | time                         | rows that have failed before are attempted | holds that are waited out                     |
/// |------------------------------|--------------------------------------------|-----------------------------------------------|
/// | before the deadline          | whenever they fall due                     | those that end before it, and short ones      |
/// | after it, or without one     | if they were due when the drain began      | short ones                                    |
///
/// So a deadline only adds attempts: it ends neither calls in flight, which their timeouts limit, nor the run. What is due is attempted once, however
/// long that takes.
struct Drain: Sendable {
    /// An application that writes all the time must not keep the drain from ending: this long after nothing was left to plan for the first
    /// time, planning stops.
    static let extraPlanning = Duration.seconds(10)

    /// The deadline by the steady clock.
    let until: Instant?
    /// By the wall clock.
    private(set) var startedAt: Instant
    private(set) var planningEnds: Instant?
    /// Work that is pushed last no longer waits: all other remotes have attempted what was due, or are on hold.
    var endsWaits = false
    var counts = RunCounts()
    var runs = 0
    var error: String?

    init(until: Instant?, _ time: EventTime) {
        self.until = until
        startedAt = time.wall
    }

    /// By the wall clock: rows that have failed before are attempted if they fall due until then; nil: whenever they are due.
    func retriesDueBy(_ time: EventTime) -> Instant? { deadline(time) == nil ? startedAt : nil }

    /// The stored due times are moved as well.
    mutating func clockWasSet(by step: Duration) { startedAt = startedAt + step }

    func mayPlan(_ time: EventTime) -> Bool { planningEnds.map { time.steady < $0 } ?? true }

    mutating func feedIsEmpty(_ time: EventTime) {
        if planningEnds == nil { planningEnds = time.steady + Drain.extraPlanning }
    }

    /// How long the drain waits for an unusable database.
    static let storePatience = Duration.seconds(15)
    private(set) var hasGivenUp = false

    mutating func failed(_ failure: StoreError, since: Instant, _ time: EventTime) {
        guard !failure.isTransient || time.steady - since >= Drain.storePatience else { return }
        hasGivenUp = true
        error = failure.description
    }

    /// The longest time that finished rows are pruned at the end.
    private static let pruning = Duration.seconds(2)
    private var prunesUntil: Instant?

    var isPruning: Bool { prunesUntil != nil }

    /// Everything else is done, and nothing else needs the database now.
    mutating func mayPrune(hasStep: Bool, _ time: EventTime) -> Bool {
        let end = prunesUntil ?? time.steady + Drain.pruning
        prunesUntil = end
        return hasStep && time.steady < end
    }

    /// Whether the deadline has passed.
    func isOver(_ time: EventTime) -> Bool { until.map { time.steady >= $0 } ?? false }

    /// The deadline, until it has passed.
    private func deadline(_ time: EventTime) -> Instant? { isOver(time) ? nil : until }

    /// Whether the lane has nothing more to do.
    func isDone(_ lane: Lane, _ time: EventTime) -> Bool {
        guard lane.isIdle else { return false }
        if lane.isPutOff { return true }
        let deadline = deadline(time)
        if let deadline, let dueAt = lane.nextDueAt, dueAt < deadline, lane.opensAt(time) != nil { return false }
        guard lane.claims.mayHaveDue else { return true }
        guard let opensAt = lane.opensAt(time) else { return true }
        if opensAt <= time.steady { return false }
        if let deadline, opensAt < deadline { return false }
        return isOnHold(lane, opensAt, time)
    }

    /// A remote that takes nothing for long, is parked, or throttles again and again, is not waited for from then on, however long the
    /// others take.
    func putsOff(_ lane: Lane, _ time: EventTime) -> Bool {
        guard deadline(time) == nil, lane.isIdle, lane.claims.mayHaveDue, let opensAt = lane.opensAt(time) else { return false }
        return opensAt > time.steady && isOnHold(lane, opensAt, time)
    }

    /// A probe of a parked remote, however soon the next one is, only shows that it is still parked.
    private func isOnHold(_ lane: Lane, _ opensAt: Instant, _ time: EventTime) -> Bool {
        if lane.waitsForFirstCall(opensAt, time) { return false }
        return opensAt - time.steady > Lane.shortHold || lane.holdsInARow > 1 || lane.waitsForProbe(time)
    }
}
