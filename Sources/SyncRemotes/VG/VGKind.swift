import SyncCore

extension Kind {
    /// VoiceGlow / Convocore (docs/remotes/vg.md).
    package static let vg = Kind(
        name: "vg", product: "VoiceGlow", takesPart: .linked(hasIntegerIDs: false, namesAgent: true), carries: .state(pushedLast: false),
        operations: [
            .init(.write, "update_convo", "PATCH", "/agents/{agentId}/convos/{convoId}"),
            .init(.list, "list_convos", "GET", "/agents/{agentId}/convos"),
            .init(.object, "get_convo", "GET", "/agents/{agentId}/convos/{convoId}"),
        ],
        vocabulary: VGWords.vocabulary, adoptable: [.status, .title, .tags], keys: VGSettings.keys,
        starterURL: StarterLine(
            "https://vg.example.com", comment: "the host of your region and API version; /agents/… is appended.", isPlaceholder: true),
        webhook: VGEvent.scheme, trial: .list(otherwise: "its list is kept by agent, and agent_id is not set"), adapter: VGAdapter.init)
}
