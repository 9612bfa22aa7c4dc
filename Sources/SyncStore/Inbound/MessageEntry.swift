import SyncCore

/// An entry of the feed of messages, with what its message says by now.
struct MessageEntry {
    /// For ``init(_:)``: `message_feed f LEFT JOIN messages m`.
    static let columns =
        "f.sequence, f.message_id, coalesce(m.conversation_id, f.conversation_id), f.remote, m.created_at, f.moved, f.since"

    var sequence: Int64
    var messageID: String
    var conversationID: String
    var remote: String
    /// Nil for a message that was deleted.
    var createdAt: String?
    /// Goes to its place in the conversation by ``createdAt``.
    var isMoved: Bool
    /// Since when it waits to be planned.
    var since: String

    /// Nil where a key cannot be used.
    init?(_ row: StoredRow) {
        guard let messageID = row.key(1).text, let conversationID = row.key(2).text else { return nil }
        sequence = row[0]
        self.messageID = messageID
        self.conversationID = conversationID
        remote = row[3]
        createdAt = row[4]
        isMoved = row[5]
        since = row[6]
    }

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
                return (first.moment, first.sequence) < (second.moment, second.sequence)
            }
            for (place, source) in zip(places, sorted) { ordered[place] = entries[source] }
        }
        return ordered
    }

    private var moment: Int64 { createdAt.flatMap(Instant.init(iso8601:))?.milliseconds ?? .max }
}
