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
    /// Entries of the change feed and the message feed that no run has processed.
    package var unplanned: Int
    /// Rows that the brake holds, and since when.
    package var heldByBrake = 0
    package var heldByBrakeSince: String?
    /// Members that remotes refuse, and of how many conversations.
    package struct RefusedMembers: Sendable, Equatable {
        package var remote: String
        package var members: [String]
        package var rows: Int
    }

    package var refused: [RefusedMembers] = []
    /// Ends that remotes report and that wait for somebody to look, because there are so many of them; and the remotes.
    package var heldEnds = 0
    package var heldEndsAt: [String] = []
    /// Entries of the feeds that were put aside because a key cannot be used, and the first of these keys.
    package var putAside = 0
    package var unreadable: [UnreadableKey] = []
    /// Objects that several conversations link to.
    package var shared: [SharedObject] = []
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
                        last_success_at, last_failure_at, last_error, concurrency, park_cause FROM remotes
                    """)
            for row in remotes {
                guard var status = byName[row[0]] else { continue }
                status.gate = RemoteGate.Stored(
                    pausedAt: .column(row[1]), parkedAt: .column(row[2]), parkReason: row[3], parkCause: .column(row[11]),
                    throttledUntil: .column(row[4]), breakerOpenUntil: .column(row[5]), breakerOpenings: row[6], concurrency: row[10])
                status.lastSuccessAt = row[7]
                status.lastFailureAt = row[8]
                status.lastError = row[9]
                byName[row[0]] = status
            }
            let unplanned =
                try Int.fetchOne(
                    db,
                    sql:
                        "SELECT (SELECT count(*) FROM change_feed WHERE deferred <> 2) + (SELECT count(*) FROM message_feed WHERE remote = '')"
                ) ?? 0
            let braked = try Row.fetchOne(
                db,
                sql: """
                    SELECT count(*), min(created_at) FROM outbox
                    WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND state = 'held' AND held_by = 'brake'
                    """)
            let ends = try Row.fetchAll(
                db, sql: "SELECT remote, count(*) FROM link_state WHERE braked_at IS NOT NULL GROUP BY remote ORDER BY remote")
            let refused = try Row.fetchAll(
                db,
                sql: """
                    SELECT remote, refused_members, count(*) FROM outbox
                    WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND state = 'dead' AND refused_members IS NOT NULL
                    GROUP BY remote, refused_members ORDER BY remote, refused_members
                    """
            ).map { row in
                let members = (try? JSONValue(stored: row[1] as String))?.arrayValue?.compactMap(\.stringValue) ?? []
                return StoreStatus.RefusedMembers(remote: row[0], members: members, rows: row[2])
            }
            let (putAside, unreadable) = try Store.putAside(db)
            return StoreStatus(
                remotes: byName.values.sorted { $0.name < $1.name }, lastRun: try Store.lastRun(db), unplanned: unplanned,
                heldByBrake: braked?[0] ?? 0, heldByBrakeSince: braked?[1], refused: refused,
                heldEnds: ends.reduce(0) { $0 + ($1[1] as Int) }, heldEndsAt: ends.map { $0[0] }, putAside: putAside, unreadable: unreadable
            )
        }
    }

    /// Keys that `status` names at most.
    private static let namedKeys = 10

    private static func putAside(_ db: Database) throws -> (Int, [UnreadableKey]) {
        let count =
            try Int.fetchOne(
                db,
                sql: """
                    SELECT (SELECT count(DISTINCT conversation_id) FROM change_feed WHERE deferred = 2)
                        + (SELECT count(*) FROM message_feed WHERE remote = '!')
                    """) ?? 0
        guard count > 0 else { return (0, []) }
        let conversations = try StoredRow.fetchAll(
            db, sql: "SELECT DISTINCT conversation_id FROM change_feed WHERE deferred = 2 ORDER BY 1 LIMIT \(namedKeys)")
        let messages = try StoredRow.fetchAll(
            db,
            sql: "SELECT message_id, conversation_id FROM message_feed WHERE remote = '!' ORDER BY sequence LIMIT \(namedKeys)")
        let keys =
            conversations.map { UnreadableKey(conversation: $0.key(0)) }
            + messages.map { UnreadableKey(message: $0.key(0), of: $0.key(1)) }
        return (count, Array(keys.prefix(namedKeys)))
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
