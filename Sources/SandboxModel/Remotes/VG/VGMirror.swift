/// What the list of conversations needs beside the conversations: how they were some changes ago, and the order of an agent's list.
///
/// The vendor's list reads a copy that can be behind the live documents (docs/remotes/vg.md, "Reading").
struct VGMirror: Sendable {
    /// The list can lag this many changes at most.
    static let maximumLag = 1_000

    private struct Change: Sendable {
        let key: ConversationKey
        /// nil when the change created the conversation.
        let previous: VGConversation?
    }

    private var changes: [Change] = []
    private(set) var changeCount = 0

    mutating func record(_ key: ConversationKey, previous: VGConversation?) {
        changeCount += 1
        changes.append(Change(key: key, previous: previous))
        // Cleared in halves, so that a change costs no more than an append on average.
        if changes.count > 2 * Self.maximumLag { changes.removeFirst(changes.count - Self.maximumLag) }
    }

    /// How the conversations that changed since were before the last `lag` changes; a nil inside means "not there yet".
    func before(lastChanges lag: Int) -> [ConversationKey: VGConversation?] {
        var earlier: [ConversationKey: VGConversation?] = [:]
        for change in changes.suffix(max(0, min(lag, Self.maximumLag))).reversed() {
            earlier.updateValue(change.previous, forKey: change.key)
        }
        return earlier
    }
}
