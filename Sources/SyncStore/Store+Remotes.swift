import GRDB
import SyncCore

/// What the store remembers about a remote from before a restart.
package struct StoredRemote: Sendable, Equatable {
    package var gate: RemoteGate.Stored
    package var lastSuccessAt: String?
    /// Conversations that it said it does not know, where nothing has confirmed it.
    package var suspects: Set<String> = []
    /// How often in a row it could not be read.
    package var readFailures = 0
}

extension RemoteGate.ParkCause {
    static func column(_ text: String?) -> RemoteGate.ParkCause? { text.flatMap(RemoteGate.ParkCause.init(rawValue:)) }
}

extension Store {
    /// Takes feed entries off that name a remote which is not configured or not enabled. When it is, everything is planned anyway.
    /// - Returns: the names that were found.
    package func dropStrayFeed(_ remotes: [RemoteParticipation]) async throws(StoreError) -> [String] {
        let known = [""] + remotes.filter { $0.isEnabled && !$0.receivesMessages }.map(\.name)
        let list = JSONValue.array(known.map(JSONValue.string)).text
        return try await write { db in
            let names = try String.fetchAll(
                db.cachedStatement(
                    sql: "SELECT DISTINCT remote FROM change_feed WHERE deferred = 0 AND remote NOT IN (SELECT value FROM json_each(?))"),
                arguments: [list])
            guard !names.isEmpty else { return [] }
            try db.execute(
                sql: "DELETE FROM change_feed WHERE remote NOT IN (SELECT value FROM json_each(?))", arguments: [list])
            return names
        }
    }

    package func storedRemotes() async throws(StoreError) -> [String: StoredRemote] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT name, paused_at, parked_at, park_reason, throttled_until, breaker_open_until, breaker_openings,
                        last_success_at, concurrency, park_cause, read_failures FROM remotes
                    """)
            let suspects = try Store.suspects(db)
            return Dictionary(
                uniqueKeysWithValues: rows.map { row in
                    let name: String = row[0]
                    let gate = RemoteGate.Stored(
                        pausedAt: .column(row[1]), parkedAt: .column(row[2]), parkReason: row[3], parkCause: .column(row[9]),
                        throttledUntil: .column(row[4]), breakerOpenUntil: .column(row[5]), breakerOpenings: row[6], concurrency: row[8])
                    return (name, StoredRemote(gate: gate, lastSuccessAt: row[7], suspects: suspects[name] ?? [], readFailures: row[10]))
                })
        }
    }

    /// When a pending row of the remote falls due after the given moment; nil when none does. Rows behind others do not count.
    package func nextDue(_ remote: String, after moment: Instant) async throws(StoreError) -> Instant? {
        try await read { db in
            .column(
                try String.fetchOne(
                    db, sql: "SELECT min(due_at) FROM outbox WHERE remote = ? AND state = 'pending' AND behind = 0 AND due_at > ?",
                    arguments: [remote, moment.iso8601]))
        }
    }

    package func hasPending(_ remote: String) async throws(StoreError) -> Bool {
        try await read { db in
            try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM outbox WHERE remote = ? AND state = 'pending' AND behind = 0)", arguments: [remote]
            ) ?? false
        }
    }
}
