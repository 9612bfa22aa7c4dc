import SyncCore

/// An entry of the feed of messages, with what its message says by now.
struct MessageEntry {
    var sequence: Int64
    var messageID: String
    var conversationID: String
    var target: FeedTarget
    /// Nil for a message that was deleted.
    var createdAt: String?
    /// Goes to its place in the conversation by ``createdAt``.
    var isMoved: Bool
    /// Since when it waits to be planned.
    var since: String

    /// Messages go out in the order in which they were written. Those of a conversation that has got some from another one are put
    /// in the order of their timestamps, on the places that they have together.
    static func ordered(_ entries: [MessageEntry]) -> [MessageEntry] {
        let mixed = Set(entries.lazy.filter(\.isMoved).map(\.conversationID))
        guard !mixed.isEmpty else { return entries }
        var ordered = entries
        for conversation in mixed {
            let places = entries.indices.filter { entries[$0].conversationID == conversation }
            let sorted = places.sorted { left, right in
                let (first, second) = (entries[left], entries[right])
                return (first.milliseconds, first.sequence) < (second.milliseconds, second.sequence)
            }
            for (place, source) in zip(places, sorted) { ordered[place] = entries[source] }
        }
        return ordered
    }

    /// What has no timestamp comes last.
    private var milliseconds: Int64 { Instant.column(createdAt)?.milliseconds ?? .max }
}

/// A row of the feed of messages: an entry, unless one of its keys cannot be used.
enum MessageFeedRow: RowRecord {
    case entry(MessageEntry)
    case unreadable(sequence: Int64, UnreadableKey)

    static let columns: SQL = """
        f.sequence, f.message_id, coalesce(m.conversation_id, f.conversation_id), f.remote, m.created_at, f.moved, f.since
        """
    static let tables: SQL = "message_feed f LEFT JOIN messages m ON m.id = f.message_id"

    init(_ columns: inout Columns) throws {
        let sequence: Int64 = try columns.next()
        let (message, conversation): (StoredKey, StoredKey) = (try columns.next(), try columns.next())
        guard let messageID = message.text, let conversationID = conversation.text else {
            self = .unreadable(sequence: sequence, UnreadableKey(message: message, of: conversation))
            return
        }
        self = .entry(
            MessageEntry(
                sequence: sequence, messageID: messageID, conversationID: conversationID, target: try columns.next(),
                createdAt: try columns.next(), isMoved: try columns.next(), since: try columns.next()))
    }

    var sequence: Int64 {
        switch self {
        case .entry(let entry): entry.sequence
        case .unreadable(let sequence, _): sequence
        }
    }

    var entry: MessageEntry? {
        if case .entry(let entry) = self { entry } else { nil }
    }
}
