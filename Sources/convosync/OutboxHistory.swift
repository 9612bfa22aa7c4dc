import SyncCore
import SyncDaemon
import SyncStore

/// What `outbox show` shows about a row besides its columns.
struct OutboxHistory {
    /// When a waiting row is attempted next, and what else it waits for.
    struct NextTry {
        /// Nil if that does not depend on time.
        var moment: String?
        /// What it waits for besides its own due time.
        var cause: String?

        func text(now: Instant) -> String {
            guard let moment else { return cause ?? "" }
            return DisplayedTime.text(moment, now: now) + (cause.map { " (\($0))" } ?? "")
        }
    }

    var attempts: [AttemptListing]
    /// The rows that it replaced, directly or by way of others.
    var superseded: [SupersededListing]
    var nextTry: NextTry?

    /// Nil for rows that are not pending. The row is attempted at its due time at the earliest; a hold of its remote may delay it.
    static func nextTry(of row: OutboxListing, gate: RemoteGate.Stored, now: Instant) -> NextTry? {
        guard row.state == OutboxState.pending.rawValue,
            let outlook = RowOutlook(.pending, dueAt: row.dueAt, obstacle: row.obstacle, gate: gate, now: now)
        else { return nil }
        return NextTry(
            moment: outlook.moment ?? (outlook.wait == .nothing ? row.dueAt : nil),
            cause: outlook.hold(of: row.remote) { DisplayedTime.text($0, now: now) })
    }
}
