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

    func insert(_ db: Database, _ context: PlanContext) throws -> Int64 {
        let now = context.now.iso8601
        try db.cachedStatement(
            sql: """
                INSERT INTO outbox (run_id, conversation_id, remote, payload, operation, method, path, body, delta, message_id,
                    target_id, target_agent, idempotency_key, state, held_by, due_at, last_error, created_at, updated_at, finished_at, dedupe_key,
                    behind)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
                    -- A message waits for its turn; a state row replaces the ones before it.
                    ?4 = 'message' AND EXISTS (
                        SELECT 1 FROM outbox e
                        WHERE e.conversation_id = ?2 AND e.remote = ?3 AND e.state IN ('pending', 'sending', 'held')))
                """
        ).execute(arguments: [
            context.runID, conversationID, remote, payload.rawValue, call.operation, call.method, call.path, call.body.text, delta,
            messageID, link.remoteID, link.agentID, context.newIdempotencyKey(), state.rawValue, holder?.rawValue, now, error, now, now,
            state.isFinished ? now : nil, dedupeKey,
        ])
        return db.lastInsertedRowID
    }
}
