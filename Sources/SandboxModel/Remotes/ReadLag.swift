/// Makes reads of recently changed conversations show the previous state, for a number of reads (option `lagging_reads`).
///
/// Systems that read from a replica behave like this; none of the four documents promises that a read shows the last write.
struct ReadLag<Conversation: Sendable & Equatable>: Sendable {
    private struct Entry {
        let former: Conversation
        var reads: Int
    }

    private var entries: [ConversationKey: Entry] = [:]

    /// Records a change of a conversation; the next `reads` reads of it do not show it.
    mutating func note(_ key: ConversationKey, from former: Conversation?, to present: Conversation, reads: Int) {
        guard reads > 0, let former, former != present else { return }
        entries[key] = Entry(former: former, reads: reads)
    }

    /// The previous state, if one read of the conversation is to show it instead of the current one.
    mutating func read(_ key: ConversationKey) -> Conversation? {
        guard let entry = entries[key] else { return nil }
        entries[key] = entry.reads > 1 ? Entry(former: entry.former, reads: entry.reads - 1) : nil
        return entry.former
    }

    /// The previous state for a list. A list is not a read of the conversation, so it is not counted.
    func listed(_ key: ConversationKey) -> Conversation? { entries[key]?.former }
}
