import SyncCore

/// One row that a run would write or send.
package struct PlanPreview: Sendable {
    package enum Source: Sendable, Equatable {
        /// Would be planned now.
        case new
        /// Is in the outbox already.
        case outbox(id: Int64, dueAt: String, delta: String?)
        /// Is in the outbox, and is not sent until a person releases it.
        case held(id: Int64, by: Holder)
    }

    package var conversationID: String
    package var remote: String
    package var source: Source
    package var decision: PlanDecision
    package var base: Fields
    /// What the brake counts. Set only for rows that would be planned now.
    package var touches = false
    package var finishes = false
}

/// The scope of a preview; everything, unless it is narrowed.
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
    /// Works out what a run would send, page by page, without writing.
    ///
    /// Remotes whose projection has changed since the last run are examined over all their conversations, as a run would.
    /// - Parameter rememberedRows: as for ``FeedSurvey``.
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

    /// Whether there is such a conversation.
    package func hasConversation(_ id: String) async throws(StoreError) -> Bool {
        try await read { session in
            try session.exists("SELECT 1 FROM conversations WHERE id = \(id)")
        }
    }

    private func changedRemotes(_ remotes: [RemoteParticipation]) async throws(StoreError) -> Set<String> {
        try await read { session in
            var changed: Set<String> = []
            for remote in remotes {
                let known = try session.row("SELECT fingerprint, replan_cursor IS NOT NULL FROM remotes WHERE name = \(remote.name)") {
                    columns in
                    (fingerprint: try columns.next(String?.self), isBeingFed: try columns.next(Bool.self))
                }
                if known?.fingerprint != remote.fingerprint || known?.isBeingFed == true { changed.insert(remote.name) }
            }
            return changed
        }
    }

    private func previewPage(
        _ remote: RemoteParticipation, everything: Bool, of conversationID: String?, after: StoredKey, countsFirst: Bool,
        _ context: PlanContext
    ) async throws(StoreError) -> (items: [PlanPreview], next: StoredKey?) {
        try await read { session in
            let source: SQL =
                switch (everything, remote.needsLink) {
                case (true, true): "SELECT conversation_id AS id FROM links WHERE remote = \(remote.name)"
                case (true, false): "SELECT id FROM conversations"
                case (false, _):
                    """
                    SELECT conversation_id AS id FROM change_feed WHERE remote IN (\(FeedTarget.everyRemote), \(remote.name))
                    UNION SELECT conversation_id FROM outbox WHERE remote = \(remote.name) AND state = 'pending' AND payload = 'state'
                        AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                    UNION SELECT conversation_id FROM outbox WHERE remote = \(remote.name) AND state = 'held' AND payload = 'state'
                        AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                    """
                }
            let ids: [StoredKey] = try session.values(
                """
                SELECT id FROM (\(source)) WHERE id > \(after) AND (\(conversationID) IS NULL OR id = \(conversationID))
                ORDER BY id LIMIT \(PlanWriter.pageSize)
                """)
            let isResending = try Store.isResending(remote, session)
            let items = try ids.compactMap(\.text).compactMap { id in
                try Store.unlessBroken(session) {
                    try Store.previewConversation(session, id, remote, isForgotten: isResending, countsFirst: countsFirst, context)
                }
            }
            return (items, ids.count < PlanWriter.pageSize ? nil : ids.last)
        }
    }

    /// - Parameter isForgotten: whether what is known of the link is forgotten before it is planned.
    private static func previewConversation(
        _ session: any Session, _ id: String, _ remote: RemoteParticipation, isForgotten: Bool, countsFirst: Bool, _ context: PlanContext
    ) throws -> PlanPreview? {
        guard let local = try LocalConversation.fetch(session, id, now: context.now),
            let snapshot = try isForgotten
                ? forgottenSnapshot(session, local, at: remote, now: context.now)?.snapshot
                : load(session, local, at: remote, storing: false, now: context.now)?.known?.snapshot
        else { return nil }
        let standing = snapshot.standing
        let decision = context.decide(snapshot).decision
        var preview = PlanPreview(
            conversationID: id, remote: remote.name, source: .new, decision: decision, base: snapshot.record.heldFields)
        let change = OutboxChange(decision, standing: standing)
        switch change {
        case .insert, .insertRefused, .insertHeld:
            let effect = try effect(of: decision, on: snapshot, countsFirst: countsFirst, session)
            preview.touches = effect?.touches ?? false
            preview.finishes = effect?.finishes ?? false
            if let standing, let holder = inheritedHolder(after: change, of: standing) {
                preview.source = .held(id: standing.id, by: holder)
            }
        case .discardStanding: return nil
        case .none:
            // Nothing new is planned, but the next run also sends a waiting row, and a held row is shown.
            guard let standing else { return nil }
            if let holder = standing.holder {
                preview.source = .held(id: standing.id, by: holder)
            } else if standing.state == .pending,
                let source = try session.row(
                    "SELECT due_at, delta FROM outbox WHERE id = \(standing.id)",
                    { columns in PlanPreview.Source.outbox(id: standing.id, dueAt: try columns.next(), delta: try columns.next()) })
            {
                preview.source = source
            } else {
                return nil
            }
        }
        return preview
    }

    /// The holder of the standing row, if it would also hold the row that replaces it.
    private static func inheritedHolder(after change: OutboxChange, of standing: StandingRow) -> Holder? {
        let holds =
            switch change {
            case .insert: standing.passesHoldOn
            case .insertHeld(_, let holder, _): holder == standing.holder
            case .none, .insertRefused, .discardStanding: false
            }
        return holds ? standing.holder : nil
    }

    private func previewMessages(
        _ remote: RemoteParticipation, of conversationID: String?, _ context: PlanContext
    ) async throws(StoreError) -> [PlanPreview] {
        try await read { session in
            let entries = try session.rows(
                """
                SELECT \(MessageFeedRow.columns) FROM \(MessageFeedRow.tables)
                WHERE f.remote IN (\(FeedTarget.everyRemote), \(remote.name)) AND NOT EXISTS (
                    SELECT 1 FROM planned_messages p WHERE p.message_id = f.message_id AND p.remote = \(remote.name))
                ORDER BY f.sequence
                """, as: MessageFeedRow.self
            ).compactMap(\.entry)
            var timestamps = TimestampRegister(remote: remote.name, now: context.now)
            var items: [PlanPreview] = try MessageEntry.ordered(entries).compactMap { entry in
                let found = try Store.unlessBroken(session) {
                    try Store.messageSnapshot(session, entry.messageID, remote: remote.name)
                }
                guard var snapshot = found else { return nil }
                try timestamps.fill(&snapshot, session)
                let decision = context.decideMessage(snapshot)
                timestamps.take(decision, in: entry.conversationID)
                return PlanPreview(
                    conversationID: entry.conversationID, remote: remote.name, source: .new, decision: decision, base: [:])
            }
            items += try session.rows(
                """
                SELECT id, conversation_id, due_at, operation, method, path, body, CASE state WHEN 'held' THEN held_by END FROM outbox
                WHERE remote = \(remote.name) AND payload = 'message' AND state IN ('pending', 'held')
                    AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain') ORDER BY coalesce(place, id)
                """
            ) { columns in try Store.previewMessage(&columns, remote.name) }
            return items.filter { conversationID == nil || ExactText($0.conversationID) == conversationID.map(ExactText.init) }
        }
    }

    /// A message that is in the outbox.
    private static func previewMessage(_ columns: inout Columns, _ remote: String) throws -> PlanPreview {
        let (id, conversationID, dueAt): (Int64, String, String) = (try columns.next(), try columns.next(), try columns.next())
        let (operation, method, path): (String, String, String) = (try columns.next(), try columns.next(), try columns.next())
        let text: String = try columns.next()
        // A body that cannot be read is shown as null; it is sent as it is stored, so nothing is lost.
        let body = (try? JSONValue(stored: text)) ?? .null
        let holder = try columns.next(String?.self).flatMap(Holder.init(rawValue:))
        let call = OutboundCall(operation: operation, method: method, path: path, body: body)
        return PlanPreview(
            conversationID: conversationID, remote: remote,
            source: holder.map { .held(id: id, by: $0) } ?? .outbox(id: id, dueAt: dueAt, delta: nil),
            decision: .send(PlannedCall(call: call, delta: nil)), base: [:])
    }
}
