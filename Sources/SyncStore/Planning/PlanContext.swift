import SyncCore

/// The input of planning: which remotes take part, and how to decide.
package struct PlanContext: Sendable {
    package var remotes: [RemoteParticipation]
    package var now: Instant
    /// Set when the state rows are to be written as held.
    package var hold: Hold?
    /// Limits finished statuses that are adopted while planning, after a map has changed or a value of a remote is understood at last.
    package var brake: Brake.Settings
    package var decide: @Sendable (LinkSnapshot) -> LinkPlan
    package var decideMessage: @Sendable (MessageSnapshot) -> PlanDecision

    package init(
        remotes: [RemoteParticipation], now: Instant, hold: Hold? = nil, brake: Brake.Settings = .init(),
        decide: @escaping @Sendable (LinkSnapshot) -> LinkPlan, decideMessage: @escaping @Sendable (MessageSnapshot) -> PlanDecision
    ) {
        self.remotes = remotes
        self.now = now
        self.hold = hold
        self.brake = brake
        self.decide = decide
        self.decideMessage = decideMessage
    }
}
