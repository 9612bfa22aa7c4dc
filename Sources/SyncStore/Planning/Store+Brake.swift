import SyncCore

/// What everything on the feed would do if it were planned now.
package struct FeedSurvey: Sendable, Equatable {
    /// Entries that planning will work off; what is pushed to at the end of the run is a second entry of its conversation.
    package var entries = 0
    package var reach = Brake.Reach()
    /// All conversations there are.
    package var conversations = 0
}

/// What planning would do to one conversation at one remote, as far as the brake counts it.
struct PlanEffect {
    var touches: Bool
    var finishes: Bool
}

extension Brake.Reach {
    /// One conversation is counted once, however many remotes it is told to.
    func including(_ effect: PlanEffect) -> Brake.Reach {
        Brake.Reach(touched: max(touched, effect.touches ? 1 : 0), finished: max(finished, effect.finishes ? 1 : 0))
    }
}

extension Store {
    /// `outbox.last_error` of a row that replaces a held one.
    static let inheritedHold = "held by the brake, as the row that it replaces"

    /// How many entries of the feed wait for a stage, counted up to `limit`.
    package func feedSize(
        _ stage: PlanStage, _ remotes: [RemoteParticipation], limit: Int
    ) async throws(StoreError) -> Int {
        let names = Store.feedNames(of: stage, remotes)
        return try await read { session in
            try session.value(
                "SELECT count(*) FROM (SELECT 1 FROM change_feed WHERE deferred = 0 AND remote IN \(in: names) LIMIT \(limit))") ?? 0
        }
    }

    /// Works out what all that is on the feed would do, page by page, and writes nothing.
    /// - Parameter rememberedRows: so many rows cannot have left the outbox by themselves (see ``emptied(_:rememberedRows:)``).
    package func surveyFeed(_ context: PlanContext, rememberedRows: Int) async throws(StoreError) -> FeedSurvey {
        let (ground, isFirst, isEmptied) = try await read { session in
            (
                FeedSurvey(conversations: try Store.conversationCount(session)), try Store.remembersNothing(session),
                try Store.emptied(session, rememberedRows: rememberedRows)
            )
        }
        var survey = ground
        var cursor: FeedEntry? = FeedEntry(conversation: StoredKey(""), remote: "")
        var open: (conversation: StoredKey, reach: Brake.Reach)?
        while let after = cursor {
            let page = try await surveyPage(after: after, context, decides: !isFirst || isEmptied, countsFirst: isEmptied)
            for entry in page.entries {
                survey.entries += entry.weight
                // The entries of a conversation stand side by side, maybe on two pages.
                if open?.conversation == entry.conversation, let sum = open?.reach {
                    open?.reach = Brake.Reach(
                        touched: max(sum.touched, entry.reach.touched), finished: max(sum.finished, entry.reach.finished))
                } else {
                    survey.reach = survey.reach + (open?.reach ?? .init())
                    open = (entry.conversation, entry.reach)
                }
            }
            cursor = page.next
        }
        survey.reach = survey.reach + (open?.reach ?? .init())
        return survey
    }

    /// What the brake weighs a preview against: all conversations, and whether what is told for the first time counts.
    package func brakeGround(rememberedRows: Int) async throws(StoreError) -> (conversations: Int, countsFirst: Bool) {
        try await read { session in (try Store.conversationCount(session), try Store.emptied(session, rememberedRows: rememberedRows)) }
    }

    private static func conversationCount(_ session: any Session) throws -> Int {
        try session.value("SELECT count(*) FROM conversations") ?? 0
    }

    /// A new database: what has never been told cannot be told anew, so there is nothing to work out.
    private static func remembersNothing(_ session: any Session) throws -> Bool {
        try session.value("SELECT NOT EXISTS (SELECT 1 FROM outbox) AND NOT EXISTS (SELECT 1 FROM link_state)") ?? false
    }

    /// Whether the outbox was emptied by somebody: it has had many rows and has none. Retention leaves the newest acknowledged row
    /// of every conversation.
    private static func emptied(_ session: any Session, rememberedRows: Int) throws -> Bool {
        try session.value(
            """
            SELECT NOT EXISTS (SELECT 1 FROM outbox)
                AND coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0) > \(rememberedRows)
            """) ?? false
    }

    private struct SurveyedEntry: Sendable {
        var conversation: StoredKey
        var weight: Int
        var reach: Brake.Reach
    }

    private func surveyPage(
        after cursor: FeedEntry, _ context: PlanContext, decides: Bool, countsFirst: Bool
    ) async throws(StoreError) -> (entries: [SurveyedEntry], next: FeedEntry?) {
        let remotes = context.remotes.filter { $0.isEnabled && ($0.needsLink || $0.isPushedAtEndOfRun) }
        let pushed = remotes.filter(\.isPushedAtEndOfRun).count
        return try await read { session in
            let rows: [FeedEntry] = try session.rows(
                """
                SELECT \(FeedEntry.columns) FROM change_feed
                WHERE (conversation_id, remote) > (\(cursor.conversation), \(cursor.remote)) AND deferred = 0
                ORDER BY conversation_id, remote LIMIT \(Store.planBatchSize)
                """)
            let entries = try rows.map { row in
                let (key, name) = (row.conversation, row.remote)
                // Planning will put the entry aside.
                guard let conversation = key.text else { return SurveyedEntry(conversation: key, weight: 1, reach: Brake.Reach()) }
                let concerned = remotes.filter { name.isEmpty || $0.name == name }
                let effects =
                    decides
                    ? try concerned.compactMap { remote in
                        try Store.unlessBroken(session) {
                            try Store.effect(session, conversation, remote, context, countsFirst: countsFirst)
                        }
                    } : []
                return SurveyedEntry(
                    conversation: key, weight: name.isEmpty ? 1 + pushed : 1,
                    reach: effects.reduce(Brake.Reach()) { $0.including($1) })
            }
            return (entries, rows.count < Store.planBatchSize ? nil : rows.last)
        }
    }

    /// Nil where planning would write no row, or would wait.
    private static func effect(
        _ session: any Session, _ id: String, _ remote: RemoteParticipation, _ context: PlanContext, countsFirst: Bool
    ) throws -> PlanEffect? {
        guard let local = try LocalConversation.fetch(session, id),
            let loaded = try load(session, local, at: remote, storing: false, now: context.now), !loaded.isInFlight,
            let snapshot = loaded.known?.snapshot
        else { return nil }
        return try effect(of: context.decide(snapshot).decision, on: snapshot, countsFirst: countsFirst, session)
    }

    /// As ``effect(of:on:)``, and reads the outbox where the remote was told something before that is not known any more.
    static func effect(
        of decision: PlanDecision, on snapshot: LinkSnapshot, countsFirst: Bool, _ session: any Session
    ) throws -> PlanEffect? {
        guard var effect = effect(of: decision, on: snapshot) else { return nil }
        if !effect.touches { effect.touches = try countsFirst || wasAcknowledged(session, snapshot) }
        return effect
    }

    /// Nil where no row would be written, and for rows that are held by the brake already.
    static func effect(of decision: PlanDecision, on snapshot: LinkSnapshot) -> PlanEffect? {
        guard snapshot.standing?.holder != .brake, case .insert(let planned) = OutboxChange(decision, standing: snapshot.standing) else {
            return nil
        }
        return PlanEffect(touches: !snapshot.record.isBlank, finishes: planned.finishes)
    }

    private static func wasAcknowledged(_ session: any Session, _ snapshot: LinkSnapshot) throws -> Bool {
        try session.exists(
            """
            SELECT 1 FROM outbox WHERE conversation_id = \(snapshot.conversationID) AND remote = \(snapshot.remote) AND state = 'delivered'
                AND payload = 'state' AND target_id = \(snapshot.link.remoteID) AND target_agent IS \(snapshot.link.agentID)
            """)
    }
}
