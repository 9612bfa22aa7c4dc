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
            let rows = try Row.fetchAll(db, sql: "SELECT \(Store.gateColumns), name, last_success_at, read_failures FROM remotes")
            let suspects = try Store.suspects(db)
            return Dictionary(
                uniqueKeysWithValues: rows.map { row in
                    let name: String = row[8]
                    return (
                        name,
                        StoredRemote(
                            gate: Store.gate(row), lastSuccessAt: row[9], suspects: suspects[name] ?? [], readFailures: row[10])
                    )
                })
        }
    }

    /// The remotes that the database knows, also those that are not configured any more, with their kinds.
    package func knownRemotes() async throws(StoreError) -> [String: String] {
        try await read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT name, kind FROM remotes")
            return Dictionary(uniqueKeysWithValues: rows.map { ($0[0], $0[1]) })
        }
    }

    static let gateColumns = """
        paused_at, parked_at, park_reason, park_cause, throttled_until, breaker_open_until, breaker_openings, concurrency
        """

    /// The columns ``gateColumns``, at the beginning of the row.
    static func gate(_ row: Row) -> RemoteGate.Stored {
        RemoteGate.Stored(
            pausedAt: .column(row[0]), parkedAt: .column(row[1]), parkReason: row[2], parkCause: .column(row[3]),
            throttledUntil: .column(row[4]), breakerOpenUntil: .column(row[5]), breakerOpenings: row[6], concurrency: row[7])
    }

    /// Nil for a remote that the database does not know.
    static func storedGate(of remote: String, _ db: Database) throws -> RemoteGate.Stored? {
        try Row.fetchOne(db, sql: "SELECT \(gateColumns) FROM remotes WHERE name = ?", arguments: [remote]).map(gate)
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
