import SyncCore

/// An operator's action on outbox rows.
package enum OutboxAction: String, Sendable {
    /// Attempt again: dead and discarded rows with a fresh count of attempts, pending rows now.
    case retry
    /// Never send.
    case discard
    /// Release held rows.
    case release

    /// The states on which the action has an effect.
    package var applicableStates: [OutboxState] {
        switch self {
        case .retry: [.dead, .uncertain, .discarded, .pending]
        case .discard: [.pending, .held, .dead, .uncertain]
        case .release: [.held]
        }
    }
}

/// What an action did, or would do.
package struct ManagingResult: Sendable, Equatable {
    /// What becomes of a row.
    package enum Effect: String, Sendable {
        /// Due at once, as it is.
        case sendNow = "send_now"
        /// Due at once, with the count of attempts and the age reset.
        case sendAgain = "send_again"
        /// Discarded; the conversation or message is planned again from the current columns.
        case planAgain = "plan_again"
        /// Discarded; never sent.
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
        /// For a row that is sent as it is: an older one of its conversation and remote that comes first, and to which the action does not apply.
        package var waitsFor: Int64?
    }

    package var steps: [Step] = []
    /// Rows that were selected by id, or, if uncertain, by state, and to which the action does not apply. Sorted by id.
    package var skipped: [Skipped] = []
    /// Uncertain rows that match a filter which names neither their id nor their state: a retry does not touch them.
    package var leftUncertain = 0

    /// The ids of the rows that the action applies to.
    package var affected: [Int64] { steps.map(\.id) }

    package struct Skipped: Sendable, Equatable {
        package var id: Int64
        package var obstacle: ManagingObstacle
        package var reason: String { obstacle.reason }
    }
}

extension Store {
    /// Rows changed in one transaction: the application waits for the write lock no longer than that takes.
    private static let managingPageSize = 500

    /// Carries out an action on the selected rows, page by page, or only reports what it would do.
    /// - Parameter acceptDuplicate: repeats messages that may have arrived, although the remote may treat them as new ones.
    package func manage(
        _ action: OutboxAction, _ filter: OutboxFilter, acceptDuplicate: Bool = false, dryRun: Bool = false, now: Instant
    ) async throws(StoreError) -> ManagingResult {
        var result = ManagingResult()
        var left = filter.limit ?? .max
        var cursor: Int64? = 0
        while let after = cursor, left > 0 {
            let most = left
            let work: @Sendable (any Session) throws -> (ManagingResult, Int64?) = { session in
                try Store.managePage(session, action, filter, after: after, most: most, acceptDuplicate, dryRun, now: now)
            }
            let (page, next) = dryRun ? try await read(work) : try await write(work)
            result.steps += page.steps
            result.skipped += page.skipped
            result.leftUncertain += page.leftUncertain
            left -= page.steps.count
            cursor = next
        }
        let affected = Set(result.affected)
        result.steps = result.steps.map { step in
            var step = step
            step.waitsFor = step.waitsFor.flatMap { affected.contains($0) ? nil : $0 }
            return step
        }
        let unseen = Set(filter.ids).subtracting(result.affected).subtracting(result.skipped.map(\.id))
        if !unseen.isEmpty {
            let existing = Set(try await existingRows(unseen))
            result.skipped += unseen.map { .init(id: $0, obstacle: existing.contains($0) ? .leftOut : .missing) }
            result.skipped.sort { $0.id < $1.id }
        }
        return result
    }

    /// Which of these rows exist.
    package func existingRows(_ ids: some Collection<Int64> & Sendable) async throws(StoreError) -> [Int64] {
        let list = JSONValue.array(ids.map { .integer($0) }).text
        return try await read { session in
            try session.values("SELECT id FROM outbox WHERE id IN (SELECT value FROM json_each(\(list))) ORDER BY id")
        }
    }

    /// - Parameter most: the most rows that the action is applied to. Rows that it does not apply to do not count.
    /// - Returns: where the next page begins; nil after the last one.
    private static func managePage(
        _ session: any Session, _ action: OutboxAction, _ filter: OutboxFilter, after id: Int64, most: Int, _ acceptDuplicate: Bool,
        _ dryRun: Bool, now: Instant
    ) throws -> (ManagingResult, next: Int64?) {
        let rows: [ManagedRow] = try session.rows(
            """
            SELECT \(ManagedRow.columns) FROM outbox o WHERE \(condition(of: filter, for: action)) AND o.id > \(id)
            ORDER BY o.id LIMIT \(managingPageSize)
            """)
        var result = ManagingResult()
        var queues = Queues()
        for row in rows {
            if result.steps.count == most { break }
            if let obstacle = row.obstacle(to: action, acceptDuplicate: acceptDuplicate) {
                // Without explicit ids, a filter selects the rows that the action applies to. A row selected as `uncertain` needs
                // `--accept-duplicate` in addition.
                let isUncertain = obstacle == .mayHaveArrived(wasDiscarded: false)
                if !filter.ids.isEmpty || (isUncertain && filter.states.contains(.uncertain)) {
                    result.skipped.append(.init(id: row.id, obstacle: obstacle))
                } else if isUncertain {
                    result.leftUncertain += 1
                }
                continue
            }
            let effect = row.effect(of: action)
            let isSent = effect == .sendNow || effect == .sendAgain
            let waitsFor = isSent ? try queues.rowBefore(row, session) : nil
            result.steps.append(
                .init(
                    id: row.id, remote: row.remote, conversationID: row.conversationID, state: row.state, effect: effect,
                    method: row.method, path: row.path, lastError: row.lastError,
                    waitsFor: waitsFor))
            if !dryRun { try carryOut(action, effect, on: row, now: now, session) }
        }
        return (result, rows.count < managingPageSize ? nil : rows.last?.id)
    }

    /// The first unfinished rows of the conversations and remotes of a page, each looked up once.
    private struct Queues {
        private struct Key: Hashable {
            var conversation: ExactText
            var remote: ExactText
        }

        private struct First {
            var id: Int64
            var place: Int64
        }

        private var known: [Key: First?] = [:]

        mutating func rowBefore(_ row: ManagedRow, _ session: any Session) throws -> Int64? {
            let key = Key(conversation: ExactText(row.conversationID), remote: ExactText(row.remote))
            let first: First?
            if let found = known[key] {
                first = found
            } else {
                first = try session.row(
                    """
                    SELECT id, coalesce(place, id) FROM outbox WHERE conversation_id = \(row.conversationID) AND remote = \(row.remote)
                        AND state IN ('pending', 'sending', 'held') ORDER BY coalesce(place, id) LIMIT 1
                    """
                ) { columns in First(id: try columns.next(), place: try columns.next()) }
                known[key] = .some(first)
            }
            return first.flatMap { $0.place < row.place ? $0.id : nil }
        }
    }

    /// A filter without ids and states selects no rows in a state that the action never applies to.
    private static func condition(of filter: OutboxFilter, for action: OutboxAction) -> SQL {
        var narrowed = filter
        if filter.ids.isEmpty, filter.states.isEmpty { narrowed.states = action.applicableStates }
        return narrowed.condition
    }

    private static func carryOut(
        _ action: OutboxAction, _ effect: ManagingResult.Effect, on row: ManagedRow, now: Instant, _ session: any Session
    ) throws {
        if action == .retry {
            try session.run(
                "UPDATE link_state SET gone_at = NULL WHERE conversation_id = \(row.conversationID) AND remote = \(row.remote)")
        }
        if action == .retry, let members = row.refusedMembers { try changeRecord(of: row, session) { $0.retryRefused(members) } }
        if action == .release, row.isHeldAsUndone { try changeRecord(of: row, session) { $0.releaseHold() } }
        if !row.isState {
            // The row that replaces it has been released as well.
            if action == .release { try session.run("UPDATE outbox SET released_at = \(now) WHERE id = \(row.id)") }
            // An earlier message of the page was planned again, and this one with it.
            guard try session.exists("SELECT 1 FROM outbox WHERE id = \(row.id) AND state = \(row.state)") else { return }
        }
        switch effect {
        case .drop:
            try discard(row, because: "discarded by hand", now: now, session)
            if row.isState, !row.hasSuccessor || row.refusedMembers != nil { try noteDiscarded(row, session) }
        case .sendNow:
            // Its age is reset: it was not attempted while it was held.
            try session.run(
                """
                UPDATE outbox SET state = 'pending', held_by = NULL, due_at = \(now), counted_since = NULL, replayed_at = \(now),
                    released_at = \(now), last_error = NULL, updated_at = \(now) WHERE id = \(row.id)
                """)
        case .sendAgain:
            // The timestamp of a message is still its own (``TimestampRegister``).
            try session.run(
                """
                UPDATE outbox SET state = 'pending', attempts = 0, due_at = \(now), counted_since = NULL, missing_at = NULL,
                    replayed_at = \(now), finished_at = NULL, updated_at = \(now),
                    -- A pending message that is in doubt is repeated only while the remote still recognises the repetition, also on a manual retry.
                    in_doubt_since = CASE state WHEN 'pending' THEN in_doubt_since END
                WHERE id = \(row.id)
                """)
            try followEarlier(row, now: now, session)
        case .planAgain where action == .release:
            guard let messageID = row.messageID else { return }
            try planMessagesAgain(from: messageID, at: row.remote, because: correctionReason, now: now, session)
        case .planAgain where row.isState || row.isMessageMoved:
            try discard(row, because: "planned again by hand", now: now, session)
            try feed(row, now: now, session)
        case .planAgain:
            // It waits for a moment, to be the first of those that are planned again.
            try session.run("UPDATE outbox SET state = 'pending' WHERE id = \(row.id)")
            try planMessageAgain(row, now: now, session)
        }
    }

    /// The message keeps its place before the later ones of its conversation that were not sent.
    private static func planMessageAgain(_ row: ManagedRow, now: Instant, _ session: any Session) throws {
        guard let messageID = row.messageID else { return }
        let reason = "the message, or one before it, is planned again by hand"
        try planMessagesAgain(from: messageID, at: row.remote, because: reason, now: now, session)
    }

    /// A message that waits again stays behind an earlier one of its conversation that is planned again.
    private static func followEarlier(_ row: ManagedRow, now: Instant, _ session: any Session) throws {
        guard !row.isState, !row.isMessageInDoubt else { return }
        let isBehind = try session.exists(
            """
            SELECT 1 FROM message_feed
            WHERE remote = \(row.remote) AND sequence < \(row.place - MessageEntry.plannedBefore) AND conversation_id = \(row.conversationID)
                AND moved = \(MessageEntry.Place.kept.rawValue)
            """)
        if isBehind { try planMessageAgain(row, now: now, session) }
    }

    private static func discard(_ row: ManagedRow, because reason: String, now: Instant, _ session: any Session) throws {
        try session.run(
            "UPDATE outbox SET state = 'discarded', last_error = \(reason), updated_at = \(now), finished_at = \(now) WHERE id = \(row.id)")
    }

    /// The remote differs from now on, and nothing is due.
    ///
    /// A row about refused members does not take the place of a whole state that was discarded, which would be due again. The next plan of
    /// the conversation finds the row about the members (``forgetDiscarded(_:_:isRefused:)``).
    private static func noteDiscarded(_ row: ManagedRow, _ session: any Session) throws {
        let isRefusal = row.refusedMembers != nil
        try session.run(
            """
            UPDATE link_state SET discarded_row = \(row.id)
            WHERE conversation_id = \(row.conversationID) AND remote = \(row.remote) AND (NOT \(isRefusal) OR NOT EXISTS (
                SELECT 1 FROM outbox d WHERE d.id = link_state.discarded_row AND d.refused_members IS NULL))
            """)
    }

    /// Discards the dead state rows of a page that nobody has decided about until their age, as ``OutboxAction/discard`` does: those without a
    /// successor, and those about refused members. Without them nothing would say that the remote differs.
    static func giveUp(
        deadBefore: Instant, after: Int64, upTo last: Int64, now: Instant, _ session: any Session
    ) throws {
        let rows: [ManagedRow] = try session.rows(
            """
            SELECT \(ManagedRow.columns) FROM outbox o
            WHERE o.id > \(after) AND o.id <= \(last) AND o.state = 'dead' AND o.payload = 'state' AND o.finished_at < \(deadBefore)
                AND EXISTS (
                    SELECT 1 FROM link_state s WHERE s.conversation_id = o.conversation_id AND s.remote = o.remote
                        AND (o.refused_members IS NULL OR s.record -> '$.probing' IS NULL))
            ORDER BY o.id
            """)
        for row in rows where !row.hasSuccessor || row.refusedMembers != nil {
            try discard(
                row, because: "discarded by [retention] dead_age" + (row.lastError.map { ": \($0)" } ?? ""), now: now, session)
            try noteDiscarded(row, session)
        }
    }

    private static func changeRecord(of row: ManagedRow, _ session: any Session, _ change: (inout LinkRecord) -> Void) throws {
        let known = try session.row(
            "SELECT \(LinkColumns.columns) FROM link_state s WHERE s.conversation_id = \(row.conversationID) AND s.remote = \(row.remote)"
        ) { columns in try LinkColumns(&columns) }
        guard let known else { return }
        var record = known.linkRecord
        change(&record)
        var stored = StoredRecord()
        stored.isFormer = known.isFormer
        stored.record = known.linkRecord
        try keep(record, in: stored, row.conversationID, row.remote, session)
    }

    /// Puts the row's conversation back on its feed, or its message, for the conversation to which it was moved.
    private static func feed(_ row: ManagedRow, now: Instant, _ session: any Session) throws {
        if row.isState {
            try requestPlanning(session, row.conversationID, row.remote, now: now)
            // The remote has differed since the row was planned.
            try session.run(
                """
                UPDATE change_feed SET since = min(since, (SELECT coalesce(differs_since, created_at) FROM outbox WHERE id = \(row.id)))
                WHERE conversation_id = \(row.conversationID) AND remote = \(row.remote)
                """)
        } else {
            try session.run("DELETE FROM planned_messages WHERE message_id = \(row.messageID) AND remote = \(row.remote)")
            try session.run(
                """
                INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote, moved, since)
                    SELECT o.message_id, m.conversation_id, o.remote, \(MessageEntry.Place.dated.rawValue), coalesce(o.differs_since, o.created_at)
                    FROM outbox o JOIN messages m ON m.id = o.message_id WHERE o.id = \(row.id)
                """)
        }
    }
}
