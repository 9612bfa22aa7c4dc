import SyncCore
import SyncDaemon
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
        guard row.state == OutboxState.pending.rawValue, let outlook = RowOutlook(.pending, dueAt: row.dueAt, gate: gate, now: now) else {
            return nil
        }
        return NextTry(
            moment: outlook.moment ?? (outlook.wait == .nothing ? row.dueAt : nil),
            cause: outlook.hold(of: row.remote) { DisplayedTime.text($0, now: now) })
    }
}
