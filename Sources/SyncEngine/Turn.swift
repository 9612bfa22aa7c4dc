import SyncCore

/// The run in progress, as the table `runs` and the log show it: from the first page that planned something, or the first outcome, until
/// nothing is left on the feed and no call is in flight, for an interval at most. Nothing waits for its end.
struct Turn: Sendable {
    private(set) var id: Int64?
    let cause: RunCause
    /// By the wall clock, and by the steady one.
    private let startedAt: Instant
    private let began: Instant
    var brake: Brake
    private(set) var counts = RunCounts()
    /// Why the brake engaged, until that is reported: the report contains the run's id.
    var engagement: Brake.Engagement?
    /// Why the run could not do its work.
    var error: String?
    private var storedError: String?
    /// The error in the exchange in progress, or in the last one.
    private var carriedError: String?

    init(_ cause: RunCause, _ brake: Brake.Settings, _ time: EventTime) {
        self.cause = cause
        self.brake = Brake(brake)
        startedAt = time.wall
        began = time.steady
    }

    /// Whether an error has to be stored even without outcomes.
    var mustBeStored: Bool { error != storedError }

    /// - Parameters:
    ///   - counts: what the outcomes in the exchange amount to, as known before it.
    ///   - isQuiet: whether nothing is in flight, buffered or being surveyed.
    mutating func part(_ counts: RunCounts, isQuiet: Bool, interval: Duration, isStopping: Bool, _ time: EventTime) -> RunPart {
        carriedError = error
        return RunPart(
            id: id, cause: cause, startedAt: startedAt, counts: counts, error: error == storedError ? nil : error, endsIfDone: isQuiet,
            ends: (isStopping && isQuiet) || time.steady - began >= interval)
    }

    /// - Parameter outcomes: what the outcomes amount to.
    /// - Returns: whether the run has ended.
    mutating func take(_ result: ExchangeResult, _ outcomes: RunCounts, _ context: inout Context) -> Bool {
        storedError = carriedError
        counts.add(outcomes)
        if let batch = result.plan?.batch { counts.add(RunCounts(of: batch)) }
        if id == nil, let began = result.runID {
            id = began
            context.report(.runBegan(began, cause))
        }
        if let engagement, let id {
            context.report(.brakeEngaged(engagement, runID: id))
            self.engagement = nil
        }
        guard result.hasEndedRun, let id else { return false }
        report(id, &context)
        return true
    }

    /// A turn that found nothing to do: no row of `runs` is created for it.
    func reportNothing(_ context: inout Context) { report(nil, &context) }

    private func report(_ id: Int64?, _ context: inout Context) {
        context.report(.runEnded(id, cause, counts, error: error, startedAt: startedAt, endedAt: context.time.wall))
    }
}

extension RunCounts {
    /// The counts of a page of planning.
    init(of batch: PlanBatch) {
        self.init()
        examined = batch.examined
        planned = batch.planned + batch.refused.count
        dead = batch.refused.count
    }

    /// Adds an outcome.
    mutating func count(_ call: FinishedCall) {
        switch call.row.state {
        case .delivered: delivered += 1
        case .pending: putBack += call.outcome == nil ? 0 : 1
        case .dead, .uncertain: dead += 1
        default: break
        }
    }
}
