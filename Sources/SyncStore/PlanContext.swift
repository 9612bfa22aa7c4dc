import SyncCore

/// What planning needs from outside: who takes part, how to decide, and the edge's clock and randomness.
package struct PlanContext: Sendable {
    package var remotes: [RemoteParticipation]
    package var runID: Int64
    package var now: Instant
    package var decide: @Sendable (LinkSnapshot) -> PlanDecision
    package var decideMessage: @Sendable (MessageSnapshot) -> PlanDecision
    package var newIdempotencyKey: @Sendable () -> String

    package init(
        remotes: [RemoteParticipation], runID: Int64, now: Instant, decide: @escaping @Sendable (LinkSnapshot) -> PlanDecision,
        decideMessage: @escaping @Sendable (MessageSnapshot) -> PlanDecision,
        newIdempotencyKey: @escaping @Sendable () -> String
    ) {
        self.remotes = remotes
        self.runID = runID
        self.now = now
        self.decide = decide
        self.decideMessage = decideMessage
        self.newIdempotencyKey = newIdempotencyKey
    }
}

/// The two moments of a run at which conversations are planned.
package enum PlanStage: Sendable {
    /// Remotes with links: voicebot and vg.
    case linked
    /// The helpdesk, after the others have answered.
    case endOfRun
}

/// What one batch of planning did.
package struct PlanBatch: Sendable, Equatable {
    package struct Refused: Sendable, Equatable {
        package var outboxID: Int64
        package var conversationID: String
        package var remote: String
        package var reason: String
    }

    package struct Superseded: Sendable, Equatable {
        package var outboxID: Int64
        package var conversationID: String
        package var remote: String
        package var supersededBy: Int64
    }

    package struct OmittedField: Sendable, Equatable {
        package var conversationID: String
        package var remote: String
        package var omission: Omission
    }

    /// Entries of the feed that were worked off; 0 means that nothing is left.
    package var examined = 0
    package var planned = 0
    package var superseded: [Superseded] = []
    package var refused: [Refused] = []
    package var omissions: [OmittedField] = []
}
