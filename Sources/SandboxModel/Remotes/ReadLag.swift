/// What reads still show of conversations that changed lately: how they were before, for a number of reads (option `lagging_reads`).
///
/// Systems that answer reads from a replica behave so; none of the four documents promises that a read shows the last write.
struct ReadLag<Conversation: Sendable & Equatable>: Sendable {
    private struct Entry {
        let former: Conversation
        var reads: Int
    }

    private var entries: [ConversationKey: Entry] = [:]

    /// A conversation changed; the next `reads` reads of it do not show that.
    mutating func note(_ key: ConversationKey, from former: Conversation?, to present: Conversation, reads: Int) {
        guard reads > 0, let former, former != present else { return }
        entries[key] = Entry(former: former, reads: reads)
    }

    /// What one read of the conversation shows instead of the present state; nil when it shows that.
    mutating func read(_ key: ConversationKey) -> Conversation? {
        guard let entry = entries[key] else { return nil }
        entries[key] = entry.reads > 1 ? Entry(former: entry.former, reads: entry.reads - 1) : nil
        return entry.former
    }

    /// What a list shows instead of the present state. A list is not a read of the conversation, so it is not counted.
    func listed(_ key: ConversationKey) -> Conversation? { entries[key]?.former }
}
