import SyncCore

/// The brake on reports: if a remote reports hundreds of conversations as finished, they are not adopted until a person has checked.
///
/// Finished statuses are counted per remote over ``Store/endsWindow``, however small the portions in which they arrive, by the thresholds of the rule
/// `finish` (``Brake``). Beyond them, the reported values are recorded as what the remote holds, and wait (`link_state.braked_at`).
extension Store {
    /// Finished statuses older than this no longer count.
    static let endsWindow = Duration.minutes(10)

    /// Decides again without the finished status if it would exceed the threshold.
    static func braking(
        _ outcome: TwoWayOutcome, _ snapshot: LinkSnapshot, _ stored: StoredRecord, _ brake: Brake.Settings, _ session: any Session,
        again decide: (LinkSnapshot) -> TwoWayOutcome
    ) throws -> (TwoWayOutcome, LinkSnapshot) {
        let isEnd = outcome.changes.status?.isFinished == true && !snapshot.conversation.status.isFinished
        guard isEnd, !stored.isBrakeReleased, try isOneTooMany(snapshot, brake, session) else { return (outcome, snapshot) }
        try session.run("UPDATE remotes SET ends_held_at = \(snapshot.now) WHERE name = \(snapshot.remote) AND ends_held_at IS NULL")
        var held = snapshot
        held.areEndsHeld = true
        var outcome = decide(held)
        outcome.verdict.engagesBrake = true
        return (outcome, held)
    }

    private static func isOneTooMany(_ snapshot: LinkSnapshot, _ brake: Brake.Settings, _ session: any Session) throws -> Bool {
        guard brake.isEnabled, brake.finishPercent < 100 else { return false }
        let ends: Int? = try session.value(
            """
            SELECT count(*) FROM adopted_changes
            WHERE remote = \(snapshot.remote) AND adopted_at > \(snapshot.now - endsWindow) AND is_end = 1 AND is_released = 0
            """)
        guard let ends, ends >= brake.finishMinimum else { return false }
        // With this many conversations the share is below the threshold, however many more there are.
        let enough = (ends + 1) * 100 / max(brake.finishPercent, 1) + 1
        let conversations: Int? = try session.value("SELECT count(*) FROM (SELECT 1 FROM conversations LIMIT \(enough))")
        return Brake(brake).judge(.init(finished: ends + 1), of: conversations ?? 0) != nil
    }

    /// Records which conversations wait for a person, and which for a row of the id map.
    static func mark(_ outcome: TwoWayOutcome, _ stored: StoredRecord, _ snapshot: LinkSnapshot, _ session: any Session) throws {
        try markBraked(outcome, stored, snapshot, session)
        guard outcome.unknownUser != stored.unknownUser else { return }
        try session.run(
            """
            UPDATE link_state SET unknown_user = \(outcome.unknownUser)
            WHERE conversation_id = \(snapshot.conversationID) AND remote = \(snapshot.remote)
            """)
    }

    private static func markBraked(_ outcome: TwoWayOutcome, _ stored: StoredRecord, _ snapshot: LinkSnapshot, _ session: any Session)
        throws
    {
        let isBraked = outcome.record.hasHeldEnd
        guard isBraked != stored.isBraked || (stored.isBrakeReleased && !isBraked) else { return }
        try session.run(
            """
            UPDATE link_state
            SET braked_at = CASE WHEN \(isBraked) THEN coalesce(braked_at, \(snapshot.now)) END, is_brake_released = 0
            WHERE conversation_id = \(snapshot.conversationID) AND remote = \(snapshot.remote)
            """)
    }

    /// Whether there is work for ``takeReleasedEnds(_:_:)``.
    static func hasReleasedEnds(_ context: InboundContext, _ session: any Session) throws -> Bool {
        try session.exists(
            """
            SELECT 1 FROM link_state
            WHERE remote IN \(in: context.remotes.filter(\.receivesMessages).map(\.name)) AND braked_at IS NOT NULL AND is_brake_released = 1
            """)
    }

    /// Adopts released finished statuses of a remote that is never planned for (fin). Runs with the processing of the next events.
    static func takeReleasedEnds(_ context: InboundContext, _ session: any Session) throws -> [Reconciled] {
        var results: [Reconciled] = []
        for remote in context.remotes where remote.receivesMessages {
            let ids: [String] = try session.values(
                """
                SELECT conversation_id FROM link_state WHERE remote = \(remote.name) AND braked_at IS NOT NULL AND is_brake_released = 1
                LIMIT \(reconcileBatchSize)
                """)
            for id in ids {
                guard var decided = try decide(id, at: remote, context, session) else { continue }
                decided.isNew = true
                results.append(decided)
            }
        }
        return results
    }

    /// Releases waiting finished statuses for adoption, and, unless the filter names a conversation, those reported from now on.
    /// - Parameter remotes: the names of the remotes in service. What waits at others is not adopted before they are, and is left as it is.
    /// - Returns: how many conversations were waiting.
    package func releaseEnds(_ filter: OutboxFilter, at remotes: [String], dryRun: Bool, now: Instant) async throws(StoreError) -> Int {
        guard !dryRun else {
            return try await read { session in
                try session.value("SELECT count(*) FROM link_state WHERE \(Store.heldEnds(filter)) AND remote IN \(in: remotes)") ?? 0
            }
        }
        return try await write { session in try Store.releaseEnds(filter, at: remotes, now: now, session) }
    }

    /// The remotes at which finished statuses wait, in service or not, sorted.
    package func remotesHoldingEnds(_ filter: OutboxFilter) async throws(StoreError) -> [String] {
        try await read { session in
            try session.values("SELECT DISTINCT remote FROM link_state WHERE \(Store.heldEnds(filter)) ORDER BY remote")
        }
    }

    private static func heldEnds(_ filter: OutboxFilter) -> SQL {
        """
        braked_at IS NOT NULL AND (\(filter.remote) IS NULL OR remote = \(filter.remote))
            AND (\(filter.conversation) IS NULL OR conversation_id = \(filter.conversation))
        """
    }

    @discardableResult
    static func releaseEnds(_ filter: OutboxFilter, at remotes: [String], now: Instant, _ session: any Session) throws -> Int {
        let condition: SQL = "\(heldEnds(filter)) AND remote IN \(in: remotes)"
        try session.run(
            """
            INSERT INTO change_feed (conversation_id, remote, changed_at)
                SELECT conversation_id, remote, \(now) FROM link_state
                WHERE \(condition) AND remote NOT IN (SELECT name FROM remotes WHERE receives_messages = 1)
                ON CONFLICT (conversation_id, remote) DO UPDATE SET deferred = CASE deferred WHEN 1 THEN 1 ELSE 0 END
            """)
        let count = try session.run("UPDATE link_state SET is_brake_released = 1 WHERE \(condition)")
        guard filter.conversation == nil else { return count }
        try session.run(
            "UPDATE remotes SET ends_held_at = NULL WHERE name IN \(in: remotes) AND (\(filter.remote) IS NULL OR name = \(filter.remote))")
        // Finished statuses adopted earlier count as checked, too.
        try session.run(
            """
            UPDATE adopted_changes SET is_released = 1
            WHERE is_end = 1 AND is_released = 0 AND remote IN \(in: remotes)
                AND (\(filter.remote) IS NULL OR remote = \(filter.remote))
            """)
        return count
    }

    /// A release is about what a person has seen: it does not outlast that a remote is taken out of service before the run that adopts.
    /// - Parameter remotes: the names of the remotes in service.
    static func withdrawReleases(except remotes: [String], _ session: any Session) throws {
        try session.run(
            "UPDATE link_state SET is_brake_released = 0 WHERE braked_at IS NOT NULL AND is_brake_released = 1 AND remote NOT IN \(in: remotes)"
        )
    }
}
