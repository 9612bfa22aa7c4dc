import SyncCore

/// What reconciling needs besides the database.
package struct InboundContext: Sendable {
    package var remotes: [RemoteParticipation]
    package var now: Instant
    package var brake: Brake.Settings
    /// Returns the decisions of a remote by its name; nil for one that is not configured.
    package var decisions: @Sendable (String) -> (any LinkDecisions)?

    package init(
        remotes: [RemoteParticipation], now: Instant, brake: Brake.Settings = .init(),
        decisions: @escaping @Sendable (String) -> (any LinkDecisions)?
    ) {
        self.remotes = remotes
        self.now = now
        self.brake = brake
        self.decisions = decisions
    }
}
