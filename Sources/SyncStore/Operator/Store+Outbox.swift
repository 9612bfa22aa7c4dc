import SyncCore

/// Which outbox rows a command selects.
package struct OutboxFilter: Sendable, Equatable {
    package var ids: [Int64] = []
    package var remote: String?
    package var conversation: String?
    package var states: [OutboxState] = []
    /// Rows written at or after this time.
    package var since: Instant?
    /// A part of `last_error`; case does not matter.
    package var error: String?
    /// Rows held by this holder.
    package var holder: Holder?
    /// The most rows that are listed, or that an action is applied to.
    package var limit: Int?

    package init() {}

    /// True when nothing narrows the selection.
    package var selectsEverything: Bool {
        ids.isEmpty && remote == nil && conversation == nil && states.isEmpty && since == nil && error == nil && holder == nil
    }

    /// Whether the filter also selects finished statuses that the brake holds back. They are no rows: a limit cannot count them, and leaves
    /// them out.
    package var meansHeldEnds: Bool {
        holder == .brake && ids.isEmpty && states.isEmpty && since == nil && error == nil && limit == nil
    }

    /// Of the table `outbox` under the name `o`.
    var condition: SQL {
        var conditions: [SQL] = ["1"]
        if !ids.isEmpty {
            let list = JSONValue.array(ids.map { .integer($0) }).text
            conditions.append("o.id IN (SELECT value FROM json_each(\(list)))")
        }
        if let remote { conditions.append("o.remote = \(remote)") }
        if let conversation { conditions.append("o.conversation_id = \(conversation)") }
        if !states.isEmpty { conditions.append("o.state IN \(in: states.map(\.rawValue))") }
        if let since { conditions.append("o.created_at >= \(since)") }
        if let error { conditions.append("instr(lower(o.last_error), lower(\(error))) > 0") }
        if let holder { conditions.append("o.state = 'held' AND o.held_by = \(holder.rawValue)") }
        return SQL.joined(conditions, separator: " AND ")
    }
}

/// A row as people and `--json` see it.
package struct OutboxListing: Sendable, Equatable {
    package var id: Int64
    package var runID: Int64?
    package var conversationID: String
    package var remote: String
    package var payload: String
    package var operation: String
    package var method: String
    package var path: String
    package var idempotencyKey: String
    package var state: String
    package var attempts: Int
    package var dueAt: String
    package var lastHTTPStatus: Int?
    package var lastError: String?
    package var supersededBy: Int64?
    package var createdAt: String
    package var updatedAt: String
    package var finishedAt: String?
    package var delta: JSONValue?
    package var messageID: String?
    package var body: String
    package var heldBy: String?
    /// What comes before a pending row, whether it is due or not; nil if nothing does, as far as is known.
    package var obstacle: RowObstacle?
}

/// A row that was replaced before it was delivered. Its changes are part of the row that replaced it.
package struct SupersededListing: Sendable, Equatable {
    package var id: Int64
    package var supersededBy: Int64?
    package var createdAt: String
    package var supersededAt: String?
}

/// One line of a row's history.
package struct AttemptListing: Sendable, Equatable {
    package var attempt: Int
    package var startedAt: String
    package var finishedAt: String
    package var outcome: String
    package var httpStatus: Int?
    package var error: String?
    package var responseExcerpt: String?
}

extension OutboxListing: RowRecord {
    /// Of the table `outbox` under the name `o`.
    package static let columns: SQL = """
        o.id, o.run_id, o.conversation_id, o.remote, o.payload, o.operation, o.method, o.path, o.idempotency_key, o.state, o.attempts, \
        o.due_at, o.last_http_status, o.last_error, o.superseded_by, o.created_at, o.updated_at, o.finished_at, o.delta, o.message_id, \
        o.body, CASE o.state WHEN 'held' THEN o.held_by END, \(RowObstacle.columns(of: "o"))
        """

    package init(_ columns: inout Columns) throws {
        id = try columns.next()
        runID = try columns.next()
        conversationID = try columns.next()
        remote = try columns.next()
        payload = try columns.next()
        operation = try columns.next()
        method = try columns.next()
        path = try columns.next()
        idempotencyKey = try columns.next()
        state = try columns.next()
        attempts = try columns.next()
        dueAt = try columns.next()
        lastHTTPStatus = try columns.next()
        lastError = try columns.next()
        supersededBy = try columns.next()
        createdAt = try columns.next()
        updatedAt = try columns.next()
        finishedAt = try columns.next()
        let delta: String? = try columns.next()
        // For display only: the request is in `body`.
        self.delta = delta.flatMap { try? JSONValue(text: $0) }
        messageID = try columns.next()
        body = try columns.next()
        heldBy = try columns.next()
        obstacle = try RowObstacle.read(&columns)
    }
}

extension SupersededListing: RowRecord {
    /// Of the table `outbox` under the name `o`.
    package static let columns: SQL = "o.id, o.superseded_by, o.created_at, o.finished_at"

    package init(_ columns: inout Columns) throws {
        id = try columns.next()
        supersededBy = try columns.next()
        createdAt = try columns.next()
        supersededAt = try columns.next()
    }
}

extension AttemptListing: RowRecord {
    package static let columns: SQL = "attempt, started_at, finished_at, outcome, http_status, error, response_excerpt"

    package init(_ columns: inout Columns) throws {
        attempt = try columns.next()
        startedAt = try columns.next()
        finishedAt = try columns.next()
        outcome = try columns.next()
        httpStatus = try columns.next()
        error = try columns.next()
        responseExcerpt = try columns.next()
    }
}

extension Store {
    /// Matching rows, newest first.
    package func outbox(_ filter: OutboxFilter) async throws(StoreError) -> [OutboxListing] {
        try await read { session in
            try session.rows(
                "SELECT \(OutboxListing.columns) FROM outbox o WHERE \(filter.condition) ORDER BY o.id DESC LIMIT \(filter.limit ?? -1)")
        }
    }

    package func attempts(of id: Int64) async throws(StoreError) -> [AttemptListing] {
        try await read { session in
            try session.rows("SELECT \(AttemptListing.columns) FROM outbox_attempts WHERE outbox_id = \(id) ORDER BY attempt")
        }
    }

    /// The rows that the given one replaced, and those that these had replaced, oldest first, at most a thousand. Rows that retention
    /// has deleted are missing.
    package func superseded(by id: Int64) async throws(StoreError) -> [SupersededListing] {
        try await read { session in
            try session.rows(
                """
                WITH RECURSIVE chain(id) AS (
                    SELECT id FROM outbox WHERE superseded_by = \(id)
                    UNION SELECT o.id FROM chain JOIN outbox o ON o.superseded_by = chain.id LIMIT 1000)
                SELECT \(SupersededListing.columns) FROM chain JOIN outbox o ON o.id = chain.id ORDER BY o.id
                """)
        }
    }
}
