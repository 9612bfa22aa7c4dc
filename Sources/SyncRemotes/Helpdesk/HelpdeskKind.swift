import SyncCore

extension Kind {
    /// The customer's own system, which implements the Fin custom-helpdesk contract (docs/remotes/helpdesk.md).
    package static let helpdesk = Kind(
        name: "helpdesk", product: "a helpdesk", takesPart: .everyConversation, carries: .state(pushedLast: true),
        operations: [
            .init(.write, "update_conversation", "POST", "/update_conversation"),
            .init(.object, "get_conversation", "POST", "/get_conversation"),
        ],
        vocabulary: Vocabulary(
            outbound: StatusMap { .word($0.status.rawValue) },
            inbound: InboundMap(Dictionary(uniqueKeysWithValues: LocalStatus.allCases.map { ($0.rawValue, .state($0, .unchanged)) })),
            writable: LocalStatus.allCases.map(\.rawValue)),
        adoptable: [.status, .title, .tags],
        starterURL: StarterLine(
            "https://helpdesk.example.com/api/fin", comment: "where your helpdesk takes calls; /update_conversation is appended.",
            isPlaceholder: true),
        webhook: HelpdeskEvent.scheme,
        trial: .delivered(
            otherwise: "a helpdesk can only be asked for a conversation that it has, and none is known yet; the first delivery shows it"),
        adapter: HelpdeskAdapter.init)
}
