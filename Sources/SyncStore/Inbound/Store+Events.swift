import GRDB
import SyncCore

/// What processing the inbox came to.
package struct InboxResult: Equatable, Sendable {
    package var reconciled: [Reconciled] = []
    package var collisions: [MessageCollision] = []
    package var dropped: [DroppedEvents] = []

    fileprivate mutating func add(_ other: InboxResult) {
        reconciled += other.reconciled
        collisions += other.collisions
        for dropped in other.dropped {
            let index = self.dropped.firstIndex { $0.remote == dropped.remote && $0.reason == dropped.reason }
            if let index { self.dropped[index].count += dropped.count } else { self.dropped.append(dropped) }
        }
    }
}

/// A message whose id another one of the same conversation has: the text that came first stays.
package struct MessageCollision: Equatable, Sendable {
    package var remote: String
    package var conversationID: String
    /// The id of the row in `messages`.
    package var messageID: String
}

/// Events that waited for a conversation which did not come.
package struct DroppedEvents: Equatable, Sendable {
    package enum Reason: String, Sendable {
        /// They waited for longer than ``WaitingLimits/age``.
        case age
        /// More than ``WaitingLimits/count`` waited; these were the oldest.
        case number
    }

    package var remote: String
    package var reason: Reason
    package var count: Int
}

/// How long, and how many, events are kept whose conversation does not exist here: it may be written a moment later. They hold what Fin
/// wrote to people, perhaps of conversations that are none of ours.
package struct WaitingLimits: Equatable, Sendable {
    package var age = Duration.hours(24)
    package var count = 10_000

    package init() {}
}

/// Processing the inbox.
extension Store {
    /// Processes what the inbox holds, in the order in which it happened.
    package func processInbox(_ context: InboundContext, waiting limits: WaitingLimits = .init()) async throws(StoreError) -> InboxResult {
        var result = InboxResult()
        var count = 0
        repeat {
            let batch = try await write { db in try Store.processBatch(context, db) }
            result.add(batch.result)
            count = batch.count
            // Every event that was looked at is done or waits: the next batch holds others.
        } while count == Store.reconcileBatchSize
        result.add(try await dropWaiting(limits, now: context.now))
        return result
    }

    private static func processBatch(_ context: InboundContext, _ db: Database) throws -> (result: InboxResult, count: Int) {
        var result = InboxResult()
        let rows = try StoredRow.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT id, remote, kind, conversation_id, occurred_at, payload FROM inbox
                    WHERE state = 'pending' AND state <> 'done'
                    ORDER BY occurred_at, id LIMIT \(reconcileBatchSize)
                    """))
        result.reconciled += try takeReleasedEnds(context, db)
        for row in rows {
            let key = row.key(3)
            let isKnown =
                try Int.fetchOne(
                    db.cachedStatement(sql: "SELECT 1 FROM conversations WHERE id = CAST(? AS TEXT)"), arguments: [key.databaseValue])
                != nil
            guard isKnown, key.text != nil else {
                try db.cachedStatement(sql: "UPDATE inbox SET state = 'waiting' WHERE id = ?").execute(arguments: [row[0] as Int64])
                continue
            }
            try process(row, context, db, into: &result)
            try db.cachedStatement(sql: "UPDATE inbox SET state = 'done', payload = '{}' WHERE id = ?")
                .execute(arguments: [row[0] as Int64])
        }
        return (result, rows.count)
    }

    private static func process(_ row: StoredRow, _ context: InboundContext, _ db: Database, into result: inout InboxResult) throws {
        let payload = JSONValue.object(column: row[5])
        let at = Instant(milliseconds: row[4])
        let remote: String = row[1]
        let conversationID: String = row[3]
        guard row[2] != "message" else {
            let message = IncomingMessage(
                remote: remote, conversationID: conversationID, id: payload["id"]?.stringValue ?? "", body: payload["body"]?.stringValue)
            if try enter(message, at: at, db) == .collides {
                result.collisions.append(
                    MessageCollision(remote: remote, conversationID: conversationID, messageID: message.rowID))
            }
            return
        }
        let observation = Observation(word: payload["word"]?.stringValue, changedAt: at)
        result.reconciled += try reconcile(
            Report(remote: remote, subject: .conversation(conversationID), observation: observation, readAt: at), context, db)
    }

    // MARK: Messages

    private enum Entry {
        case new, known, collides
    }

    /// What a remote wrote becomes a row of `messages`, once.
    private static func enter(_ message: IncomingMessage, at: Instant, _ db: Database) throws -> Entry {
        let body = message.body?.stored
        let hasSameText = try Bool.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT body IS CAST(?1 AS TEXT) FROM messages
                    WHERE id = CAST(?2 AS TEXT) OR (id = CAST(?3 AS TEXT) AND conversation_id = ?4 AND author = 'fin')
                    ORDER BY id = CAST(?2 AS TEXT) DESC LIMIT 1
                    """),
            arguments: [body, message.rowID.stored, message.formerRowID.stored, message.conversationID])
        if let hasSameText { return hasSameText ? .known : .collides }
        // An earlier version has processed it, and the application has moved or deleted the row since.
        let isDone = try Int.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT 1 FROM inbox
                    WHERE remote = ? AND event_key = CAST(? AS TEXT) AND conversation_id = ? AND state = 'done'
                    """),
            arguments: [message.remote, message.formerEventKey.stored, message.conversationID])
        guard isDone == nil else { return .known }
        try db.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO messages (id, conversation_id, author, body, created_at)
                VALUES (CAST(? AS TEXT), ?, 'fin', CAST(? AS TEXT), ?)
                """
        ).execute(arguments: [message.rowID.stored, message.conversationID, body, at.iso8601])
        return .new
    }

    // MARK: Events without a conversation

    private func dropWaiting(_ limits: WaitingLimits, now: Instant) async throws(StoreError) -> InboxResult {
        var result = InboxResult()
        while true {
            let dropped = try await write { db in
                let byAge = try Store.drop(
                    "received_at < ? ORDER BY received_at, id LIMIT \(Retention.pageSize)", [(now - limits.age).iso8601], .age, db)
                guard byAge.isEmpty else { return byAge }
                let waiting = try Int.fetchOne(db.cachedStatement(sql: "SELECT count(*) FROM inbox WHERE state = 'waiting'")) ?? 0
                guard waiting > limits.count else { return [] }
                return try Store.drop(
                    "TRUE ORDER BY received_at, id LIMIT ?", [min(waiting - limits.count, Retention.pageSize)], .number, db)
            }
            guard !dropped.isEmpty else { return result }
            result.add(InboxResult(dropped: dropped))
        }
    }

    private static func drop(
        _ condition: String, _ arguments: StatementArguments, _ reason: DroppedEvents.Reason, _ db: Database
    ) throws -> [DroppedEvents] {
        let remotes = try String.fetchAll(
            db.cachedStatement(
                sql: "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE state = 'waiting' AND \(condition)) RETURNING remote"),
            arguments: arguments)
        return Dictionary(grouping: remotes, by: \.self).sorted { $0.key < $1.key }
            .map { DroppedEvents(remote: $0.key, reason: reason, count: $0.value.count) }
    }
}

/// A message that a remote wrote, and what it is called here.
private struct IncomingMessage {
    var remote: String
    var conversationID: String
    /// As the remote calls it; unique within the conversation.
    var id: String
    var body: String?

    /// `fin/c1/m1`. Slashes and percent signs of what stands before the remote's id are escaped, so that no two messages share a row.
    var rowID: String { "\(IncomingMessage.escaped(remote))/\(IncomingMessage.escaped(conversationID))/\(usable)" }
    /// What earlier versions called it, without its conversation.
    var formerRowID: String { "\(remote):\(usable)" }
    var formerEventKey: String { "message:\(id)" }

    /// A key has no NUL character.
    private var usable: String { id.replacing("\0", with: "\u{FFFD}") }

    private static func escaped(_ text: String) -> String {
        text.replacing("%", with: "%25").replacing("/", with: "%2F").replacing("\0", with: "\u{FFFD}")
    }
}
