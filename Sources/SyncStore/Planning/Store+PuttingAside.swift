import SyncCore

/// A feed entry that cannot be planned, and why.
package struct PutAside: Sendable, Equatable {
    package var conversationID: String
    /// Nil for the state of a conversation.
    package var messageID: String?
    /// Nil for every remote that is concerned.
    package var remote: String?
    /// One line for people.
    package var problem: String
    /// Since when its change has waited.
    package var since: String?
}

/// Entries that cannot be planned are put aside with their problem: one of them must not stop the others, nor be tried for ever.
///
/// They come back when the row that they stand for is written again, and with every start or reload.
extension Store {
    /// A page of more entries than these of which none can be planned says something about the database, and nothing about its rows.
    static let hopelessPage = 10
    private static let problemLimit = 500

    /// What became of an entry.
    enum EntryStep {
        case planned
        /// There was nothing to plan: its conversation has been seen, or its key cannot be used.
        case skipped
        /// The time is over.
        case stop
    }

    /// Plans entry by entry, each in a savepoint, after planning a whole page has failed.
    /// - Parameters:
    ///   - work: plans one entry; what it has done is undone where it throws.
    ///   - putAside: takes one entry out of the way.
    /// - Throws: an error that does not concern single rows, or the first one where nothing can be planned.
    static func isolating<Entry>(
        _ entries: [Entry], _ session: any Session, _ work: (Entry) throws -> EntryStep, putAside: (Entry, String) throws -> Void
    ) throws {
        var first: (any Error)?
        var failures = 0
        var planned = 0
        for entry in entries {
            do {
                let step = try session.transaction(.writing) { try work(entry) }
                if step == .stop { break }
                planned += step == .planned ? 1 : 0
            } catch {
                let problem = session.storeError(error)
                guard problem.concernsRows else { throw error }
                first = first ?? error
                failures += 1
                try putAside(entry, String(problem.description.prefix(problemLimit)).onOneLine)
            }
        }
        if let first, planned == 0, failures > hopelessPage { throw first }
    }

    /// Nil where the work fails because of the rows that it is about: planning will put them aside.
    static func unlessBroken<Value>(_ session: any Session, _ work: () throws -> Value?) throws -> Value? {
        do {
            return try work()
        } catch {
            guard session.storeError(error).concernsRows else { throw error }
            return nil
        }
    }

    /// What could not be planned gets another chance: with another program, configuration or schema it may work.
    static func takeBackPutAside(_ session: any Session) throws {
        try session.run("UPDATE change_feed SET deferred = 0, problem = NULL WHERE deferred = 2 AND problem IS NOT NULL")
        try session.run(
            "UPDATE OR REPLACE message_feed SET remote = '', problem = NULL WHERE remote = '!' AND problem IS NOT NULL")
    }

    /// What is put aside of one conversation, or of all.
    static func putAsideRows(_ session: any Session, of conversationID: String? = nil, limit: Int) throws -> [PutAside] {
        try session.rows(
            """
            SELECT conversation_id, NULL AS message_id, remote, problem, since FROM change_feed
            WHERE deferred = 2 AND problem IS NOT NULL AND (\(conversationID) IS NULL OR conversation_id = \(conversationID))
            UNION ALL
            SELECT conversation_id, message_id, '', problem, since FROM message_feed
            WHERE remote = '!' AND problem IS NOT NULL AND (\(conversationID) IS NULL OR conversation_id = \(conversationID))
            ORDER BY since LIMIT \(limit)
            """)
    }
}

extension PutAside: RowRecord {
    package static let columns: SQL = "conversation_id, message_id, remote, problem, since"

    package init(_ columns: inout Columns) throws {
        conversationID = try columns.next()
        messageID = try columns.next()
        let remote: String = try columns.next()
        self.remote = remote.isEmpty ? nil : remote
        problem = try columns.next()
        since = try columns.next()
    }
}
