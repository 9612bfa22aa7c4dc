import SyncCore

/// A row about to be written.
struct NewOutboxRow {
    var conversationID: String
    var remote: String
    var payload: PayloadKind
    var call: OutboundCall
    var state: OutboxState
    var delta: String?
    var messageID: String?
    var link: Link
    var error: String?
    /// Planning refuses it.
    var isRefused = false
    var holder: Holder?
    /// Messages: the timestamp, in milliseconds since 1970.
    var dedupeKey: Int64?
    /// State: the numbers of the local changes that the row includes, as `outbox.local_numbers` keeps them.
    var localNumbers: String?
    /// Messages: since when it has waited to be planned.
    var waitingSince: String?

    /// - Parameters:
    ///   - runID: the run that plans it.
    ///   - key: the idempotency key.
    func insert(_ session: any Session, runID: Int64, key: String, now: Instant) throws -> Int64 {
        let former = payload == .state ? try Place(of: self, session) : Place(differsSince: waitingSince)
        try session.run(
            """
            INSERT INTO outbox (run_id, conversation_id, remote, payload, operation, method, path, body,
                delta, message_id, target_id, target_agent, idempotency_key, state, held_by,
                due_at, last_error, created_at, updated_at, finished_at,
                dedupe_key, local_numbers, passed_over_at, place, differs_since, is_refused, behind)
            VALUES (\(runID), \(conversationID), \(remote), \(payload.rawValue), \(call.operation), \(call.method), \(call.path), \(call.body.text),
                \(delta), \(messageID), \(link.remoteID), \(link.agentID), \(key), \(state.rawValue), \(holder?.rawValue),
                \(min(now.iso8601, former.dueAt ?? now.iso8601)), \(error), \(now), \(now), \(state.isFinished ? now : nil),
                \(dedupeKey), \(localNumbers), \(former.passedOverAt), \(former.place), \(former.differsSince ?? now.iso8601), \(isRefused),
                -- A message waits for its turn; a state row replaces the ones before it.
                \(payload == .message) AND EXISTS (
                    SELECT 1 FROM outbox e
                    WHERE e.conversation_id = \(conversationID) AND e.remote = \(remote) AND e.state IN ('pending', 'sending', 'held')))
            """)
        return session.lastInsertedKey
    }

    /// The place in the queue of the row that waits, which the new one inherits: a conversation that changes all the time is sent as soon as
    /// the others. A row in backoff does not make it wait, and one that was given up has no place.
    private struct Place {
        var dueAt: String?
        var passedOverAt: String?
        var place: Int64?
        /// Since when the remote differs from what is wanted: the change that is planned now, or one that an unsent row stood for.
        var differsSince: String?

        init(differsSince: String?) { self.differsSince = differsSince }

        init(of row: NewOutboxRow, _ session: any Session) throws {
            let waiting = try session.row(
                """
                SELECT \(Place.columns(of: row))
                FROM outbox
                WHERE conversation_id = \(row.conversationID) AND remote = \(row.remote) AND state IN ('pending', 'held', 'dead')
                    AND payload = 'state' AND refused_members IS NULL
                """
            ) { columns in try Place(&columns) }
            self = waiting ?? Place(differsSince: nil)
        }

        private static func columns(of row: NewOutboxRow) -> SQL {
            """
            min(due_at) FILTER (WHERE state = 'pending'), min(passed_over_at) FILTER (WHERE state = 'pending'),
            min(coalesce(place, id)) FILTER (WHERE state = 'pending'), min(differs_since),
            (SELECT min(since) FROM change_feed WHERE conversation_id = \(row.conversationID) AND remote IN (\(FeedTarget.everyRemote), \(row.remote)))
            """
        }

        private init(_ columns: inout Columns) throws {
            dueAt = try columns.next()
            passedOverAt = try columns.next()
            place = try columns.next()
            let changes: [String?] = [try columns.next(), try columns.next()]
            differsSince = changes.compactMap { $0 }.min()
        }
    }
}
