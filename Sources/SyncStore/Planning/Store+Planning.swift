import SyncCore

extension Store {
    /// Conversations examined in one transaction.
    package static let planBatchSize = 500
    /// A planning transaction takes no further entry after this time: the application waits for it with its own commits.
    package static let planningTime = Duration.milliseconds(20)

    /// Plans the next conversations of the feed: one transaction reads them, writes their rows and takes them off the feed.
    ///
    /// Entries whose key cannot be used are put aside (see ``StoredKey/text``), and so are those that cannot be planned (``PutAside``).
    /// - Parameter limit: how many entries of the feed at most.
    package func planStates(
        _ stage: PlanStage, _ context: PlanContext, limit: Int = planBatchSize
    ) async throws(StoreError) -> PlanBatch {
        do {
            return try await planStates(stage, context, limit: limit, isolates: false)
        } catch {
            guard error.concernsRows else { throw error }
            return try await planStates(stage, context, limit: limit, isolates: true)
        }
    }

    /// - Parameter isolates: whether each entry is planned in a savepoint of its own, and put aside where that fails.
    private func planStates(
        _ stage: PlanStage, _ context: PlanContext, limit: Int, isolates: Bool
    ) async throws(StoreError) -> PlanBatch {
        try await write { session in
            var batch = PlanBatch()
            let remotes = context.remotes.filter {
                $0.isEnabled && (stage == .endOfRun ? $0.isPushedAtEndOfRun : $0.needsLink)
            }
            let entries = try Store.feedEntries(session, stage: stage, context: context, limit: limit)
            if !entries.isEmpty { batch.foreignRemotes = try Store.markForeignFingerprints(session, remotes) }
            var examined: Set<ExactText> = []
            let deadline = ContinuousClock.now + context.timeLimit
            func plan(_ entry: FeedEntry) throws -> EntryStep {
                if batch.examined > 0, ContinuousClock.now > deadline { return .stop }
                batch.examined += 1
                let isSkipped = entry.conversation.text.map { examined.contains(ExactText($0)) } ?? true
                try Store.planEntry(session, entry, at: remotes, context, &examined, into: &batch)
                return isSkipped ? .skipped : .planned
            }
            guard isolates else {
                for entry in entries where try plan(entry) == .stop { break }
                return batch
            }
            try Store.isolating(entries, session) { entry in
                let before = (batch, examined)
                do {
                    return try plan(entry)
                } catch {
                    (batch, examined) = before
                    throw error
                }
            } putAside: { entry, problem in
                batch.examined += 1
                batch.takenOff += 1
                batch.putAside.append(try Store.putAside(session, entry, because: problem))
                if entry.remote.isEmpty { examined.insert(ExactText(entry.conversation.repaired)) }
            }
            return batch
        }
    }

    private static func planEntry(
        _ session: any Session, _ entry: FeedEntry, at remotes: [RemoteParticipation], _ context: PlanContext,
        _ examined: inout Set<ExactText>, into batch: inout PlanBatch
    ) throws {
        let (key, remote) = (entry.conversation, entry.remote)
        guard let conversationID = key.text else {
            batch.unreadable.append(try putAside(session, key, remote: remote))
            batch.takenOff += 1
            return
        }
        guard !examined.contains(ExactText(conversationID)) else {
            batch.takenOff += 1
            return
        }
        if remote.isEmpty {
            examined.insert(ExactText(conversationID))
            try expand(session, conversationID: conversationID, context: context)
        }
        let isAdopted = try planConversation(
            session, conversationID, at: remotes.filter { remote.isEmpty || $0.name == remote }, context, into: &batch)
        if isAdopted {
            // It is on the feed again, as it is now: all remotes are planned for that.
            examined.remove(ExactText(conversationID))
            batch.takenOff += 1
            return
        }
        batch.takenOff += try takeOffFeed(session, conversationID, remote: remote, stageRemotes: remotes)
    }

    /// Whether any conversation waits to be planned.
    package func feedIsEmpty() async throws(StoreError) -> Bool {
        try await read { session in
            try session.value(
                """
                SELECT NOT EXISTS (SELECT 1 FROM change_feed WHERE deferred = 0)
                    AND NOT EXISTS (SELECT 1 FROM message_feed WHERE remote = '')
                """) ?? true
        }
    }

    /// The names under which the feed holds what a stage plans.
    static func feedNames(of stage: PlanStage, _ remotes: [RemoteParticipation]) -> [String] {
        switch stage {
        case .linked: [""] + remotes.filter { !$0.isPushedAtEndOfRun }.map(\.name)
        case .endOfRun: remotes.filter(\.isPushedAtEndOfRun).map(\.name)
        }
    }

    private static func feedEntries(
        _ session: any Session, stage: PlanStage, context: PlanContext, limit: Int
    ) throws -> [FeedEntry] {
        try session.rows(
            """
            SELECT \(FeedEntry.columns) FROM change_feed WHERE deferred = 0 AND remote IN \(in: feedNames(of: stage, context.remotes))
            LIMIT \(min(limit, Store.planBatchSize))
            """)
    }

    /// An entry that nothing can be done with: out of the way of the others until the row that it stands for is written again.
    private static func putAside(_ session: any Session, _ key: StoredKey, remote: String) throws -> UnreadableKey {
        try session.run("UPDATE change_feed SET deferred = 2 WHERE conversation_id = \(key) AND remote = \(remote)")
        return UnreadableKey(conversation: key)
    }

    private static func putAside(_ session: any Session, _ entry: FeedEntry, because problem: String) throws -> PutAside {
        if entry.remote.isEmpty {
            // "Every remote" includes what is on the feed for single ones.
            try session.run(
                "DELETE FROM change_feed WHERE conversation_id = \(entry.conversation) AND remote <> '' AND deferred <> 1")
        }
        let since: String? = try session.value(
            """
            UPDATE change_feed SET deferred = 2, problem = \(problem)
            WHERE conversation_id = \(entry.conversation) AND remote = \(entry.remote)
            RETURNING since
            """)
        return PutAside(
            conversationID: entry.conversation.repaired, remote: entry.remote.isEmpty ? nil : entry.remote, problem: problem, since: since)
    }

    /// "Every remote" means for the helpdesk: at the end of the run.
    private static func expand(_ session: any Session, conversationID: String, context: PlanContext) throws {
        for remote in context.remotes where remote.isPushedAtEndOfRun && remote.isEnabled {
            try session.run(
                """
                INSERT INTO change_feed (conversation_id, remote, changed_at, since)
                SELECT conversation_id, \(remote.name), changed_at, since FROM change_feed
                WHERE conversation_id = \(conversationID) AND remote = ''
                ON CONFLICT (conversation_id, remote)
                    DO UPDATE SET changed_at = excluded.changed_at, deferred = 0, since = min(since, excluded.since)
                """)
        }
    }

    /// - Returns: how many of the entry asked for are gone or wait for a call: 1, or 0 when it stands as it stood.
    private static func takeOffFeed(
        _ session: any Session, _ conversationID: String, remote: String, stageRemotes: [RemoteParticipation]
    ) throws -> Int {
        let takeOff = { (name: String) in
            try session.run("DELETE FROM change_feed WHERE conversation_id = \(conversationID) AND remote = \(name) AND deferred <> 1")
        }
        let gone = try takeOff(remote)
        if remote.isEmpty {
            for stageRemote in stageRemotes { _ = try takeOff(stageRemote.name) }
        } else if gone == 0 {
            return try session.value(
                "SELECT count(*) FROM change_feed WHERE conversation_id = \(conversationID) AND remote = \(remote) AND deferred <> 0") ?? 0
        }
        return gone
    }

    private static func planConversation(
        _ session: any Session, _ conversationID: String, at remotes: [RemoteParticipation], _ context: PlanContext,
        into batch: inout PlanBatch
    ) throws -> Bool {
        guard let local = try LocalConversation.fetch(session, conversationID) else { return false }
        var reach = Brake.Reach()
        defer { batch.reach = batch.reach + reach }
        for remote in remotes {
            guard let loaded = try load(session, local, at: remote, now: context.now) else { continue }
            guard !loaded.isInFlight else {
                try deferPlanning(session, conversationID, remote.name, now: context.now)
                continue
            }
            guard let known = loaded.known else { continue }
            let (snapshot, stored) = (known.snapshot, known.stored)
            let plan = context.decide(snapshot)
            if !plan.outcome.changes.isEmpty {
                // What could not be understood, or waited, is understood now.
                let (outcome, used) = try braking(plan.outcome, snapshot, stored, context.brake, session) { context.decide($0).outcome }
                try keep(outcome.record, in: stored, conversationID, remote.name, session)
                try adopt(outcome, of: used, reportedAt: outcome.changedAt, isReleased: stored.isBrakeReleased, session)
                try mark(outcome, stored, used, session)
                batch.adopted.append(
                    Reconciled(conversationID: conversationID, remote: remote.name, verdict: outcome.verdict, isNew: true))
                if !outcome.changes.isEmpty { return true }
                continue
            }
            if let effect = effect(of: plan.decision, on: snapshot) { reach = reach.including(effect) }
            try keep(plan.outcome.record, in: stored, conversationID, remote.name, session)
            try mark(plan.outcome, stored, snapshot, session)
            try endRefusals(plan, snapshot, session)
            if stored.discardedRow != nil { try forgetDiscarded(conversationID, remote.name, session) }
            let heldBack = batch.heldBack.count
            try apply(plan.decision, to: snapshot, session, context, into: &batch)
            // A hold that goes on is not news.
            if !plan.outcome.verdict.isHeldBack { batch.heldBack.removeSubrange(heldBack...) }
        }
        return false
    }

    private static func apply(
        _ decision: PlanDecision, to snapshot: LinkSnapshot, _ session: any Session, _ context: PlanContext, into batch: inout PlanBatch
    ) throws {
        if let omissions = decision.omissions {
            batch.omissions += omissions.map {
                PlanBatch.OmittedField(conversationID: snapshot.conversationID, remote: snapshot.remote, omission: $0)
            }
        }
        switch OutboxChange(decision, standing: snapshot.standing) {
        case .none:
            // The row that waits says what is wanted now, whatever has happened meanwhile.
            guard let standing = snapshot.standing, standing.state == .pending else { break }
            let numbers = snapshot.local.numbers.column.text
            try session.run(
                """
                UPDATE outbox SET local_numbers = \(numbers)
                WHERE id = \(standing.id) AND state = 'pending' AND local_numbers IS NOT \(numbers)
                """)
        case .insert(let planned):
            // What replaces a row that the brake holds is held as well: nobody has let go of it.
            let hold = context.hold ?? (snapshot.standing?.holder == .brake ? Hold(.brake, reason: Store.inheritedHold) : nil)
            let id = try insertRow(
                session, planned.call, state: hold == nil ? .pending : .held,
                delta: planned.delta.map { deltaColumn($0, from: snapshot.record.heldFields) }, error: hold?.reason, hold: hold, snapshot,
                context)
            if hold != nil { batch.held += 1 }
            batch.superseded += try supersede(session, snapshot, by: id, context)
            batch.planned += 1
        case .insertHeld(let planned, let holder, let reason):
            let id = try insertRow(
                session, planned.call, state: .held, delta: planned.delta.map { deltaColumn($0, from: snapshot.record.heldFields) },
                error: reason, hold: Hold(holder, reason: reason), snapshot, context)
            batch.superseded += try supersede(session, snapshot, by: id, context)
            batch.heldBack.append(
                PlanBatch.Refused(outboxID: id, conversationID: snapshot.conversationID, remote: snapshot.remote, reason: reason))
        case .insertRefused(let call, let refusal):
            let id = try insertRow(session, call, state: .dead, delta: nil, error: refusal.text, isRefused: true, snapshot, context)
            batch.superseded += try supersede(session, snapshot, by: id, context)
            batch.refused.append(
                PlanBatch.Refused(
                    outboxID: id, conversationID: snapshot.conversationID, remote: snapshot.remote, reason: refusal.text))
        case .discardStanding(let reason):
            try session.run(
                """
                UPDATE outbox SET state = 'discarded', last_error = \(reason), updated_at = \(context.now), finished_at = \(context.now)
                WHERE conversation_id = \(snapshot.conversationID) AND remote = \(snapshot.remote)
                    AND payload = 'state' AND state IN ('pending', 'held', 'dead') AND refused_members IS NULL
                """)
        }
    }

    private static func insertRow(
        _ session: any Session, _ call: OutboundCall, state: OutboxState, delta: String?, error: String? = nil, isRefused: Bool = false,
        hold: Hold? = nil, _ snapshot: LinkSnapshot, _ context: PlanContext
    ) throws -> Int64 {
        try NewOutboxRow(
            conversationID: snapshot.conversationID, remote: snapshot.remote, payload: .state, call: call, state: state, delta: delta,
            messageID: nil, link: snapshot.link, error: error, isRefused: isRefused, holder: hold?.holder,
            localNumbers: snapshot.local.numbers.column.text
        ).insert(session, context)
    }

    private static func supersede(
        _ session: any Session, _ snapshot: LinkSnapshot, by id: Int64, _ context: PlanContext
    ) throws -> [PlanBatch.Superseded] {
        guard snapshot.standing != nil else { return [] }
        return try session.values(
            """
            UPDATE outbox SET state = 'superseded', superseded_by = \(id), updated_at = \(context.now), finished_at = \(context.now)
            WHERE conversation_id = \(snapshot.conversationID) AND remote = \(snapshot.remote)
                AND payload = 'state' AND state IN ('pending', 'held', 'dead') AND id <> \(id) AND refused_members IS NULL
            RETURNING id
            """
        ).map {
            PlanBatch.Superseded(
                outboxID: $0, conversationID: snapshot.conversationID, remote: snapshot.remote, supersededBy: id)
        }
    }

    /// What a person discarded is decided anew: it is due again, or does not differ any more.
    static func forgetDiscarded(_ conversationID: String, _ remote: String, _ session: any Session) throws {
        try session.run("UPDATE link_state SET discarded_row = NULL WHERE conversation_id = \(conversationID) AND remote = \(remote)")
    }

    /// Rows of members that are not refused any more, because their value has changed or somebody wants them to be sent again.
    private static func endRefusals(_ plan: LinkPlan, _ snapshot: LinkSnapshot, _ session: any Session) throws {
        let rows = try session.rows(
            """
            SELECT id, refused_members FROM outbox
            WHERE conversation_id = \(snapshot.conversationID) AND remote = \(snapshot.remote)
                AND state = 'dead' AND refused_members IS NOT NULL
            """
        ) { columns in (id: try columns.next(Int64.self), members: try columns.next(String.self)) }
        for row in rows {
            // A row whose members cannot be read stands for none: the whole difference is planned all the same.
            let members = (try? JSONValue(stored: row.members))?.arrayValue?.compactMap(\.stringValue) ?? []
            let sent = plan.decision.delta?.fields ?? [:]
            guard !members.contains(where: { plan.outcome.record[$0].note == .refused && sent[$0] == nil }) else { continue }
            try session.run(
                """
                UPDATE outbox SET state = 'discarded', last_error = 'not needed any more: another value is wanted',
                    updated_at = \(snapshot.now), finished_at = \(snapshot.now)
                WHERE id = \(row.id)
                """)
        }
    }

    private static func deltaColumn(_ delta: Delta, from base: Fields) -> String {
        var column: JSONObject = [:]
        for (field, value) in delta.fields {
            var change: JSONObject = ["to": value]
            if let before = base[field] { change["from"] = before }
            column[field] = .object(change)
        }
        return JSONValue.object(column).text
    }
}

/// A conversation on the feed of changes, and the remote that is planned; an empty one stands for every remote.
struct FeedEntry: RowRecord {
    var conversation: StoredKey
    var remote: String

    static let columns: SQL = "conversation_id, remote"

    init(conversation: StoredKey, remote: String) {
        self.conversation = conversation
        self.remote = remote
    }

    init(_ columns: inout Columns) throws {
        conversation = try columns.next()
        remote = try columns.next()
    }
}

extension PlanDecision {
    /// What would be sent.
    fileprivate var delta: Delta? {
        if case .send(let planned) = self { planned.delta } else { nil }
    }

    /// Nil where the decision says nothing about them.
    fileprivate var omissions: [Omission]? {
        switch self {
        case .upToDate(let omissions): omissions
        case .send(let planned), .hold(let planned, _, _): planned.omissions
        case .refuse: nil
        }
    }
}
