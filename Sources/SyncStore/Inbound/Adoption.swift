import SyncCore

/// Writing what was decided about a report.
extension Store {
    /// Writes adopted values to `conversations`, and where they come from to `adopted_changes`. Triggers put the conversation on the change feed, so
    /// that the change is sent to the other remotes.
    static func adopt(
        _ outcome: TwoWayOutcome, of snapshot: LinkSnapshot, reportedAt: Instant, isReleased: Bool, _ session: any Session
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
        let assignments = columns.map { column -> SQL in
            let value = column.to == .null ? nil : column.to.stringValue ?? column.to.text
            return "\(SQL(stringLiteral: column.name)) = \(value)"
        }
        try session.run(
            """
            UPDATE conversations SET \(SQL.joined(assignments, separator: ", ")), updated_at = \(snapshot.now)
            WHERE id = \(conversation.id)
            """)
        try dateChange(outcome, of: conversation.id, at: min(outcome.changedAt, snapshot.now), session)
        let record = JSONObject(members: columns.map { ($0.name, JSONValue.object(["from": $0.from, "to": $0.to])) })
        let isEnd = !conversation.status.isFinished && changes.status?.isFinished == true
        try session.run(
            """
            INSERT INTO adopted_changes
                (conversation_id, remote, word, reported_at, adopted_at, changes, rule, is_end, is_released)
            VALUES (\(conversation.id), \(snapshot.remote), \(outcome.verdict.word), \(reportedAt), \(snapshot.now),
                \(JSONValue.object(record).text), \(outcome.verdict.adoptionRule(snapshot.remote)), \(isEnd), \(isReleased))
            """)
    }

    /// The time of the change is the remote's, so that its later reports are newer. The number of the change is that of the decision.
    private static func dateChange(_ outcome: TwoWayOutcome, of id: String, at timestamp: Instant, _ session: any Session) throws {
        let changes = outcome.changes
        let columns: [(SQL, Bool, LocalAttribute)] = [
            ("status", changes.status != nil, .status), ("assignee", changes.assigneeID != nil, .assignee),
            ("title", changes.title != nil, .title),
        ]
        for (column, isChanged, attribute) in columns where isChanged {
            try session.run(
                """
                UPDATE local_changes SET \(column)_changed_at = \(timestamp), \(column)_number = \(outcome.numbers[attribute])
                WHERE conversation_id = \(id)
                """)
        }
    }

    /// Stores what was decided, for `convosync explain`.
    /// - Parameter seenAt: when the remote sent the report or was read, or its response to a message arrived; nil for the response to another one of
    ///   our calls, which is an acknowledgement.
    /// - Returns: whether the verdict differs from the link's previous one.
    static func record(
        _ verdict: Verdict, seenAt: Instant?, _ snapshot: LinkSnapshot, _ stored: StoredRecord, _ session: any Session
    ) throws -> Bool {
        // A stale event changes nothing else.
        if verdict.kind == .stale, stored.record.events != nil { return false }
        // "Unchanged" explains nothing: the decision from when this value was first reported stays on record.
        let isSame = verdict.kind == .stale || (verdict.kind == .unchanged && stored.verdicts["status"] != nil)
        let before = stored.verdicts["status"]
        var verdicts = stored.verdicts
        if !isSame {
            verdicts["status"] = [
                "decision": .string(verdict.kind.rawValue), "rule": .string(verdict.rule), "word": .nullable(verdict.word),
                "at": .string(snapshot.now.iso8601),
            ]
        }
        let lastSeenAt = [seenAt, stored.seenAt].compactMap { $0 }.max()
        try session.run(
            """
            UPDATE link_state SET seen_at = \(lastSeenAt), verdicts = \(JSONValue.object(verdicts).text)
            WHERE conversation_id = \(snapshot.conversationID) AND remote = \(snapshot.remote)
            """)
        return !isSame && (before?["decision"]?.stringValue != verdict.kind.rawValue || before?["word"]?.stringValue != verdict.word)
    }

    /// The remote's status may have changed: messages that waited for that are due again. Held ones did not follow their user, and do so now.
    /// - Returns: whether some of them wait to be planned again.
    static func freeHeldReplies(_ conversationID: String, _ remote: String, now: Instant, _ session: any Session) throws -> Bool {
        let freed: [Int64] = try session.values(
            """
            UPDATE outbox SET state = 'pending', due_at = \(now), held_by = NULL, updated_at = \(now)
            WHERE id IN (
                SELECT id FROM outbox
                WHERE conversation_id = \(conversationID) AND remote = \(remote) AND state IN ('held', 'pending') AND held_by = 'fin'
                ORDER BY coalesce(place, id) LIMIT \(Store.heldAtOnce))
            RETURNING id
            """)
        var isPlannedAgain = false
        for id in freed.sorted() {
            if try followCorrection(id, now: now, session) { isPlannedAgain = true }
        }
        return isPlannedAgain
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
