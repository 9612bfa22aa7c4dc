import SyncCore

/// What sending everything again to one remote would do.
package struct Resending: Sendable, Equatable {
    /// A call that would be made.
    package struct Call: Sendable, Equatable {
        package var conversationID: String
        package var method: String
        package var path: String
        package var fields: [String]
    }

    package var remote: String
    /// Conversations synchronized with the remote.
    package var conversations = 0
    package var calls = 0
    /// The first calls, at most ``exampleLimit``.
    package var examples: [Call] = []
    /// For each field, the number of calls that would carry it.
    package var fields: [String: Int] = [:]
    /// Conversations whose object the remote no longer knows. They are attempted again.
    package var gone = 0
    /// Conversations that cannot be sent.
    package var refused = 0
    /// Conversations with a dead row of the same content, which stays as it is.
    package var dead = 0
    /// Conversations whose row is held afterwards: one of the same content, or one that replaces a row that the brake holds.
    package var held = 0
    package var reach = Brake.Reach()

    package static let exampleLimit = 20

    package init(remote: String) {
        self.remote = remote
    }

    mutating func add(_ planned: PlannedCall, for conversationID: String) {
        calls += 1
        let names = planned.delta?.fields.keys.sorted() ?? []
        for name in names { fields[name, default: 0] += 1 }
        guard examples.count < Resending.exampleLimit else { return }
        examples.append(
            Call(conversationID: conversationID, method: planned.call.method, path: planned.call.path, fields: names))
    }
}

/// Sending everything again after a remote was restored from a backup or emptied: what it acknowledged is forgotten, and the wanted state is planned.
extension Store {
    /// Works out what would be sent, page by page, without writing. Leaves out remotes that receive messages, which are never sent again.
    package func previewResend(_ scope: PreviewScope, _ context: PlanContext) async throws(StoreError) -> [Resending] {
        var results: [Resending] = []
        for remote in Store.resendable(context.remotes, scope) {
            var result = Resending(remote: remote.name)
            var cursor: StoredKey? = StoredKey("")
            while let after = cursor {
                let sum = result
                (result, cursor) = try await read { session in
                    let source: SQL =
                        remote.needsLink
                        ? "SELECT conversation_id AS id FROM links WHERE remote = \(remote.name)" : "SELECT id FROM conversations"
                    let ids: [StoredKey] = try session.values(
                        """
                        SELECT id FROM (\(source)) WHERE id > \(after) AND (\(scope.conversationID) IS NULL OR id = \(scope.conversationID))
                        ORDER BY id LIMIT \(PlanWriter.pageSize)
                        """)
                    var page = sum
                    for id in ids.compactMap(\.text) {
                        let before = page
                        let isDone: Bool? = try Store.unlessBroken(session) {
                            try Store.addResend(of: id, at: remote, context, to: &page, session)
                            return true
                        }
                        if isDone == nil { page = before }
                    }
                    return (page, ids.count < PlanWriter.pageSize ? nil : ids.last)
                }
            }
            results.append(result)
        }
        return results
    }

    /// The input of the decision once the link is forgotten, and whether its object is gone until then; nil if the conversation is not synchronized
    /// with the remote.
    static func forgottenSnapshot(
        _ session: any Session, _ local: LocalConversation, at remote: RemoteParticipation, now: Instant
    ) throws -> (snapshot: LinkSnapshot, isGone: Bool)? {
        guard var snapshot = try load(session, local, at: remote, storing: false, evenIfGone: true, now: now)?.known?.snapshot else {
            return nil
        }
        snapshot.record.forget(at: now)
        let isGone = try session.exists(
            """
            SELECT 1 FROM link_state
            WHERE conversation_id = \(snapshot.conversationID) AND remote = \(remote.name) AND gone_at IS NOT NULL
            """)
        // The row that found the object gone is discarded.
        if isGone, snapshot.standing?.state == .dead { snapshot.standing = nil }
        return (snapshot, isGone)
    }

    private static func resendable(_ remotes: [RemoteParticipation], _ scope: PreviewScope) -> [RemoteParticipation] {
        remotes.filter { $0.isEnabled && !$0.receivesMessages && (scope.remote == nil || $0.name == scope.remote) }
    }

    private static func addResend(
        of id: String, at remote: RemoteParticipation, _ context: PlanContext, to result: inout Resending, _ session: any Session
    ) throws {
        guard let local = try LocalConversation.fetch(session, id, now: context.now),
            let (snapshot, isGone) = try forgottenSnapshot(session, local, at: remote, now: context.now)
        else { return }
        result.conversations += 1
        if isGone { result.gone += 1 }
        let decision = context.decide(snapshot).decision
        if let effect = try effect(of: decision, on: snapshot, countsFirst: false, session) {
            result.reach = result.reach + Brake.Reach().including(effect)
        }
        switch (OutboxChange(decision, standing: snapshot.standing), decision, snapshot.standing?.state) {
        case (.insert, _, _) where snapshot.standing?.passesHoldOn == true: result.held += 1
        case (.insert(let planned), _, _), (.none, .send(let planned), .pending?): result.add(planned, for: id)
        case (.insertRefused, _, _): result.refused += 1
        case (.insertHeld, _, _), (.none, _, .held?): result.held += 1
        case (.none, _, .dead?): result.dead += 1
        case (.none, _, _), (.discardStanding, _, _): break
        }
    }

    /// Forgets what remotes acknowledged and reported, and has everything planned by the next run, under the brake.
    ///
    /// One conversation takes one transaction. For whole remotes the first one stores the order (`remotes.is_resending`), and each further one
    /// forgets a page of links and puts their conversations on the feed. Nothing is planned or claimed before the last one, so that the brake
    /// counts all of it. Whoever plans next goes on with it (``feedReplan(_:pageSize:now:_:)``): once the order is stored it is carried out, even if
    /// this process ends.
    package func resend(_ scope: PreviewScope, at remotes: [RemoteParticipation], now: Instant) async throws(StoreError) {
        let remotes = Store.resendable(remotes, scope)
        if let conversationID = scope.conversationID {
            try await write { session in
                guard let local = try LocalConversation.fetch(session, conversationID, now: now) else { return }
                for remote in remotes where try Store.load(session, local, at: remote, storing: false, now: now) != nil {
                    try Store.forgetLinks(of: "SELECT \(conversationID)", at: remote.name, now: now, session)
                    try Store.requestPlanning(session, conversationID, remote.name, now: now)
                }
            }
            return
        }
        try await write { session in try Store.requestResending(remotes, session) }
        while try await write({ session in try Store.feedReplan(remotes, now: now, session) }) > 0 {}
    }

    /// Has everything that the remotes acknowledged and reported forgotten, page by page, with putting their conversations on the feed.
    static func requestResending(_ remotes: [RemoteParticipation], _ session: any Session) throws {
        for remote in remotes {
            // A remote that no run has stored yet.
            try enter(remote, session)
            try session.run("UPDATE remotes SET replan_cursor = '', is_resending = 1 WHERE name = \(remote.name)")
        }
    }

    /// Whether links of the remote are still being forgotten.
    static func isResending(_ remote: RemoteParticipation, _ session: any Session) throws -> Bool {
        try session.exists("SELECT 1 FROM remotes WHERE name = \(remote.name) AND is_resending = 1")
    }

    /// In the transaction that puts the conversations on the feed: a link that is forgotten and not on the feed would never be sent.
    /// - Parameter conversations: a query of ids, of at most ``PlanWriter/pageSize`` rows.
    static func forgetLinks(of conversations: SQL, at remote: String, now: Instant, _ session: any Session) throws {
        let links = try session.rows(
            """
            SELECT s.conversation_id, s.gone_at IS NOT NULL, \(LinkColumns.columns) FROM link_state s
            WHERE s.remote = \(remote) AND s.conversation_id IN (\(conversations))
            """
        ) { columns in
            (conversation: try columns.next(StoredKey.self), isGone: try columns.next(Bool.self), known: try LinkColumns(&columns))
        }
        for link in links {
            var record = link.known.linkRecord
            record.forget(at: now)
            // What is refused stays unsent, and its row may have been discarded. Planning keeps that row in mind, and forgets any other.
            let keepsRefusals = record.fields.values.contains { $0.note == .refused }
            try session.run(
                """
                UPDATE link_state SET fields = \(record.fieldsColumn), record = \(record.recordColumn), base = '{}', seen = '{}',
                    in_doubt = NULL, seen_version = NULL, acknowledged_at = NULL, gone_at = NULL, verdicts = '{}', braked_at = NULL,
                    is_brake_released = 0, unknown_user = NULL, discarded_row = CASE WHEN \(keepsRefusals) THEN discarded_row END
                WHERE conversation_id = \(link.conversation) AND remote = \(remote)
                """)
            guard link.isGone else { continue }
            try session.run(
                """
                UPDATE outbox SET state = 'discarded', last_error = 'the object was gone; everything is sent again by hand',
                    updated_at = \(now), finished_at = \(now)
                WHERE conversation_id = \(link.conversation) AND remote = \(remote) AND payload = 'state' AND state = 'dead'
                    AND refused_members IS NULL
                """)
        }
    }
}
