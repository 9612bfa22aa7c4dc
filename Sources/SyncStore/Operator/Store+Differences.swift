import GRDB
import SyncCore

/// A conversation at a remote, with everything that says whether it is in step.
package struct LinkPicture: Sendable {
    package var conversationID: String
    package var remoteID: String
    /// What a decision would be made from; nil for an object that is gone.
    package var snapshot: LinkSnapshot?
    package var goneAt: String?
    /// Other conversations that link to the same object; then none of them takes part.
    package var sharers: [String]
    /// Its state rows that are not over, newest first.
    package var rows: [OutboxSummary]
    /// The row that a person discarded, while nothing is due because of it.
    package var discardedRow: Int64?
    /// A change waits to be planned.
    package var isUnplanned: Bool
}

/// A user's message that a remote has not taken.
package struct WaitingMessage: Sendable, Equatable {
    package var messageID: String
    package var conversationID: String
    /// Nil where it has not been planned yet.
    package var row: OutboxSummary?
}

extension Store {
    /// The conversations that take part at a remote, page by page in the order of their ids, each page in a read transaction of its own.
    ///
    /// All of them are looked at: what is found does not rest on the change feed.
    package func linkPictures(
        at remote: RemoteParticipation, now: Instant, page: @escaping @Sendable ([LinkPicture]) async throws -> Void
    ) async throws {
        var cursor: StoredKey? = StoredKey("")
        while let after = cursor {
            let (pictures, next) = try await linkPage(remote, after: after, now: now)
            if !pictures.isEmpty { try await page(pictures) }
            cursor = next
        }
    }

    private func linkPage(
        _ remote: RemoteParticipation, after: StoredKey, now: Instant
    ) async throws(StoreError) -> (pictures: [LinkPicture], next: StoredKey?) {
        try await read { db in
            let source =
                remote.needsLink
                ? "SELECT conversation_id AS id FROM links WHERE remote = ?1" : "SELECT id FROM conversations WHERE ?1 <> ''"
            let ids = try StoredRow.fetchAll(
                db.cachedStatement(
                    sql: "SELECT id FROM (\(source)) WHERE id > CAST(?2 AS TEXT) ORDER BY id LIMIT \(Store.planBatchSize)"),
                arguments: [remote.name, after.databaseValue]
            ).map { $0.key(0) }
            let pictures = try ids.compactMap(\.text).compactMap { try Store.linkPicture(db, $0, remote, now: now) }
            return (pictures, ids.count < Store.planBatchSize ? nil : ids.last)
        }
    }

    private static func linkPicture(
        _ db: Database, _ id: String, _ remote: RemoteParticipation, now: Instant
    ) throws -> LinkPicture? {
        let sharers = try sharers(db, of: id, at: remote)
        guard let local = try LocalConversation.fetch(db, id) else { return nil }
        let checked = try checkedLink(db, id, remote)
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT s.gone_at, s.discarded_row, (SELECT remote_id FROM links WHERE conversation_id = ?1 AND remote = ?2),
                        EXISTS (SELECT 1 FROM change_feed f WHERE f.conversation_id = ?1 AND f.remote IN ('', ?2))
                    FROM (SELECT 1) LEFT JOIN link_state s ON s.conversation_id = ?1 AND s.remote = ?2
                    """),
            arguments: [id, remote.name])
        guard let row, checked != nil || !sharers.isEmpty else { return nil }
        let snapshot = try checked.flatMap { link, problem in
            try self.snapshot(db, local, remote, link, problem: problem, storing: false, now: now)?.snapshot
        }
        return LinkPicture(
            conversationID: id, remoteID: checked?.0.remoteID ?? row[2] ?? id, snapshot: snapshot, goneAt: row[0], sharers: sharers,
            rows: try unfinishedRows(db, id, remote.name), discardedRow: row[1], isUnplanned: row[3])
    }

    static func unfinishedRows(_ db: Database, _ id: String, _ remote: String) throws -> [OutboxSummary] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT \(OutboxSummary.columns) FROM outbox
                    WHERE conversation_id = ? AND remote = ? AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                    ORDER BY id DESC
                    """),
            arguments: [id, remote]
        ).compactMap(OutboxSummary.init)
    }

    /// Users' messages that a remote has not taken, in the order of their rows; those that were not planned yet come last.
    package func waitingMessages(at remote: String) async throws(StoreError) -> [WaitingMessage] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT \(OutboxSummary.columns), message_id, conversation_id FROM outbox
                    WHERE remote = ? AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND payload = 'message' ORDER BY id
                    """, arguments: [remote])
            let planned = rows.map { WaitingMessage(messageID: $0[10], conversationID: $0[11], row: OutboxSummary($0)) }
            let feed = try StoredRow.fetchAll(
                db,
                sql: """
                    SELECT f.message_id, f.conversation_id FROM message_feed f
                    WHERE f.remote IN ('', ?1) AND NOT EXISTS (
                        SELECT 1 FROM planned_messages p WHERE p.message_id = f.message_id AND p.remote = ?1)
                    ORDER BY f.sequence
                    """, arguments: [remote])
            return planned
                + feed.compactMap { row in
                    guard let message = row.key(0).text, let conversation = row.key(1).text else { return nil }
                    return WaitingMessage(messageID: message, conversationID: conversation)
                }
        }
    }
}
