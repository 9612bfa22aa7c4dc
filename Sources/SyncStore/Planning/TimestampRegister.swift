import SyncCore
import Synchronization

/// Finds out which timestamps of a conversation are taken, with one probe of an index per message.
///
/// A millisecond is taken by messages that are not over, and by those that were planned
/// within twice the time that the remote remembers a timestamp.
struct TimestampRegister {
    fileprivate struct Start: Hashable {
        var remote: String
        var conversation: String
        var millisecond: Int64
    }

    /// Where runs of taken milliseconds were last found to end: many messages of one millisecond do not walk along them again, also in
    /// later transactions. Only a hint of where to begin to search: what has become free in between stays unused.
    final class Runs: Sendable {
        /// Begins anew when there are more.
        private static let limit = 10_000
        private let ends = Mutex<[Start: Int64]>([:])

        fileprivate func end(of start: Start) -> Int64? { ends.withLock { $0[start] } }

        fileprivate func note(_ end: Int64, of start: Start) {
            ends.withLock { ends in
                if ends.count >= Runs.limit { ends = [:] }
                ends[start] = end
            }
        }
    }

    let remote: String
    let now: Instant
    private let runs: Runs
    /// Taken without a row: by messages that a preview has shown.
    private var shown: [String: Set<Int64>] = [:]

    init(remote: String, now: Instant, runs: Runs = Runs()) {
        self.remote = remote
        self.now = now
        self.runs = runs
    }

    /// Tells the snapshot what is taken, from its own timestamp on.
    mutating func fill(_ snapshot: inout MessageSnapshot, _ session: any Session) throws {
        guard case .success(let message) = snapshot.message, let timestamp = Instant(iso8601: message.createdAt),
            let run = try run(from: timestamp.milliseconds, in: message.conversationID, session)
        else { return }
        snapshot.takenTimestamps = TakenTimestamps(range: run)
    }

    /// Counts a message that is not written as planned.
    mutating func take(_ decision: PlanDecision, in conversation: String) {
        if let millisecond = decision.timestamp?.milliseconds { shown[conversation, default: []].insert(millisecond) }
    }

    /// The milliseconds from a given one on that are taken without a gap; nil where that one is free.
    mutating func run(from first: Int64, in conversation: String, _ session: any Session) throws -> ClosedRange<Int64>? {
        let start = Start(remote: remote, conversation: conversation, millisecond: first)
        var candidate = first
        // Once the first one is free again, so is the whole run.
        if let end = runs.end(of: start), try isTaken(first, in: conversation, session) { candidate = end + 1 }
        let shown = shown[conversation] ?? []
        try session.each(
            """
            SELECT dedupe_key FROM outbox
            WHERE conversation_id = \(conversation) AND remote = \(remote) AND dedupe_key >= \(candidate) AND \(takenCondition)
            ORDER BY dedupe_key
            """
        ) { columns in
            let key: Int64 = try columns.next()
            while candidate < key, shown.contains(candidate) { candidate += 1 }
            guard key <= candidate else { return .stop }
            if key == candidate { candidate += 1 }
            return .next
        }
        while shown.contains(candidate) { candidate += 1 }
        guard candidate > first else { return nil }
        // A run that only a preview has seen is none.
        if self.shown.isEmpty { runs.note(candidate - 1, of: start) }
        return first...(candidate - 1)
    }
}

extension TimestampRegister {
    private func isTaken(_ millisecond: Int64, in conversation: String, _ session: any Session) throws -> Bool {
        try session.exists(
            """
            SELECT 1 FROM outbox
            WHERE conversation_id = \(conversation) AND remote = \(remote) AND dedupe_key = \(millisecond) AND \(takenCondition)
            """)
    }

    /// Of a row of the outbox: whether its timestamp is taken.
    private var takenCondition: SQL { "(state IN ('pending', 'sending', 'held') OR updated_at > \(now - OutboxRow.messageWindow * 2))" }
}

extension PlanDecision {
    /// The timestamp that a planned message carries.
    var timestamp: Instant? {
        guard case .send(let planned) = self else { return nil }
        return planned.call.body["message"]?["timestamp"]?.stringValue.flatMap(Instant.init(iso8601:))
    }
}
