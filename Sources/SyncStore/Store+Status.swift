import GRDB
import SyncCore

/// What `status` shows about one remote.
package struct RemoteStatus: Sendable, Equatable {
    package var name: String
    package var pending = 0
    package var oldestPendingAt: String?
    package var inFlight = 0
    package var retrying = 0
    package var held = 0
    package var dead = 0
    package var uncertain = 0
    package var gate = RemoteGate.Stored()
    package var lastSuccessAt: String?
    package var lastFailureAt: String?
    package var lastError: String?

    package init(name: String) {
        self.name = name
    }
}

/// The newest run as it is stored.
package struct StoredRun: Sendable, Equatable {
    package var id: Int64
    package var cause: String
    package var startedAt: String
    package var finishedAt: String?
    package var counts: RunCounts
    package var error: String?
}

package struct StoreStatus: Sendable, Equatable {
    package var remotes: [RemoteStatus]
    package var lastRun: StoredRun?
    /// Entries of the change feed and the message feed that no run has worked off.
    package var unplanned: Int
    /// Rows that the brake holds, and since when.
    package var heldByBrake = 0
    package var heldByBrakeSince: String?
}

extension Store {
    /// Counts over unfinished rows only: the cost does not depend on how much has been delivered.
    package func status(of names: [String]) async throws(StoreError) -> StoreStatus {
        try await read { db in
            var byName = Dictionary(uniqueKeysWithValues: names.map { ($0, RemoteStatus(name: $0)) })
            let counts = try Row.fetchAll(
                db,
                sql: """
                    SELECT remote, state, count(*), min(created_at), sum(attempts > 0) FROM outbox
                    WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain') GROUP BY remote, state
                    """)
            for row in counts {
                let name: String = row[0]
                var status = byName[name] ?? RemoteStatus(name: name)
                status.take(state: row[1], count: row[2], oldest: row[3], tried: row[4])
                byName[name] = status
            }
            let remotes = try Row.fetchAll(
                db,
                sql: """
                    SELECT name, paused_at, parked_at, park_reason, throttled_until, breaker_open_until, breaker_openings,
                        last_success_at, last_failure_at, last_error, concurrency FROM remotes
                    """)
            for row in remotes {
                guard var status = byName[row[0]] else { continue }
                status.gate = RemoteGate.Stored(
                    pausedAt: .column(row[1]), parkedAt: .column(row[2]), parkReason: row[3], throttledUntil: .column(row[4]),
                    breakerOpenUntil: .column(row[5]), breakerOpenings: row[6], concurrency: row[10])
                status.lastSuccessAt = row[7]
                status.lastFailureAt = row[8]
                status.lastError = row[9]
                byName[row[0]] = status
            }
            let unplanned =
                try Int.fetchOne(
                    db, sql: "SELECT (SELECT count(*) FROM change_feed) + (SELECT count(*) FROM message_feed WHERE remote = '')") ?? 0
            let braked = try Row.fetchOne(
                db,
                sql: """
                    SELECT count(*), min(created_at) FROM outbox
                    WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND state = 'held' AND held_by = 'brake'
                    """)
            return StoreStatus(
                remotes: byName.values.sorted { $0.name < $1.name }, lastRun: try Store.lastRun(db), unplanned: unplanned,
                heldByBrake: braked?[0] ?? 0, heldByBrakeSince: braked?[1])
        }
    }

    private static func lastRun(_ db: Database) throws -> StoredRun? {
        guard
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT id, cause, started_at, finished_at, examined, planned, delivered, put_back, dead, error
                    FROM runs ORDER BY id DESC LIMIT 1
                    """)
        else { return nil }
        var counts = RunCounts()
        counts.examined = row[4]
        counts.planned = row[5]
        counts.delivered = row[6]
        counts.putBack = row[7]
        counts.dead = row[8]
        return StoredRun(id: row[0], cause: row[1], startedAt: row[2], finishedAt: row[3], counts: counts, error: row[9])
    }

    /// How many rows of these remotes wait for another try, are held, and need a person.
    package func remainder(of remotes: [String]) async throws(StoreError) -> (waiting: Int, held: Int, dead: Int) {
        let list = JSONValue.array(remotes.map(JSONValue.string)).text
        return try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT sum(state IN ('pending', 'sending')), sum(state = 'held'), sum(state IN ('dead', 'uncertain')) FROM outbox
                    WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                        AND remote IN (SELECT value FROM json_each(?))
                    """, arguments: [list])
            return (row?[0] ?? 0, row?[1] ?? 0, row?[2] ?? 0)
        }
    }
}

extension RemoteStatus {
    fileprivate mutating func take(state: String, count: Int, oldest: String?, tried: Int) {
        switch OutboxState(rawValue: state) {
        case .pending:
            pending = count
            oldestPendingAt = oldest
            retrying = tried
        case .sending: inFlight = count
        case .held: held = count
        case .dead: dead = count
        case .uncertain: uncertain = count
        default: break
        }
    }
}
