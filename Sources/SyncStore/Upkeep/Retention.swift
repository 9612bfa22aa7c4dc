import SyncCore

/// The result of pruning one page.
package struct PrunedPage: Sendable, Equatable {
    /// The last id of the page; nil if no later row can be old enough.
    package var last: Int64?
    package var removed = 0
}

/// How the file is used.
package struct StoreSize: Sendable, Equatable {
    package var pages: Int
    package var freePages: Int
    package var pageSize: Int
    /// Whether free pages can be given back to the file system in small steps.
    package var shrinks: Bool

    package init(pages: Int, freePages: Int, pageSize: Int, shrinks: Bool) {
        self.pages = pages
        self.freePages = freePages
        self.pageSize = pageSize
        self.shrinks = shrinks
    }
}

extension Store {
    /// The highest id of the outbox; 0 when it is empty.
    static func newestRow(_ session: any Session) throws -> Int64 {
        try session.value("SELECT max(id) FROM outbox") ?? 0
    }

    /// Examines one page of the outbox and deletes the rows that have expired, with their attempts.
    ///
    /// These are always kept: unfinished rows; the newest acknowledged row of a conversation at a remote, as long as the conversation exists;
    /// messages whose timestamp may still be needed; a discarded row because of which a remote differs. A dead state row that has expired and because
    /// of which a remote differs becomes such a row.
    static func prune(_ cut: Retention.Cut, _ session: any Session) throws -> PrunedPage {
        let page = try session.rows(
            "SELECT id, created_at FROM outbox WHERE id > \(cut.after) ORDER BY id LIMIT \(Retention.pageSize)"
        ) { columns in (id: try columns.next() as Int64, createdAt: try columns.next() as String) }
        guard let last = page.last else { return PrunedPage() }
        if let deadBefore = cut.attentionBefore {
            try giveUp(deadBefore: deadBefore, after: cut.after, upTo: last.id, now: cut.now, session)
        }
        let ids = try prunable(session, cut, upTo: last.id)
        try delete(ids, session)
        // Rows planned after the cut cannot have finished before it.
        let isYoung =
            last.id > cut.upTo && last.createdAt >= max(cut.finishedBefore, cut.attentionBefore ?? cut.finishedBefore).iso8601
        return PrunedPage(last: isYoung || page.count < Retention.pageSize ? nil : last.id, removed: ids.count)
    }

    private static func prunable(_ session: any Session, _ cut: Retention.Cut, upTo last: Int64) throws -> [Int64] {
        try session.values(
            """
            SELECT o.id FROM outbox o
            WHERE o.id > \(cut.after) AND o.id <= \(last)
                AND (o.state IN ('delivered', 'superseded', 'discarded') AND (o.id <= \(cut.upTo) OR o.finished_at < \(cut.finishedBefore))
                    OR o.state IN ('dead', 'uncertain') AND o.finished_at < \(cut.attentionBefore))
                AND (o.payload <> 'message' OR o.updated_at <= \(cut.messagesBefore))
                AND (o.state <> 'discarded'
                    OR o.id NOT IN (SELECT discarded_row FROM link_state WHERE discarded_row IS NOT NULL))
                AND (o.refused_members IS NULL
                    OR NOT EXISTS (
                        SELECT 1 FROM link_state s WHERE s.conversation_id = o.conversation_id AND s.remote = o.remote
                            AND s.record -> '$.probing' IS NOT NULL))
                AND (o.state <> 'delivered'
                    OR EXISTS (
                        SELECT 1 FROM outbox n WHERE n.conversation_id = o.conversation_id AND n.remote = o.remote
                            AND n.state = 'delivered' AND n.id > o.id)
                    OR o.finished_at < \(cut.finishedBefore)
                        AND NOT EXISTS (SELECT 1 FROM conversations c WHERE c.id = o.conversation_id))
            """)
    }

    private static func delete(_ ids: [Int64], _ session: any Session) throws {
        guard !ids.isEmpty else { return }
        let list = JSONValue.array(ids.map { .integer($0) }).text
        // One statement for a list of any length.
        let listed: SQL = "(SELECT value FROM json_each(\(list)))"
        try session.run("DELETE FROM outbox_attempts WHERE outbox_id IN \(listed)")
        try session.run("DELETE FROM outbox WHERE id IN \(listed)")
        // Remaining rows must not point to deleted ones.
        try session.run("UPDATE outbox SET superseded_by = NULL WHERE superseded_by IN \(listed)")
    }

    /// Deletes a page of processed inbound data: events that their sender no longer repeats, and the record of adopted changes.
    /// - Returns: how many rows were deleted.
    static func pruneInbound(before timestamp: Instant, _ session: any Session) throws -> Int {
        let rules: [(table: SQL, column: SQL, condition: SQL)] = [
            ("inbox", "received_at", "state = 'done'"), ("adopted_changes", "adopted_at", "TRUE"),
        ]
        var removed = 0
        for (table, column, condition) in rules {
            removed += try session.run(
                """
                DELETE FROM \(table) WHERE id IN (
                    SELECT id FROM \(table) WHERE \(condition) AND \(column) < \(timestamp)
                    ORDER BY \(column) LIMIT \(Retention.pageSize))
                """)
        }
        return removed
    }
}
