import SyncCore

/// Identifies a process until the machine restarts. A process id alone is not enough, because it is reused.
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
    /// Registers a process that is about to claim rows. Returns the upper half of its fencing values.
    static func register(_ process: ProcessIdentity, now: Instant, _ session: any Session) throws -> Int64 {
        try session.run(
            """
            INSERT INTO processes (\(ProcessIdentity.columns), started_at)
            VALUES (\(process.bootID), \(process.pidNamespace), \(process.pid), \(process.startedTicks), \(now))
            """)
        let id = session.lastInsertedKey
        // Only the newest entries can belong to running processes.
        try session.run("DELETE FROM processes WHERE id < \(id) - 1000")
        return id
    }

    /// Whether there are claims other than those in `inFlight`.
    static func hasStrayClaims(except inFlight: Set<Int64>, _ session: any Session) throws -> Bool {
        try session.values("SELECT id FROM outbox WHERE state = 'sending'", as: Int64.self).contains { !inFlight.contains($0) }
    }

    /// Returns rows to pending that a process claimed and never finished: when the lease has expired, or at once if the process is known to be gone.
    ///
    /// It is unknown whether these calls arrived. So a message is in doubt from its claim on, and the fields of a state row are in doubt until they
    /// are acknowledged.
    /// - Parameters:
    ///   - inFlight: the rows that this process is working on. It knows better than a lease whether these calls have ended: setting the clock does
    ///     not end them.
    ///   - isGone: true for a process that is certainly not running any more.
    static func recover(
        now: Instant, except inFlight: Set<Int64>, isGone: (ProcessIdentity) -> Bool, _ session: any Session
    ) throws -> RecoveredClaims {
        let claims = try session.rows(
            """
            SELECT \(InterruptedClaim.columns)
            FROM outbox o
            LEFT JOIN processes p ON p.id = o.lease >> 32
            WHERE o.state = 'sending'
            """, as: InterruptedClaim.self)
        var result = RecoveredClaims()
        for claim in claims where !inFlight.contains(claim.id) {
            guard let end = claim.leaseUntil.flatMap({ Instant(iso8601: $0) }), end > now, claim.owner.map(isGone) != true else {
                try putBack(claim, now: now, session)
                result.rows += 1
                continue
            }
            result.claimedUntil = min(result.claimedUntil ?? end, end)
        }
        return result
    }

    private static func putBack(_ claim: InterruptedClaim, now: Instant, _ session: any Session) throws {
        try session.run(
            """
            UPDATE outbox SET state = 'pending', lease = NULL, lease_until = NULL, overlapped = NULL, updated_at = \(now),
                in_doubt_since = CASE payload WHEN 'message' THEN coalesce(in_doubt_since, \(claim.claimedAt)) END
            WHERE id = \(claim.id)
            """)
        try session.run(
            """
            INSERT INTO outbox_attempts (outbox_id, attempt, started_at, finished_at, outcome, error)
            VALUES (\(claim.id), \(claim.attempts + 1), \(claim.claimedAt), \(now), 'interrupted',
                'the process ended before a response was recorded')
            """)
        try dropAttempts(of: claim.id, before: claim.attempts + 1, session)
        try settleReturned(claim.id, now: now, session)
        if claim.payload == .state { try leaveInDoubt(claim, session) }
        try session.run(
            """
            UPDATE change_feed SET deferred = 0
            WHERE conversation_id = \(claim.conversationID) AND (remote = \(claim.remote) OR deferred = 3)
            """)
        if claim.payload == .state { _ = try freePlanning(ofLinksTo: claim.targetID, at: claim.remote, session) }
    }

    /// The fields that the call carried may have arrived.
    private static func leaveInDoubt(_ claim: InterruptedClaim, _ session: any Session) throws {
        let target = CalledObject(
            row: claim.id, conversationID: claim.conversationID, remote: claim.remote, id: claim.targetID, agent: claim.targetAgent)
        if let calls = claim.overlapped { try doubt(calls.fields, of: calls.numbers, at: target, session) }
        try doubt(claim.sent, of: claim.numbers, at: target, session)
    }

    /// Repairs state after the clock was set back or a process was interrupted: brings due times that are too far ahead back to now, releases feed
    /// entries whose call is not in flight, and clears marks (`outbox.behind`) of rows that nothing precedes any more.
    ///
    /// The rows to repair are found without the write lock, because with many waiting rows the search takes a while.
    package func repair(now: Instant, farthestDue: Duration) async throws(StoreError) {
        let farthest = (now + farthestDue).iso8601
        let (late, waiting) = try await read { session in (try Store.lateRows(session, after: farthest), try Store.forgottenRows(session)) }
        try await updateRows(late, "due_at = \(now), updated_at = \(now)")
        try await updateRows(waiting, "behind = 0")
        try await write { session in
            try session.run(
                """
                UPDATE change_feed SET deferred = 0 WHERE deferred = 1 AND NOT EXISTS (
                    SELECT 1 FROM outbox o WHERE o.conversation_id = change_feed.conversation_id
                        AND o.remote = change_feed.remote AND o.state = 'sending')
                    AND NOT EXISTS (
                        SELECT 1 FROM links l JOIN outbox o ON o.target_id = l.remote_id AND o.remote = l.remote
                            AND o.state = 'sending' AND o.payload = 'state'
                        WHERE l.conversation_id = change_feed.conversation_id AND l.remote = change_feed.remote
                            AND NOT EXISTS (SELECT 1 FROM remotes r WHERE r.name = l.remote AND r.needs_link = 0))
                """)
            // Without a start of the wait, or with one in the future, the entry would never become overdue.
            try session.run(
                "UPDATE change_feed SET deferred = 0, waits_since = NULL WHERE deferred = 3 AND (waits_since IS NULL OR waits_since > \(now))"
            )
        }
    }

    private static func lateRows(_ session: any Session, after moment: String) throws -> [Int64] {
        try session.values(
            """
            SELECT id FROM outbox WHERE state = 'pending' AND due_at > \(moment)
                AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
            """)
    }

    /// Triggers maintain the marks. A row whose mark was left by mistake would wait for ever.
    private static func forgottenRows(_ session: any Session) throws -> [Int64] {
        let behindOthers: [Int64] = try session.values(
            """
            SELECT h.id FROM (
                SELECT conversation_id, remote, id, min(coalesce(place, id)) AS place FROM outbox WHERE state = 'pending' AND behind = 1
                GROUP BY conversation_id, remote) h
            WHERE NOT EXISTS (
                SELECT 1 FROM outbox e WHERE e.conversation_id = h.conversation_id AND e.remote = h.remote
                    AND e.state IN ('pending', 'sending', 'held') AND coalesce(e.place, e.id) < h.place)
            """)
        let behindPlanning: [Int64] = try session.values(
            """
            SELECT o.id FROM outbox o WHERE o.behind >= 2 AND NOT EXISTS (
                SELECT 1 FROM change_feed f WHERE f.conversation_id = o.conversation_id
                    AND f.remote IN (\(FeedTarget.everyRemote), o.remote) AND f.deferred = 0)
            """)
        return behindOthers + behindPlanning
    }

    private func updateRows(_ ids: [Int64], _ assignments: SQL) async throws(StoreError) {
        var rest = ids[...]
        while !rest.isEmpty {
            let page = Array(rest.prefix(500))
            rest = rest.dropFirst(500)
            _ = try await write { session in
                try session.run("UPDATE outbox SET \(assignments) WHERE id IN \(in: page) AND state = 'pending'")
            }
        }
    }
}

extension ProcessIdentity: RowRecord {
    package static let columns: SQL = "boot_id, pid_namespace, pid, started_ticks"

    package init(_ columns: inout Columns) throws {
        self.init(
            bootID: try columns.next(), pidNamespace: try columns.next(), pid: try columns.next(), startedTicks: try columns.next())
    }
}

/// A claimed row, and the process that claimed it.
private struct InterruptedClaim: RowRecord {
    /// `outbox o`, `processes p`.
    static let columns: SQL = """
        o.id, o.conversation_id, o.remote, o.payload, o.delta, o.updated_at, o.lease_until, o.local_numbers, o.overlapped,
        (SELECT max(a.attempt) FROM outbox_attempts a WHERE a.outbox_id = o.id), o.target_id, o.target_agent,
        p.id IS NOT NULL, \(ProcessIdentity.columns)
        """

    var id: Int64
    var conversationID: String
    var remote: String
    var payload: PayloadKind
    /// The fields that the call carried.
    var sent: Fields
    var claimedAt: String
    var leaseUntil: String?
    /// The numbers of the local changes that the call included.
    var numbers: ByAttribute<Int64>
    /// The fields of calls that had lost their lease and ended while this one was in flight.
    var overlapped: OverlappedCalls?
    var attempts: Int
    /// The object that the row was planned for.
    var targetID: String
    var targetAgent: String?
    /// Nil if the process is no longer in the table.
    var owner: ProcessIdentity?

    init(_ columns: inout Columns) throws {
        id = try columns.next()
        conversationID = try columns.next()
        remote = try columns.next()
        payload = try columns.next()
        sent = JSONValue.object(column: try columns.next()).compactMapValues { $0["to"] }
        claimedAt = try columns.next()
        leaseUntil = try columns.next()
        numbers = ByAttribute(stored: try columns.next()) ?? .init(repeating: 0)
        overlapped = OverlappedCalls(column: try columns.next())
        attempts = try columns.next() ?? 0
        targetID = try columns.next()
        targetAgent = try columns.next()
        owner = try columns.next() ? try ProcessIdentity(&columns) : nil
    }
}
