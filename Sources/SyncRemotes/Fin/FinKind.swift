import SyncCore

extension Kind {
    /// Intercom's Fin Agent API (docs/remotes/fin.md).
    package static let fin = Kind(
        name: "fin", product: "Fin", takesPart: .everyConversation, carries: .messages,
        operations: [.init(.write, "reply", "POST", "/fin/reply")], vocabulary: FinSettings.vocabulary, aiAssignee: "agent_fin",
        adoptable: [.status],
        keys: FinSettings.keys,
        starterURL: StarterLine(
            "https://api.intercom.io",
            comment: "For workspaces in Europe https://api.eu.intercom.io, in Australia https://api.au.intercom.io."),
        webhook: FinEvent.scheme,
        trial: .none(because: "Fin's interface has no call that reads; the first message of a user shows whether the token is right"),
        adapter: FinAdapter.init)
}
