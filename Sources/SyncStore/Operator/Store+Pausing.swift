import SyncCore

/// What resuming a remote changed, and what its rows still wait for.
package struct Resumption: Sendable, Equatable {
    package var before: RemoteGate.Stored
    package var after: RemoteGate.Stored
    /// Rows that waited for a later time and are due now.
    package var madeDue: Int
    /// Rows that still wait for the time of their next attempt, and the first of these times.
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
        try await write { session in
            guard let before = try Store.storedGate(of: remote, session) else { return nil }
            try session.run("UPDATE remotes SET paused_at = coalesce(paused_at, \(now)) WHERE name = \(remote)")
            return PauseRecord(pausedAt: before.pausedAt ?? now, wasPaused: before.pausedAt != nil)
        }
    }

    /// Ends a pause. A running daemon notices the commit. Resuming also lifts a throttle, with the rows that wait for its end, and lets a
    /// parked remote be tried at once.
    /// - Parameter attemptsNow: also ends the pause of an open breaker, and makes rows due that wait for their next attempt. Messages that
    ///   Fin does not take at the moment keep waiting.
    /// - Returns: nil when the remote is not known to the database.
    package func resume(_ remote: String, attemptsNow: Bool = false, now: Instant) async throws(StoreError) -> Resumption? {
        try await write { session in
            guard let before = try Store.storedGate(of: remote, session) else { return nil }
            try session.run(
                """
                UPDATE remotes SET paused_at = NULL, throttled_until = NULL, resumed_at = \(now),
                    breaker_open_until = CASE WHEN \(attemptsNow) AND breaker_open_until > \(now) THEN \(now) ELSE breaker_open_until END
                WHERE name = \(remote)
                """)
            let madeDue = try Store.makeDue(remote, onlyThrottled: !attemptsNow, now: now, session)
            try Store.forgetAge(remote, session)
            let waiting: (rows: Int, nextDueAt: String?)? = try session.row(
                "SELECT count(*), min(due_at) FROM outbox WHERE \(Store.isDueLater(remote, now: now))"
            ) { columns in (try columns.next(), try columns.next()) }
            return Resumption(
                before: before, after: try Store.storedGate(of: remote, session) ?? before, madeDue: madeDue, waiting: waiting?.rows ?? 0,
                nextDueAt: .column(waiting?.nextDueAt))
        }
    }

    /// Rows that could not be attempted for a while are not older for it: their age counts anew from the next attempt that counts.
    static func forgetAge(_ remote: String, _ session: any Session) throws {
        try session.run(
            """
            UPDATE outbox SET counted_since = NULL
            WHERE remote = \(remote) AND state = 'pending' AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                AND counted_since IS NOT NULL
            """)
    }

    /// Whether a row of the remote waits for nothing but the time of its next attempt.
    private static func isDueLater(_ remote: String, now: Instant) -> SQL {
        """
        remote = \(remote) AND state = 'pending' AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND due_at > \(now)
            AND held_by IS NULL
        """
    }

    /// - Parameter onlyThrottled: rows whose last attempt was throttled: they wait for nothing else than the end of the throttle.
    /// - Returns: how many rows are due now that were not.
    private static func makeDue(_ remote: String, onlyThrottled: Bool, now: Instant, _ session: any Session) throws -> Int {
        let throttled: SQL = """
            AND (SELECT a.outcome FROM outbox_attempts a WHERE a.outbox_id = outbox.id ORDER BY a.attempt DESC LIMIT 1) = 'throttled'
            """
        let restriction: SQL = onlyThrottled ? throttled : ""
        return try session.run(
            "UPDATE outbox SET due_at = \(now), updated_at = \(now) WHERE \(isDueLater(remote, now: now)) \(restriction)")
    }
}
