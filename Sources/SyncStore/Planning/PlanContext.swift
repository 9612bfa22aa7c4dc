import SyncCore

/// Why rows are written as held.
package struct Hold: Sendable, Equatable {
    package var holder: Holder
    /// For `outbox.last_error`.
    package var reason: String

    package init(_ holder: Holder, reason: String) {
        self.holder = holder
        self.reason = reason
    }
}

/// What planning needs from outside: who takes part, how to decide, and the edge's clock and randomness.
package struct PlanContext: Sendable {
    package var remotes: [RemoteParticipation]
    package var runID: Int64
    package var now: Instant
    /// Set when the state rows of this run are to be written as held.
    package var hold: Hold?
    package var decide: @Sendable (LinkSnapshot) -> LinkPlan
    package var decideMessage: @Sendable (MessageSnapshot) -> PlanDecision
    package var newIdempotencyKey: @Sendable () -> String
    /// For ends that are taken over while planning: a map has changed, or a remote is understood now.
    package var brake = Brake.Settings()
    /// How long a planning transaction may hold the write lock; what is left is planned by the next one.
    package var timeLimit = Store.planningTime

    package init(
        remotes: [RemoteParticipation], runID: Int64, now: Instant, hold: Hold? = nil,
        decide: @escaping @Sendable (LinkSnapshot) -> LinkPlan,
        decideMessage: @escaping @Sendable (MessageSnapshot) -> PlanDecision,
        newIdempotencyKey: @escaping @Sendable () -> String
    ) {
        self.remotes = remotes
        self.runID = runID
        self.now = now
        self.hold = hold
        self.decide = decide
        self.decideMessage = decideMessage
        self.newIdempotencyKey = newIdempotencyKey
    }
}

/// The two stages of a run at which conversations are planned.
package enum PlanStage: Sendable {
    /// Remotes with links: voicebot and vg.
    case linked
    /// The helpdesk, after the others have responded.
    case endOfRun
}

/// A key in the application's tables that cannot be used, for the log and for `status`.
package struct UnreadableKey: Sendable, Equatable {
    /// The bytes as SQLite's hex() writes them.
    package var hex: String
    package var problem: String

    init(conversation key: StoredKey) {
        hex = key.hex
        problem = "conversations.id \(key.problem ?? "cannot be used")"
    }

    /// The message's own key, or that of its conversation.
    init(message: StoredKey, of conversation: StoredKey) {
        hex = (message.text == nil ? message : conversation).hex
        problem =
            if let problem = message.problem {
                "messages.id \(problem)"
            } else {
                "messages.conversation_id \(conversation.problem ?? "cannot be used")"
            }
    }
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

    /// Entries of the feed that were examined; 0 means that nothing is left.
    package var examined = 0
    /// Of these, the entries that the feed does not show any more. Fewer than one for a batch that examined some: planning makes no
    /// progress, and must not go on.
    package var takenOff = 0
    /// Entries that were put aside because their key cannot be used.
    package var unreadable: [UnreadableKey] = []
    /// Entries that could not be planned and are put aside.
    package var putAside: [PutAside] = []
    /// Remotes for which another process plans with another configuration; only the first time that it is found out.
    package var foreignRemotes: [String] = []
    package var planned = 0
    package var superseded: [Superseded] = []
    package var refused: [Refused] = []
    package var omissions: [OmittedField] = []
    /// Rows that are held because the remote has undone what they say too often.
    package var heldBack: [Refused] = []
    /// What was taken over because it is understood now, or may be.
    package var adopted: [Reconciled] = []
    /// Rows among the planned ones that were written as held.
    package var held = 0
    /// What was planned reaches so many conversations (see ``Brake``).
    package var reach = Brake.Reach()
}
