import SyncCore

/// Which remotes take part, with which configuration, and what has to be planned from scratch because of it.
extension Store {
    /// The value of `remotes.fingerprint` after two processes have planned with different configurations. No configuration has it, so the next engine
    /// that starts plans everything of the remote again.
    static let foreignFingerprint = "planned with different configurations"

    /// Stores the configured remotes, and finds out which have to be planned from scratch: new ones, re-enabled ones, and those whose projection has
    /// changed. What a remote that takes no states (fin) has said is decided again instead (``decideAgain(_:_:)``). A remote that is no longer configured
    /// is treated like a disabled one.
    /// - Returns: the names of those that are planned from scratch.
    static func reconcileRemotes(_ remotes: [RemoteParticipation], now: Instant, _ session: any Session) throws -> [String] {
        try takeBackPutAside(session)
        // Entries that waited for calls of another process, or with other remotes, are examined again.
        try session.run("UPDATE change_feed SET deferred = 0, waits_since = NULL WHERE deferred = 3")
        try session.run(
            """
            UPDATE remotes SET fingerprint = NULL, replan_cursor = NULL
            WHERE name NOT IN \(in: remotes.map(\.name)) AND (fingerprint IS NOT NULL OR replan_cursor IS NOT NULL)
            """)
        return try remotes.filter { try reconcile($0, now: now, session) }.map(\.name)
    }

    /// - Returns: whether it is planned from scratch.
    private static func reconcile(_ remote: RemoteParticipation, now: Instant, _ session: any Session) throws -> Bool {
        try enter(remote, session)
        try session.run(
            """
            UPDATE remotes SET needs_link = \(remote.needsLink) WHERE name = \(remote.name) AND needs_link IS NOT \(remote.needsLink)
            """)
        let wanted: String? = remote.isEnabled ? remote.fingerprint : nil
        let known = try session.row("SELECT kind, fingerprint FROM remotes WHERE name = \(remote.name)") { columns in
            (kind: try columns.next(String.self), fingerprint: try columns.next(String?.self))
        }
        guard let known else { return false }
        if known.kind != remote.kind { try forget(remote.name, now: now, session) }
        guard known.fingerprint != wanted || known.kind != remote.kind else { return false }
        let hasLinks = try session.exists("SELECT 1 FROM link_state WHERE remote = \(remote.name)")
        let everything: String? = remote.takesStates || (remote.isEnabled && hasLinks) ? "" : nil
        try session.run(
            """
            UPDATE remotes
            SET kind = \(remote.kind), receives_messages = \(remote.receivesMessages), fingerprint = \(wanted),
                replan_cursor = \(everything), is_resending = is_resending AND kind = \(remote.kind)
            WHERE name = \(remote.name)
            """)
        return remote.takesStates
    }

    /// Stores remotes that are not in the database yet, without planning anything.
    package func enterRemotes(_ remotes: [RemoteParticipation]) async throws(StoreError) {
        try await write { session in
            for remote in remotes { try Store.enter(remote, session) }
        }
    }

    /// The triggers on `links` do nothing for a remote that is stored with `needs_link = 0`.
    static func enter(_ remote: RemoteParticipation, _ session: any Session) throws {
        try session.run(
            """
            INSERT OR IGNORE INTO remotes (name, kind, receives_messages, needs_link)
            VALUES (\(remote.name), \(remote.kind), \(remote.receivesMessages), \(remote.needsLink))
            """)
    }

    /// The name refers to another system now: nothing that was planned for the former one may be sent to it, and the acknowledgements of the former
    /// one do not apply. Messages that were not sent are kept in case the name refers to the former kind again.
    private static func forget(_ remote: String, now: Instant, _ session: any Session) throws {
        let unsent: SQL = "remote = \(remote) AND state IN ('pending', 'held', 'dead')"
        try session.run(
            """
            INSERT INTO message_feed (sequence, message_id, conversation_id, remote, moved, since)
                SELECT coalesce(place, id) - \(MessageEntry.plannedBefore), message_id, conversation_id, remote,
                    \(MessageEntry.Place.kept.rawValue), coalesce(differs_since, created_at)
                FROM outbox
                WHERE \(unsent) AND payload = 'message' AND in_doubt_since IS NULL ORDER BY coalesce(place, id)
                ON CONFLICT (message_id, remote) DO NOTHING
            """)
        try session.run(
            """
            DELETE FROM planned_messages WHERE remote = \(remote) AND message_id IN (
                SELECT message_id FROM outbox WHERE \(unsent) AND payload = 'message' AND in_doubt_since IS NULL)
            """)
        try session.run(
            """
            UPDATE outbox SET state = CASE WHEN payload = 'message' AND in_doubt_since IS NOT NULL THEN 'uncertain' ELSE 'discarded' END,
                last_error = 'the remote is of another kind now', updated_at = \(now), finished_at = \(now) WHERE \(unsent)
            """)
        try session.run("DELETE FROM link_state WHERE remote = \(remote)")
        try session.run("UPDATE remotes SET read_cursor = NULL, read_cursor_agent = NULL WHERE name = \(remote)")
    }

    /// Marks remotes whose stored fingerprint is not that of the configuration that plans now, and those that another process has configured and this
    /// one has not. It is then unknown which conversations were planned with which configuration, or at all.
    /// - Parameter remotes: all that take part in planning.
    /// - Returns: the remotes for which this was found just now.
    static func markForeignFingerprints(_ session: any Session, _ remotes: [RemoteParticipation]) throws -> [String] {
        let foreign = try remotes.filter { remote in
            try session.run(
                """
                UPDATE remotes SET fingerprint = \(foreignFingerprint)
                WHERE name = \(remote.name) AND fingerprint IS NOT \(remote.fingerprint) AND fingerprint IS NOT \(foreignFingerprint)
                """) > 0
        }.map(\.name)
        let unknown: [String] = try session.values(
            """
            SELECT name FROM remotes WHERE receives_messages = 0 AND fingerprint IS NOT NULL AND fingerprint IS NOT \(foreignFingerprint)
                AND name NOT IN \(in: remotes.map(\.name)) ORDER BY name
            """)
        try markForeign(unknown, session)
        return foreign + unknown
    }

    /// What was on the feed for these remotes is planned again when a process starts that has configured them. A remote that takes no states has
    /// nothing there.
    static func markForeign(_ names: [String], _ session: any Session) throws {
        guard !names.isEmpty else { return }
        try session.run(
            """
            UPDATE remotes SET fingerprint = \(foreignFingerprint)
            WHERE fingerprint IS NOT NULL AND receives_messages = 0 AND name IN \(in: names)
            """)
    }

    /// Puts the next page of conversations of remotes that are being planned from scratch on the feed. What is known of their links is forgotten in
    /// the same transaction, if the remote is sent everything again (``resend(_:at:now:)``).
    ///
    /// The ids do not leave the database: those that cannot be read here are put on the feed as well, and put aside by planning.
    /// - Returns: how many were added; 0 when none are left.
    static func feedReplan(_ remotes: [RemoteParticipation], pageSize: Int = 2000, now: Instant, _ session: any Session) throws -> Int {
        for remote in remotes where remote.takesStates {
            let page = try feedPage(of: remote, size: pageSize, now: now, session)
            if page > 0 { return page }
        }
        return 0
    }

    /// Whether any of these remotes is being planned from scratch, and not all of its conversations are on the feed yet.
    static func isReplanning(_ remotes: [RemoteParticipation], _ session: any Session) throws -> Bool {
        try session.exists(
            "SELECT 1 FROM remotes WHERE replan_cursor IS NOT NULL AND name IN \(in: remotes.filter(\.takesStates).map(\.name))")
    }

    /// How many conversations of remotes that are being planned from scratch are not on the feed yet.
    static func unfedCount(_ remotes: [RemoteParticipation], _ session: any Session) throws -> Int {
        guard try isReplanning(remotes, session) else { return 0 }
        var count = 0
        for remote in remotes where remote.takesStates {
            // NULL if the remote is not being planned from scratch: then nothing comes after it.
            let cursor: SQL = "(SELECT replan_cursor FROM remotes WHERE name = \(remote.name))"
            let rest: SQL =
                if remote.needsLink {
                    "SELECT conversation_id AS id FROM links WHERE remote = \(remote.name) AND conversation_id > \(cursor)"
                } else {
                    "SELECT id FROM conversations WHERE id > \(cursor)"
                }
            let unfed: Int? = try session.value(
                """
                SELECT count(*) FROM (\(rest)) r WHERE NOT EXISTS (
                    SELECT 1 FROM change_feed f WHERE f.conversation_id = r.id AND f.remote IN (\(FeedTarget.everyRemote), \(remote.name)))
                """)
            count += unfed ?? 0
        }
        return count
    }

    private static func feedPage(of remote: RemoteParticipation, size: Int, now: Instant, _ session: any Session) throws -> Int {
        guard try session.exists("SELECT 1 FROM remotes WHERE name = \(remote.name) AND replan_cursor IS NOT NULL") else { return 0 }
        let isResending = try isResending(remote, session)
        // Forgetting writes link by link, which takes longer.
        let size = isResending ? min(size, PlanWriter.pageSize) : size
        let cursor: SQL = "(SELECT replan_cursor FROM remotes WHERE name = \(remote.name))"
        // The plus has SQLite walk the key instead of sorting all links of the remote for every page.
        let page: SQL =
            if remote.needsLink {
                """
                SELECT conversation_id AS id FROM links WHERE +remote = \(remote.name) AND conversation_id > \(cursor)
                ORDER BY conversation_id LIMIT \(size)
                """
            } else {
                "SELECT id FROM conversations WHERE id > \(cursor) ORDER BY id LIMIT \(size)"
            }
        let count: Int = try session.value("SELECT count(*) FROM (\(page))") ?? 0
        if isResending { try forgetLinks(of: "SELECT id FROM (\(page))", at: remote.name, now: now, session) }
        try session.run(
            """
            INSERT INTO change_feed (conversation_id, remote, changed_at) SELECT id, \(remote.name), \(now) FROM (\(page)) WHERE true
            ON CONFLICT (conversation_id, remote) DO NOTHING
            """)
        let isLast = count < size
        let next: SQL = isLast ? "NULL" : "(SELECT max(id) FROM (\(page)))"
        try session.run(
            "UPDATE remotes SET replan_cursor = \(next), is_resending = \(isResending && !isLast) WHERE name = \(remote.name)")
        return count
    }
}
