import GRDB
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
    var holder: Holder?
    /// Messages: the timestamp, in milliseconds since 1970.
    var dedupeKey: Int64?
    /// State: the numbers of the local changes that the row includes, as `outbox.local_numbers` keeps them.
    var localNumbers: String?
    /// Messages: since when it has waited to be planned.
    var waitingSince: String?

    func insert(_ db: Database, _ context: PlanContext) throws -> Int64 {
        let now = context.now.iso8601
        let former = payload == .state ? try Place(of: self, db) : Place(differsSince: waitingSince)
        try db.cachedStatement(
            sql: """
                INSERT INTO outbox (run_id, conversation_id, remote, payload, operation, method, path, body, delta, message_id,
                    target_id, target_agent, idempotency_key, state, held_by, due_at, last_error, created_at, updated_at, finished_at, dedupe_key,
                    local_numbers, passed_over_at, place, differs_since, behind)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25,
                    -- A message waits for its turn; a state row replaces the ones before it.
                    ?4 = 'message' AND EXISTS (
                        SELECT 1 FROM outbox e
                        WHERE e.conversation_id = ?2 AND e.remote = ?3 AND e.state IN ('pending', 'sending', 'held')))
                """
        ).execute(arguments: [
            context.runID, conversationID, remote, payload.rawValue, call.operation, call.method, call.path, call.body.text, delta,
            messageID, link.remoteID, link.agentID, context.newIdempotencyKey(), state.rawValue, holder?.rawValue,
            min(now, former.dueAt ?? now), error, now, now, state.isFinished ? now : nil, dedupeKey, localNumbers, former.passedOverAt,
            former.place, former.differsSince ?? now,
        ])
        return db.lastInsertedRowID
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

        init(of row: NewOutboxRow, _ db: Database) throws {
            let waiting = try Row.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT min(due_at) FILTER (WHERE state = 'pending'), min(passed_over_at) FILTER (WHERE state = 'pending'),
                            min(coalesce(place, id)) FILTER (WHERE state = 'pending'), min(differs_since),
                            (SELECT min(since) FROM change_feed WHERE conversation_id = ?1 AND remote IN ('', ?2))
                        FROM outbox
                        WHERE conversation_id = ?1 AND remote = ?2 AND state IN ('pending', 'held', 'dead') AND payload = 'state'
                            AND refused_members IS NULL
                        """),
                arguments: [row.conversationID, row.remote])
            (dueAt, passedOverAt, place) = (waiting?[0], waiting?[1], waiting?[2])
            let changes: [String?] = [waiting?[3], waiting?[4]]
            differsSince = changes.compactMap { $0 }.min()
        }
    }
}
