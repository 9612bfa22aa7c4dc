import GRDB
import SyncCore

/// What a person asked to be done with outbox rows.
package enum OutboxAction: String, Sendable {
    /// Try again: dead and discarded rows with a fresh count, pending ones now.
    case retry
    /// Never send.
    case discard
    /// Let go what was held.
    case release

    /// The states on which the action does something.
    package var applicableStates: [OutboxState] {
        switch self {
        case .retry: [.dead, .uncertain, .discarded, .pending]
        case .discard: [.pending, .held, .dead, .uncertain]
        case .release: [.held]
        }
    }
}

/// What an action did, or would do.
package struct SteeringResult: Sendable, Equatable {
    /// Rows that the action applies to.
    package var affected: [Int64] = []
    /// Rows it does not apply to, with the reason.
    package var skipped: [Skipped] = []

    package struct Skipped: Sendable, Equatable {
        package var id: Int64
        package var reason: String
    }
}

extension Store {
    /// Carries out an action on the selected rows, or only says what it would do.
    /// - Parameter acceptDuplicate: replays messages of unknown fate although the remote may take them for new ones.
    package func steer(
        _ action: OutboxAction, _ filter: OutboxFilter, acceptDuplicate: Bool = false, dryRun: Bool = false, now: Instant
    ) async throws(StoreError) -> SteeringResult {
        try await write { db in
            let (sql, arguments) = filter.condition
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT o.id, o.state, o.payload, o.last_error, o.conversation_id, o.remote, o.message_id,
                        EXISTS (SELECT 1 FROM outbox n WHERE n.conversation_id = o.conversation_id AND n.remote = o.remote
                            AND n.payload = 'state' AND n.id > o.id AND n.state <> 'discarded'),
                        o.payload = 'message' AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = o.message_id),
                        o.body = '{}'
                    FROM outbox o WHERE \(sql) ORDER BY o.id LIMIT \(filter.limit ?? -1)
                    """, arguments: arguments)
            var result = SteeringResult()
            for row in rows {
                let id: Int64 = row[0]
                if let reason = Store.obstacle(to: action, row: row, acceptDuplicate: acceptDuplicate) {
                    // Without explicit ids a filter means the rows that the action applies to.
                    if !filter.ids.isEmpty { result.skipped.append(.init(id: id, reason: reason)) }
                    continue
                }
                result.affected.append(id)
                if !dryRun { try Store.carryOut(action, on: row, now: now, db) }
            }
            return result
        }
    }

    private static func obstacle(to action: OutboxAction, row: Row, acceptDuplicate: Bool) -> String? {
        guard let state = OutboxState(rawValue: row[1]) else { return "has an unknown state" }
        guard action.applicableStates.contains(state) else { return "is \(state.rawValue)" }
        if action == .retry, state == .uncertain, !acceptDuplicate {
            return "is uncertain: it may have arrived; --accept-duplicate sends it all the same"
        }
        if action == .retry, row[8] { return "belongs to a message that was deleted" }
        return nil
    }

    private static func carryOut(_ action: OutboxAction, on row: Row, now: Instant, _ db: Database) throws {
        let time = now.iso8601
        let id: Int64 = row[0]
        switch action {
        case .discard:
            try db.execute(
                sql:
                    "UPDATE outbox SET state = 'discarded', last_error = 'discarded by hand', updated_at = ?, finished_at = ? WHERE id = ?",
                arguments: [time, time, id])
        case .release:
            try db.execute(
                sql: "UPDATE outbox SET state = 'pending', due_at = ?, last_error = NULL, updated_at = ? WHERE id = ?",
                arguments: [time, time, id])
        case .retry:
            try retry(row, time: time, db)
        }
    }

    private static func retry(_ row: Row, time: String, _ db: Database) throws {
        let id: Int64 = row[0]
        let isState = row[2] == PayloadKind.state.rawValue
        let error: String? = row[3]
        // A refused row has no body, whatever its last error says by now.
        let wasRefused = error?.hasPrefix(Refusal.prefix) == true || row[9]
        let hasSuccessor: Bool = row[7]
        try db.execute(
            sql: "UPDATE link_state SET gone_at = NULL WHERE conversation_id = ? AND remote = ?",
            arguments: [row[4] as String, row[5] as String])
        // What could not be sent as it was is planned again from what the tables say now; so is state that a newer row has overtaken, or that was dropped: it may be out of date.
        let wasDropped = row[1] == OutboxState.discarded.rawValue
        guard wasRefused || (isState && (hasSuccessor || wasDropped)) else {
            try db.execute(
                sql: """
                    UPDATE outbox SET state = 'pending', attempts = 0, due_at = ?, in_doubt_since = NULL, replayed_at = ?,
                        finished_at = NULL, updated_at = ? WHERE id = ?
                    """, arguments: [time, time, time, id])
            return
        }
        try db.execute(
            sql:
                "UPDATE outbox SET state = 'discarded', last_error = 'planned again by hand', updated_at = ?, finished_at = ? WHERE id = ?",
            arguments: [time, time, id])
        if isState {
            try db.execute(
                sql: """
                    INSERT INTO change_feed (conversation_id, remote, changed_at) VALUES (?, ?, ?)
                    ON CONFLICT (conversation_id, remote) DO UPDATE SET deferred = 0
                    """, arguments: [row[4] as String, row[5] as String, time])
        } else {
            try db.execute(
                sql: "DELETE FROM planned_messages WHERE message_id = ? AND remote = ?", arguments: [row[6] as String?, row[5] as String])
            try db.execute(
                sql: "INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote) VALUES (?, ?, ?)",
                arguments: [row[6] as String?, row[4] as String, row[5] as String])
        }
    }

    /// Stops or resumes deliveries to a remote; survives restarts. A running daemon notices the commit, and a remote that is parked is
    /// tried at once when it is resumed.
    /// - Returns: false when the remote is not known to the database.
    package func setPaused(_ isPaused: Bool, remote: String, now: Instant) async throws(StoreError) -> Bool {
        try await write { db in
            try db.execute(
                sql: isPaused
                    ? "UPDATE remotes SET paused_at = coalesce(paused_at, ?) WHERE name = ?"
                    : "UPDATE remotes SET paused_at = NULL, resumed_at = ? WHERE name = ?",
                arguments: [now.iso8601, remote])
            return db.changesCount == 1
        }
    }
}
