import SyncCore

extension Kind {
    /// Voicebot Studio's chat Client API (docs/remotes/voicebot.md).
    package static let voicebot = Kind(
        name: "voicebot", product: "Voicebot Studio", takesPart: .linked(hasIntegerIDs: true, namesAgent: false),
        carries: .state(pushedLast: false),
        operations: [
            .init(.write, "update_conversation", "PATCH", "/conversations/{id}"),
            .init(.list, "list_conversations", "GET", "/conversations"),
            .init(.object, "get_conversation", "GET", "/conversations/{id}"),
        ],
        vocabulary: Vocabulary(
            outbound: StatusMap { state in
                if state.status.isFinished { return .word("done") }
                return .word(state.owner == .none ? "to-do" : "in-progress")
            },
            inbound: InboundMap([
                "to-do": .state(.open, .named), "in-progress": .state(.open, .assignee), "done": .state(.closed, .unchanged),
            ]),
            writable: ["to-do", "in-progress", "done"]),
        adoptable: [.status], keys: VoicebotEvent.keys,
        starterURL: StarterLine(
            "https://tenant.example.com/third-party/v1", comment: "your tenant; /conversations is appended.", isPlaceholder: true),
        webhook: VoicebotEvent.scheme, trial: .list(otherwise: "there is no call for its list"), adapter: VoicebotAdapter.init)
}
