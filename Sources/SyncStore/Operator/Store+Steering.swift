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
    /// What becomes of a row.
    package enum Effect: String, Sendable {
        /// Due at once, as it is.
        case sendNow = "send_now"
        /// Due at once, with a fresh count of attempts and a fresh age.
        case sendAgain = "send_again"
        /// Dropped; the conversation or message is planned again from what the tables say now.
        case planAgain = "plan_again"
        /// Dropped; never sent.
        case drop
    }

    /// One row that the action applies to.
    package struct Step: Sendable, Equatable {
        package var id: Int64
        package var remote: String
        package var conversationID: String
        /// Before the action.
        package var state: String
        package var effect: Effect
        package var method: String
        package var path: String
        package var lastError: String?
    }

    package var steps: [Step] = []
    /// Rows that were asked for, by their id or, where they are uncertain, by their state, and that it does not apply to. By id.
    package var skipped: [Skipped] = []
    /// Uncertain rows that match a filter which names neither them nor their state: a retry leaves them alone.
    package var leftUncertain = 0

    /// The ids of the rows that the action applies to.
    package var affected: [Int64] { steps.map(\.id) }

    package struct Skipped: Sendable, Equatable {
        package var id: Int64
        package var obstacle: SteeringObstacle
        package var reason: String { obstacle.reason }
    }
}

extension Store {
    /// Rows steered in one transaction: the application waits for its turn no longer than that takes.
    private static let steeringPageSize = 500

    /// Carries out an action on the selected rows, page by page, or only says what it would do.
    /// - Parameter acceptDuplicate: replays messages of unknown fate although the remote may take them for new ones.
    package func steer(
        _ action: OutboxAction, _ filter: OutboxFilter, acceptDuplicate: Bool = false, dryRun: Bool = false, now: Instant
    ) async throws(StoreError) -> SteeringResult {
        var result = SteeringResult()
        var left = filter.limit ?? .max
        var cursor: Int64? = 0
        while let after = cursor, left > 0 {
            let size = min(left, Store.steeringPageSize)
            let work: @Sendable (Database) throws -> (SteeringResult, Int, Int64?) = { db in
                try Store.steerPage(db, action, filter, after: after, size: size, acceptDuplicate, dryRun, now: now)
            }
            let (page, count, last) = dryRun ? try await read(work) : try await write(work)
            result.steps += page.steps
            result.skipped += page.skipped
            result.leftUncertain += page.leftUncertain
            left -= count
            cursor = count < size ? nil : last
        }
        let unseen = Set(filter.ids).subtracting(result.affected).subtracting(result.skipped.map(\.id))
        if !unseen.isEmpty {
            let existing = Set(try await existingRows(unseen))
            result.skipped += unseen.map { .init(id: $0, obstacle: existing.contains($0) ? .leftOut : .missing) }
            result.skipped.sort { $0.id < $1.id }
        }
        return result
    }

    /// Which of the rows there are.
    package func existingRows(_ ids: some Collection<Int64> & Sendable) async throws(StoreError) -> [Int64] {
        let list = JSONValue.array(ids.map { .integer($0) }).text
        return try await read { db in
            try Int64.fetchAll(db, sql: "SELECT id FROM outbox WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", arguments: [list])
        }
    }

    private static func steerPage(
        _ db: Database, _ action: OutboxAction, _ filter: OutboxFilter, after id: Int64, size: Int, _ acceptDuplicate: Bool,
        _ dryRun: Bool, now: Instant
    ) throws -> (SteeringResult, count: Int, last: Int64?) {
        let (sql, arguments) = filter.condition
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT o.id, o.state, o.payload, o.last_error, o.conversation_id, o.remote, o.message_id,
                    EXISTS (SELECT 1 FROM outbox n WHERE n.conversation_id = o.conversation_id AND n.remote = o.remote
                        AND n.payload = 'state' AND n.id > o.id AND n.state <> 'discarded'),
                    o.payload = 'message' AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = o.message_id),
                    o.body = '{}', o.method, o.path, o.payload = 'message' AND o.in_doubt_since IS NOT NULL,
                    o.payload = 'state' AND EXISTS (SELECT 1 FROM link_state s
                        WHERE s.conversation_id = o.conversation_id AND s.remote = o.remote AND s.gone_at IS NOT NULL),
                    o.payload = 'message' AND (
                        EXISTS (SELECT 1 FROM outbox n WHERE n.message_id = o.message_id AND n.remote = o.remote AND n.id > o.id
                            AND n.state <> 'discarded')
                        OR EXISTS (SELECT 1 FROM message_feed f WHERE f.message_id = o.message_id AND f.remote IN ('', '-', o.remote))),
                    o.payload = 'message' AND EXISTS (SELECT 1 FROM messages m
                        WHERE m.id = o.message_id AND m.conversation_id IS NOT o.conversation_id),
                    o.refused_members IS NOT NULL, o.held_by IS 'undone', o.refused_members, o.held_by, o.superseded_by
                FROM outbox o WHERE \(sql) AND o.id > ? ORDER BY o.id LIMIT ?
                """, arguments: arguments + [id, size])
        var result = SteeringResult()
        for row in rows {
            if let obstacle = obstacle(to: action, row: row, acceptDuplicate: acceptDuplicate) {
                // Without explicit ids a filter means the rows that the action applies to. Who names `uncertain` has to say more.
                let isUncertain = obstacle == .mayHaveArrived(wasDiscarded: false)
                if !filter.ids.isEmpty || (isUncertain && filter.states.contains(.uncertain)) {
                    result.skipped.append(.init(id: row[0], obstacle: obstacle))
                } else if isUncertain {
                    result.leftUncertain += 1
                }
                continue
            }
            let effect = effect(of: action, on: row)
            result.steps.append(
                .init(
                    id: row[0], remote: row[5], conversationID: row[4], state: row[1], effect: effect, method: row[10], path: row[11],
                    lastError: row[3]))
            if !dryRun { try carryOut(action, effect, on: row, now: now, db) }
        }
        return (result, rows.count, rows.last?[0])
    }

    private static func obstacle(to action: OutboxAction, row: Row, acceptDuplicate: Bool) -> SteeringObstacle? {
        guard let state = OutboxState(rawValue: row[1]) else { return .unknownState }
        guard action.applicableStates.contains(state) else {
            return .state(state, holder: (row[19] as String?).flatMap(Holder.init(rawValue:)), supersededBy: row[20])
        }
        guard action == .retry else { return nil }
        if !acceptDuplicate {
            if state == .uncertain { return .mayHaveArrived(wasDiscarded: false) }
            if state == .discarded, row[12] { return .mayHaveArrived(wasDiscarded: true) }
        }
        if row[8] { return .messageDeleted }
        if row[14] { return .messagePlannedAnew }
        return nil
    }

    /// What the action means for a row that it applies to.
    private static func effect(of action: OutboxAction, on row: Row) -> SteeringResult.Effect {
        switch action {
        case .discard: return .drop
        case .release: return .sendNow
        case .retry:
            let isState = row[2] == PayloadKind.state.rawValue
            let error: String? = row[3]
            // A refused row has no body, whatever its last error says by now.
            let wasRefused = error?.hasPrefix(Refusal.prefix) == true || row[9]
            let wasDropped = row[1] == OutboxState.discarded.rawValue
            let hasSuccessor: Bool = row[7]
            let isGone: Bool = row[13]
            let wasMoved: Bool = row[15]
            // What could not be sent as it was is planned again from what the tables say now; so is state that a newer row has
            // overtaken, or that was dropped: it may be out of date. While a link is gone nothing is planned for it, so its row may be, too.
            // A refused member travels with whatever else is due.
            return wasRefused || wasMoved || row[16] || (isState && (hasSuccessor || wasDropped || isGone)) ? .planAgain : .sendAgain
        }
    }

    private static func carryOut(
        _ action: OutboxAction, _ effect: SteeringResult.Effect, on row: Row, now: Instant, _ db: Database
    ) throws {
        let time = now.iso8601
        let id: Int64 = row[0]
        if action == .retry {
            try db.execute(
                sql: "UPDATE link_state SET gone_at = NULL WHERE conversation_id = ? AND remote = ?",
                arguments: [row[4] as String, row[5] as String])
        }
        if action == .retry, row[16] {
            let members = (row[18] as String?).flatMap { try? JSONValue(stored: $0) }?.arrayValue?.compactMap(\.stringValue) ?? []
            try changeRecord(row[4], row[5], db) { $0.retryRefused(Set(members)) }
        }
        if action == .release, row[17] { try changeRecord(row[4], row[5], db) { $0.releaseHold() } }
        switch effect {
        case .drop:
            try discard(id, because: "discarded by hand", time: time, db)
            if row[2] == PayloadKind.state.rawValue, row[7] == false || row[16] { try noteDiscarded(id, row[4], row[5], db) }
        case .sendNow:
            // Its age counts anew: it was not tried while it was held.
            try db.execute(
                sql: """
                    UPDATE outbox SET state = 'pending', held_by = NULL, due_at = ?1, counted_since = NULL, replayed_at = ?1,
                        released_at = ?1, last_error = NULL, updated_at = ?1 WHERE id = ?2
                    """,
                arguments: [time, id])
        case .sendAgain:
            try db.execute(
                sql: """
                    UPDATE outbox SET state = 'pending', attempts = 0, due_at = ?1, counted_since = NULL, missing_at = NULL, replayed_at = ?1, finished_at = NULL, updated_at = ?1,
                        -- A message that waits in doubt is repeated within Fin's memory or not at all, also by hand.
                        in_doubt_since = CASE state WHEN 'pending' THEN in_doubt_since END
                    WHERE id = ?2
                    """, arguments: [time, id])
        case .planAgain:
            try discard(id, because: "planned again by hand", time: time, db)
            try feed(row, now: now, db)
        }
    }

    private static func discard(_ id: Int64, because reason: String, time: String, _ db: Database) throws {
        try db.execute(
            sql: "UPDATE outbox SET state = 'discarded', last_error = ?, updated_at = ?, finished_at = ? WHERE id = ?",
            arguments: [reason, time, time, id])
    }

    /// The remote differs from now on, and nothing is due.
    private static func noteDiscarded(_ id: Int64, _ conversationID: String, _ remote: String, _ db: Database) throws {
        try db.execute(
            sql: "UPDATE link_state SET discarded_row = ? WHERE conversation_id = ? AND remote = ?",
            arguments: [id, conversationID, remote])
    }

    private static func changeRecord(
        _ conversationID: String, _ remote: String, _ db: Database, _ change: (inout LinkRecord) -> Void
    ) throws {
        let row = try Row.fetchOne(
            db, sql: "SELECT \(LinkColumns.names) FROM link_state s WHERE s.conversation_id = ? AND s.remote = ?",
            arguments: [conversationID, remote])
        guard let row else { return }
        let columns = LinkColumns(row, at: 0)
        var record = columns.linkRecord
        change(&record)
        var stored = StoredRecord()
        stored.isFormer = columns.isFormer
        stored.record = columns.linkRecord
        try keep(record, in: stored, conversationID, remote, db)
    }

    /// Puts what the row was about back on its feed.
    private static func feed(_ row: Row, now: Instant, _ db: Database) throws {
        if row[2] == PayloadKind.state.rawValue {
            try requestPlanning(db, row[4], row[5], now: now)
            // It has differed since the row was planned.
            try db.execute(
                sql: """
                    UPDATE change_feed SET since = min(since, (SELECT coalesce(differs_since, created_at) FROM outbox WHERE id = ?))
                    WHERE conversation_id = ? AND remote = ?
                    """, arguments: [row[0] as Int64, row[4] as String, row[5] as String])
        } else {
            try db.execute(
                sql: "DELETE FROM planned_messages WHERE message_id = ? AND remote = ?", arguments: [row[6] as String?, row[5] as String])
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote, since)
                        SELECT message_id, conversation_id, remote, coalesce(differs_since, created_at) FROM outbox WHERE id = ?
                    """, arguments: [row[0] as Int64])
        }
    }
}
