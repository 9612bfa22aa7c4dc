import GRDB
import SyncCore

/// Writing down what was decided about a report.
extension Store {
    /// Writes adopted values to `conversations` and says in `adopted_changes` where they come from. The triggers put the conversation
    /// on the change feed, so that the other remotes hear of it.
    static func apply(
        _ verdict: Verdict, _ report: Report, _ conversation: Conversation, _ context: InboundContext, _ db: Database
    ) throws {
        let changes = verdict.changes
        guard !changes.isEmpty else { return }
        var columns: [(name: String, from: JSONValue, to: JSONValue)] = []
        if let status = changes.status { columns.append(("status", .string(conversation.status.rawValue), .string(status.rawValue))) }
        if let assignee = changes.assigneeID { columns.append(("assignee_id", .nullable(conversation.assigneeID), .nullable(assignee))) }
        if let title = changes.title { columns.append(("title", .nullable(conversation.title), .string(title))) }
        if let tags = changes.tags {
            let before = conversation.tags.map { JSONValue.array($0.map(JSONValue.string)) } ?? .null
            columns.append(("tags", before, .array(tags.map(JSONValue.string))))
        }
        // As bytes: what a remote says may contain NUL characters.
        let assignments = columns.map { "\($0.name) = CAST(? AS TEXT)" }.joined(separator: ", ")
        let values = columns.map { $0.to == .null ? nil : ($0.to.stringValue ?? $0.to.text).stored }
        try db.cachedStatement(sql: "UPDATE conversations SET \(assignments), updated_at = ? WHERE id = ?")
            .execute(arguments: StatementArguments(values) + [context.now.iso8601, conversation.id])
        let reportedAt = report.observation.changedAt ?? report.readAt
        try dateChange(changes, of: conversation.id, at: min(reportedAt, context.now), db)
        let record = JSONObject(members: columns.map { ($0.name, JSONValue.object(["from": $0.from, "to": $0.to])) })
        try db.cachedStatement(
            sql: """
                INSERT INTO adopted_changes (conversation_id, remote, word, reported_at, adopted_at, changes, rule)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            conversation.id, report.remote, verdict.word, reportedAt.iso8601, context.now.iso8601, JSONValue.object(record).text,
            verdict.adoptionRule(report.remote),
        ])
    }

    /// The moment of the change is the remote's: what it says later is newer than this.
    private static func dateChange(_ changes: Verdict.Changes, of id: String, at moment: Instant, _ db: Database) throws {
        if changes.status != nil {
            try db.cachedStatement(sql: "UPDATE local_changes SET status_changed_at = ? WHERE conversation_id = ?")
                .execute(arguments: [moment.iso8601, id])
        }
        if changes.assigneeID != nil {
            try db.cachedStatement(sql: "UPDATE local_changes SET assignee_changed_at = ? WHERE conversation_id = ?")
                .execute(arguments: [moment.iso8601, id])
        }
    }

    /// Moves what is known about the link.
    /// - Returns: whether the link had another verdict before.
    static func record(
        _ verdict: Verdict, _ report: Report, _ conversationID: String, _ past: LinkPast, _ context: InboundContext, _ db: Database
    ) throws -> Bool {
        // "Still says the same" explains nothing: what was decided when it first said so stays on record.
        let isSame = verdict.kind == .stale || (verdict.kind == .unchanged && past.verdicts["status"] != nil)
        let before = past.verdicts["status"]
        var verdicts = past.verdicts
        if !isSame {
            verdicts["status"] = [
                "decision": .string(verdict.kind.rawValue), "rule": .string(verdict.rule), "word": .nullable(verdict.word),
                "at": .string(context.now.iso8601),
            ]
        }
        let inDoubt = past.inDoubt.filter { !verdict.settled.contains($0.key) }
        try db.cachedStatement(
            sql: """
                UPDATE link_state SET base = ?, seen = ?, in_doubt = ?, seen_at = ?, seen_version = ?, verdicts = ?
                WHERE conversation_id = ? AND remote = ?
                """
        ).execute(arguments: [
            JSONValue.object(verdict.base).text, JSONValue.object(verdict.seen).text, JSONValue.column(inDoubt),
            max(report.readAt, past.seenAt ?? report.readAt).iso8601,
            [report.observation.changedAt?.milliseconds, past.seenVersion].compactMap { $0 }.max(), JSONValue.object(verdicts).text,
            conversationID,
            report.remote,
        ])
        if verdict.mustPlan {
            try requestPlanning(db, conversationID, report.remote, now: context.now)
        }
        try freeHeldReplies(conversationID, report.remote, now: context.now, db)
        return !isSame && (before?["decision"]?.stringValue != verdict.kind.rawValue || before?["word"]?.stringValue != verdict.word)
    }

    /// The remote's status may have changed: messages that waited for that are looked at again.
    static func freeHeldReplies(_ conversationID: String, _ remote: String, now: Instant, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                UPDATE outbox SET state = 'pending', due_at = ?1, held_by = NULL, updated_at = ?1
                WHERE id IN (
                    SELECT id FROM outbox WHERE conversation_id = ?2 AND remote = ?3 AND state IN ('held', 'pending') AND held_by = 'fin'
                    ORDER BY id LIMIT \(Store.heldAtOnce))
                """
        ).execute(arguments: [now.iso8601, conversationID, remote])
    }
}

extension Verdict {
    /// Why columns were written, in one sentence.
    fileprivate func adoptionRule(_ remote: String) -> String {
        let others = otherFields.isEmpty ? nil : "took over \(otherFields.joined(separator: " and ")) from \(remote)"
        guard changes.status != nil || changes.assigneeID != nil else { return others ?? rule }
        return [rule, others].compactMap { $0 }.joined(separator: "; ")
    }
}
