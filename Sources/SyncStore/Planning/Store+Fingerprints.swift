import GRDB
import SyncCore

/// Which remotes take part, with which configuration, and what has to be planned from scratch because of that.
extension Store {
    /// Stands in `remotes.fingerprint` when two processes have planned with different configurations: no configuration has it, so
    /// the next engine that starts plans everything of the remote anew.
    static let foreignFingerprint = "planned with different configurations"

    /// Enters the configured remotes, and finds out which of them have to be planned from scratch: new ones, re-enabled ones, and
    /// those that project differently than before. A remote that is not configured any more is treated like a disabled one.
    /// - Returns: the names of those that are planned from scratch.
    package func reconcileRemotes(_ remotes: [RemoteParticipation], now: Instant) async throws(StoreError) -> [String] {
        try await write { db in
            let names = JSONValue.array(remotes.map { .string($0.name) }).text
            try db.execute(
                sql: """
                    UPDATE remotes SET fingerprint = NULL, replan_cursor = NULL
                    WHERE name NOT IN (SELECT value FROM json_each(?)) AND (fingerprint IS NOT NULL OR replan_cursor IS NOT NULL)
                    """, arguments: [names])
            var replanned: [String] = []
            for remote in remotes {
                try Store.enter(remote, db)
                let wanted: String? = remote.isEnabled ? remote.fingerprint : nil
                guard
                    let known = try Row.fetchOne(db, sql: "SELECT kind, fingerprint FROM remotes WHERE name = ?", arguments: [remote.name])
                else { continue }
                if known[0] != remote.kind { try Store.forget(remote.name, now: now, db) }
                let fingerprint: String? = known[1]
                guard fingerprint != wanted || known[0] != remote.kind else { continue }
                let everything: String? = remote.isEnabled && !remote.receivesMessages ? "" : nil
                if everything != nil { replanned.append(remote.name) }
                try db.execute(
                    sql: "UPDATE remotes SET kind = ?, receives_messages = ?, fingerprint = ?, replan_cursor = ? WHERE name = ?",
                    arguments: [remote.kind, remote.receivesMessages, wanted, everything, remote.name])
            }
            return replanned
        }
    }

    /// Enters remotes that the database does not know yet, without planning anything.
    package func enterRemotes(_ remotes: [RemoteParticipation]) async throws(StoreError) {
        try await write { db in
            for remote in remotes { try Store.enter(remote, db) }
        }
    }

    private static func enter(_ remote: RemoteParticipation, _ db: Database) throws {
        try db.execute(
            sql: "INSERT OR IGNORE INTO remotes (name, kind, receives_messages) VALUES (?, ?, ?)",
            arguments: [remote.name, remote.kind, remote.receivesMessages])
    }

    /// The name stands for another system now: nothing that was planned for the former one may reach it, and what that one acknowledged
    /// says nothing about it. Messages that were not sent are kept for the day when the name stands for the former kind again.
    private static func forget(_ remote: String, now: Instant, _ db: Database) throws {
        let unsent = "remote = ?1 AND state IN ('pending', 'held', 'dead')"
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote, since)
                    SELECT message_id, conversation_id, remote, coalesce(differs_since, created_at) FROM outbox
                    WHERE \(unsent) AND payload = 'message' AND in_doubt_since IS NULL ORDER BY id
                """, arguments: [remote])
        try db.execute(
            sql: """
                DELETE FROM planned_messages WHERE remote = ?1 AND message_id IN (
                    SELECT message_id FROM outbox WHERE \(unsent) AND payload = 'message' AND in_doubt_since IS NULL)
                """, arguments: [remote])
        try db.execute(
            sql: """
                UPDATE outbox SET state = CASE WHEN payload = 'message' AND in_doubt_since IS NOT NULL THEN 'uncertain' ELSE 'discarded' END,
                    last_error = 'the remote is of another kind now', updated_at = ?2, finished_at = ?2 WHERE \(unsent)
                """, arguments: [remote, now.iso8601])
        try db.execute(sql: "DELETE FROM link_state WHERE remote = ?", arguments: [remote])
        try db.execute(sql: "UPDATE remotes SET read_cursor = NULL, read_cursor_agent = NULL WHERE name = ?", arguments: [remote])
    }

    /// Whoever plans for a remote has to be the one whose configuration it was last planned with. Where it is not, nobody knows
    /// afterwards which conversations were planned with which configuration.
    /// - Returns: the remotes of which that was found out just now.
    static func markForeignFingerprints(_ db: Database, _ remotes: [RemoteParticipation]) throws -> [String] {
        let update = try db.cachedStatement(
            sql: "UPDATE remotes SET fingerprint = ?3 WHERE name = ?1 AND fingerprint IS NOT ?2 AND fingerprint IS NOT ?3")
        return try remotes.filter { remote in
            try update.execute(arguments: [remote.name, remote.fingerprint, foreignFingerprint])
            return db.changesCount > 0
        }.map(\.name)
    }

    /// Feeds the next page of conversations of remotes that are being planned from scratch.
    ///
    /// The ids do not leave the database: what cannot be read here is fed as well, and put aside by planning.
    /// - Returns: how many were fed; 0 when nothing is left to feed.
    package func feedReplan(_ remotes: [RemoteParticipation], pageSize: Int = 2000, now: Instant) async throws(StoreError) -> Int {
        try await write { db in
            for remote in remotes where remote.isEnabled && !remote.receivesMessages {
                let page = try Store.feedPage(of: remote, size: pageSize, now: now, db)
                if page > 0 { return page }
            }
            return 0
        }
    }

    private static func feedPage(of remote: RemoteParticipation, size: Int, now: Instant, _ db: Database) throws -> Int {
        let isBeingFed = try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT replan_cursor IS NOT NULL FROM remotes WHERE name = ?"), arguments: [remote.name])
        guard isBeingFed == true else { return 0 }
        let cursor = "(SELECT replan_cursor FROM remotes WHERE name = ?1)"
        let source =
            remote.needsLink
            ? "SELECT conversation_id AS id FROM links WHERE remote = ?1 AND conversation_id > \(cursor) ORDER BY conversation_id LIMIT ?2"
            : "SELECT id FROM conversations WHERE id > \(cursor) ORDER BY id LIMIT ?2"
        let count =
            try Int.fetchOne(
                db.cachedStatement(sql: "SELECT count(*) FROM (\(source))"), arguments: [remote.name, size]) ?? 0
        try db.cachedStatement(
            sql: """
                INSERT INTO change_feed (conversation_id, remote, changed_at) SELECT id, ?1, ?3 FROM (\(source)) WHERE true
                ON CONFLICT (conversation_id, remote) DO NOTHING
                """
        ).execute(arguments: [remote.name, size, now.iso8601])
        try db.cachedStatement(
            sql:
                "UPDATE remotes SET replan_cursor = \(count < size ? "NULL" : "(SELECT max(id) FROM (\(source)))") WHERE name = ?1 AND ?2 > 0"
        ).execute(arguments: [remote.name, size])
        return count
    }
}
