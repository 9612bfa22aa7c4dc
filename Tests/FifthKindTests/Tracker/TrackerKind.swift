import SyncCore

extension Kind {
    /// A made-up system with two operations: tickets of projects, which are written and read.
    static let tracker = Kind(
        name: "tracker", product: "the tracker", takesPart: .linked(hasIntegerIDs: false, namesAgent: false),
        carries: .state(pushedLast: false),
        operations: [
            .init(.write, "update_ticket", "PUT", "/projects/{project}/tickets/{id}"),
            .init(.object, "get_ticket", "GET", "/projects/{project}/tickets/{id}"),
        ],
        vocabulary: Vocabulary(
            outbound: StatusMap { .word($0.status.isFinished ? "closed" : $0.owner == .none ? "new" : "assigned") },
            inbound: InboundMap([
                "new": .state(.open, .named), "assigned": .state(.open, .assignee), "closed": .state(.closed, .unchanged),
            ]),
            writable: ["new", "assigned", "closed"]),
        adoptable: [.status, .title],
        keys: [
            ConfigurationKey(
                "project", .text { $0.contains("/") ? "is not the name of a project" : nil }, example: .text("support"),
                "The project of all tickets. (No default.)",
                starter: StarterLine("your-project", comment: "the project of all tickets.", isPlaceholder: true), fills: "project")
        ],
        starterURL: StarterLine("https://tracker.example.com", comment: "where the tracker is.", isPlaceholder: true),
        trial: .delivered(otherwise: "no ticket is known yet"), adapter: TrackerAdapter.init)
}
