import SyncCore

extension StoredRun: RowRecord {
    package static let columns: SQL = "id, cause, started_at, finished_at, examined, planned, delivered, put_back, dead, error"

    package init(_ columns: inout Columns) throws {
        id = try columns.next()
        cause = try columns.next()
        startedAt = try columns.next()
        finishedAt = try columns.next()
        counts = RunCounts()
        counts.examined = try columns.next()
        counts.planned = try columns.next()
        counts.delivered = try columns.next()
        counts.putBack = try columns.next()
        counts.dead = try columns.next()
        error = try columns.next()
    }
}

extension StoreStatus.RefusedMembers: RowRecord {
    /// Of the table `outbox`, grouped by the first two.
    package static let columns: SQL = "remote, refused_members, count(*)"

    package init(_ columns: inout Columns) throws {
        remote = try columns.next()
        members = JSONValue.names(column: try columns.next())
        rows = try columns.next()
    }
}

/// The number of a remote's rows in one unfinished state.
struct UnfinishedCount: RowRecord {
    var remote: String
    var state: OutboxState?
    var rows: Int
    var oldest: String?
    /// Those that have been attempted before.
    var attempted: Int

    /// Of the table `outbox`, grouped by the first two.
    static let columns: SQL = "remote, state, count(*), min(coalesce(differs_since, created_at)), sum(attempts > 0)"

    init(_ columns: inout Columns) throws {
        remote = try columns.next()
        state = OutboxState(rawValue: try columns.next())
        rows = try columns.next()
        oldest = try columns.next()
        attempted = try columns.next()
    }
}

/// A row of the table `remotes`.
struct RemoteRow: RowRecord {
    var name: String
    var gate: RemoteGate.Stored
    var lastSuccessAt: String?
    var lastFailureAt: String?
    var lastError: String?
    var reads = ReadHealth()

    static let columns: SQL = """
        name, \(RemoteGate.Stored.columns), last_success_at, last_failure_at, last_error, last_read_at, read_failing_since, read_error, \
        read_failures
        """

    init(_ columns: inout Columns) throws {
        name = try columns.next()
        gate = try RemoteGate.Stored(&columns)
        lastSuccessAt = try columns.next()
        lastFailureAt = try columns.next()
        lastError = try columns.next()
        reads.lastReadAt = try columns.next()
        reads.failingSince = try columns.next()
        reads.error = try columns.next()
        reads.failures = try columns.next()
    }
}

extension RemoteStatus {
    mutating func waits(since time: String?) {
        oldestPendingAt = [oldestPendingAt, time].compactMap { $0 }.min()
    }

    mutating func add(_ count: UnfinishedCount) {
        switch count.state {
        case .pending:
            pending = count.rows
            waits(since: count.oldest)
            retrying = count.attempted
        case .sending:
            inFlight = count.rows
            waits(since: count.oldest)
        case .held: held = count.rows
        case .dead: dead = count.rows
        case .uncertain: uncertain = count.rows
        default: break
        }
    }

    mutating func add(_ row: RemoteRow) {
        gate = row.gate
        (lastSuccessAt, lastFailureAt, lastError) = (row.lastSuccessAt, row.lastFailureAt, row.lastError)
        reads = row.reads
    }
}
