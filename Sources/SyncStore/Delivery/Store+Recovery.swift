import GRDB
import SyncCore

/// Identifies a process for as long as the machine runs: a process id alone is used again.
package struct ProcessIdentity: Sendable, Equatable {
    package var bootID: String
    package var pidNamespace: String
    package var pid: Int64
    /// Start time in clock ticks since boot.
    package var startedTicks: Int64

    package init(bootID: String, pidNamespace: String, pid: Int64, startedTicks: Int64) {
        self.bootID = bootID
        self.pidNamespace = pidNamespace
        self.pid = pid
        self.startedTicks = startedTicks
    }
}

extension Store {
    /// Enters a process that is about to claim rows. Returns the upper half of its fencing values.
    package func register(_ process: ProcessIdentity, now: Instant) async throws(StoreError) -> Int64 {
        try await write { db in
            try db.execute(
                sql: "INSERT INTO processes (boot_id, pid_namespace, pid, started_ticks, started_at) VALUES (?, ?, ?, ?, ?)",
                arguments: [process.bootID, process.pidNamespace, process.pid, process.startedTicks, now.iso8601])
            let id = db.lastInsertedRowID
            // Only the newest entries can still be running.
            try db.execute(sql: "DELETE FROM processes WHERE id < ? - 1000", arguments: [id])
            return id
        }
    }

    /// Puts back what a process claimed and never finished: when its lease has run out, or at once when it is known to be gone.
    ///
    /// Nobody knows whether these calls arrived. So a message is in doubt from its claim on, and the fields of a state row are in
    /// doubt until they are acknowledged.
    /// - Parameter isGone: true for a process that certainly does not run any more.
    /// - Returns: how many rows were put back.
    package func recover(
        now: Instant, isGone: @escaping @Sendable (ProcessIdentity) -> Bool
    ) async throws(StoreError) -> Int {
        try await write { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT o.id, o.conversation_id, o.remote, o.payload, o.delta, o.updated_at, o.lease_until, o.local_numbers,
                        p.boot_id, p.pid_namespace, p.pid, p.started_ticks,
                        (SELECT max(a.attempt) FROM outbox_attempts a WHERE a.outbox_id = o.id), \(LinkColumns.names),
                        (o.target_id, coalesce(o.target_agent, '')) = (s.target_id, coalesce(s.target_agent, ''))
                    FROM outbox o
                    LEFT JOIN link_state s ON s.conversation_id = o.conversation_id AND s.remote = o.remote
                    LEFT JOIN processes p ON p.id = o.lease >> 32
                    WHERE o.state = 'sending'
                    """)
            var recovered = 0
            for row in rows {
                let leaseUntil: String = row[6] ?? ""
                guard leaseUntil <= now.iso8601 || Store.owner(of: row).map(isGone) == true else { continue }
                try Store.putBack(row, now: now, db)
                recovered += 1
            }
            return recovered
        }
    }

    private static func owner(of row: Row) -> ProcessIdentity? {
        guard let bootID: String = row[8] else { return nil }
        return ProcessIdentity(bootID: bootID, pidNamespace: row[9], pid: row[10], startedTicks: row[11])
    }

    private static func putBack(_ row: Row, now: Instant, _ db: Database) throws {
        let id: Int64 = row[0]
        let claimedAt: String = row[5]
        let tries: Int = row[12] ?? 0
        try db.execute(
            sql: """
                UPDATE outbox SET state = 'pending', lease = NULL, lease_until = NULL, updated_at = ?,
                    in_doubt_since = CASE payload WHEN 'message' THEN coalesce(in_doubt_since, ?) END
                WHERE id = ?
                """,
            arguments: [now.iso8601, claimedAt, id])
        try db.execute(
            sql: """
                INSERT INTO outbox_attempts (outbox_id, attempt, started_at, finished_at, outcome, error)
                VALUES (?, ?, ?, ?, 'interrupted', 'the process ended before a response was recorded')
                """,
            arguments: [id, tries + 1, claimedAt, now.iso8601])
        try settleReturned(id, now: now.iso8601, db)
        let payload: String = row[3]
        if payload == PayloadKind.state.rawValue {
            try doubt(row, db)
        }
        try db.execute(
            sql: "UPDATE change_feed SET deferred = 0 WHERE conversation_id = ? AND remote = ?",
            arguments: [row[1] as String, row[2] as String])
    }

    /// What the call carried may have arrived.
    private static func doubt(_ row: Row, _ db: Database) throws {
        guard row[21] == true else { return }
        let sent = JSONValue.object(column: row[4]).compactMapValues { $0["to"] }
        let numbers = (row[7] as String?).flatMap { try? JSONValue(stored: $0) }.flatMap(ByAttribute.init(column:))
        let columns = LinkColumns(row, at: 13)
        var record = columns.linkRecord
        record.lost(sent, of: numbers ?? .init(repeating: 0))
        var stored = StoredRecord()
        stored.isFormer = columns.isFormer
        try keep(record, in: stored, row[1], row[2], db)
    }

    /// Brings moments that a stepped clock has put out of reach back to now, frees feed entries whose call is not in flight, and rows
    /// that keep a mark (`outbox.behind`) although nothing stands before them.
    ///
    /// What there is to repair is found without the write lock: with many waiting rows that takes a while.
    package func repair(now: Instant, farthestDue: Duration) async throws(StoreError) {
        let farthest = (now + farthestDue).iso8601
        let (late, waiting) = try await read { db in (try Store.lateRows(db, after: farthest), try Store.forgottenRows(db)) }
        try await updateRows(late, "due_at = ?2, updated_at = ?2", now: now)
        try await updateRows(waiting, "behind = 0", now: now)
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE change_feed SET deferred = 0 WHERE deferred = 1 AND NOT EXISTS (
                        SELECT 1 FROM outbox o WHERE o.conversation_id = change_feed.conversation_id
                            AND o.remote = change_feed.remote AND o.state = 'sending')
                    """)
        }
    }

    private static func lateRows(_ db: Database, after moment: String) throws -> [Int64] {
        try Int64.fetchAll(
            db,
            sql: """
                SELECT id FROM outbox WHERE state = 'pending' AND due_at > ?
                    AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                """, arguments: [moment])
    }

    /// Triggers keep the marks; a row that kept one by mistake would wait for ever.
    private static func forgottenRows(_ db: Database) throws -> [Int64] {
        try Int64.fetchAll(
            db,
            sql: """
                SELECT h.id FROM (
                    SELECT conversation_id, remote, min(id) AS id FROM outbox WHERE state = 'pending' AND behind = 1
                    GROUP BY conversation_id, remote) h
                WHERE NOT EXISTS (
                    SELECT 1 FROM outbox e WHERE e.conversation_id = h.conversation_id AND e.remote = h.remote
                        AND e.state IN ('pending', 'sending', 'held') AND e.id < h.id)
                """)
            + Int64.fetchAll(
                db,
                sql: """
                    SELECT o.id FROM outbox o WHERE o.behind >= 2 AND NOT EXISTS (
                        SELECT 1 FROM change_feed f WHERE f.conversation_id = o.conversation_id
                            AND f.remote IN ('', o.remote) AND f.deferred = 0)
                    """)
    }

    private func updateRows(_ ids: [Int64], _ assignments: String, now: Instant) async throws(StoreError) {
        var rest = ids[...]
        while !rest.isEmpty {
            let page = JSONValue.array(rest.prefix(500).map { .integer($0) }).text
            rest = rest.dropFirst(500)
            try await write { db in
                try db.execute(
                    sql:
                        "UPDATE outbox SET \(assignments) WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'pending' AND ?2 <> ''",
                    arguments: [page, now.iso8601])
            }
        }
    }
}
