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

    func insert(_ db: Database, _ context: PlanContext) throws -> Int64 {
        let now = context.now.iso8601
        try db.cachedStatement(
            sql: """
                INSERT INTO outbox (run_id, conversation_id, remote, payload, operation, method, path, body, delta, message_id,
                    target_id, target_agent, idempotency_key, state, held_by, due_at, last_error, created_at, updated_at, finished_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            context.runID, conversationID, remote, payload.rawValue, call.operation, call.method, call.path, call.body.text, delta,
            messageID, link.remoteID, link.agentID, context.newIdempotencyKey(), state.rawValue, holder?.rawValue, now, error, now, now,
            state.isFinished ? now : nil,
        ])
        return db.lastInsertedRowID
    }
}
