import SyncCore

/// Everything that the database holds about one conversation, for `convosync explain`.
package struct StoredConversation: Sendable {
    package var conversation: Conversation
    /// When status or assignee last changed.
    package var statusChangedAt: String?
    package var remotes: [StoredLink]
    /// Newest first.
    package var adopted: [AdoptedChange]
    /// Changes and messages of it that cannot be planned.
    package var putAside: [PutAside]

    /// There are changes for one of the remotes that have not been planned yet.
    package var isWaitingForPlan: Bool { remotes.contains(where: \.isWaitingForPlan) }
}

/// A conversation at one remote.
package struct StoredLink: Sendable {
    package var remote: String
    /// Nil if the conversation is not synchronized with the remote.
    package var link: Link?
    /// Its rows cannot be read, so that not even the link is known.
    package var isUnreadable = false
    /// There are changes for the remote that have not been planned yet: of the messages for a remote that receives messages, of the states for any
    /// other.
    package var isWaitingForPlan = false
    /// Other conversations that link to the same object. None of them is synchronized then.
    package var sharers: [String] = []
    /// The input of a decision; nil if the conversation is not synchronized with the remote, or the object is gone.
    package var snapshot: LinkSnapshot?
    package var seenAt: String?
    package var acknowledgedAt: String?
    package var goneAt: String?
    /// The row that a person or retention discarded, and when; nil once the difference is due again or gone.
    package var discarded: (row: Int64, at: String?)?
    /// For each field, what was decided about the last report.
    package var verdicts: JSONObject
    /// Newest first.
    package var history: [OutboxSummary]
    /// All its unfinished rows, newest first, whatever the limit of the history.
    package var unfinished: [OutboxSummary]
}

/// A summary of an outbox row, for one line of output.
package struct OutboxSummary: Sendable, Equatable {
    package var id: Int64
    package var state: OutboxState
    package var operation: String
    package var attempts: Int
    package var dueAt: String
    package var lastError: String?
    package var createdAt: String
    package var finishedAt: String?
    /// The names of the fields that it carries; nil for messages.
    package var fields: [String]?
    /// What comes before a pending row, whether it is due or not; nil if nothing does, as far as is known.
    package var obstacle: RowObstacle?

    /// For ``init(_:)``, of the table `outbox` under its own name.
    static let columns: SQL = """
        id, state, operation, attempts, due_at, last_error, created_at, finished_at, delta, payload,
        \(RowObstacle.columns(of: "outbox"))
        """

    /// Nil for a state that this version does not know; all columns are read even then.
    init?(_ columns: inout Columns) throws {
        id = try columns.next()
        let state = OutboxState(rawValue: try columns.next())
        operation = try columns.next()
        attempts = try columns.next()
        dueAt = try columns.next()
        lastError = try columns.next()
        createdAt = try columns.next()
        finishedAt = try columns.next()
        let delta: String? = try columns.next()
        let payload: String = try columns.next()
        fields = payload == PayloadKind.state.rawValue ? JSONValue.object(column: delta).keys.sorted() : nil
        obstacle = try RowObstacle.read(&columns)
        guard let state else { return nil }
        self.state = state
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

extension AdoptedChange: RowRecord {
    package static let columns: SQL = "remote, word, reported_at, adopted_at, changes, rule"

    package init(_ columns: inout Columns) throws {
        remote = try columns.next()
        word = try columns.next()
        reportedAt = try columns.next()
        adoptedAt = try columns.next()
        changes = JSONValue.object(column: try columns.next())
        rule = try columns.next()
    }
}

extension Store {
    /// Nil if there is no such conversation.
    package func storedConversation(
        _ id: String, remotes: [RemoteParticipation], history limit: Int, now: Instant
    ) async throws(StoreError) -> StoredConversation? {
        try await read { session in
            guard let local = try LocalConversation.fetch(session, id, now: now) else { return nil }
            return StoredConversation(
                conversation: local.conversation, statusChangedAt: local.row.changedAt.status.iso8601,
                remotes: try remotes.map { try Store.storedLink(session, local, $0, limit: limit, now: now) },
                adopted: try Store.adoptedChanges(session, id, limit: limit),
                putAside: try Store.putAsideRows(session, of: id, limit: limit + 1))
        }
    }

    private static func storedLink(
        _ session: any Session, _ local: LocalConversation, _ remote: RemoteParticipation, limit: Int, now: Instant
    ) throws -> StoredLink {
        let id = local.conversation.id
        // For rows that cannot be read, the column `problem` of the feeds holds the reason.
        let loading = try unlessBroken(session) { () throws -> LoadedLink?? in
            .some(try load(session, local, at: remote, storing: false, now: now))
        }
        let loaded: LoadedLink? = loading ?? nil
        var stored = StoredLink(
            remote: remote.name, link: loaded?.link, verdicts: [:], history: try history(session, id, remote.name, limit: limit),
            unfinished: try unfinishedRows(session, id, remote.name))
        stored.isUnreadable = loading == nil
        stored.isWaitingForPlan = try isWaitingForPlan(session, id, at: remote)
        stored.sharers = try sharers(session, of: id, at: remote)
        guard let loaded else { return stored }
        try session.each(
            """
            SELECT s.seen_at, s.acknowledged_at, s.gone_at, s.verdicts, s.discarded_row, o.finished_at
            FROM link_state s LEFT JOIN outbox o ON o.id = s.discarded_row WHERE s.conversation_id = \(id) AND s.remote = \(remote.name)
            """
        ) { columns in
            stored.seenAt = try columns.next()
            stored.acknowledgedAt = try columns.next()
            stored.goneAt = try columns.next()
            stored.verdicts = JSONValue.object(column: try columns.next())
            let discarded: (row: Int64?, at: String?) = (try columns.next(), try columns.next())
            stored.discarded = discarded.row.map { ($0, discarded.at) }
            return .stop
        }
        stored.snapshot = loaded.known?.snapshot
        return stored
    }

    private static func isWaitingForPlan(_ session: any Session, _ id: String, at remote: RemoteParticipation) throws -> Bool {
        let targets: [FeedTarget] = [.everyRemote, .remote(remote.name)]
        guard remote.receivesMessages else {
            return try session.exists(
                "SELECT 1 FROM change_feed WHERE conversation_id = \(id) AND remote IN \(in: targets) AND deferred <> 2")
        }
        // A message that has its row does not wait for the remote, whatever other remotes its entry is for.
        return try session.exists(
            """
            SELECT 1 FROM message_feed f WHERE f.conversation_id = \(id) AND f.remote IN \(in: targets)
                AND NOT EXISTS (SELECT 1 FROM planned_messages p WHERE p.message_id = f.message_id AND p.remote = \(remote.name))
            """)
    }

    private static func history(_ session: any Session, _ id: String, _ remote: String, limit: Int) throws -> [OutboxSummary] {
        try session.rows(
            """
            SELECT \(OutboxSummary.columns) FROM outbox WHERE conversation_id = \(id) AND remote = \(remote) ORDER BY id DESC LIMIT \(limit)
            """
        ) { columns in try OutboxSummary(&columns) }.compactMap(\.self)
    }

    private static func adoptedChanges(_ session: any Session, _ id: String, limit: Int) throws -> [AdoptedChange] {
        try session.rows(
            "SELECT \(AdoptedChange.columns) FROM adopted_changes WHERE conversation_id = \(id) ORDER BY id DESC LIMIT \(limit)")
    }
}
