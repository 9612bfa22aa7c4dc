import GRDB
import SyncCore

/// Everything that the database knows about one conversation, for `convosync explain`.
package struct StoredConversation: Sendable {
    package var conversation: Conversation
    /// When status or assignee last changed.
    package var statusChangedAt: String?
    package var remotes: [StoredLink]
    /// Newest first.
    package var adopted: [AdoptedChange]
    /// Changes that were not planned yet.
    package var isWaitingForPlan: Bool
}

/// A conversation at one remote.
package struct StoredLink: Sendable {
    package var remote: String
    /// Nil where the conversation takes no part.
    package var link: Link?
    /// Other conversations that link to the same object; then none of them takes part.
    package var sharers: [String] = []
    /// What a decision would be made from; nil where the conversation takes no part, or the object is gone.
    package var snapshot: LinkSnapshot?
    package var seenAt: String?
    package var acknowledgedAt: String?
    package var goneAt: String?
    /// The row that a person discarded, and when, while nothing is due because of it.
    package var discarded: (row: Int64, at: String?)?
    /// Per field what was decided about the last report.
    package var verdicts: JSONObject
    /// Newest first.
    package var history: [OutboxSummary]
    /// Its rows that are not over, newest first, however many the history shows.
    package var unfinished: [OutboxSummary]
}

/// An outbox row in one line.
package struct OutboxSummary: Sendable, Equatable {
    package var id: Int64
    package var state: OutboxState
    package var operation: String
    package var attempts: Int
    package var dueAt: String
    package var lastError: String?
    package var createdAt: String
    package var finishedAt: String?
    /// The fields that it carries; nil for messages.
    package var fields: [String]?

    /// For ``init(_:)``.
    static let columns = "id, state, operation, attempts, due_at, last_error, created_at, finished_at, delta, payload"

    /// Nil for a state that this version does not know.
    init?(_ row: Row) {
        guard let state = OutboxState(rawValue: row[1]) else { return nil }
        (id, self.state, operation, attempts) = (row[0], state, row[2], row[3])
        (dueAt, lastError, createdAt, finishedAt) = (row[4], row[5], row[6], row[7])
        fields = row[9] == PayloadKind.state.rawValue ? JSONValue.object(column: row[8]).keys.sorted() : nil
    }
}

/// A row of `adopted_changes`.
package struct AdoptedChange: Sendable, Equatable {
    package var remote: String
    package var word: String?
    package var reportedAt: String
    package var adoptedAt: String
    package var changes: JSONObject
    package var rule: String
}

extension Store {
    /// Nil where there is no such conversation.
    package func storedConversation(
        _ id: String, remotes: [RemoteParticipation], history limit: Int, now: Instant
    ) async throws(StoreError) -> StoredConversation? {
        try await read { db in
            guard let local = try LocalConversation.fetch(db, id) else { return nil }
            let isWaiting = try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM change_feed WHERE conversation_id = ?1)
                        OR EXISTS (SELECT 1 FROM message_feed WHERE conversation_id = ?1)
                    """, arguments: [id])
            return StoredConversation(
                conversation: local.conversation, statusChangedAt: local.row.changedAt.status.iso8601,
                remotes: try remotes.map { try Store.storedLink(db, local, $0, limit: limit, now: now) },
                adopted: try Store.adoptedChanges(db, id, limit: limit), isWaitingForPlan: isWaiting ?? false)
        }
    }

    private static func storedLink(
        _ db: Database, _ local: LocalConversation, _ remote: RemoteParticipation, limit: Int, now: Instant
    ) throws -> StoredLink {
        let id = local.conversation.id
        let link = try checkedLink(db, id, remote)
        var stored = StoredLink(
            remote: remote.name, link: link?.0, verdicts: [:], history: try history(db, id, remote.name, limit: limit),
            unfinished: try unfinishedRows(db, id, remote.name))
        stored.sharers = try sharers(db, of: id, at: remote)
        guard let (link, problem) = link else { return stored }
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT s.seen_at, s.acknowledged_at, s.gone_at, s.verdicts, s.discarded_row, o.finished_at
                FROM link_state s LEFT JOIN outbox o ON o.id = s.discarded_row WHERE s.conversation_id = ? AND s.remote = ?
                """,
            arguments: [id, remote.name])
        stored.seenAt = row?[0]
        stored.acknowledgedAt = row?[1]
        stored.goneAt = row?[2]
        if let discarded: Int64 = row?[4] { stored.discarded = (discarded, row?[5]) }
        stored.verdicts = JSONValue.object(column: row?[3])
        stored.snapshot = try snapshot(db, local, remote, link, problem: problem, storing: false, now: now)?.snapshot
        return stored
    }

    private static func history(_ db: Database, _ id: String, _ remote: String, limit: Int) throws -> [OutboxSummary] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT \(OutboxSummary.columns) FROM outbox WHERE conversation_id = ? AND remote = ? ORDER BY id DESC LIMIT ?
                """, arguments: [id, remote, limit]
        ).compactMap(OutboxSummary.init)
    }

    private static func adoptedChanges(_ db: Database, _ id: String, limit: Int) throws -> [AdoptedChange] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT remote, word, reported_at, adopted_at, changes, rule FROM adopted_changes
                WHERE conversation_id = ? ORDER BY id DESC LIMIT ?
                """, arguments: [id, limit]
        ).map {
            AdoptedChange(
                remote: $0[0], word: $0[1], reportedAt: $0[2], adoptedAt: $0[3], changes: JSONValue.object(column: $0[4]), rule: $0[5])
        }
    }
}
