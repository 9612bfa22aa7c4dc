import SyncCore

/// For how long, and how many, events of unknown conversations are kept: the application may write the conversation shortly after. They contain
/// messages that Fin wrote to people, possibly in conversations that do not belong to this database.
package struct WaitingLimits: Equatable, Sendable {
    package var age = Duration.hours(24)
    package var count = 10_000

    package init() {}
}

/// Processing the inbox.
extension Store {
    /// Processes a batch of the inbox, in the order in which the events happened.
    /// - Returns: the results of the batch, and whether there may be more. Afterwards every event of the batch is done or waiting.
    static func processInbox(_ context: InboundContext, _ session: any Session) throws -> (result: InboxResult, hasMore: Bool) {
        var result = InboxResult()
        let events = try pendingEvents(session)
        result.reconciled += try takeReleasedEnds(context, session)
        var hasMore = max(events.count, result.reconciled.count) >= reconcileBatchSize
        let again = try decideAgain(context, session)
        result.reconciled += again.reconciled
        if again.hasMore { hasMore = true }
        for event in events { try process(event, context, session, into: &result) }
        return (result, hasMore)
    }

    /// The next batch, in the order in which the events happened.
    static func pendingEvents(_ session: any Session) throws -> [InboxEvent] {
        try session.rows(
            """
            SELECT \(InboxEvent.columns) FROM inbox
            WHERE state = 'pending' AND state <> 'done'
            ORDER BY occurred_at, id LIMIT \(reconcileBatchSize)
            """)
    }

    /// Whether processing would change anything.
    static func hasInboxWork(_ context: InboundContext, waiting limits: WaitingLimits, _ session: any Session) throws -> Bool {
        if try session.exists("SELECT 1 FROM inbox WHERE state = 'pending' AND state <> 'done'") { return true }
        if try hasReleasedEnds(context, session) || hasLinksToDecide(context, session) { return true }
        return try session.exists(
            """
            SELECT 1 FROM inbox WHERE state = 'waiting' AND received_at < \(context.now - limits.age)
            UNION ALL SELECT 1 FROM (SELECT 1 FROM inbox WHERE state = 'waiting' LIMIT 1 OFFSET \(limits.count))
            """)
    }

    static func process(_ event: InboxEvent, _ context: InboundContext, _ session: any Session, into result: inout InboxResult) throws {
        let key = event.conversationID
        guard try session.exists("SELECT 1 FROM conversations WHERE id = \(key)"), let conversationID = key.text else {
            return try letWait(event, session)
        }
        try process(event, of: conversationID, context, session, into: &result)
        try session.run("UPDATE inbox SET state = 'done', payload = '{}' WHERE id = \(event.id)")
    }

    /// The event is processed when its conversation is written.
    static func letWait(_ event: InboxEvent, _ session: any Session) throws {
        try session.run("UPDATE inbox SET state = 'waiting' WHERE id = \(event.id)")
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
            remote: event.remote, subject: .conversation(conversationID), observation: observation, readAt: event.happened(by: context.now))
        result.reconciled += try reconcile(report, context, session)
    }

    // MARK: Messages

    private enum Entry {
        case new, known, collides
    }

    /// Inserts a message that a remote wrote into `messages`, once.
    private static func enter(_ message: IncomingMessage, at: Instant, _ session: any Session) throws -> Entry {
        let hasSameText: Bool? = try session.value(
            """
            SELECT body IS \(message.body) FROM messages
            WHERE id = \(message.rowID)
                OR (id = \(message.formerRowID) AND conversation_id = \(message.conversationID) AND author = 'fin')
            ORDER BY id = \(message.rowID) DESC LIMIT 1
            """)
        if let hasSameText { return hasSameText ? .known : .collides }
        // An earlier version has processed the event, and the application has moved or deleted the row since.
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

    /// Drops a page of events that have been waiting for too long or are over the limit.
    static func dropWaiting(_ limits: WaitingLimits, now: Instant, _ session: any Session) throws -> [DroppedEvents] {
        let byAge = try drop("received_at < \(now - limits.age) ORDER BY received_at, id LIMIT \(Retention.pageSize)", .age, session)
        guard byAge.isEmpty else { return byAge }
        let waiting: Int = try session.value("SELECT count(*) FROM inbox WHERE state = 'waiting'") ?? 0
        guard waiting > limits.count else { return [] }
        return try drop("TRUE ORDER BY received_at, id LIMIT \(min(waiting - limits.count, Retention.pageSize))", .number, session)
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
struct InboxEvent: RowRecord {
    var id: Int64
    var remote: String
    /// `status` or `message`.
    var kind: String
    var conversationID: StoredKey
    /// The remote's own date.
    var occurredAt: Instant
    var receivedAt: Instant
    var payload: JSONObject

    static let columns: SQL = "id, remote, kind, conversation_id, occurred_at, received_at, payload"

    init(_ columns: inout Columns) throws {
        id = try columns.next()
        remote = try columns.next()
        kind = try columns.next()
        conversationID = try columns.next()
        occurredAt = Instant(milliseconds: try columns.next())
        receivedAt = try columns.next()
        payload = JSONValue.object(column: try columns.next())
    }

    /// When it happened at the latest by our own clock: a date in the future would make everything after it outdated.
    func happened(by now: Instant) -> Instant { min(occurredAt, receivedAt, now) }
}

/// A message that a remote wrote, and its id in `messages`.
private struct IncomingMessage {
    var remote: String
    var conversationID: String
    /// The id at the remote; unique within the conversation.
    var id: String
    var body: String?

    /// `fin/c1/m1`. Slashes and percent signs before the remote's message id are escaped, so that no two messages share a row.
    var rowID: String { "\(IncomingMessage.escaped(remote))/\(IncomingMessage.escaped(conversationID))/\(usable)" }
    /// The row id in earlier versions, which did not contain the conversation.
    var formerRowID: String { "\(remote):\(usable)" }
    var formerEventKey: String { "message:\(id)" }

    /// A key must not contain NUL characters.
    private var usable: String { id.replacing("\0", with: "\u{FFFD}") }

    private static func escaped(_ text: String) -> String {
        text.replacing("%", with: "%25").replacing("/", with: "%2F").replacing("\0", with: "\u{FFFD}")
    }
}
