import SyncCore

/// The tables "Status values" of the pages in docs/remotes, repeated here: tests of
/// the rules must not depend on the defaults of the program.
enum DocumentedMaps {
    static let helpdesk = StatusLens(
        outbound: StatusMap { .word($0.status.rawValue) },
        inbound: InboundMap([
            "open": .state(.open, .unchanged), "resolved": .state(.resolved, .unchanged), "closed": .state(.closed, .unchanged),
            "ended": .state(.ended, .unchanged),
        ]))

    static let voicebot = StatusLens(
        outbound: StatusMap { $0.status.isFinished ? .word("done") : .word($0.owner == .none ? "to-do" : "in-progress") },
        inbound: InboundMap([
            "to-do": .state(.open, .none), "in-progress": .state(.open, .assignee), "done": .state(.closed, .unchanged),
        ]))

    static let vg = StatusLens(
        outbound: StatusMap(neverOver: ["ai-chatting": ["human-chatting", "requested_chat"]]) { state in
            if state.status.isFinished { return .word("ended_chat") }
            switch state.owner {
            case .ai: return .word("ai-chatting")
            case .none: return .word("requested_chat")
            case .human: return .word("human-chatting")
            }
        },
        inbound: InboundMap([
            "ai-chatting": .state(.open, .ai), "requested_chat": .state(.open, .none), "human-chatting": .state(.open, .human),
            "ended_chat": .state(.ended, .unchanged), "completed": .state(.ended, .unchanged),
        ]))

    static let fin = StatusLens(
        outbound: StatusMap { _ in .noStatement },
        inbound: InboundMap([
            "thinking": .state(.open, .ai), "replying": .state(.open, .ai), "awaiting_user_reply": .state(.open, .ai),
            "escalated": .state(.open, .none), "resolved": .state(.resolved, .unchanged), "complete": .endsAI,
        ]))
}

extension LocalState {
    static let ai = LocalState(.open, .ai)
    static let nobody = LocalState(.open, .none)
    static let human = LocalState(.open, .human)
    static let resolved = LocalState(.resolved, .ai)
    static let closed = LocalState(.closed, .ai)
    static let ended = LocalState(.ended, .human)
}
