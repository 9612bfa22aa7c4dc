import SyncCore

/// Decides when rows are put back that were claimed by processes which have ended: with the first page of a turn, if the turn was requested
/// or an interval has passed. Leases expire without an event, and turns that other work causes may follow each other at any rate.
struct Recovery: Sendable {
    private var lastAt: Instant?

    func isDue(_ cause: RunCause?, interval: Duration, _ time: EventTime) -> Bool {
        if let cause, cause != .change, cause != .retry { return true }
        return lastAt.map { time.steady - $0 >= interval } ?? true
    }

    mutating func begins(_ time: EventTime) { lastAt = time.steady }

    mutating func failed() { lastAt = nil }
}
