import SyncCore

/// Decides when rows are put back that were claimed by processes which have ended: with the first page of a turn, if the turn was requested
/// or an interval has passed, and when a claim ends that another process had at the last time.
struct Recovery: Sendable {
    private var lastAt: Instant?
    /// When the first of the other processes' claims ends, as far as it is known. No event tells that.
    private(set) var nextAt: Instant?

    func isDue(_ cause: RunCause?, interval: Duration, _ time: EventTime) -> Bool {
        if let cause, cause != .change, cause != .retry { return true }
        return lastAt.map { time.steady - $0 >= interval } ?? true
    }

    mutating func begins(_ time: EventTime) { (lastAt, nextAt) = (time.steady, nil) }

    mutating func ended(claimedUntil: Instant?, _ time: EventTime) { nextAt = claimedUntil.map { time.steady(of: $0) } }

    mutating func failed() { lastAt = nil }

    /// - Returns: whether a claim has ended since the last call.
    mutating func claimEnds(_ time: EventTime) -> Bool {
        guard let nextAt, nextAt <= time.steady else { return false }
        self.nextAt = nil
        return true
    }
}
