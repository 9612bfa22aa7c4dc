import GRDB
import SyncCore

/// Which outbox rows a command means.
package struct OutboxFilter: Sendable, Equatable {
    package var ids: [Int64] = []
    package var remote: String?
    package var conversation: String?
    package var states: [OutboxState] = []
    /// Rows written at or after this moment.
    package var since: Instant?
    /// Part of `last_error`, upper or lower case.
    package var error: String?
    /// Rows that are held by this one.
    package var holder: Holder?
    package var limit: Int?

    package init() {}

    /// True when nothing narrows the selection.
    package var selectsEverything: Bool {
        ids.isEmpty && remote == nil && conversation == nil && states.isEmpty && since == nil && error == nil && holder == nil
    }

    /// Whether ends that wait for somebody to look are meant as well.
    package var meansHeldEnds: Bool { holder == .brake && ids.isEmpty && states.isEmpty && since == nil && error == nil }

    var condition: (sql: String, arguments: StatementArguments) {
        var terms: [String] = ["1"]
        var arguments = StatementArguments()
        if !ids.isEmpty { terms.append("o.id IN (\(ids.map(String.init).joined(separator: ",")))") }
        if let remote {
            terms.append("o.remote = ?")
            arguments += [remote]
        }
        if let conversation {
            terms.append("o.conversation_id = ?")
            arguments += [conversation]
        }
        if !states.isEmpty { terms.append("o.state IN (\(states.map { "'\($0.rawValue)'" }.joined(separator: ",")))") }
        if let since {
            terms.append("o.created_at >= ?")
            arguments += [since.iso8601]
        }
        if let error {
            terms.append("instr(lower(o.last_error), lower(?)) > 0")
            arguments += [error]
        }
        if let holder {
            terms.append("o.state = 'held' AND o.held_by = ?")
            arguments += [holder.rawValue]
        }
        return (terms.joined(separator: " AND "), arguments)
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

extension Store {
    /// Matching rows, newest first.
    package func outbox(_ filter: OutboxFilter) async throws(StoreError) -> [OutboxListing] {
        try await read { db in
            let (sql, arguments) = filter.condition
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT o.id, o.run_id, o.conversation_id, o.remote, o.payload, o.operation, o.method, o.path, o.idempotency_key,
                        o.state, o.attempts, o.due_at, o.last_http_status, o.last_error, o.superseded_by, o.created_at, o.updated_at,
                        o.finished_at, o.delta, o.message_id, o.body, CASE o.state WHEN 'held' THEN o.held_by END
                    FROM outbox o WHERE \(sql) ORDER BY o.id DESC LIMIT \(filter.limit ?? -1)
                    """, arguments: arguments
            ).map(OutboxListing.init)
        }
    }

    package func attempts(of id: Int64) async throws(StoreError) -> [AttemptListing] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT attempt, started_at, finished_at, outcome, http_status, error, response_excerpt
                    FROM outbox_attempts WHERE outbox_id = ? ORDER BY attempt
                    """, arguments: [id]
            ).map {
                AttemptListing(
                    attempt: $0[0], startedAt: $0[1], finishedAt: $0[2], outcome: $0[3], httpStatus: $0[4], error: $0[5],
                    responseExcerpt: $0[6])
            }
        }
    }

    /// Rows that were replaced by the given one.
    package func absorbed(by id: Int64) async throws(StoreError) -> [Int64] {
        try await read { db in
            try Int64.fetchAll(db, sql: "SELECT id FROM outbox WHERE superseded_by = ? ORDER BY id", arguments: [id])
        }
    }
}

extension OutboxListing {
    fileprivate init(_ row: Row) {
        let delta: String? = row[18]
        self.init(
            id: row[0], runID: row[1], conversationID: row[2], remote: row[3], payload: row[4], operation: row[5], method: row[6],
            path: row[7], idempotencyKey: row[8], state: row[9], attempts: row[10], dueAt: row[11], lastHTTPStatus: row[12],
            lastError: row[13], supersededBy: row[14], createdAt: row[15], updatedAt: row[16], finishedAt: row[17],
            delta: delta.flatMap { try? JSONValue(text: $0) }, messageID: row[19], body: row[20],
            heldBy: row[21])
    }
}
