import GRDB
import SyncCore

/// What a lane concludes about the objects that its remote said it does not know (``AbsenceWatch``).
package enum AbsenceRecord: Sendable, Equatable {
    /// They are missing: nothing more is doubted.
    case confirm
    /// The URL may be wrong: everything that was given up because of it is due again.
    case takeBack
}

extension Store {
    /// - Returns: how many rows were taken back.
    static func record(_ conclusion: AbsenceRecord, of remote: String, now: Instant, _ db: Database) throws -> Int {
        switch conclusion {
        case .confirm:
            try db.cachedStatement(
                sql: "UPDATE outbox SET missing_at = NULL WHERE remote = ? AND missing_at IS NOT NULL AND state = 'dead'"
            ).execute(arguments: [remote])
            return 0
        case .takeBack:
            return try takeBack(remote, now: now, db)
        }
    }

    /// The rows are pending, their attempt does not count, and the tombstones are gone. What changed meanwhile is planned.
    private static func takeBack(_ remote: String, now: Instant, _ db: Database) throws -> Int {
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    UPDATE outbox SET state = 'pending', attempts = max(attempts - 1, 0), due_at = ?1, updated_at = ?1, finished_at = NULL
                    WHERE remote = ?2 AND missing_at IS NOT NULL AND state = 'dead'
                    RETURNING id, conversation_id, payload, target_id, target_agent
                    """),
            arguments: [now.iso8601, remote])
        for row in rows where (row[2] as String) == PayloadKind.state.rawValue {
            try db.cachedStatement(
                sql: """
                    UPDATE link_state SET gone_at = NULL
                    WHERE conversation_id = ? AND remote = ? AND target_id = ? AND target_agent IS ?
                    """
            ).execute(arguments: [row[1] as String, remote, row[3] as String, row[4] as String?])
            try requestPlanning(db, row[1], remote, now: now)
        }
        for row in rows { try settleReturned(row[0], now: now.iso8601, db) }
        return rows.count
    }

    /// Conversations of which a remote said that it does not know them, where nothing has confirmed it.
    static func suspects(_ db: Database) throws -> [String: Set<String>] {
        let rows = try Row.fetchAll(
            db, sql: "SELECT remote, conversation_id FROM outbox WHERE missing_at IS NOT NULL AND state = 'dead'")
        return Dictionary(grouping: rows) { row -> String in row[0] }.mapValues { Set($0.map { row -> String in row[1] }) }
    }
}
