import SyncCore

/// What resuming a remote changed, and what its rows are still waiting for.
package struct Resumption: Sendable, Equatable {
    package var before: RemoteGate.Stored
    package var after: RemoteGate.Stored
    /// Rows that waited for a later time and are due now.
    package var madeDue: Int
    /// Rows that are still waiting for the time of their next attempt, and the earliest of these times.
    package var waiting: Int
    package var nextDueAt: Instant?
}

/// The state that a pause found.
package struct PauseRecord: Sendable, Equatable {
    package var pausedAt: Instant
    /// The remote was paused already, and stays paused since then.
    package var wasPaused: Bool
}

extension Store {
    /// Stops deliveries to a remote; survives restarts. A running daemon sees the commit. Does not end a throttle or a park.
    /// - Returns: nil when the remote is not known to the database.
    package func pause(_ remote: String, now: Instant) async throws(StoreError) -> PauseRecord? {
        try await write { session in
            guard let before = try Store.storedGate(of: remote, session) else { return nil }
            try session.run("UPDATE remotes SET paused_at = coalesce(paused_at, \(now)) WHERE name = \(remote)")
            return PauseRecord(pausedAt: before.pausedAt ?? now, wasPaused: before.pausedAt != nil)
        }
    }

    /// Ends a pause. A running daemon sees the commit. Resuming also ends a throttle, including for rows that wait for its end, and lets a parked
    /// remote be attempted at once.
    /// - Parameter attemptsNow: also ends the pause of an open breaker, and makes rows due that wait for their next attempt. Messages that Fin does
    ///   not accept at present keep waiting.
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

    /// Resets the age of rows that could not be attempted for a while: it counts from the next attempt that counts.
    static func forgetAge(_ remote: String, _ session: any Session) throws {
        try session.run(
            """
            UPDATE outbox SET counted_since = NULL
            WHERE remote = \(remote) AND state = 'pending' AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                AND counted_since IS NOT NULL
            """)
    }

    /// Whether a row of the remote waits only for the time of its next attempt.
    private static func isDueLater(_ remote: String, now: Instant) -> SQL {
        """
        remote = \(remote) AND state = 'pending' AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND due_at > \(now)
            AND held_by IS NULL
        """
    }

    /// - Parameter onlyThrottled: only rows whose last attempt was throttled, which wait only for the end of the throttle.
    /// - Returns: how many rows became due.
    private static func makeDue(_ remote: String, onlyThrottled: Bool, now: Instant, _ session: any Session) throws -> Int {
        let throttled: SQL = """
            AND (SELECT a.outcome FROM outbox_attempts a WHERE a.outbox_id = outbox.id ORDER BY a.attempt DESC LIMIT 1) = 'throttled'
            """
        let restriction: SQL = onlyThrottled ? throttled : ""
        return try session.run(
            "UPDATE outbox SET due_at = \(now), updated_at = \(now) WHERE \(isDueLater(remote, now: now)) \(restriction)")
    }
}
