import GRDB
import SyncCore

/// The brake on what comes back: a remote that says of hundreds of conversations that they are over is not believed until somebody has
/// looked at it.
///
/// Ends are counted per remote over ``Store/endsWindow``, however small the portions in which they come, by the numbers of the rule
/// `finish` (``Brake``). From then on they stay what the remote is known to hold, and wait (`link_state.braked_at`).
extension Store {
    /// Ends of so long ago do not count any more.
    static let endsWindow = Duration.minutes(10)

    /// Decides again without the end where it would be one too many.
    static func braking(
        _ outcome: TwoWayOutcome, _ snapshot: LinkSnapshot, _ stored: StoredRecord, _ brake: Brake.Settings, _ db: Database,
        again decide: (LinkSnapshot) -> TwoWayOutcome
    ) throws -> (TwoWayOutcome, LinkSnapshot) {
        let isEnd = outcome.changes.status?.isFinished == true && !snapshot.conversation.status.isFinished
        guard isEnd, !stored.isBrakeReleased, try isOneTooMany(snapshot, brake, db) else { return (outcome, snapshot) }
        try db.cachedStatement(sql: "UPDATE remotes SET ends_held_at = ? WHERE name = ? AND ends_held_at IS NULL")
            .execute(arguments: [snapshot.now.iso8601, snapshot.remote])
        var held = snapshot
        held.areEndsHeld = true
        var outcome = decide(held)
        outcome.verdict.engagesBrake = true
        return (outcome, held)
    }

    private static func isOneTooMany(_ snapshot: LinkSnapshot, _ brake: Brake.Settings, _ db: Database) throws -> Bool {
        guard brake.isEnabled, brake.finishPercent < 100 else { return false }
        let ends = try Int.fetchOne(
            db.cachedStatement(
                sql: "SELECT count(*) FROM adopted_changes WHERE remote = ? AND adopted_at > ? AND is_end = 1 AND is_released = 0"),
            arguments: [snapshot.remote, (snapshot.now - endsWindow).iso8601])
        guard let ends, ends >= brake.finishMinimum else { return false }
        // More conversations than these make the share small enough, however many there are.
        let enough = (ends + 1) * 100 / max(brake.finishPercent, 1) + 1
        let conversations = try Int.fetchOne(
            db.cachedStatement(sql: "SELECT count(*) FROM (SELECT 1 FROM conversations LIMIT ?)"), arguments: [enough])
        return Brake(brake).judge(.init(finished: ends + 1), of: conversations ?? 0) != nil
    }

    /// Notes which conversations wait for somebody to look, and which for a row of the id map.
    static func mark(_ outcome: TwoWayOutcome, _ stored: StoredRecord, _ snapshot: LinkSnapshot, _ db: Database) throws {
        try markBraked(outcome, stored, snapshot, db)
        guard outcome.unknownUser != stored.unknownUser else { return }
        try db.cachedStatement(sql: "UPDATE link_state SET unknown_user = ? WHERE conversation_id = ? AND remote = ?")
            .execute(arguments: [outcome.unknownUser, snapshot.conversationID, snapshot.remote])
    }

    private static func markBraked(_ outcome: TwoWayOutcome, _ stored: StoredRecord, _ snapshot: LinkSnapshot, _ db: Database) throws {
        let isBraked = outcome.record.hasHeldEnd
        guard isBraked != stored.isBraked || (stored.isBrakeReleased && !isBraked) else { return }
        try db.cachedStatement(
            sql: """
                UPDATE link_state SET braked_at = CASE WHEN ?3 THEN coalesce(braked_at, ?4) END, is_brake_released = 0
                WHERE conversation_id = ?1 AND remote = ?2
                """
        ).execute(arguments: [snapshot.conversationID, snapshot.remote, isBraked, snapshot.now.iso8601])
    }

    /// What somebody has let go of a remote that is never planned for (fin): it is decided with the next events.
    static func takeReleasedEnds(_ context: InboundContext, _ db: Database) throws -> [Reconciled] {
        var results: [Reconciled] = []
        for remote in context.remotes where remote.receivesMessages {
            let ids = try String.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT conversation_id FROM link_state WHERE remote = ? AND braked_at IS NOT NULL AND is_brake_released = 1
                        LIMIT \(reconcileBatchSize)
                        """),
                arguments: [remote.name])
            for id in ids {
                guard let local = try LocalConversation.fetch(db, id), let link = try link(db, id, remote),
                    let decisions = context.decisions(remote.name),
                    let (snapshot, stored) = try snapshot(db, local, remote, link, now: context.now)
                else { continue }
                let outcome = decisions.plan(snapshot).outcome
                try keep(outcome.record, in: stored, id, remote.name, db)
                try adopt(outcome, of: snapshot, reportedAt: outcome.changedAt, isReleased: true, db)
                try mark(outcome, stored, snapshot, db)
                results.append(Reconciled(conversationID: id, remote: remote.name, verdict: outcome.verdict, isNew: true))
            }
        }
        return results
    }

    /// Lets what waits be taken over, and, unless a single conversation is meant, what comes from now on.
    /// - Returns: how many conversations waited.
    package func releaseEnds(_ filter: OutboxFilter, dryRun: Bool, now: Instant) async throws(StoreError) -> Int {
        let condition = "braked_at IS NOT NULL AND (?1 IS NULL OR remote = ?1) AND (?2 IS NULL OR conversation_id = ?2)"
        let arguments: StatementArguments = [filter.remote, filter.conversation]
        guard !dryRun else {
            return try await read { db in
                try Int.fetchOne(db, sql: "SELECT count(*) FROM link_state WHERE \(condition)", arguments: arguments) ?? 0
            }
        }
        return try await write { db in
            try db.execute(
                sql: """
                    INSERT INTO change_feed (conversation_id, remote, changed_at)
                        SELECT conversation_id, remote, ?3 FROM link_state
                        WHERE \(condition) AND remote NOT IN (SELECT name FROM remotes WHERE receives_messages = 1)
                        ON CONFLICT (conversation_id, remote) DO UPDATE SET deferred = min(deferred, 1)
                    """, arguments: arguments + [now.iso8601])
            try db.execute(sql: "UPDATE link_state SET is_brake_released = 1 WHERE \(condition)", arguments: arguments)
            let count = db.changesCount
            guard filter.conversation == nil else { return count }
            try db.execute(sql: "UPDATE remotes SET ends_held_at = NULL WHERE ?1 IS NULL OR name = ?1", arguments: [filter.remote])
            // What was taken over before somebody looked has been looked at.
            try db.execute(
                sql: "UPDATE adopted_changes SET is_released = 1 WHERE is_end = 1 AND is_released = 0 AND (?1 IS NULL OR remote = ?1)",
                arguments: [filter.remote])
            return count
        }
    }
}
