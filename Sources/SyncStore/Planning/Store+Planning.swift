import GRDB
import SyncCore

extension Store {
    /// Conversations looked at in one transaction.
    package static let planBatchSize = 500
    /// A planning transaction takes no further entry after this time: the application waits for it with its own commits.
    package static let planningTime = Duration.milliseconds(20)

    /// Plans the next conversations of the feed: one transaction reads them, writes their rows and takes them off the feed.
    ///
    /// Entries whose key cannot be used are put aside (see ``StoredKey/text``).
    /// - Parameter limit: how many entries of the feed at most.
    package func planStates(
        _ stage: PlanStage, _ context: PlanContext, limit: Int = planBatchSize
    ) async throws(StoreError) -> PlanBatch {
        try await write { db in
            var batch = PlanBatch()
            let remotes = context.remotes.filter {
                $0.isEnabled && (stage == .endOfRun ? $0.isPushedAtEndOfRun : $0.needsLink)
            }
            let entries = try Store.feedEntries(db, stage: stage, context: context, limit: limit)
            if !entries.isEmpty { batch.foreignRemotes = try Store.markForeignFingerprints(db, remotes) }
            var examined: Set<ExactText> = []
            let deadline = ContinuousClock.now + context.timeLimit
            for (key, remote) in entries {
                if batch.examined > 0, ContinuousClock.now > deadline { break }
                batch.examined += 1
                guard let conversationID = key.text else {
                    batch.unreadable.append(try Store.putAside(db, key, remote: remote))
                    batch.takenOff += 1
                    continue
                }
                guard !examined.contains(ExactText(conversationID)) else {
                    batch.takenOff += 1
                    continue
                }
                if remote.isEmpty {
                    examined.insert(ExactText(conversationID))
                    try Store.expand(db, conversationID: conversationID, context: context)
                }
                let isAdopted = try Store.planConversation(
                    db, conversationID, at: remotes.filter { remote.isEmpty || $0.name == remote }, context, into: &batch)
                if isAdopted {
                    // It is on the feed again, as it is now: all remotes are planned for that.
                    examined.remove(ExactText(conversationID))
                    batch.takenOff += 1
                    continue
                }
                batch.takenOff += try Store.takeOffFeed(db, conversationID, remote: remote, stageRemotes: remotes)
            }
            return batch
        }
    }

    /// Whether any conversation waits to be planned.
    package func feedIsEmpty() async throws(StoreError) -> Bool {
        try await read { db in
            try Bool.fetchOne(
                db,
                sql:
                    "SELECT NOT EXISTS (SELECT 1 FROM change_feed WHERE deferred = 0) AND NOT EXISTS (SELECT 1 FROM message_feed WHERE remote = '')"
            ) ?? true
        }
    }

    /// The names under which the feed holds what a stage plans, as a JSON array.
    static func feedNames(of stage: PlanStage, _ remotes: [RemoteParticipation]) -> String {
        let names =
            switch stage {
            case .linked: [""] + remotes.filter { !$0.isPushedAtEndOfRun }.map(\.name)
            case .endOfRun: remotes.filter(\.isPushedAtEndOfRun).map(\.name)
            }
        return JSONValue.array(names.map(JSONValue.string)).text
    }

    private static func feedEntries(
        _ db: Database, stage: PlanStage, context: PlanContext, limit: Int
    ) throws -> [(StoredKey, String)] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT conversation_id, remote FROM change_feed WHERE deferred = 0 AND remote IN (SELECT value FROM json_each(?))
                LIMIT ?
                """)
        return try StoredRow.fetchAll(statement, arguments: [feedNames(of: stage, context.remotes), min(limit, Store.planBatchSize)]).map {
            ($0.key(0), $0[1])
        }
    }

    /// An entry that nothing can be done with: out of the way of the others until the row that it stands for is written again.
    private static func putAside(_ db: Database, _ key: StoredKey, remote: String) throws -> UnreadableKey {
        try db.cachedStatement(sql: "UPDATE change_feed SET deferred = 2 WHERE conversation_id = CAST(? AS TEXT) AND remote = ?")
            .execute(arguments: [key.databaseValue, remote])
        return UnreadableKey(conversation: key)
    }

    /// "Every remote" means for the helpdesk: at the end of the run.
    private static func expand(_ db: Database, conversationID: String, context: PlanContext) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO change_feed (conversation_id, remote, changed_at, since)
                SELECT conversation_id, ?2, changed_at, since FROM change_feed WHERE conversation_id = ?1 AND remote = ''
                ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0, since = min(since, excluded.since)
                """)
        for remote in context.remotes where remote.isPushedAtEndOfRun && remote.isEnabled {
            try statement.execute(arguments: [conversationID, remote.name])
        }
    }

    /// - Returns: how many of the entry asked for are gone or wait for a call: 1, or 0 when it stands as it stood.
    private static func takeOffFeed(
        _ db: Database, _ conversationID: String, remote: String, stageRemotes: [RemoteParticipation]
    ) throws -> Int {
        let statement = try db.cachedStatement(
            sql: "DELETE FROM change_feed WHERE conversation_id = ? AND remote = ? AND deferred = 0")
        try statement.execute(arguments: [conversationID, remote])
        var gone = db.changesCount
        if remote.isEmpty {
            for stageRemote in stageRemotes { try statement.execute(arguments: [conversationID, stageRemote.name]) }
        } else if gone == 0 {
            gone =
                try Int.fetchOne(
                    db.cachedStatement(
                        sql: "SELECT count(*) FROM change_feed WHERE conversation_id = ? AND remote = ? AND deferred <> 0"),
                    arguments: [conversationID, remote]) ?? 0
        }
        return gone
    }

    private static func planConversation(
        _ db: Database, _ conversationID: String, at remotes: [RemoteParticipation], _ context: PlanContext,
        into batch: inout PlanBatch
    ) throws -> Bool {
        guard let local = try LocalConversation.fetch(db, conversationID) else { return false }
        var reach = Brake.Reach()
        defer { batch.reach = batch.reach + reach }
        for remote in remotes {
            guard let (link, problem) = try checkedLink(db, conversationID, remote) else { continue }
            if try isInFlight(db, conversationID, remote.name) {
                try deferPlanning(db, conversationID, remote.name, now: context.now)
                continue
            }
            guard let (snapshot, stored) = try snapshot(db, local, remote, link, problem: problem, now: context.now) else { continue }
            let plan = context.decide(snapshot)
            if !plan.outcome.changes.isEmpty {
                // What could not be understood, or waited, is understood now.
                let (outcome, used) = try braking(plan.outcome, snapshot, stored, context.brake, db) { context.decide($0).outcome }
                try keep(outcome.record, in: stored, conversationID, remote.name, db)
                try adopt(outcome, of: used, reportedAt: outcome.changedAt, isReleased: stored.isBrakeReleased, db)
                try mark(outcome, stored, used, db)
                batch.adopted.append(
                    Reconciled(conversationID: conversationID, remote: remote.name, verdict: outcome.verdict, isNew: true))
                if !outcome.changes.isEmpty { return true }
                continue
            }
            if let effect = effect(of: plan.decision, on: snapshot) { reach = reach.including(effect) }
            try keep(plan.outcome.record, in: stored, conversationID, remote.name, db)
            try mark(plan.outcome, stored, snapshot, db)
            try endRefusals(plan, snapshot, db)
            if stored.discardedRow != nil { try forgetDiscarded(conversationID, remote.name, db) }
            let heldBack = batch.heldBack.count
            try apply(plan.decision, to: snapshot, db, context, into: &batch)
            // A hold that goes on is not news.
            if !plan.outcome.verdict.isHeldBack { batch.heldBack.removeSubrange(heldBack...) }
        }
        return false
    }

    private static func apply(
        _ decision: PlanDecision, to snapshot: LinkSnapshot, _ db: Database, _ context: PlanContext, into batch: inout PlanBatch
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
            try db.cachedStatement(
                sql: "UPDATE outbox SET local_numbers = ?1 WHERE id = ?2 AND state = 'pending' AND local_numbers IS NOT ?1"
            )
            .execute(arguments: [snapshot.local.numbers.column.text, standing.id])
        case .insert(let planned):
            // What replaces a row that the brake holds is held as well: nobody has let go of it.
            let hold = context.hold ?? (snapshot.standing?.holder == .brake ? Hold(.brake, reason: Store.inheritedHold) : nil)
            let id = try insertRow(
                db, planned.call, state: hold == nil ? .pending : .held,
                delta: planned.delta.map { deltaColumn($0, from: snapshot.record.heldFields) }, error: hold?.reason, hold: hold, snapshot,
                context)
            if hold != nil { batch.held += 1 }
            batch.superseded += try supersede(db, snapshot, by: id, context)
            batch.planned += 1
        case .insertHeld(let planned, let holder, let reason):
            let id = try insertRow(
                db, planned.call, state: .held, delta: planned.delta.map { deltaColumn($0, from: snapshot.record.heldFields) },
                error: reason, hold: Hold(holder, reason: reason), snapshot, context)
            batch.superseded += try supersede(db, snapshot, by: id, context)
            batch.heldBack.append(
                PlanBatch.Refused(outboxID: id, conversationID: snapshot.conversationID, remote: snapshot.remote, reason: reason))
        case .insertRefused(let call, let refusal):
            let id = try insertRow(db, call, state: .dead, delta: nil, error: refusal.text, snapshot, context)
            batch.superseded += try supersede(db, snapshot, by: id, context)
            batch.refused.append(
                PlanBatch.Refused(
                    outboxID: id, conversationID: snapshot.conversationID, remote: snapshot.remote, reason: refusal.text))
        case .discardStanding(let reason):
            try db.cachedStatement(
                sql: """
                    UPDATE outbox SET state = 'discarded', last_error = ?, updated_at = ?, finished_at = ?
                    WHERE conversation_id = ? AND remote = ? AND payload = 'state' AND state IN ('pending', 'held', 'dead')
                        AND refused_members IS NULL
                    """
            ).execute(
                arguments: [reason, context.now.iso8601, context.now.iso8601, snapshot.conversationID, snapshot.remote])
        }
    }

    private static func insertRow(
        _ db: Database, _ call: OutboundCall, state: OutboxState, delta: String?, error: String? = nil, hold: Hold? = nil,
        _ snapshot: LinkSnapshot, _ context: PlanContext
    ) throws -> Int64 {
        try NewOutboxRow(
            conversationID: snapshot.conversationID, remote: snapshot.remote, payload: .state, call: call, state: state, delta: delta,
            messageID: nil, link: snapshot.link, error: error, holder: hold?.holder, localNumbers: snapshot.local.numbers.column.text
        ).insert(db, context)
    }

    private static func supersede(
        _ db: Database, _ snapshot: LinkSnapshot, by id: Int64, _ context: PlanContext
    ) throws -> [PlanBatch.Superseded] {
        guard snapshot.standing != nil else { return [] }
        let now = context.now.iso8601
        return try Int64.fetchAll(
            db.cachedStatement(
                sql: """
                    UPDATE outbox SET state = 'superseded', superseded_by = ?, updated_at = ?, finished_at = ?
                    WHERE conversation_id = ? AND remote = ? AND payload = 'state' AND state IN ('pending', 'held', 'dead') AND id <> ?
                        AND refused_members IS NULL
                    RETURNING id
                    """),
            arguments: [id, now, now, snapshot.conversationID, snapshot.remote, id]
        ).map {
            PlanBatch.Superseded(
                outboxID: $0, conversationID: snapshot.conversationID, remote: snapshot.remote, supersededBy: id)
        }
    }

    /// What a person discarded is decided anew: it is due again, or does not differ any more.
    static func forgetDiscarded(_ conversationID: String, _ remote: String, _ db: Database) throws {
        try db.cachedStatement(sql: "UPDATE link_state SET discarded_row = NULL WHERE conversation_id = ? AND remote = ?")
            .execute(arguments: [conversationID, remote])
    }

    /// Rows of members that are not refused any more, because their value has changed or somebody wants them to be sent again.
    private static func endRefusals(_ plan: LinkPlan, _ snapshot: LinkSnapshot, _ db: Database) throws {
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT id, refused_members FROM outbox
                    WHERE conversation_id = ? AND remote = ? AND state = 'dead' AND refused_members IS NOT NULL
                    """),
            arguments: [snapshot.conversationID, snapshot.remote])
        for row in rows {
            let members = (try? JSONValue(stored: row[1] as String))?.arrayValue?.compactMap(\.stringValue) ?? []
            let sent = plan.decision.delta?.fields ?? [:]
            guard !members.contains(where: { plan.outcome.record[$0].note == .refused && sent[$0] == nil }) else { continue }
            try db.cachedStatement(
                sql: "UPDATE outbox SET state = 'discarded', last_error = ?, updated_at = ?, finished_at = ? WHERE id = ?"
            ).execute(arguments: [
                "not needed any more: another value is wanted", snapshot.now.iso8601, snapshot.now.iso8601, row[0] as Int64,
            ])
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
