import GRDB
import SyncCore

/// What the end of a call teaches about the link that it was made for.
extension Store {
    static func learn(
        from finished: FinishedCall, _ inbound: InboundContext, into reply: inout ExchangeReply, _ db: Database
    ) throws {
        let claimed = finished.claimed
        // Messages have no fields; what Fin says is news.
        guard claimed.row.payload == .state, let outcome = finished.outcome, let sent = claimed.delta?.fields,
            let remote = inbound.remotes.first(where: { $0.name == claimed.remote })
        else { return }
        // Only the object that the row was planned for: the link may point elsewhere by now.
        guard let link = try link(db, claimed.conversationID, remote), try isPlanned(claimed.id, for: link, db) else { return }
        switch (outcome.outcome, outcome.fate) {
        case (.delivered, _):
            try acknowledge(finished, sent, remote, link, inbound, into: &reply, db)
        case (_, .unknown):
            guard let stored = try record(db, claimed.conversationID, remote, link) else { return }
            var record = stored.record
            record.lost(sent, of: claimed.numbers)
            try keep(record, in: stored, claimed.conversationID, claimed.remote, db)
        case (.dead, .notApplied):
            if let refusal = outcome.refusal { try refuse(finished, refusal, sent, remote, link, inbound, into: &reply, db) }
        default:
            break
        }
        if outcome.outcome == .gone {
            try db.cachedStatement(sql: "UPDATE link_state SET gone_at = ? WHERE conversation_id = ? AND remote = ?")
                .execute(arguments: [finished.finishedAt.iso8601, claimed.conversationID, claimed.remote])
        }
    }

    private static func isPlanned(_ id: Int64, for link: Link, _ db: Database) throws -> Bool {
        let row = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT target_id, target_agent FROM outbox WHERE id = ?"), arguments: [id])
        guard let row else { return false }
        return (row[0] as String).hasSameBytes(as: link.remoteID) && (row[1] as String?).hasSameBytes(as: link.agentID)
    }

    private static func acknowledge(
        _ finished: FinishedCall, _ sent: Fields, _ remote: RemoteParticipation, _ link: Link, _ inbound: InboundContext,
        into reply: inout ExchangeReply, _ db: Database
    ) throws {
        let claimed = finished.claimed
        let response = finished.outcome?.observation
        guard let local = try LocalConversation.fetch(db, claimed.conversationID), let decisions = inbound.decisions(claimed.remote),
            let (snapshot, stored) = try snapshot(
                db, local, remote, link, reported: response?.assignee ?? .unknown, now: finished.finishedAt)
        else { return }
        try db.cachedStatement(sql: "UPDATE link_state SET acknowledged_at = ? WHERE conversation_id = ? AND remote = ?")
            .execute(arguments: [finished.finishedAt.iso8601, claimed.conversationID, claimed.remote])
        let decide = { (snapshot: LinkSnapshot) in
            decisions.acknowledge(sent, response, began: finished.startedAt, numbers: claimed.numbers, snapshot)
        }
        let (outcome, used) = try braking(decide(snapshot), snapshot, stored, inbound.brake, db, again: decide)
        let report = Report(
            remote: claimed.remote, subject: .conversation(claimed.conversationID), observation: response ?? Observation(),
            readAt: finished.startedAt)
        let isNew = try take(outcome, report, used, stored, inbound, isResponse: true, db)
        if outcome.verdict.mustPlan { reply.hasFreedPlanning = true }
        if let convicted = try convict(outcome.refused, finished, db) { reply.convicted.append(convicted) }
        reply.reconciled.append(
            Reconciled(conversationID: claimed.conversationID, remote: claimed.remote, verdict: outcome.verdict, isNew: isNew))
    }

    /// A refused member costs that member: its row is dead and stands for it alone, and what is left is planned again.
    private static func refuse(
        _ finished: FinishedCall, _ refusal: RefusedMembers, _ sent: Fields, _ remote: RemoteParticipation, _ link: Link,
        _ inbound: InboundContext, into reply: inout ExchangeReply, _ db: Database
    ) throws {
        let claimed = finished.claimed
        guard let local = try LocalConversation.fetch(db, claimed.conversationID), let decisions = inbound.decisions(claimed.remote),
            let (snapshot, stored) = try snapshot(db, local, remote, link, now: finished.finishedAt)
        else { return }
        let (record, refused) = decisions.refused(sent, naming: refusal.members, numbers: claimed.numbers, snapshot)
        try keep(record, in: stored, claimed.conversationID, claimed.remote, db)
        switch refused {
        case .members(let members): try stand(claimed.id, for: members, after: finished.error ?? "refused", db)
        case .apart:
            try drop(
                claimed.id, because: "the remote does not say which member it refuses: they are sent apart from each other", finished, db)
            try db.cachedStatement(sql: "UPDATE outbox SET refused_members = '[]' WHERE id = ?").execute(arguments: [claimed.id])
            reply.split.append(claimed.id)
        case .whole:
            try drop(claimed.id, because: "no member is to blame: the whole call is refused", finished, db)
            reply.revived[claimed.id] = try reviveWhole(finished, db)
        }
        try requestPlanning(db, claimed.conversationID, claimed.remote, now: finished.finishedAt)
        reply.hasFreedPlanning = true
    }

    /// The row is dead for these members alone.
    /// - Returns: why.
    @discardableResult private static func stand(
        _ id: Int64, for members: Set<String>, after error: String? = nil, _ db: Database
    ) throws -> String {
        let names = members.sorted()
        let refused = "refused: \(names.joined(separator: ", ")), which is not sent again until it changes or is retried"
        let reason = [error, refused].compactMap { $0 }.joined(separator: "; ")
        try db.cachedStatement(
            sql: """
                UPDATE outbox SET state = 'dead', refused_members = ?1, last_error = ?2,
                    delta = (SELECT json_group_object(key, json(value)) FROM json_each(delta) WHERE key IN (SELECT value FROM json_each(?1)))
                WHERE id = ?3
                """
        ).execute(arguments: [JSONValue.array(names.map(JSONValue.string)).text, reason, id])
        return reason
    }

    /// The call that was taken apart stands for the one member that cannot be taken.
    private static func convict(_ members: Set<String>, _ finished: FinishedCall, _ db: Database) throws -> PlanBatch.Refused? {
        let claimed = finished.claimed
        guard !members.isEmpty, let whole = try takenApart(before: claimed, db) else { return nil }
        let reason = try stand(whole, for: members, db)
        return PlanBatch.Refused(outboxID: whole, conversationID: claimed.conversationID, remote: claimed.remote, reason: reason)
    }

    /// The row whose members are sent apart from each other.
    private static func takenApart(before claimed: ClaimedRow, _ db: Database) throws -> Int64? {
        try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT max(id) FROM outbox
                    WHERE conversation_id = ? AND remote = ? AND state = 'discarded' AND refused_members = '[]' AND id < ?
                    """),
            arguments: [claimed.conversationID, claimed.remote, claimed.id])
    }

    private static func drop(_ id: Int64, because reason: String, _ finished: FinishedCall, _ db: Database) throws {
        try db.cachedStatement(sql: "UPDATE outbox SET state = 'discarded', last_error = ?, finished_at = ? WHERE id = ?")
            .execute(arguments: ["\(finished.error ?? "refused"); \(reason)", finished.finishedAt.iso8601, id])
    }

    /// The row that was taken apart stands for all of it again, and those of its parts do not.
    private static func reviveWhole(_ finished: FinishedCall, _ db: Database) throws -> (whole: Int64, parts: Int)? {
        let claimed = finished.claimed
        guard let whole = try takenApart(before: claimed, db) else { return nil }
        try db.cachedStatement(
            sql: """
                UPDATE outbox SET state = 'discarded', last_error = 'no member is to blame: see row ' || ?3, updated_at = ?5, finished_at = ?5
                WHERE conversation_id = ?1 AND remote = ?2 AND state = 'dead' AND refused_members IS NOT NULL AND id > ?3 AND id < ?4
                """
        ).execute(arguments: [claimed.conversationID, claimed.remote, whole, claimed.id, finished.finishedAt.iso8601])
        let parts = db.changesCount
        try db.cachedStatement(
            sql: "UPDATE outbox SET state = 'dead', last_error = ?, refused_members = NULL, updated_at = ?, finished_at = ? WHERE id = ?"
        ).execute(arguments: [finished.error, finished.finishedAt.iso8601, finished.finishedAt.iso8601, whole])
        return (whole, parts)
    }
}
