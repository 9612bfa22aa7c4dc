import SyncCore
import Synchronization

/// Finds out which timestamps of a conversation are taken, with one index lookup per message.
///
/// A millisecond is taken by every message that was not delivered, because it may still be sent as it is: by itself or by a retry, whenever that is. A
/// delivered message takes it for twice the time for which the remote remembers a timestamp. The rows of a message that were replaced before anything
/// was sent leave it to the one that replaces them.
struct TimestampRegister {
    fileprivate struct Start: Hashable {
        var remote: String
        var conversation: String
        var millisecond: Int64
    }

    /// Where runs of taken milliseconds were last found to end, so that many messages of one millisecond do not scan them again, in later
    /// transactions either. This is only a hint where the search begins: milliseconds that have become free in between stay unused.
    final class Runs: Sendable {
        /// Cleared when there are more.
        private static let limit = 10_000
        private let ends = Mutex<[Start: Int64]>([:])

        var count: Int { ends.withLock { $0.count } }

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
    /// Milliseconds taken without a row, by messages that a preview has shown.
    private var shown: [String: Set<Int64>] = [:]

    init(remote: String, now: Instant, runs: Runs = Runs()) {
        self.remote = remote
        self.now = now
        self.runs = runs
    }

    /// Fills in which milliseconds are taken, from the message's own timestamp on.
    mutating func fill(_ snapshot: inout MessageSnapshot, _ session: any Session) throws {
        guard case .success(let message) = snapshot.message, let timestamp = Instant(iso8601: message.createdAt),
            let run = try run(from: timestamp.milliseconds, in: message.conversationID, of: message.id, session)
        else { return }
        snapshot.takenTimestamps = TakenTimestamps(range: run)
    }

    /// Counts a message of a preview, which is not written, as planned.
    mutating func take(_ decision: PlanDecision, in conversation: String) {
        if let millisecond = decision.timestamp?.milliseconds { shown[conversation, default: []].insert(millisecond) }
    }

    /// The contiguous run of taken milliseconds that starts with the given one; nil if that one is free.
    /// - Parameter message: the message that looks for its timestamp.
    mutating func run(
        from first: Int64, in conversation: String, of message: String? = nil, _ session: any Session
    ) throws -> ClosedRange<Int64>? {
        let start = Start(remote: remote, conversation: conversation, millisecond: first)
        var candidate = first
        // When the first one is free again, the message gets it, wherever the run ends.
        if let end = runs.end(of: start), try isTaken(first, in: conversation, of: message, session) { candidate = end + 1 }
        let shown = shown[conversation] ?? []
        try session.each(
            """
            SELECT dedupe_key FROM outbox
            WHERE conversation_id = \(conversation) AND remote = \(remote) AND dedupe_key >= \(candidate) AND \(takenCondition(message))
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
        // A run that includes messages of a preview is not stored.
        if self.shown.isEmpty { runs.note(candidate - 1, of: start) }
        return first...(candidate - 1)
    }
}

extension TimestampRegister {
    private func isTaken(_ millisecond: Int64, in conversation: String, of message: String?, _ session: any Session) throws -> Bool {
        try session.exists(
            """
            SELECT 1 FROM outbox
            WHERE conversation_id = \(conversation) AND remote = \(remote) AND dedupe_key = \(millisecond) AND \(takenCondition(message))
            """)
    }

    /// For a row of the outbox: whether its timestamp is taken for the message.
    private func takenCondition(_ message: String?) -> SQL {
        """
        (state <> 'delivered' OR updated_at > \(now - OutboxRow.messageWindow * 2))
            AND NOT (state = 'discarded' AND message_id IS \(message) AND in_doubt_since IS NULL
                AND NOT EXISTS (SELECT 1 FROM outbox_attempts a WHERE a.outbox_id = outbox.id))
        """
    }
}

extension PlanDecision {
    /// The timestamp that a planned message carries.
    var timestamp: Instant? {
        guard case .send(let planned) = self else { return nil }
        return planned.call.body["message"]?["timestamp"]?.stringValue.flatMap(Instant.init(iso8601:))
    }
}
