import GRDB
import SyncCore

/// What pruning one page did.
package struct PrunedPage: Sendable, Equatable {
    /// The last id that was looked at; nil when nothing behind it can be old enough.
    package var last: Int64?
    package var removed = 0
}

/// How the file is used.
package struct StoreSize: Sendable, Equatable {
    package var pages: Int
    package var freePages: Int
    package var pageSize: Int
    /// Free pages can be given back to the file system in small steps.
    package var shrinks: Bool
}

extension Store {
    /// The highest id of the outbox; 0 when it is empty.
    package func newestRow() async throws(StoreError) -> Int64 {
        try await read { db in try Int64.fetchOne(db, sql: "SELECT max(id) FROM outbox") ?? 0 }
    }

    /// Looks through one page of the outbox and deletes what may go, with its attempts.
    ///
    /// What always stays: what is not finished; the newest acknowledged row of a conversation at a remote, as long as there is the
    /// conversation; messages whose timestamp may still be needed; a discarded row because of which a remote differs.
    package func prune(_ cut: Retention.Cut) async throws(StoreError) -> PrunedPage {
        try await write { db in
            let page = try Row.fetchAll(
                db.cachedStatement(sql: "SELECT id, created_at FROM outbox WHERE id > ? ORDER BY id LIMIT \(Retention.pageSize)"),
                arguments: [cut.after])
            guard let last = page.last, let lastID = last[0] as Int64? else { return PrunedPage() }
            let ids = try Store.prunable(db, cut, upTo: lastID)
            try Store.delete(ids, db)
            // What was planned after the cut cannot have finished before it.
            let isYoung =
                lastID > cut.upTo && last[1] as String >= max(cut.finishedBefore, cut.attentionBefore ?? cut.finishedBefore).iso8601
            return PrunedPage(last: isYoung || page.count < Retention.pageSize ? nil : lastID, removed: ids.count)
        }
    }

    private static func prunable(_ db: Database, _ cut: Retention.Cut, upTo last: Int64) throws -> [Int64] {
        try Int64.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT o.id FROM outbox o
                    WHERE o.id > ?1 AND o.id <= ?2
                        AND (o.state IN ('delivered', 'superseded', 'discarded') AND (o.id <= ?3 OR o.finished_at < ?4)
                            OR o.state IN ('dead', 'uncertain') AND o.finished_at < ?6)
                        AND (o.payload <> 'message' OR o.updated_at <= ?5)
                        AND (o.state <> 'discarded'
                            OR o.id NOT IN (SELECT discarded_row FROM link_state WHERE discarded_row IS NOT NULL))
                        AND (o.state <> 'delivered'
                            OR EXISTS (
                                SELECT 1 FROM outbox n WHERE n.conversation_id = o.conversation_id AND n.remote = o.remote
                                    AND n.state = 'delivered' AND n.id > o.id)
                            OR o.finished_at < ?4 AND NOT EXISTS (SELECT 1 FROM conversations c WHERE c.id = o.conversation_id))
                    """),
            arguments: [
                cut.after, last, cut.upTo, cut.finishedBefore.iso8601, cut.messagesBefore.iso8601, cut.attentionBefore?.iso8601,
            ])
    }

    private static func delete(_ ids: [Int64], _ db: Database) throws {
        guard !ids.isEmpty else { return }
        let list = JSONValue.array(ids.map { .integer($0) }).text
        for sql in [
            "DELETE FROM outbox_attempts WHERE outbox_id IN (SELECT value FROM json_each(?))",
            "DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))",
            // Rows that stay do not point to what is gone.
            "UPDATE outbox SET superseded_by = NULL WHERE superseded_by IN (SELECT value FROM json_each(?))",
        ] {
            try db.cachedStatement(sql: sql).execute(arguments: [list])
        }
    }

    /// Deletes a page of what came back and has been processed: events whose repetition nobody sends any more, and the record of what
    /// was taken over.
    /// - Returns: how many rows went.
    package func pruneInbound(before moment: Instant) async throws(StoreError) -> Int {
        try await write { db in
            var removed = 0
            for (table, column, condition) in [("inbox", "received_at", "state = 'done'"), ("adopted_changes", "adopted_at", "TRUE")] {
                try db.cachedStatement(
                    sql: """
                        DELETE FROM \(table) WHERE id IN (
                            SELECT id FROM \(table) WHERE \(condition) AND \(column) < ? ORDER BY \(column) LIMIT \(Retention.pageSize))
                        """
                ).execute(arguments: [moment.iso8601])
                removed += db.changesCount
            }
            return removed
        }
    }

    // MARK: The file

    package func size() async throws(StoreError) -> StoreSize {
        try await read { db in
            func number(_ pragma: String) throws -> Int { try Int.fetchOne(db, sql: "PRAGMA \(pragma)") ?? 0 }
            return StoreSize(
                pages: try number("page_count"), freePages: try number("freelist_count"), pageSize: try number("page_size"),
                shrinks: try number("auto_vacuum") == 2)
        }
    }

    /// Gives free pages back to the file system, at most so many (a page is 4 KiB): one short transaction.
    package func shrink(by pages: Int) async throws(StoreError) {
        try await unisolated { db in
            // Every step of the statement frees one page; all of its rows have to be fetched.
            _ = try Row.fetchAll(db, sql: "PRAGMA incremental_vacuum(\(pages))")
        }
    }

    /// Copies committed pages from the WAL to the database as far as no reader is in the way; waits for nobody.
    package func checkpoint() async throws(StoreError) {
        try await unisolated { db in _ = try Row.fetchAll(db, sql: "PRAGMA wal_checkpoint(PASSIVE)") }
    }
}
