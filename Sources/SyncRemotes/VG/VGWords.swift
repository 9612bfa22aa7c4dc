import SyncCore

/// The values of a vg conversation's `state`.
enum VGWords {
    /// The value for the end in the vendor's schema; this one is sent.
    private static let ended = "ended_chat"
    /// Both have the same meaning: the vendor's schema lists one, its example sends the other.
    private static let endings = [ended, "completed"]

    static let vocabulary = Vocabulary(
        outbound: StatusMap(neverOver: ["ai-chatting": ["human-chatting", "requested_chat"]]) { state in
            if state.status.isFinished { return .word(ended) }
            return switch state.owner {
            case .ai: .word("ai-chatting")
            case .none: .word("requested_chat")
            case .human: .word("human-chatting")
            }
        },
        inbound: InboundMap(
            [
                "ai-chatting": .state(.open, .ai), "requested_chat": .state(.open, .named), "human-chatting": .state(.open, .human),
            ].merging(endings.map { ($0, .state(.ended, .unchanged)) }) { $1 }),
        writable: ["requested_chat", "human-chatting", "ai-chatting"] + endings, spellings: [Set(endings)])

    /// Whether two values are different forms of the same one.
    static func meanSame(_ left: JSONValue, _ right: JSONValue) -> Bool {
        guard let left = left.stringValue, let right = right.stringValue else { return false }
        return endings.contains(left) && endings.contains(right)
    }
}
