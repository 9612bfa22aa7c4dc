import SyncCore

/// Limits the size of the file: finished rows are pruned page by page.
///
/// | event                             | next                                                                              |
/// |-----------------------------------|-----------------------------------------------------------------------------------|
/// | a minute is over                  | a step along with the next exchange                                               |
/// | a step has left more              | the next one when nothing else is wanted, or ``longestWait`` later                |
/// | a step has left nothing, or failed | the next one after a minute                                                      |
struct Upkeep: Sendable {
    static let pause = Duration.minutes(1)
    static let longestWait = Duration.seconds(1)
    private static let firstPause = Duration.seconds(1)

    private(set) var retention: Retention
    private var dueAt: Instant
    private var hasMore = false
    private var isStepping = false
    private var hasStepped = false

    init(_ settings: Retention.Settings, _ time: EventTime) {
        retention = Retention(settings)
        dueAt = time.steady + Upkeep.firstPause
    }

    /// - Parameters:
    ///   - isQuiet: whether nothing else is wanted of the store.
    ///   - isLast: whether a command ends afterwards, so that the first step does not wait.
    func isDue(isQuiet: Bool, isLast: Bool = false, _ time: EventTime) -> Bool {
        guard retention.settings.isEnabled, !isStepping else { return false }
        return time.steady >= dueAt || isQuiet && (hasMore || isLast && !hasStepped)
    }

    mutating func stepBegins() { isStepping = true }

    /// A command does not insist: nothing else that it does needs the space.
    mutating func stepFailed(_ time: EventTime) {
        guard isStepping else { return }
        (isStepping, hasMore, hasStepped) = (false, false, true)
        dueAt = time.steady + Upkeep.pause
    }

    mutating func take(_ result: ExchangeResult, _ context: inout Context) {
        guard isStepping else { return }
        isStepping = false
        hasStepped = true
        hasMore = result.hasMoreRetention
        dueAt = context.time.steady + (hasMore ? Upkeep.longestWait : Upkeep.pause)
        guard let swept = result.retention else { return }
        // A sweep of a single page is not seen under way; of one that found nothing, there is nothing to say.
        let sweepEnded = !swept.isSweeping && (retention.isSweeping || result.prunedRows > 0)
        retention = swept
        if result.prunedRows > 0 || sweepEnded { context.report(.pruned(rows: result.prunedRows, sweepEnded: sweepEnded)) }
    }

    /// Whether finished rows can be pruned now, for a command that ends afterwards.
    var hasStep: Bool { retention.settings.isEnabled && (hasMore || !hasStepped) }

    mutating func configure(_ settings: Retention.Settings) {
        if settings != retention.settings { retention = Retention(settings) }
    }

    var alarmAt: Instant? { retention.settings.isEnabled ? dueAt : nil }
}
