import SyncCore

/// An entry of the message feed, with the current columns of its message.
struct MessageEntry {
    var sequence: Int64
    var messageID: String
    var conversationID: String
    var target: FeedTarget
    /// Nil for a message that was deleted.
    var createdAt: String?
    var place: Place
    /// Since when the entry has been waiting to be planned.
    var since: String

    /// Where a message is planned within its conversation (`message_feed.moved`).
    enum Place: Int64, Sendable {
        /// In the order of the feed.
        case written = 0
        /// By ``MessageEntry/createdAt``: the message was moved to the conversation.
        case dated = 1
        /// Before all others, by ``MessageEntry/sequence``: the message was in the outbox, and is planned again.
        case kept = 2
    }

    /// What the sequence of a message that keeps its place is lower by than that place (`outbox.place`, or the id of its row).
    static let plannedBefore: Int64 = 1_000_000_000_000_000

    /// The place that the row planned now gets in the outbox; nil for one after all others. A sequence that is not below zero is that of a copy for
    /// another remote, where the message had no place.
    var keptPlace: Int64? { place == .kept && sequence < 0 ? sequence + MessageEntry.plannedBefore : nil }

    /// Messages are sent in the order in which they were written. Those that were in the outbox come first, as they were there. In a conversation that
    /// received messages of another one, the other entries are sorted by their timestamps among the places that they hold together.
    static func ordered(_ entries: [MessageEntry]) -> [MessageEntry] {
        let mixed = Set(entries.lazy.filter { $0.place != .written }.map { $0.conversationID })
        guard !mixed.isEmpty else { return entries }
        var ordered = entries
        for conversation in mixed {
            let places = entries.indices.filter { entries[$0].conversationID == conversation }
            let kept = places.filter { entries[$0].place == .kept }.sorted { entries[$0].sequence < entries[$1].sequence }
            var others = places.filter { entries[$0].place != .kept }
            if others.contains(where: { entries[$0].place == .dated }) {
                others.sort { left, right in
                    let (first, second) = (entries[left], entries[right])
                    return (first.milliseconds, first.sequence) < (second.milliseconds, second.sequence)
                }
            }
            for (place, source) in zip(places, kept + others) { ordered[place] = entries[source] }
        }
        return ordered
    }

    /// A message without a timestamp comes last.
    private var milliseconds: Int64 { Instant.column(createdAt)?.milliseconds ?? .max }
}

/// A row of the message feed: an entry, unless one of its keys cannot be used.
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
        let (target, createdAt): (FeedTarget, String?) = (try columns.next(), try columns.next())
        let place: Int64 = try columns.next()
        self = .entry(
            MessageEntry(
                sequence: sequence, messageID: messageID, conversationID: conversationID, target: target, createdAt: createdAt,
                place: MessageEntry.Place(rawValue: place) ?? .written, since: try columns.next()))
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
