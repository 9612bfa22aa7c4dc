import SyncCore

extension Store {
    /// - Returns: how many rows were returned to pending.
    static func record(_ conclusion: AbsenceRecord, of remote: String, now: Instant, _ session: any Session) throws -> Int {
        switch conclusion {
        case .confirm:
            try session.run("UPDATE outbox SET missing_at = NULL WHERE remote = \(remote) AND missing_at IS NOT NULL AND state = 'dead'")
            return 0
        case .takeBack:
            return try takeBack(remote, now: now, session)
        }
    }

    /// Returns the rows to pending, does not count their attempt, and clears the tombstones. Conversations that changed meanwhile are planned.
    private static func takeBack(_ remote: String, now: Instant, _ session: any Session) throws -> Int {
        let rows = try session.rows(
            """
            UPDATE outbox SET state = 'pending', attempts = max(attempts - 1, 0), due_at = \(now), updated_at = \(now), finished_at = NULL
            WHERE remote = \(remote) AND missing_at IS NOT NULL AND state = 'dead'
            RETURNING \(TakenBackRow.columns)
            """, as: TakenBackRow.self)
        for row in rows where row.payload == .state {
            try session.run(
                """
                UPDATE link_state SET gone_at = NULL
                WHERE conversation_id = \(row.conversationID) AND remote = \(remote) AND target_id = \(row.targetID)
                    AND target_agent IS \(row.targetAgent)
                """)
            try requestPlanning(session, row.conversationID, remote, now: now)
        }
        for row in rows { try settleReturned(row.id, now: now, session) }
        return rows.count
    }

    /// Conversations that a remote reported as unknown, where nothing has confirmed it yet.
    static func suspects(_ session: any Session) throws -> [String: Set<String>] {
        var suspects: [String: Set<String>] = [:]
        try session.each("SELECT remote, conversation_id FROM outbox WHERE missing_at IS NOT NULL AND state = 'dead'") { columns in
            suspects[try columns.next(), default: []].insert(try columns.next())
            return .next
        }
        return suspects
    }
}

/// A row that was given up because of a wrong URL.
private struct TakenBackRow: RowRecord {
    static let columns: SQL = "id, conversation_id, payload, target_id, target_agent"

    var id: Int64
    var conversationID: String
    var payload: PayloadKind
    var targetID: String
    var targetAgent: String?

    init(_ columns: inout Columns) throws {
        id = try columns.next()
        conversationID = try columns.next()
        payload = try columns.next()
        targetID = try columns.next()
        targetAgent = try columns.next()
    }
}
