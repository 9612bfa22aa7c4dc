import SyncCore
import SyncStore

/// Outbox rows for people and for programs.
enum OutboxView {
    static func table(_ rows: [OutboxListing], now: Instant) -> [String] {
        guard !rows.isEmpty else { return ["no rows"] }
        var table = TextTable(header: ["ID", "STATE", "REMOTE", "CONVERSATION", "FIELDS", "ATTEMPTS", "HTTP", "CREATED", "DUE", "ERROR"])
        table.rows = rows.map { row in
            [
                .init("\(row.id)"), .init(row.state, colour(row.state)), .init(row.remote), .init(row.conversationID),
                .init(row.delta?.objectValue?.keys.sorted().joined(separator: ",") ?? row.payload), .number(row.attempts),
                .init(row.lastHTTPStatus.map { "\($0)" } ?? "-"), .init(DisplayedTime.text(row.createdAt, now: now)),
                .init(row.state == OutboxState.pending.rawValue ? DisplayedTime.text(row.dueAt, now: now) : "-"),
                .init(row.lastError ?? ""),
            ]
        }
        return table.lines
    }

    static func colour(_ state: String) -> Terminal.Colour? {
        switch OutboxState(rawValue: state) {
        case .delivered: .green
        case .dead, .uncertain: .red
        case .held, .pending, .sending: .yellow
        default: .dim
        }
    }

    static func json(_ rows: [JSONValue], _ skipped: [SkippedRow]) -> JSONValue {
        ["rows": .array(rows), "skipped": .array(skipped.map(\.json))]
    }

    /// - Parameter showsMessages: as for ``lines(_:_:showsMessages:now:)``.
    static func json(_ row: OutboxListing, _ history: OutboxHistory? = nil, showsMessages: Bool = false) -> JSONValue {
        var object: JSONObject = [
            "id": .integer(row.id), "run_id": row.runID.map { .integer($0) } ?? .null,
            "conversation_id": .string(row.conversationID), "remote": .string(row.remote), "payload": .string(row.payload),
            "operation": .string(row.operation), "method": .string(row.method), "path": .string(row.path),
            "idempotency_key": .string(row.idempotencyKey), "state": .string(row.state), "attempts": .integer(Int64(row.attempts)),
            "due_at": .string(row.dueAt), "last_http_status": row.lastHTTPStatus.map { .integer(Int64($0)) } ?? .null,
            "last_error": .nullable(row.lastError), "superseded_by": row.supersededBy.map { .integer($0) } ?? .null,
            "created_at": .string(row.createdAt), "updated_at": .string(row.updatedAt), "finished_at": .nullable(row.finishedAt),
            "fields": row.delta ?? .null, "message_id": .nullable(row.messageID), "held_by": .nullable(row.heldBy),
        ]
        guard let history else { return .object(object) }
        object["attempt_history"] = .array(history.attempts.map(json))
        object["body"] = CallBody.json(row, showsMessages: showsMessages)
        object["absorbed"] = .array(history.superseded.filter { $0.supersededBy == row.id }.map { .integer($0.id) })
        object["superseded"] = .array(history.superseded.map(json))
        object["next_try"] = .nullable(history.nextTry?.moment)
        return .object(object)
    }

    private static func json(_ attempt: AttemptListing) -> JSONValue {
        [
            "attempt": .integer(Int64(attempt.attempt)), "started_at": .string(attempt.startedAt),
            "finished_at": .string(attempt.finishedAt), "outcome": .string(attempt.outcome),
            "http_status": attempt.httpStatus.map { .integer(Int64($0)) } ?? .null, "error": .nullable(attempt.error),
            "response_excerpt": .nullable(attempt.responseExcerpt),
        ]
    }

    private static func json(_ row: SupersededListing) -> JSONValue {
        [
            "outbox_id": .integer(row.id), "superseded_by": row.supersededBy.map { .integer($0) } ?? .null,
            "created_at": .string(row.createdAt), "superseded_at": .nullable(row.supersededAt),
        ]
    }

    /// - Parameter showsMessages: whether to show the text of a message; otherwise only its length.
    static func lines(_ row: OutboxListing, _ history: OutboxHistory, showsMessages: Bool, now: Instant) -> [String] {
        func time(_ moment: String) -> String { DisplayedTime.text(moment, now: now) }
        var lines = [Terminal.paint("outbox \(row.id)  \(row.remote)  \(row.conversationID)  \(row.method) \(row.path)", .bold)]
        lines.append("  state         \(Terminal.paint(row.state, colour(row.state)))\(row.lastError.map { ": \($0)" } ?? "")")
        if let holder = row.heldBy { lines.append("  held by       \(holder)") }
        lines.append("  written       \(time(row.createdAt)) by run \(row.runID.map { "\($0)" } ?? "-")")
        if let next = history.nextTry { lines.append("  next attempt  \(next.text(now: now))") }
        if let finishedAt = row.finishedAt { lines.append("  finished      \(time(finishedAt))") }
        lines.append("  key           \(row.idempotencyKey)")
        if let successor = row.supersededBy { lines.append("  replaced by   \(successor)") }
        for (field, change) in (row.delta?.objectValue ?? [:]).sorted {
            lines.append("  \(field): \(change["from"]?.text ?? "(never sent)") → \(change["to"]?.text ?? "")")
        }
        if !history.superseded.isEmpty {
            lines.append("  replaces")
            lines += history.superseded.map { replaced in
                let successor = replaced.supersededBy == row.id ? nil : replaced.supersededBy
                return "    outbox \(replaced.id)  written \(time(replaced.createdAt))"
                    + (replaced.supersededAt.map { ", replaced \(time($0))" } ?? "") + (successor.map { " by outbox \($0)" } ?? "")
            }
        }
        lines += CallBody.lines(row, showsMessages: showsMessages)
        return lines + (history.attempts.isEmpty ? ["  not attempted yet"] : table(history.attempts, now: now))
    }

    private static func table(_ attempts: [AttemptListing], now: Instant) -> [String] {
        var table = TextTable(header: ["  ATTEMPT", "STARTED", "FINISHED", "OUTCOME", "HTTP", "ERROR", "RESPONSE"])
        table.rows = attempts.map { attempt in
            [
                .init("  \(attempt.attempt)"), .init(DisplayedTime.text(attempt.startedAt, now: now)),
                .init(DisplayedTime.text(attempt.finishedAt, now: now)), .init(attempt.outcome),
                .init(attempt.httpStatus.map { "\($0)" } ?? "-"), .init(attempt.error ?? ""), .init(attempt.responseExcerpt ?? ""),
            ]
        }
        return table.lines
    }
}
