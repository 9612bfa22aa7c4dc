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

/// How long, and how many, events are kept whose conversation does not exist here: it may be written a little later. They hold what Fin
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
            let batch = try await write { session in try Store.processBatch(context, session) }
            result.add(batch.result)
            count = batch.count
            // Every event of the batch is done or waits: the next batch holds others.
        } while count == Store.reconcileBatchSize
        result.add(try await dropWaiting(limits, now: context.now))
        return result
    }

    private static func processBatch(_ context: InboundContext, _ session: any Session) throws -> (result: InboxResult, count: Int) {
        var result = InboxResult()
        let events: [InboxEvent] = try session.rows(
            """
            SELECT \(InboxEvent.columns) FROM inbox
            WHERE state = 'pending' AND state <> 'done'
            ORDER BY occurred_at, id LIMIT \(reconcileBatchSize)
            """)
        result.reconciled += try takeReleasedEnds(context, session)
        for event in events {
            let key = event.conversationID
            guard try session.exists("SELECT 1 FROM conversations WHERE id = \(key)"), let conversationID = key.text else {
                try session.run("UPDATE inbox SET state = 'waiting' WHERE id = \(event.id)")
                continue
            }
            try process(event, of: conversationID, context, session, into: &result)
            try session.run("UPDATE inbox SET state = 'done', payload = '{}' WHERE id = \(event.id)")
        }
        return (result, events.count)
    }

    private static func process(
        _ event: InboxEvent, of conversationID: String, _ context: InboundContext, _ session: any Session, into result: inout InboxResult
    ) throws {
        guard event.kind != "message" else {
            let message = IncomingMessage(
                remote: event.remote, conversationID: conversationID, id: event.payload["id"]?.stringValue ?? "",
                body: event.payload["body"]?.stringValue)
            if try enter(message, at: event.occurredAt, session) == .collides {
                result.collisions.append(
                    MessageCollision(remote: event.remote, conversationID: conversationID, messageID: message.rowID))
            }
            return
        }
        let observation = Observation(word: event.payload["word"]?.stringValue, changedAt: event.occurredAt)
        let report = Report(
            remote: event.remote, subject: .conversation(conversationID), observation: observation, readAt: event.occurredAt)
        result.reconciled += try reconcile(report, context, session)
    }

    // MARK: Messages

    private enum Entry {
        case new, known, collides
    }

    /// What a remote wrote becomes a row of `messages`, once.
    private static func enter(_ message: IncomingMessage, at: Instant, _ session: any Session) throws -> Entry {
        let hasSameText: Bool? = try session.value(
            """
            SELECT body IS \(message.body) FROM messages
            WHERE id = \(message.rowID)
                OR (id = \(message.formerRowID) AND conversation_id = \(message.conversationID) AND author = 'fin')
            ORDER BY id = \(message.rowID) DESC LIMIT 1
            """)
        if let hasSameText { return hasSameText ? .known : .collides }
        // An earlier version has processed it, and the application has moved or deleted the row since.
        let isDone = try session.exists(
            """
            SELECT 1 FROM inbox
            WHERE remote = \(message.remote) AND event_key = \(message.formerEventKey) AND conversation_id = \(message.conversationID)
                AND state = 'done'
            """)
        guard !isDone else { return .known }
        try session.run(
            """
            INSERT OR IGNORE INTO messages (id, conversation_id, author, body, created_at)
            VALUES (\(message.rowID), \(message.conversationID), 'fin', \(message.body), \(at))
            """)
        return .new
    }

    // MARK: Events without a conversation

    private func dropWaiting(_ limits: WaitingLimits, now: Instant) async throws(StoreError) -> InboxResult {
        var result = InboxResult()
        while true {
            let dropped = try await write { session in
                let byAge = try Store.drop(
                    "received_at < \(now - limits.age) ORDER BY received_at, id LIMIT \(Retention.pageSize)", .age, session)
                guard byAge.isEmpty else { return byAge }
                let waiting: Int = try session.value("SELECT count(*) FROM inbox WHERE state = 'waiting'") ?? 0
                guard waiting > limits.count else { return [] }
                return try Store.drop(
                    "TRUE ORDER BY received_at, id LIMIT \(min(waiting - limits.count, Retention.pageSize))", .number, session)
            }
            guard !dropped.isEmpty else { return result }
            result.add(InboxResult(dropped: dropped))
        }
    }

    private static func drop(
        _ condition: SQL, _ reason: DroppedEvents.Reason, _ session: any Session
    ) throws -> [DroppedEvents] {
        let remotes: [String] = try session.values(
            "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE state = 'waiting' AND \(condition)) RETURNING remote")
        return Dictionary(grouping: remotes, by: \.self).sorted { $0.key < $1.key }
            .map { DroppedEvents(remote: $0.key, reason: reason, count: $0.value.count) }
    }
}

/// An event as the inbox keeps it.
private struct InboxEvent: RowRecord {
    var id: Int64
    var remote: String
    /// `status` or `message`.
    var kind: String
    var conversationID: StoredKey
    var occurredAt: Instant
    var payload: JSONObject

    static let columns: SQL = "id, remote, kind, conversation_id, occurred_at, payload"

    init(_ columns: inout Columns) throws {
        id = try columns.next()
        remote = try columns.next()
        kind = try columns.next()
        conversationID = try columns.next()
        occurredAt = Instant(milliseconds: try columns.next())
        payload = JSONValue.object(column: try columns.next())
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
