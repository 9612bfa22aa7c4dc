import GRDB
import SyncCore

/// One thing that a run would do.
package struct PlanPreview: Sendable {
    package enum Source: Sendable, Equatable {
        /// Would be planned now.
        case new
        /// Stands in the outbox already.
        case outbox(id: Int64, dueAt: String, delta: String?)
        /// Stands in the outbox and is not sent before somebody lets it go.
        case held(id: Int64, by: Holder)
    }

    package var conversationID: String
    package var remote: String
    package var source: Source
    package var decision: PlanDecision
    package var base: Fields
    /// What the brake counts: only what would be planned now does.
    package var touches = false
    package var finishes = false
}

/// What a preview is about; everything, unless it is narrowed.
package struct PreviewScope: Sendable, Equatable {
    package var conversationID: String?
    package var remote: String?

    package init(conversationID: String? = nil, remote: String? = nil) {
        self.conversationID = conversationID
        self.remote = remote
    }

    package var isEverything: Bool { conversationID == nil && remote == nil }
}

extension Store {
    /// Works out what a run would send, page by page, and writes nothing.
    ///
    /// Remotes whose projection changed since the last run are worked out over all their conversations, as a run would.
    /// - Parameter rememberedRows: as for ``surveyFeed(_:rememberedRows:)``.
    package func preview(
        _ context: PlanContext, of scope: PreviewScope = PreviewScope(), rememberedRows: Int = .max,
        page: @escaping @Sendable ([PlanPreview]) -> Void
    ) async throws(StoreError) {
        let changed = try await changedRemotes(context.remotes)
        let countsFirst = try await brakeGround(rememberedRows: rememberedRows).countsFirst
        let remotes = context.remotes.filter { $0.isEnabled && (scope.remote == nil || $0.name == scope.remote) }
        for remote in remotes where !remote.receivesMessages {
            var cursor: StoredKey? = StoredKey("")
            while let after = cursor {
                let (items, next) = try await previewPage(
                    remote, everything: changed.contains(remote.name), of: scope.conversationID, after: after, countsFirst: countsFirst,
                    context)
                if !items.isEmpty { page(items) }
                cursor = next
            }
        }
        for remote in remotes where remote.receivesMessages {
            let items = try await previewMessages(remote, of: scope.conversationID, context)
            if !items.isEmpty { page(items) }
        }
    }

    /// Whether the application has such a conversation.
    package func hasConversation(_ id: String) async throws(StoreError) -> Bool {
        try await read { db in
            try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM conversations WHERE id = CAST(? AS TEXT))", arguments: [id.stored])
                ?? false
        }
    }

    private func changedRemotes(_ remotes: [RemoteParticipation]) async throws(StoreError) -> Set<String> {
        try await read { db in
            var changed: Set<String> = []
            for remote in remotes {
                let row = try Row.fetchOne(
                    db, sql: "SELECT fingerprint, replan_cursor FROM remotes WHERE name = ?", arguments: [remote.name])
                let known: String? = row?[0]
                let cursor: String? = row?[1]
                if known != remote.fingerprint || cursor != nil { changed.insert(remote.name) }
            }
            return changed
        }
    }

    private func previewPage(
        _ remote: RemoteParticipation, everything: Bool, of conversationID: String?, after: StoredKey, countsFirst: Bool,
        _ context: PlanContext
    ) async throws(StoreError) -> (items: [PlanPreview], next: StoredKey?) {
        try await read { db in
            let source =
                everything
                ? (remote.needsLink
                    ? "SELECT conversation_id AS id FROM links WHERE remote = ?1" : "SELECT id FROM conversations WHERE ?1 <> ''")
                : """
                SELECT conversation_id AS id FROM change_feed WHERE remote IN ('', ?1)
                UNION SELECT conversation_id FROM outbox WHERE remote = ?1 AND state = 'pending' AND payload = 'state'
                    AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                UNION SELECT conversation_id FROM outbox WHERE remote = ?1 AND state = 'held' AND payload = 'state'
                    AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                """
            let ids = try StoredRow.fetchAll(
                db,
                sql: """
                    SELECT id FROM (\(source)) WHERE id > CAST(?2 AS TEXT) AND (?3 IS NULL OR id = ?3)
                    ORDER BY id LIMIT \(Store.planBatchSize)
                    """,
                arguments: [remote.name, after.databaseValue, conversationID?.stored]
            ).map { $0.key(0) }
            let items = try ids.compactMap(\.text).compactMap {
                try Store.previewConversation(db, $0, remote, countsFirst: countsFirst, context)
            }
            return (items, ids.count < Store.planBatchSize ? nil : ids.last)
        }
    }

    private static func previewConversation(
        _ db: Database, _ id: String, _ remote: RemoteParticipation, countsFirst: Bool, _ context: PlanContext
    ) throws -> PlanPreview? {
        guard let local = try LocalConversation.fetch(db, id), let (link, problem) = try checkedLink(db, id, remote),
            let (snapshot, _) = try snapshot(db, local, remote, link, problem: problem, storing: false, now: context.now)
        else { return nil }
        let standing = snapshot.standing
        let decision = context.decide(snapshot).decision
        var preview = PlanPreview(
            conversationID: id, remote: remote.name, source: .new, decision: decision, base: snapshot.record.heldFields)
        switch OutboxChange(decision, standing: standing) {
        case .insert, .insertRefused, .insertHeld:
            let effect = try effect(of: decision, on: snapshot, countsFirst: countsFirst, db)
            preview.touches = effect?.touches ?? false
            preview.finishes = effect?.finishes ?? false
            // What replaces a held row is held as well.
            if let standing, let holder = standing.holder { preview.source = .held(id: standing.id, by: holder) }
        case .discardStanding: return nil
        case .none:
            // Nothing new: but what stands and waits is sent by the next run as well, and what is held is to be seen.
            guard let standing else { return nil }
            if let holder = standing.holder {
                preview.source = .held(id: standing.id, by: holder)
            } else if standing.state == .pending,
                let waiting = try Row.fetchOne(db, sql: "SELECT due_at, delta FROM outbox WHERE id = ?", arguments: [standing.id])
            {
                preview.source = .outbox(id: standing.id, dueAt: waiting[0], delta: waiting[1])
            } else {
                return nil
            }
        }
        return preview
    }

    private func previewMessages(
        _ remote: RemoteParticipation, of conversationID: String?, _ context: PlanContext
    ) async throws(StoreError) -> [PlanPreview] {
        try await read { db in
            let entries = try StoredRow.fetchAll(
                db,
                sql: """
                    SELECT \(MessageEntry.columns) FROM message_feed f LEFT JOIN messages m ON m.id = f.message_id
                    WHERE f.remote IN ('', ?1) AND NOT EXISTS (
                        SELECT 1 FROM planned_messages p WHERE p.message_id = f.message_id AND p.remote = ?1)
                    ORDER BY f.sequence
                    """, arguments: [remote.name]
            ).compactMap { MessageEntry($0) }
            var timestamps = TimestampRegister(remote: remote.name, now: context.now)
            var items: [PlanPreview] = try MessageEntry.ordered(entries).compactMap { entry in
                guard var snapshot = try Store.messageSnapshot(db, entry.messageID, remote: remote.name) else { return nil }
                try timestamps.fill(&snapshot, db)
                let decision = context.decideMessage(snapshot)
                timestamps.take(decision, in: entry.conversationID)
                return PlanPreview(
                    conversationID: entry.conversationID, remote: remote.name, source: .new, decision: decision, base: [:])
            }
            let waiting = try Row.fetchAll(
                db,
                sql: """
                    SELECT id, conversation_id, due_at, operation, method, path, body, CASE state WHEN 'held' THEN held_by END FROM outbox
                    WHERE remote = ? AND payload = 'message' AND state IN ('pending', 'held')
                        AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain') ORDER BY id
                    """, arguments: [remote.name])
            for row in waiting {
                let body = (try? JSONValue(stored: row[6] as String)) ?? .null
                let call = OutboundCall(operation: row[3], method: row[4], path: row[5], body: body)
                let holder = (row[7] as String?).flatMap(Holder.init(rawValue:))
                items.append(
                    PlanPreview(
                        conversationID: row[1], remote: remote.name,
                        source: holder.map { .held(id: row[0], by: $0) } ?? .outbox(id: row[0], dueAt: row[2], delta: nil),
                        decision: .send(PlannedCall(call: call, delta: nil)), base: [:]))
            }
            return items.filter { conversationID == nil || ExactText($0.conversationID) == conversationID.map(ExactText.init) }
        }
    }
}
