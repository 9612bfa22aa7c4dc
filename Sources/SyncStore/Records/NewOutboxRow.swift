import SyncCore

/// A row about to be inserted into `outbox`.
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
    /// The row was refused by planning.
    var isRefused = false
    var holder: Holder?
    /// Messages: the timestamp, in milliseconds since 1970.
    var dedupeKey: Int64?
    /// State: the numbers of the local changes that the row includes, as `outbox.local_numbers` keeps them.
    var localNumbers: String?
    /// Messages: since when the message has been waiting to be planned.
    var waitingSince: String?
    /// Messages that are planned again: the place of the row that this one replaces (`outbox.place`). If that one was released, this one is not
    /// held either.
    var keptPlace: Int64?

    /// - Parameters:
    ///   - runID: the run that plans it.
    ///   - key: the idempotency key.
    func insert(_ session: any Session, runID: Int64, key: String, now: Instant) throws -> Int64 {
        let former = payload == .state ? try Place(of: self, session) : Place(kept: keptPlace, differsSince: waitingSince)
        // What is planned for the first time comes last.
        let place = keptPlace ?? Int64.max
        try session.run(
            """
            INSERT INTO outbox (run_id, conversation_id, remote, payload, operation, method, path, body,
                delta, message_id, target_id, target_agent, idempotency_key, state, held_by,
                due_at, last_error, created_at, updated_at, finished_at,
                dedupe_key, local_numbers, passed_over_at, place, differs_since, is_refused, released_at, behind)
            VALUES (\(runID), \(conversationID), \(remote), \(payload.rawValue), \(call.operation), \(call.method), \(call.path), \(call.body.text),
                \(delta), \(messageID), \(link.remoteID), \(link.agentID), \(key), \(state.rawValue), \(holder?.rawValue),
                \(min(now.iso8601, former.dueAt ?? now.iso8601)), \(error), \(now), \(now), \(state.isFinished ? now : nil),
                \(dedupeKey), \(localNumbers), \(former.passedOverAt), \(former.place), \(former.differsSince ?? now.iso8601), \(isRefused),
                (SELECT r.released_at FROM outbox r
                    WHERE \(keptPlace) IS NOT NULL AND r.message_id = \(messageID) AND r.remote = \(remote) ORDER BY r.id DESC LIMIT 1),
                -- A message waits behind earlier rows; a state row replaces them.
                \(payload == .message) AND EXISTS (
                    SELECT 1 FROM outbox e
                    WHERE e.conversation_id = \(conversationID) AND e.remote = \(remote) AND e.state IN ('pending', 'sending', 'held')
                        AND coalesce(e.place, e.id) < \(place)))
            """)
        return session.lastInsertedKey
    }

    /// The place in the queue of the waiting row, which the new one inherits, so that a conversation that changes all the time is sent as soon as the
    /// others, and messages stay in their order. A row in backoff does not delay it, and a state row that was given up has no place.
    private struct Place {
        var dueAt: String?
        var passedOverAt: String?
        var place: Int64?
        /// Since when the remote differs from the wanted state: the time of the change planned now, or of one in a row that was not sent.
        var differsSince: String?

        init(kept place: Int64? = nil, differsSince: String?) {
            self.place = place
            self.differsSince = differsSince
        }

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
