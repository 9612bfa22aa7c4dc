import SyncCore

/// What a run did, as it is stored and shown.
package struct RunCounts: Sendable, Equatable {
    package var examined = 0
    package var planned = 0
    package var delivered = 0
    /// Attempts that ended with the row back in line.
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
        try await write { session in
            try session.run("INSERT INTO runs (cause, process_id, started_at) VALUES (\(cause), \(processID), \(now))")
            return session.lastInsertedKey
        }
    }

    package func endRun(_ id: Int64, _ counts: RunCounts, error: String?, now: Instant) async throws(StoreError) {
        try await write { session in
            try session.run(
                """
                UPDATE runs SET finished_at = \(now), examined = \(counts.examined), planned = \(counts.planned),
                    delivered = \(counts.delivered), put_back = \(counts.putBack), dead = \(counts.dead), error = \(error)
                WHERE id = \(id)
                """)
            // A daemon that runs every minute writes half a million a year.
            try session.run("DELETE FROM runs WHERE id <= \(id) - 10000")
        }
    }
}
