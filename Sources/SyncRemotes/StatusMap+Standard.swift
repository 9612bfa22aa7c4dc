import SyncCore

extension StatusMap {
    /// The outbound words by default (docs/remotes, "Status values" of each page).
    package static func standard(for kind: RemoteKind) -> StatusMap {
        switch kind {
        case .helpdesk:
            StatusMap { .word($0.status.rawValue) }
        case .fin:
            StatusMap { _ in .noStatement }
        case .voicebot:
            StatusMap { state in
                if state.status.isFinished { return .word("done") }
                return .word(state.owner == .none ? "to-do" : "in-progress")
            }
        case .vg:
            StatusMap(neverOver: ["ai-chatting": ["human-chatting", "requested_chat"]]) { state in
                if state.status.isFinished { return .word("ended_chat") }
                return switch state.owner {
                case .ai: .word("ai-chatting")
                case .none: .word("requested_chat")
                case .human: .word("human-chatting")
                }
            }
        }
    }

    /// The words that a kind's document allows, plus vg's `completed`, which its example sends although its schema does not list it.
    package static func documentedWords(for kind: RemoteKind) -> [String] {
        switch kind {
        case .helpdesk: LocalStatus.allCases.map(\.rawValue)
        case .fin: []
        case .voicebot: ["to-do", "in-progress", "done"]
        case .vg: ["requested_chat", "human-chatting", "ai-chatting", "ended_chat", "completed"]
        }
    }
}

extension InboundMap {
    /// What the words of a kind mean by default (docs/remotes, "Status values" of each page).
    package static func standard(for kind: RemoteKind) -> InboundMap {
        switch kind {
        case .helpdesk:
            InboundMap(Dictionary(uniqueKeysWithValues: LocalStatus.allCases.map { ($0.rawValue, .state($0, .unchanged)) }))
        case .fin:
            InboundMap([
                "thinking": .state(.open, .ai), "replying": .state(.open, .ai), "awaiting_user_reply": .state(.open, .ai),
                "escalated": .state(.open, .none), "resolved": .state(.resolved, .unchanged), "complete": .endsAI,
            ])
        case .voicebot:
            InboundMap([
                "to-do": .state(.open, .named), "in-progress": .state(.open, .assignee), "done": .state(.closed, .unchanged),
            ])
        case .vg:
            InboundMap([
                "ai-chatting": .state(.open, .ai), "requested_chat": .state(.open, .named), "human-chatting": .state(.open, .human),
                "ended_chat": .state(.ended, .unchanged), "completed": .state(.ended, .unchanged),
            ])
        }
    }

    /// The words that a kind's documents list for reading; others are possible and unmapped.
    package static func documentedWords(for kind: RemoteKind) -> [String] {
        kind == .fin
            ? ["thinking", "replying", "awaiting_user_reply", "escalated", "resolved", "complete"]
            : StatusMap.documentedWords(for: kind)
    }
}
