import SyncCore

/// Entries that cannot be planned are put aside with their problem, so that one of them does not stop the others and is not attempted for ever.
///
/// They come back when their row is written again, and with every start or reload.
extension Store {
    /// The most characters of a problem that are kept.
    static let problemLimit = 500

    /// Nil if the work fails because of the rows that it reads: planning will put them aside.
    static func unlessBroken<Value>(_ session: any Session, _ work: () throws -> Value?) throws -> Value? {
        do {
            return try work()
        } catch {
            guard session.storeError(error).concernsRows else { throw error }
            return nil
        }
    }

    /// Brings back entries that could not be planned. With another program, configuration or schema they may be planned.
    static func takeBackPutAside(_ session: any Session) throws {
        try session.run("UPDATE change_feed SET deferred = 0, problem = NULL WHERE deferred = 2 AND problem IS NOT NULL")
        try session.run(
            "UPDATE OR REPLACE message_feed SET remote = \(FeedTarget.everyRemote), problem = NULL WHERE remote = \(FeedTarget.putAside) AND problem IS NOT NULL"
        )
    }

    /// The entries put aside, of one conversation or of all.
    static func putAsideRows(_ session: any Session, of conversationID: String? = nil, limit: Int) throws -> [PutAside] {
        try session.rows(
            """
            SELECT conversation_id, NULL AS message_id, remote, problem, since FROM change_feed
            WHERE deferred = 2 AND problem IS NOT NULL AND (\(conversationID) IS NULL OR conversation_id = \(conversationID))
            UNION ALL
            SELECT conversation_id, message_id, \(FeedTarget.everyRemote), problem, since FROM message_feed
            WHERE remote = \(FeedTarget.putAside) AND problem IS NOT NULL AND (\(conversationID) IS NULL OR conversation_id = \(conversationID))
            ORDER BY since LIMIT \(limit)
            """)
    }
}

extension PutAside: RowRecord {
    package static let columns: SQL = "conversation_id, message_id, remote, problem, since"

    package init(_ columns: inout Columns) throws {
        let (conversationID, messageID): (String, String?) = (try columns.next(), try columns.next())
        let target: FeedTarget = try columns.next()
        self.init(
            conversationID: conversationID, messageID: messageID, remote: target.remote, problem: try columns.next(),
            since: try columns.next())
    }
}
