import SyncCore

/// The rows of one conversation at one remote.
extension PlanWriter {
    /// Decides about one conversation at one remote, and writes the result.
    /// - Returns: whether the conversation was changed, and is on the feed again.
    mutating func plan(_ id: String, at remote: RemoteParticipation) throws -> Bool {
        guard let local = try conversation(id), let loaded = try Store.load(session, local, at: remote, now: context.now) else {
            return false
        }
        guard !loaded.isInFlight else {
            try Store.deferPlanning(session, id, remote.name, now: context.now)
            return false
        }
        guard let known = loaded.known else { return false }
        let (snapshot, stored) = (known.snapshot, known.stored)
        let plan = context.decide(snapshot)
        guard plan.outcome.changes.isEmpty else { return try adopt(plan.outcome, snapshot, stored) }
        if let effect = Store.effect(of: plan.decision, on: snapshot) { reach = reach.including(effect, at: remote) }
        try Store.keep(plan.outcome.record, in: stored, id, remote.name, session)
        try Store.mark(plan.outcome, stored, snapshot, session)
        let isRefused = { plan.outcome.record[$0].note == .refused }
        try Store.endRefusals(snapshot, session, isRefused: isRefused)
        if stored.discardedRow != nil { try Store.forgetDiscarded(snapshot, session, isRefused: isRefused) }
        let heldBack = batch.heldBack.count
        try apply(plan.decision, to: snapshot)
        // A hold that continues is not reported again.
        if !plan.outcome.verdict.isHeldBack { batch.heldBack.removeSubrange(heldBack...) }
        return false
    }

    /// Adopts a value that was not understood before, or that had to wait.
    private mutating func adopt(_ outcome: TwoWayOutcome, _ snapshot: LinkSnapshot, _ stored: StoredRecord) throws -> Bool {
        let (id, remote) = (snapshot.conversationID, snapshot.remote)
        let (outcome, used) = try Store.braking(outcome, snapshot, stored, context.brake, session) { context.decide($0).outcome }
        try Store.keep(outcome.record, in: stored, id, remote, session)
        try Store.adopt(outcome, of: used, reportedAt: outcome.changedAt, isReleased: stored.isBrakeReleased, session)
        try Store.mark(outcome, stored, used, session)
        batch.adopted.append(Reconciled(conversationID: id, remote: remote, verdict: outcome.verdict, isNew: true))
        return !outcome.changes.isEmpty
    }

    private mutating func apply(_ decision: PlanDecision, to snapshot: LinkSnapshot) throws {
        if let omissions = decision.omissions {
            batch.omissions += omissions.map {
                PlanBatch.OmittedField(conversationID: snapshot.conversationID, remote: snapshot.remote, omission: $0)
            }
        }
        switch OutboxChange(decision, standing: snapshot.standing) {
        case .none:
            // The waiting row still carries the wanted state, including the changes made since it was written.
            guard let standing = snapshot.standing, standing.state == .pending else { break }
            let numbers = snapshot.local.numbers.column.text
            try session.run(
                """
                UPDATE outbox SET local_numbers = \(numbers)
                WHERE id = \(standing.id) AND state = 'pending' AND local_numbers IS NOT \(numbers)
                """)
        case .insert(let planned):
            // A row that replaces one held by the brake is held as well, because nobody has released it.
            let hold = context.hold ?? (snapshot.standing?.passesHoldOn == true ? Hold(.brake, reason: Store.inheritedHold) : nil)
            let id = try insertRow(
                planned.call, state: hold == nil ? .pending : .held,
                delta: planned.delta.map { PlanWriter.deltaColumn($0, from: snapshot.record.heldFields) }, error: hold?.reason, hold: hold,
                snapshot)
            if hold != nil { batch.held += 1 }
            batch.superseded += try supersede(snapshot, by: id)
            batch.planned += 1
        case .insertHeld(let planned, let holder, let reason):
            let id = try insertRow(
                planned.call, state: .held,
                delta: planned.delta.map { PlanWriter.deltaColumn($0, from: snapshot.record.heldFields) }, error: reason,
                hold: Hold(holder, reason: reason), snapshot)
            batch.superseded += try supersede(snapshot, by: id)
            batch.heldBack.append(
                PlanBatch.Refused(outboxID: id, conversationID: snapshot.conversationID, remote: snapshot.remote, reason: reason))
        case .insertRefused(let call, let refusal):
            let id = try insertRow(call, state: .dead, delta: nil, error: refusal.text, isRefused: true, snapshot)
            batch.superseded += try supersede(snapshot, by: id)
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

    private mutating func insertRow(
        _ call: OutboundCall, state: OutboxState, delta: String?, error: String? = nil, isRefused: Bool = false, hold: Hold? = nil,
        _ snapshot: LinkSnapshot
    ) throws -> Int64 {
        try insert(
            NewOutboxRow(
                conversationID: snapshot.conversationID, remote: snapshot.remote, payload: .state, call: call, state: state, delta: delta,
                messageID: nil, link: snapshot.link, error: error, isRefused: isRefused, holder: hold?.holder,
                localNumbers: snapshot.local.numbers.column.text))
    }

    private func supersede(_ snapshot: LinkSnapshot, by id: Int64) throws -> [PlanBatch.Superseded] {
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
    /// Nil if the decision does not mention them.
    fileprivate var omissions: [Omission]? {
        switch self {
        case .upToDate(let omissions): omissions
        case .send(let planned), .hold(let planned, _, _): planned.omissions
        case .refuse: nil
        }
    }
}
