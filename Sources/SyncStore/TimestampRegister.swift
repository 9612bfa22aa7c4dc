import GRDB
import SyncCore

/// Finds out which timestamps of a conversation are taken, with one probe of an index per message.
///
/// Lives as long as one planning transaction. A millisecond is taken by messages that are not over, and by those that were planned
/// within twice the time that the remote remembers a timestamp.
struct TimestampRegister {
    private struct Start: Hashable {
        var conversation: String
        var millisecond: Int64
    }

    let remote: String
    let now: Instant
    /// The last taken millisecond of the run that begins at the start: many messages of one millisecond do not walk along it again.
    private var runs: [Start: Int64] = [:]
    /// Taken without a row: by messages that a preview has shown.
    private var shown: [String: Set<Int64>] = [:]

    init(remote: String, now: Instant) {
        self.remote = remote
        self.now = now
    }

    /// Tells the snapshot what is taken, from its own timestamp on.
    mutating func fill(_ snapshot: inout MessageSnapshot, _ db: Database) throws {
        guard case .success(let message) = snapshot.message, let moment = Instant(iso8601: message.createdAt),
            let run = try run(from: moment.milliseconds, in: message.conversationID, db)
        else { return }
        snapshot.takenTimestamps = TakenTimestamps(range: run)
    }

    /// Counts a message that is not written as planned.
    mutating func take(_ decision: PlanDecision, in conversation: String) {
        if let millisecond = decision.timestamp?.milliseconds { shown[conversation, default: []].insert(millisecond) }
    }

    /// The milliseconds from a given one on that are taken without a gap; nil where that one is free.
    mutating func run(from first: Int64, in conversation: String, _ db: Database) throws -> ClosedRange<Int64>? {
        let start = Start(conversation: conversation, millisecond: first)
        var candidate = runs[start].map { $0 + 1 } ?? first
        let statement = try db.cachedStatement(
            sql: """
                SELECT dedupe_key FROM outbox
                WHERE conversation_id = ? AND remote = ? AND dedupe_key >= ?
                    AND (state IN ('pending', 'sending', 'held') OR updated_at > ?)
                ORDER BY dedupe_key
                """)
        let rows = try Int64.fetchCursor(
            statement, arguments: [conversation, remote, candidate, (now - OutboxRow.messageWindow * 2).iso8601])
        var next = try rows.next()
        while true {
            while let key = next, key < candidate { next = try rows.next() }
            guard next == candidate || shown[conversation]?.contains(candidate) == true else { break }
            candidate += 1
        }
        guard candidate > first else { return nil }
        runs[start] = candidate - 1
        return first...(candidate - 1)
    }
}

extension PlanDecision {
    /// The timestamp that a planned message carries.
    var timestamp: Instant? {
        guard case .send(let planned) = self else { return nil }
        return planned.call.body["message"]?["timestamp"]?.stringValue.flatMap(Instant.init(iso8601:))
    }
}
