import GRDB
import SyncCore

/// One thing that a run would do.
package struct PlanPreview: Sendable {
    package enum Source: Sendable, Equatable {
        /// Would be planned now.
        case new
        /// Stands in the outbox already.
        case outbox(id: Int64, dueAt: String, delta: String?)
    }

    package var conversationID: String
    package var remote: String
    package var source: Source
    package var decision: PlanDecision
    package var base: Fields
}

extension Store {
    /// Works out what a run would send, page by page, and writes nothing.
    ///
    /// Remotes whose projection changed since the last run are worked out over all their conversations, as a run would.
    package func preview(
        _ context: PlanContext, page: @escaping @Sendable ([PlanPreview]) -> Void
    ) async throws(StoreError) {
        let changed = try await changedRemotes(context.remotes)
        for remote in context.remotes where remote.isEnabled && !remote.receivesMessages {
            var cursor: String? = ""
            while let after = cursor {
                let (items, next) = try await previewPage(remote, everything: changed.contains(remote.name), after: after, context)
                if !items.isEmpty { page(items) }
                cursor = next
            }
        }
        for remote in context.remotes where remote.isEnabled && remote.receivesMessages {
            let items = try await previewMessages(remote, context)
            if !items.isEmpty { page(items) }
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
        _ remote: RemoteParticipation, everything: Bool, after: String, _ context: PlanContext
    ) async throws(StoreError) -> (items: [PlanPreview], next: String?) {
        try await read { db in
            let source =
                everything
                ? (remote.needsLink
                    ? "SELECT conversation_id AS id FROM links WHERE remote = ?1" : "SELECT id FROM conversations WHERE ?1 <> ''")
                : """
                SELECT conversation_id AS id FROM change_feed WHERE remote IN ('', ?1)
                UNION SELECT conversation_id FROM outbox WHERE remote = ?1 AND state = 'pending' AND payload = 'state'
                """
            let ids = try String.fetchAll(
                db, sql: "SELECT id FROM (\(source)) WHERE id > ?2 ORDER BY id LIMIT \(Store.planBatchSize)",
                arguments: [remote.name, after])
            let items = try ids.compactMap { try Store.previewConversation(db, $0, remote, context) }
            return (items, ids.count < Store.planBatchSize ? nil : ids.last)
        }
    }

    private static func previewConversation(
        _ db: Database, _ id: String, _ remote: RemoteParticipation, _ context: PlanContext
    ) throws -> PlanPreview? {
        let statement = try db.cachedStatement(
            sql: "SELECT \(Conversation.columns) FROM conversations c LEFT JOIN users u ON u.id = c.user_id WHERE c.id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [id]), let link = try link(db, id, remote),
            let knowledge = try knowledge(db, id, remote, link, assigneeID: row[5], storing: false)
        else { return nil }
        let standing = try standingRow(db, id, remote.name)
        let decision = context.decide(
            LinkSnapshot(
                conversationID: id, remote: remote.name, link: link,
                conversation: Result { () throws(Refusal) in try Conversation(row: row) }, knowledge: knowledge, standing: standing))
        var source = PlanPreview.Source.new
        switch OutboxChange(decision, standing: standing) {
        case .insert, .insertRefused: break
        case .discardStanding: return nil
        case .none:
            // Nothing new: but what stands and waits is sent by the next run as well.
            guard let standing, standing.state == .pending,
                let waiting = try Row.fetchOne(db, sql: "SELECT due_at, delta FROM outbox WHERE id = ?", arguments: [standing.id])
            else { return nil }
            source = .outbox(id: standing.id, dueAt: waiting[0], delta: waiting[1])
        }
        return PlanPreview(conversationID: id, remote: remote.name, source: source, decision: decision, base: knowledge.base)
    }

    private func previewMessages(_ remote: RemoteParticipation, _ context: PlanContext) async throws(StoreError) -> [PlanPreview] {
        try await read { db in
            let ids = try Row.fetchAll(
                db,
                sql: """
                    SELECT f.message_id, f.conversation_id FROM message_feed f
                    WHERE f.remote IN ('', ?1) AND NOT EXISTS (
                        SELECT 1 FROM planned_messages p WHERE p.message_id = f.message_id AND p.remote = ?1)
                    ORDER BY f.sequence
                    """, arguments: [remote.name])
            var shown: [String: Set<String>] = [:]
            var items: [PlanPreview] = try ids.compactMap { row in
                guard var snapshot = try Store.messageSnapshot(db, row[0], remote: remote.name) else { return nil }
                snapshot.takenTimestamps = try Store.takenTimestamps(db, row[1], remote.name, now: context.now)
                    .union(shown[row[1], default: []])
                let decision = context.decideMessage(snapshot)
                if let timestamp = decision.timestamp { shown[row[1], default: []].insert(timestamp) }
                return PlanPreview(
                    conversationID: row[1], remote: remote.name, source: .new, decision: decision, base: [:])
            }
            let waiting = try Row.fetchAll(
                db,
                sql: """
                    SELECT id, conversation_id, due_at, operation, method, path, body FROM outbox
                    WHERE remote = ? AND payload = 'message' AND state = 'pending' ORDER BY id
                    """, arguments: [remote.name])
            for row in waiting {
                let body = (try? JSONValue(text: row[6] as String)) ?? .null
                let call = OutboundCall(operation: row[3], method: row[4], path: row[5], body: body)
                items.append(
                    PlanPreview(
                        conversationID: row[1], remote: remote.name, source: .outbox(id: row[0], dueAt: row[2], delta: nil),
                        decision: .send(PlannedCall(call: call, delta: nil)), base: [:]))
            }
            return items
        }
    }
}

extension PlanDecision {
    /// The timestamp that a planned message carries.
    fileprivate var timestamp: String? {
        guard case .send(let planned) = self else { return nil }
        return planned.call.body["message"]?["timestamp"]?.stringValue
    }
}
