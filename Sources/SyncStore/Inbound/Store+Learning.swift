import SyncCore

/// What the end of a call says about the link that it was made for.
extension Store {
    static func learn(
        from finished: FinishedCall, _ inbound: InboundContext, into result: inout LaneResult, _ session: any Session
    ) throws {
        let claimed = finished.claimed
        // Messages have no fields. What Fin reports in a response is processed as a report.
        guard claimed.row.payload == .state, let outcome = finished.outcome, let sent = claimed.delta?.fields else { return }
        let reported = outcome.outcome == .delivered ? outcome.observation?.assignee : nil
        guard let remote = inbound.remotes.first(where: { $0.name == claimed.remote }),
            let local = try LocalConversation.fetch(session, claimed.conversationID, now: finished.finishedAt),
            let loaded = try load(
                session, local, at: remote, reported: reported ?? .unknown, began: finished.startedAt, clock: inbound.now,
                now: finished.finishedAt),
            // Only for the object that the row was planned for: the link may point to another one by now.
            claimed.targetID.hasSameBytes(as: loaded.link.remoteID), claimed.agent.hasSameBytes(as: loaded.link.agentID)
        else {
            // The remote is not configured any more, or two conversations link to the object: nothing is compared now, and what the call brought
            // must not look like somebody's change later.
            _ = try leaveInDoubt(finished, session)
            return
        }
        if let known = loaded.known {
            switch (outcome.outcome, outcome.fate) {
            case _ where !known.stored.record.includes(row: claimed.id):
                try outlive(finished, sent, known, into: &result, session)
            case (.delivered, _):
                try acknowledge(finished, sent, known, inbound, into: &result, session)
            case (_, .unknown):
                var record = known.stored.record
                record.lost(sent, of: claimed.numbers)
                try keep(record, in: known.stored, claimed.conversationID, claimed.remote, session)
                // An earlier attempt of the same call may have been applied, and this one was refused.
                if outcome.outcome == .dead, let refusal = outcome.refusal {
                    var doubted = known
                    doubted.stored.record = record
                    doubted.snapshot.record.lost(sent, of: claimed.numbers)
                    try refuse(finished, refusal, sent, doubted, inbound, into: &result, session)
                }
            case (.dead, .notApplied):
                if let refusal = outcome.refusal { try refuse(finished, refusal, sent, known, inbound, into: &result, session) }
            default:
                break
            }
        }
        if outcome.outcome == .gone {
            try session.run(
                """
                UPDATE link_state SET gone_at = \(finished.finishedAt)
                WHERE conversation_id = \(claimed.conversationID) AND remote = \(claimed.remote)
                """)
        }
    }

    /// The conversation or its link was deleted and written again while the call was in flight. What the call carried may be at the remote, but nothing
    /// was agreed on by it, and a refusal is not about what is wanted now: all of that is planned.
    private static func outlive(
        _ finished: FinishedCall, _ sent: Fields, _ known: LoadedLink.Known, into result: inout LaneResult, _ session: any Session
    ) throws {
        let claimed = finished.claimed
        if isDoubtful(finished) {
            var record = known.stored.record
            record.lost(sent, of: claimed.numbers, inRow: claimed.id)
            try keep(record, in: known.stored, claimed.conversationID, claimed.remote, session)
        }
        if finished.outcome?.outcome != .gone {
            let discarded = try session.run(
                """
                UPDATE outbox SET state = 'discarded', updated_at = \(finished.finishedAt), finished_at = \(finished.finishedAt),
                    last_error = coalesce(last_error || '; ', '') || 'its conversation or link was deleted and written again: what is wanted now is planned'
                WHERE id = \(claimed.id) AND (state = 'pending' OR state = 'held' OR state = 'dead')
                """)
            if discarded > 0 { result.split.append(claimed.id) }
        }
        try requestPlanning(session, claimed.conversationID, claimed.remote, now: finished.finishedAt)
        result.hasFreedPlanning = true
    }

    private static func acknowledge(
        _ finished: FinishedCall, _ sent: Fields, _ known: LoadedLink.Known, _ inbound: InboundContext, into result: inout LaneResult,
        _ session: any Session
    ) throws {
        let claimed = finished.claimed
        let response = finished.outcome?.observation
        let (snapshot, stored) = (known.snapshot, known.stored)
        guard let decisions = inbound.decisions(claimed.remote) else { return }
        try session.run(
            """
            UPDATE link_state SET acknowledged_at = \(finished.finishedAt)
            WHERE conversation_id = \(claimed.conversationID) AND remote = \(claimed.remote)
            """)
        let decide = { (snapshot: LinkSnapshot) in
            decisions.acknowledge(sent, response, began: finished.startedAt, numbers: claimed.numbers, snapshot)
        }
        let (outcome, used) = try braking(decide(snapshot), snapshot, stored, inbound.brake, session, again: decide)
        let report = Report(
            remote: claimed.remote, subject: .conversation(claimed.conversationID), observation: response ?? Observation(),
            readAt: finished.startedAt)
        let taken = try take(outcome, report, used, stored, inbound, isResponse: true, session)
        if outcome.verdict.mustPlan || taken.isPlannedAgain { result.hasFreedPlanning = true }
        // Another value was accepted.
        if stored.record.fields.values.contains(where: { $0.note == .refused }) {
            try endRefusals(snapshot, session) { outcome.record[$0].note == .refused }
        }
        if let convicted = try convict(outcome.refused, finished, session) { result.convicted.append(convicted) }
        result.reconciled.append(
            Reconciled(conversationID: claimed.conversationID, remote: claimed.remote, verdict: outcome.verdict, isNew: taken.isNew))
    }

    /// A refused member affects only itself: the row is dead for that member alone, and the remaining members are planned again.
    private static func refuse(
        _ finished: FinishedCall, _ refusal: RefusedMembers, _ sent: Fields, _ known: LoadedLink.Known, _ inbound: InboundContext,
        into result: inout LaneResult, _ session: any Session
    ) throws {
        let claimed = finished.claimed
        let (snapshot, stored) = (known.snapshot, known.stored)
        guard let decisions = inbound.decisions(claimed.remote) else { return }
        let (record, refused) = decisions.refused(sent, naming: refusal.members, numbers: claimed.numbers, snapshot)
        try keep(record, in: stored, claimed.conversationID, claimed.remote, session)
        switch refused {
        case .members(let members):
            // Of several values of a member that were refused, the row of the last one stays.
            try endRefusals(snapshot, session) { !members.contains($0) }
            try stand(claimed.id, for: members, after: finished.error ?? "refused", session)
        case .apart:
            try drop(
                claimed.id, because: "the remote does not say which member it refuses: they are sent apart from each other", finished,
                session)
            try session.run("UPDATE outbox SET refused_members = '[]' WHERE id = \(claimed.id)")
            result.split.append(claimed.id)
        case .whole:
            try drop(claimed.id, because: "no member is to blame: the whole call is refused", finished, session)
            result.revived[claimed.id] = try reviveWhole(finished, session)
        }
        try requestPlanning(session, claimed.conversationID, claimed.remote, now: finished.finishedAt)
        result.hasFreedPlanning = true
    }

    /// Discards the rows of members that are no longer refused: another value was accepted, or refused in its place, or a person wants them to be
    /// sent again. As long as another value only waits, the refused one may be wanted again.
    static func endRefusals(_ snapshot: LinkSnapshot, _ session: any Session, isRefused: (String) -> Bool) throws {
        for row in try refusalRows(snapshot, session) where row.state == .dead && !row.members.contains(where: isRefused) {
            try session.run(
                """
                UPDATE outbox SET state = 'discarded', last_error = 'not needed any more: another value was accepted or refused since, or it is sent again',
                    updated_at = \(snapshot.now), finished_at = \(snapshot.now)
                WHERE id = \(row.id)
                """)
        }
    }

    /// Forgets that a person discarded a row: the difference is due again, or gone. What is left are discarded rows of members that are still refused;
    /// the newest of them is kept in mind.
    static func forgetDiscarded(_ snapshot: LinkSnapshot, _ session: any Session, isRefused: (String) -> Bool) throws {
        let rows = try refusalRows(snapshot, session)
        let dead = rows.filter { $0.state == .dead }.flatMap(\.members)
        let left = rows.last { row in row.state == .discarded && row.members.contains { isRefused($0) && !dead.contains($0) } }
        try session.run(
            """
            UPDATE link_state SET discarded_row = \(left?.id)
            WHERE conversation_id = \(snapshot.conversationID) AND remote = \(snapshot.remote)
            """)
    }

    /// The rows about members that the remote has refused, from the oldest to the newest.
    private static func refusalRows(
        _ snapshot: LinkSnapshot, _ session: any Session
    ) throws -> [(id: Int64, state: OutboxState?, members: [String])] {
        try session.rows(
            """
            SELECT id, state, refused_members FROM outbox
            WHERE conversation_id = \(snapshot.conversationID) AND remote = \(snapshot.remote)
                AND refused_members IS NOT NULL AND (state = 'dead' OR state = 'discarded')
            ORDER BY id
            """
        ) { columns in
            (
                id: try columns.next(), state: OutboxState(rawValue: try columns.next()),
                // A row whose members cannot be read counts as a row without members; the whole difference is planned anyway, so nothing is lost.
                members: JSONValue.names(column: try columns.next())
            )
        }
    }

    /// Sets the row to dead for these members alone.
    /// - Returns: the text of `last_error`.
    @discardableResult private static func stand(
        _ id: Int64, for members: Set<String>, after error: String? = nil, _ session: any Session
    ) throws -> String {
        let names = members.sorted()
        let refused = "refused: \(names.joined(separator: ", ")), which is not sent again until it changes or is retried"
        let reason = [error, refused].compactMap { $0 }.joined(separator: "; ")
        try session.run(
            """
            UPDATE outbox
            SET state = 'dead', refused_members = \(JSONValue.array(names.map(JSONValue.string)).text), last_error = \(reason),
                delta = (SELECT json_group_object(key, json(value)) FROM json_each(delta) WHERE key IN \(in: names))
            WHERE id = \(id)
            """)
        return reason
    }

    /// The call whose members were sent apart becomes dead for the one member that the remote refuses.
    private static func convict(_ members: Set<String>, _ finished: FinishedCall, _ session: any Session) throws -> PlanBatch.Refused? {
        let claimed = finished.claimed
        guard !members.isEmpty, let whole = try takenApart(before: claimed, session) else { return nil }
        let reason = try stand(whole, for: members, session)
        return PlanBatch.Refused(outboxID: whole, conversationID: claimed.conversationID, remote: claimed.remote, reason: reason)
    }

    /// The row whose members are sent apart from each other; retention keeps it until then.
    private static func takenApart(before claimed: ClaimedRow, _ session: any Session) throws -> Int64? {
        try session.value(
            """
            SELECT max(id) FROM outbox
            WHERE conversation_id = \(claimed.conversationID) AND remote = \(claimed.remote) AND state = 'discarded'
                AND refused_members = '[]' AND id < \(claimed.id)
            """)
    }

    private static func drop(_ id: Int64, because reason: String, _ finished: FinishedCall, _ session: any Session) throws {
        let error = "\(finished.error ?? "refused"); \(reason)"
        try session.run(
            "UPDATE outbox SET state = 'discarded', last_error = \(error), finished_at = \(finished.finishedAt) WHERE id = \(id)")
    }

    /// The row whose members were sent apart is dead again for all of them, and the dead rows of single members are discarded.
    private static func reviveWhole(_ finished: FinishedCall, _ session: any Session) throws -> (whole: Int64, parts: Int)? {
        let claimed = finished.claimed
        guard let whole = try takenApart(before: claimed, session) else { return nil }
        let parts = try session.run(
            """
            UPDATE outbox SET state = 'discarded', last_error = 'no member is to blame: see row ' || \(whole),
                updated_at = \(finished.finishedAt), finished_at = \(finished.finishedAt)
            WHERE conversation_id = \(claimed.conversationID) AND remote = \(claimed.remote) AND state = 'dead'
                AND refused_members IS NOT NULL AND id > \(whole) AND id < \(claimed.id)
            """)
        try session.run(
            """
            UPDATE outbox SET state = 'dead', last_error = \(finished.error), refused_members = NULL,
                updated_at = \(finished.finishedAt), finished_at = \(finished.finishedAt)
            WHERE id = \(whole)
            """)
        return (whole, parts)
    }
}
