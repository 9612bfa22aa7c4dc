import SyncCore
import SyncStore

/// What `outbox show` knows about a row besides the row itself.
struct OutboxHistory {
    /// When a row that waits is tried next, and what else it waits for.
    struct NextTry {
        /// Nil where that is not a matter of time.
        var moment: String?
        /// What it waits for besides its own moment.
        var cause: String?

        func text(now: Instant) -> String {
            guard let moment else { return cause ?? "" }
            return DisplayedTime.text(moment, now: now) + (cause.map { " (\($0))" } ?? "")
        }
    }

    var attempts: [AttemptListing]
    /// The rows that it replaced.
    var absorbed: [Int64]
    var carried: [CarriedChange]
    var nextTry: NextTry?

    /// Nil for rows that are not pending. The row's own moment is the earliest; a hold of its remote comes on top of it.
    static func nextTry(of row: OutboxListing, gate: RemoteGate.Stored, now: Instant) -> NextTry? {
        guard row.state == OutboxState.pending.rawValue else { return nil }
        if gate.pausedAt != nil { return NextTry(moment: nil, cause: "when \(row.remote) is resumed (convosync resume \(row.remote))") }
        if gate.parkedAt != nil {
            return NextTry(moment: nil, cause: "when \(row.remote) accepts calls again: parked, \(gate.parkReason ?? "refused")")
        }
        let holds = [(gate.throttledUntil, "\(row.remote) is throttled"), (gate.breakerOpenUntil, "the breaker of \(row.remote) is open")]
        let latest = holds.compactMap { until, reason in until.map { ($0, reason) } }.max { $0.0 < $1.0 }
        if let (until, reason) = latest, until > now, until.iso8601 > row.dueAt {
            return NextTry(moment: until.iso8601, cause: reason)
        }
        return NextTry(moment: row.dueAt, cause: nil)
    }
}
