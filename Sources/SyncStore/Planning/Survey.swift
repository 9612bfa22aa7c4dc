import SyncCore

/// What planning would do to one conversation at one remote, as far as the brake counts it.
struct PlanEffect {
    var touches: Bool
    var finishes: Bool
}

extension Brake.Reach {
    /// One conversation is counted once, however many remotes it is sent to.
    func including(_ effect: PlanEffect) -> Brake.Reach {
        Brake.Reach(touched: max(touched, effect.touches ? 1 : 0), finished: max(finished, effect.finishes ? 1 : 0))
    }

    /// Combines two parts of the effect on one conversation.
    func joined(with other: Brake.Reach) -> Brake.Reach {
        Brake.Reach(touched: max(touched, other.touched), finished: max(finished, other.finished))
    }
}

extension Brake.Reaches {
    func including(_ effect: PlanEffect, at remote: RemoteParticipation) -> Brake.Reaches {
        var reaches = self
        if remote.isPushedAtEndOfRun {
            reaches.pushedLast = pushedLast.including(effect)
        } else {
            reaches.others = others.including(effect)
        }
        reaches.any = any.including(effect)
        return reaches
    }

    func joined(with other: Brake.Reaches) -> Brake.Reaches {
        Brake.Reaches(
            pushedLast: pushedLast.joined(with: other.pushedLast), others: others.joined(with: other.others),
            any: any.joined(with: other.any))
    }
}

extension StandingRow {
    /// Whether a row that replaces this one is held as well, because nobody has released it. Only the brake's hold is inherited.
    var passesHoldOn: Bool { holder == .brake }
}

extension Store {
    /// `outbox.last_error` of a row that replaces a held one.
    static let inheritedHold = "held by the brake, as the row that it replaces"

    /// Works out what the next page of the feed would do, without writing.
    static func advance(_ survey: FeedSurvey, _ context: PlanContext, _ session: any Session) throws -> FeedSurvey {
        guard let cursor = survey.cursor else { return survey }
        var survey = survey
        let ground = try survey.ground ?? surveyGround(rememberedRows: survey.rememberedRows, session)
        if survey.ground == nil {
            survey.ground = ground
            survey.conversations = try conversationCount(session)
        }
        let page = try surveyPage(after: cursor, context, ground, session)
        for entry in page.entries {
            survey.entries += entry.weight
            // The entries of a conversation are adjacent, but may be on two pages.
            if let open = survey.open, open.conversation == entry.conversation {
                survey.open?.reach = open.reach.joined(with: entry.reach)
            } else {
                survey.reach = survey.reach + (survey.open?.reach ?? .init())
                survey.open = (entry.conversation, entry.reach)
            }
        }
        survey.cursor = page.next
        if survey.isComplete, let open = survey.open {
            survey.reach = survey.reach + open.reach
            survey.open = nil
        }
        return survey
    }

    private static func surveyGround(rememberedRows: Int, _ session: any Session) throws -> FeedSurvey.Ground {
        let isEmptied = try emptied(session, rememberedRows: rememberedRows)
        return FeedSurvey.Ground(decides: try isEmptied || !remembersNothing(session), countsFirst: isEmptied)
    }

    /// What the brake compares a preview with: the number of conversations, and whether values sent for the first time count.
    package func brakeGround(rememberedRows: Int) async throws(StoreError) -> (conversations: Int, countsFirst: Bool) {
        try await read { session in (try Store.conversationCount(session), try Store.emptied(session, rememberedRows: rememberedRows)) }
    }

    private static func conversationCount(_ session: any Session) throws -> Int {
        try session.value("SELECT count(*) FROM conversations") ?? 0
    }

    /// A new database: nothing was sent before, so there is nothing to work out.
    private static func remembersNothing(_ session: any Session) throws -> Bool {
        try session.value("SELECT NOT EXISTS (SELECT 1 FROM outbox) AND NOT EXISTS (SELECT 1 FROM link_state)") ?? false
    }

    /// Whether the outbox was emptied by hand: it has had many rows and has none. Retention keeps the newest acknowledged row of every conversation.
    private static func emptied(_ session: any Session, rememberedRows: Int) throws -> Bool {
        try session.value(
            """
            SELECT NOT EXISTS (SELECT 1 FROM outbox)
                AND coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0) > \(rememberedRows)
            """) ?? false
    }

    private struct SurveyedEntry {
        var conversation: StoredKey
        var weight: Int
        var reach: Brake.Reaches
    }

    private static func surveyPage(
        after cursor: FeedSurvey.Entry, _ context: PlanContext, _ ground: FeedSurvey.Ground, _ session: any Session
    ) throws -> (entries: [SurveyedEntry], next: FeedSurvey.Entry?) {
        let remotes = context.remotes.filter(\.takesStates)
        let rows: [FeedEntry] = try session.rows(
            """
            SELECT \(FeedEntry.columns) FROM change_feed
            WHERE (conversation_id, remote) > (\(cursor.conversation), \(cursor.remote)) AND deferred = 0
            ORDER BY conversation_id, remote LIMIT \(PlanWriter.pageSize)
            """)
        let entries = try rows.map { try survey($0, at: remotes, context, ground, session) }
        let last = rows.last.map { FeedSurvey.Entry(conversation: $0.conversation, remote: $0.target.column) }
        return (entries, rows.count < PlanWriter.pageSize ? nil : last)
    }

    private static func survey(
        _ row: FeedEntry, at remotes: [RemoteParticipation], _ context: PlanContext, _ ground: FeedSurvey.Ground, _ session: any Session
    ) throws -> SurveyedEntry {
        var entry = SurveyedEntry(conversation: row.conversation, weight: 1, reach: Brake.Reaches())
        // Planning will put aside an entry whose key cannot be used.
        guard let id = row.conversation.text else { return entry }
        if row.target == .everyRemote { entry.weight += remotes.filter(\.isPushedAtEndOfRun).count }
        guard ground.decides else { return entry }
        for remote in remotes where row.target.includes(remote.name) {
            let found = try unlessBroken(session) {
                try effect(session, id, remote, context, countsFirst: ground.countsFirst)
            }
            if let found { entry.reach = entry.reach.including(found, at: remote) }
        }
        return entry
    }

    /// Nil if planning would write no row, or would wait.
    private static func effect(
        _ session: any Session, _ id: String, _ remote: RemoteParticipation, _ context: PlanContext, countsFirst: Bool
    ) throws -> PlanEffect? {
        guard let local = try LocalConversation.fetch(session, id, now: context.now),
            let loaded = try load(session, local, at: remote, storing: false, now: context.now), !loaded.isInFlight,
            let snapshot = loaded.known?.snapshot
        else { return nil }
        return try effect(of: context.decide(snapshot).decision, on: snapshot, countsFirst: countsFirst, session)
    }

    /// As ``effect(of:on:)``, but also reads the outbox for earlier acknowledgements that the record no longer contains.
    static func effect(
        of decision: PlanDecision, on snapshot: LinkSnapshot, countsFirst: Bool, _ session: any Session
    ) throws -> PlanEffect? {
        guard var effect = effect(of: decision, on: snapshot) else { return nil }
        if !effect.touches { effect.touches = try countsFirst || wasAcknowledged(session, snapshot) }
        return effect
    }

    /// Nil if no row would be written, and for rows that the brake holds already.
    static func effect(of decision: PlanDecision, on snapshot: LinkSnapshot) -> PlanEffect? {
        let standing = snapshot.standing
        guard standing?.passesHoldOn != true, case .insert(let planned) = OutboxChange(decision, standing: standing) else { return nil }
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
