import GRDB
import SyncCore

/// What resuming a remote changed, and what its rows still wait for.
package struct Resumption: Sendable, Equatable {
    package var before: RemoteGate.Stored
    package var after: RemoteGate.Stored
    /// Rows that waited for a later moment and are due now.
    package var madeDue: Int
    /// Rows that still wait for the moment of their next attempt, and the first of these moments.
    package var waiting: Int
    package var nextDueAt: Instant?
}

/// What a pause found.
package struct PauseRecord: Sendable, Equatable {
    package var pausedAt: Instant
    /// It was paused already, and stays paused since then.
    package var wasPaused: Bool
}

extension Store {
    /// Stops deliveries to a remote; survives restarts. A running daemon notices the commit. Lifts nothing.
    /// - Returns: nil when the remote is not known to the database.
    package func pause(_ remote: String, now: Instant) async throws(StoreError) -> PauseRecord? {
        try await write { db in
            guard let before = try Store.storedGate(of: remote, db) else { return nil }
            try db.execute(
                sql: "UPDATE remotes SET paused_at = coalesce(paused_at, ?) WHERE name = ?", arguments: [now.iso8601, remote])
            return PauseRecord(pausedAt: before.pausedAt ?? now, wasPaused: before.pausedAt != nil)
        }
    }

    /// Ends a pause. A running daemon notices the commit. Resuming also lifts a throttle, with the rows that wait for its end, and lets a
    /// parked remote be tried at once.
    /// - Parameter attemptsNow: also ends the pause of an open breaker, and makes rows due that wait for their next attempt. Messages that
    ///   Fin does not take at the moment keep waiting.
    /// - Returns: nil when the remote is not known to the database.
    package func resume(_ remote: String, attemptsNow: Bool = false, now: Instant) async throws(StoreError) -> Resumption? {
        try await write { db in
            guard let before = try Store.storedGate(of: remote, db) else { return nil }
            try db.execute(
                sql: """
                    UPDATE remotes SET paused_at = NULL, throttled_until = NULL, resumed_at = ?1,
                        breaker_open_until = CASE WHEN ?3 AND breaker_open_until > ?1 THEN ?1 ELSE breaker_open_until END
                    WHERE name = ?2
                    """, arguments: [now.iso8601, remote, attemptsNow])
            let madeDue = try Store.makeDue(remote, onlyThrottled: !attemptsNow, now: now, db)
            try Store.forgetAge(remote, db)
            let waiting = try Row.fetchOne(
                db, sql: "SELECT count(*), min(due_at) FROM outbox WHERE \(Store.waitsForItsMoment)", arguments: [now.iso8601, remote])
            return Resumption(
                before: before, after: try Store.storedGate(of: remote, db) ?? before, madeDue: madeDue, waiting: waiting?[0] ?? 0,
                nextDueAt: waiting.flatMap { .column($0[1]) })
        }
    }

    /// Rows that could not be attempted for a while are not older for it: their age counts anew from the next attempt that counts.
    static func forgetAge(_ remote: String, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                UPDATE outbox SET counted_since = NULL
                WHERE remote = ? AND state = 'pending' AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                    AND counted_since IS NOT NULL
                """
        ).execute(arguments: [remote])
    }

    /// Of the remote ?2, at the moment ?1.
    private static let waitsForItsMoment = """
        remote = ?2 AND state = 'pending' AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND due_at > ?1
            AND held_by IS NULL
        """

    /// - Parameter onlyThrottled: rows whose last attempt was throttled: they wait for nothing else than the end of the throttle.
    /// - Returns: how many rows are due now that were not.
    private static func makeDue(_ remote: String, onlyThrottled: Bool, now: Instant, _ db: Database) throws -> Int {
        let throttled = """
            AND (SELECT a.outcome FROM outbox_attempts a WHERE a.outbox_id = outbox.id ORDER BY a.attempt DESC LIMIT 1) = 'throttled'
            """
        try db.execute(
            sql: """
                UPDATE outbox SET due_at = ?1, updated_at = ?1 WHERE \(waitsForItsMoment) \(onlyThrottled ? throttled : "")
                """, arguments: [now.iso8601, remote])
        return db.changesCount
    }
}
