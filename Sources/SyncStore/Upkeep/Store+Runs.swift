import GRDB
import SyncCore

/// What a run did, as it is stored and shown.
package struct RunCounts: Sendable, Equatable {
    package var examined = 0
    package var planned = 0
    package var delivered = 0
    /// Tries that ended with the row back in line.
    package var putBack = 0
    /// Rows that became dead or uncertain.
    package var dead = 0

    package init() {}

    package mutating func add(_ other: RunCounts) {
        examined += other.examined
        planned += other.planned
        delivered += other.delivered
        putBack += other.putBack
        dead += other.dead
    }
}

extension Store {
    package func beginRun(cause: String, processID: Int64, now: Instant) async throws(StoreError) -> Int64 {
        try await write { db in
            try db.execute(
                sql: "INSERT INTO runs (cause, process_id, started_at) VALUES (?, ?, ?)", arguments: [cause, processID, now.iso8601])
            return db.lastInsertedRowID
        }
    }

    package func endRun(_ id: Int64, _ counts: RunCounts, error: String?, now: Instant) async throws(StoreError) {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE runs SET finished_at = ?, examined = ?, planned = ?, delivered = ?, put_back = ?, dead = ?, error = ?
                    WHERE id = ?
                    """,
                arguments: [
                    now.iso8601, counts.examined, counts.planned, counts.delivered, counts.putBack, counts.dead, error, id,
                ])
            // A daemon that runs every minute writes half a million a year.
            try db.execute(sql: "DELETE FROM runs WHERE id <= ? - 10000", arguments: [id])
        }
    }
}
