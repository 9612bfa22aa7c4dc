import GRDB
import SyncCore

/// Writing down what was decided about a report.
extension Store {
    /// Writes adopted values to `conversations` and says in `adopted_changes` where they come from. The triggers put the conversation
    /// on the change feed, so that the other remotes hear of it.
    static func adopt(
        _ outcome: TwoWayOutcome, of snapshot: LinkSnapshot, reportedAt: Instant, isReleased: Bool, _ db: Database
    ) throws {
        let changes = outcome.changes
        guard !changes.isEmpty else { return }
        let conversation = snapshot.conversation
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
            .execute(arguments: StatementArguments(values) + [snapshot.now.iso8601, conversation.id])
        try dateChange(outcome, of: conversation.id, at: min(outcome.changedAt, snapshot.now), db)
        let record = JSONObject(members: columns.map { ($0.name, JSONValue.object(["from": $0.from, "to": $0.to])) })
        let isEnd = !conversation.status.isFinished && changes.status?.isFinished == true
        try db.cachedStatement(
            sql: """
                INSERT INTO adopted_changes
                    (conversation_id, remote, word, reported_at, adopted_at, changes, rule, is_end, is_released)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            conversation.id, snapshot.remote, outcome.verdict.word, reportedAt.iso8601, snapshot.now.iso8601,
            JSONValue.object(record).text, outcome.verdict.adoptionRule(snapshot.remote), isEnd, isReleased,
        ])
    }

    /// The moment of the change is the remote's: what it says later is newer than this. Its number is that of the decision.
    private static func dateChange(_ outcome: TwoWayOutcome, of id: String, at moment: Instant, _ db: Database) throws {
        let changes = outcome.changes
        let columns: [(String, Bool, LocalAttribute)] = [
            ("status", changes.status != nil, .status), ("assignee", changes.assigneeID != nil, .assignee),
            ("title", changes.title != nil, .title),
        ]
        for (column, isChanged, attribute) in columns where isChanged {
            try db.cachedStatement(
                sql: "UPDATE local_changes SET \(column)_changed_at = ?, \(column)_number = ? WHERE conversation_id = ?"
            ).execute(arguments: [moment.iso8601, outcome.numbers[attribute], id])
        }
    }

    /// Keeps what was decided, for `convosync explain`.
    /// - Parameter seenAt: when the remote reported it by itself or was read; nil for a response to a call of ours, which is an
    ///   acknowledgement.
    /// - Returns: whether the link had another verdict before.
    static func record(
        _ verdict: Verdict, seenAt: Instant?, _ snapshot: LinkSnapshot, _ stored: StoredRecord, _ db: Database
    ) throws -> Bool {
        // An event that does not count changes nothing else.
        if verdict.kind == .stale, stored.record.events != nil { return false }
        // "Still says the same" explains nothing: what was decided when it first said so stays on record.
        let isSame = verdict.kind == .stale || (verdict.kind == .unchanged && stored.verdicts["status"] != nil)
        let before = stored.verdicts["status"]
        var verdicts = stored.verdicts
        if !isSame {
            verdicts["status"] = [
                "decision": .string(verdict.kind.rawValue), "rule": .string(verdict.rule), "word": .nullable(verdict.word),
                "at": .string(snapshot.now.iso8601),
            ]
        }
        try db.cachedStatement(sql: "UPDATE link_state SET seen_at = ?, verdicts = ? WHERE conversation_id = ? AND remote = ?")
            .execute(arguments: [
                [seenAt, stored.seenAt].compactMap { $0 }.max()?.iso8601, JSONValue.object(verdicts).text, snapshot.conversationID,
                snapshot.remote,
            ])
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
        let others = otherFields.isEmpty ? nil : "adopted \(otherFields.joined(separator: " and ")) from \(remote)"
        guard changes.status != nil || changes.assigneeID != nil else { return others ?? rule }
        return [rule, others].compactMap { $0 }.joined(separator: "; ")
    }
}
