import SyncCore

/// A conversation at a remote, with everything needed to decide whether the two agree.
package struct LinkPicture: Sendable {
    package var conversationID: String
    package var remoteID: String
    /// The input of a decision; nil for an object that is gone.
    package var snapshot: LinkSnapshot?
    package var goneAt: String?
    /// Other conversations that link to the same object. None of them is synchronized then.
    package var sharers: [String]
    /// Its unfinished state rows, newest first.
    package var rows: [OutboxSummary]
    /// The row that a person or retention discarded; nil once the difference is due again or gone.
    package var discardedRow: Int64?
    /// A change is waiting to be planned.
    package var isUnplanned: Bool
    /// Why a change that was put aside cannot be planned; nil if there is none.
    package var putAside: String?
}

/// A user's message that a remote has not accepted.
package struct WaitingMessage: Sendable, Equatable {
    package var messageID: String
    package var conversationID: String
    /// Nil if it has not been planned yet.
    package var row: OutboxSummary?
    /// Why it cannot be planned; nil unless it is put aside.
    package var putAside: String?
}

extension Store {
    /// The conversations synchronized with a remote, page by page in the order of their ids, each page in a read transaction of its own.
    ///
    /// All conversations are checked, independently of the change feed.
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
        try await read { session in
            let source: SQL =
                remote.needsLink
                ? "SELECT conversation_id AS id FROM links WHERE remote = \(remote.name)" : "SELECT id FROM conversations"
            let ids: [StoredKey] = try session.values(
                "SELECT id FROM (\(source)) WHERE id > \(after) ORDER BY id LIMIT \(PlanWriter.pageSize)")
            let pictures = try ids.compactMap(\.text).compactMap { try Store.linkPicture(session, $0, remote, now: now) }
            return (pictures, ids.count < PlanWriter.pageSize ? nil : ids.last)
        }
    }

    private static func linkPicture(
        _ session: any Session, _ id: String, _ remote: RemoteParticipation, now: Instant
    ) throws -> LinkPicture? {
        let sharers = try sharers(session, of: id, at: remote)
        guard let local = try LocalConversation.fetch(session, id, now: now) else { return nil }
        // Rows that cannot be read are those of a change that is put aside.
        let loaded = try unlessBroken(session) { try load(session, local, at: remote, storing: false, now: now) }
        let row: (goneAt: String?, discardedRow: Int64?, remoteID: String?, isUnplanned: Bool, putAside: String?)? = try session.row(
            """
            SELECT s.gone_at, s.discarded_row,
                (SELECT remote_id FROM links WHERE \(remote.needsLink) AND conversation_id = \(id) AND remote = \(remote.name)),
                EXISTS (SELECT 1 FROM change_feed f
                    WHERE f.conversation_id = \(id) AND f.remote IN (\(FeedTarget.everyRemote), \(remote.name)) AND f.deferred <> 2),
                (SELECT f.problem FROM change_feed f
                    WHERE f.conversation_id = \(id) AND f.remote IN (\(FeedTarget.everyRemote), \(remote.name)) AND f.deferred = 2
                        AND f.problem IS NOT NULL
                    ORDER BY f.remote DESC LIMIT 1)
            FROM (SELECT 1) LEFT JOIN link_state s ON s.conversation_id = \(id) AND s.remote = \(remote.name)
            """
        ) { columns in (try columns.next(), try columns.next(), try columns.next(), try columns.next(), try columns.next()) }
        guard let row, loaded != nil || !sharers.isEmpty || row.putAside != nil else { return nil }
        return LinkPicture(
            conversationID: id, remoteID: loaded?.link.remoteID ?? row.remoteID ?? id, snapshot: loaded?.known?.snapshot,
            goneAt: row.goneAt,
            sharers: sharers, rows: try unfinishedRows(session, id, remote.name), discardedRow: row.discardedRow,
            isUnplanned: row.isUnplanned, putAside: row.putAside)
    }

    static func unfinishedRows(_ session: any Session, _ id: String, _ remote: String) throws -> [OutboxSummary] {
        try session.rows(
            """
            SELECT \(OutboxSummary.columns) FROM outbox
            WHERE conversation_id = \(id) AND remote = \(remote) AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
            ORDER BY id DESC
            """
        ) { columns in try OutboxSummary(&columns) }.compactMap(\.self)
    }

    /// Users' messages that a remote has not accepted, in the order in which they are sent. Those that have not been planned yet, or cannot be, come
    /// last.
    package func waitingMessages(at remote: String) async throws(StoreError) -> [WaitingMessage] {
        try await read { session in
            let planned = try session.rows(
                """
                SELECT message_id, conversation_id, \(OutboxSummary.columns) FROM outbox
                WHERE remote = \(remote) AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND payload = 'message'
                ORDER BY coalesce(place, id)
                """
            ) { columns in
                WaitingMessage(messageID: try columns.next(), conversationID: try columns.next(), row: try OutboxSummary(&columns))
            }
            // An entry that was put aside does not say for which remote it was; one that has its row did not wait for that remote.
            let feed: [(message: StoredKey, conversation: StoredKey, putAside: String?)] = try session.rows(
                """
                SELECT f.message_id, f.conversation_id, CASE WHEN f.remote = \(FeedTarget.putAside) THEN f.problem END FROM message_feed f
                WHERE (f.remote IN (\(FeedTarget.everyRemote), \(remote)) OR f.remote = \(FeedTarget.putAside) AND f.problem IS NOT NULL)
                    AND NOT EXISTS (SELECT 1 FROM planned_messages p WHERE p.message_id = f.message_id AND p.remote = \(remote))
                ORDER BY f.sequence
                """
            ) { columns in (try columns.next(), try columns.next(), try columns.next()) }
            return planned
                + feed.compactMap { entry in
                    guard let message = entry.message.text, let conversation = entry.conversation.text else { return nil }
                    return WaitingMessage(messageID: message, conversationID: conversation, putAside: entry.putAside)
                }
        }
    }
}
