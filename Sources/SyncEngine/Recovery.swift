import SyncCore

/// When rows are put back that processes left behind which have ended: with the first page of a turn, where somebody asked for the turn or an
/// interval has passed. Leases run out without an event, and turns that other work causes may follow each other at any pace.
struct Recovery: Sendable {
    private var lastAt: Instant?

    func isDue(_ cause: RunCause?, interval: Duration, _ time: EventTime) -> Bool {
        if let cause, cause != .change, cause != .retry { return true }
        return lastAt.map { time.steady - $0 >= interval } ?? true
    }

    mutating func begins(_ time: EventTime) { lastAt = time.steady }

    mutating func failed() { lastAt = nil }
}
