/// What the list of conversations needs besides the conversations: their state some changes ago, and the order of an agent's list.
///
/// The vendor's list reads a copy that can lag behind the live documents (docs/remotes/vg.md, "Reading").
struct VGMirror: Sendable {
    /// The list can lag by at most this many changes.
    static let maximumLag = 1_000

    private struct Change: Sendable {
        let key: ConversationKey
        /// Nil if the change created the conversation.
        let previous: VGConversation?
    }

    private var changes: [Change] = []
    private(set) var changeCount = 0

    mutating func record(_ key: ConversationKey, previous: VGConversation?) {
        changeCount += 1
        changes.append(Change(key: key, previous: previous))
        // Removed in blocks, so that a change costs no more than an append on average.
        if changes.count > 2 * Self.maximumLag { changes.removeFirst(changes.count - Self.maximumLag) }
    }

    /// The state of changed conversations before the last `lag` changes; an inner nil means that the conversation did not exist yet.
    func before(lastChanges lag: Int) -> [ConversationKey: VGConversation?] {
        var earlier: [ConversationKey: VGConversation?] = [:]
        for change in changes.suffix(max(0, min(lag, Self.maximumLag))).reversed() {
            earlier.updateValue(change.previous, forKey: change.key)
        }
        return earlier
    }
}
