/// Everything that a decision about one conversation at one remote depends on.
package struct LinkSnapshot: Sendable {
    package var conversationID: String
    package var remote: String
    package var link: Link
    /// Why nothing can be sent along the link; nil where something can.
    package var linkProblem: Unsendable?
    package var conversation: Conversation
    /// Status, assignee and title with the number and the time of their last changes.
    package var local: LocalRow
    package var record: LinkRecord
    /// The rows of `assignees` that matter: of the present assignee, and of whoever the remote names.
    package var seats: [Seat]
    /// The row that already stands for this conversation at this remote, if any.
    package var standing: StandingRow?
    /// So many conversations are over at the remote that somebody has to look before that is taken over.
    package var areEndsHeld: Bool
    package var now: Instant

    package init(
        conversationID: String, remote: String, link: Link, linkProblem: Unsendable? = nil, conversation: Conversation, local: LocalRow,
        record: LinkRecord = .init(), seats: [Seat] = [], standing: StandingRow? = nil, areEndsHeld: Bool = false, now: Instant
    ) {
        self.conversationID = conversationID
        self.remote = remote
        self.link = link
        self.linkProblem = linkProblem
        self.conversation = conversation
        self.local = local
        self.record = record
        self.seats = seats
        self.standing = standing
        self.areEndsHeld = areEndsHeld
        self.now = now
    }
}

/// A row of the id map `assignees`, for one remote.
package struct Seat: Equatable, Sendable {
    package var assigneeID: String
    package var remoteUserID: String

    package init(assigneeID: String, remoteUserID: String) {
        self.assigneeID = assigneeID
        self.remoteUserID = remoteUserID
    }
}

/// A message that has not been planned yet, with what the call needs besides it.
package struct MessageSnapshot: Sendable {
    package var remote: String
    package var message: Result<Message, Unsendable>
    package var user: User?
    /// Timestamps that recent messages of the conversation were planned with. A second message with one of these would be taken
    /// for a repetition of the first.
    package var takenTimestamps: TakenTimestamps

    package init(remote: String, message: Result<Message, Unsendable>, user: User?, takenTimestamps: TakenTimestamps = .init()) {
        self.remote = remote
        self.message = message
        self.user = user
        self.takenTimestamps = takenTimestamps
    }
}

/// The newest state row of a conversation at a remote that is neither acknowledged nor replaced: pending, held or dead.
package struct StandingRow: Equatable, Sendable {
    package var id: Int64
    package var state: OutboxState
    package var path: String
    package var body: String
    package var error: String?
    /// Planning refused the row, so that it was never sent.
    package var isRefused: Bool
    /// Who holds it, while it is held.
    package var holder: Holder?

    package init(
        id: Int64, state: OutboxState, path: String, body: String, error: String?, isRefused: Bool = false, holder: Holder? = nil
    ) {
        self.id = id
        self.state = state
        self.path = path
        self.body = body
        self.error = error
        self.isRefused = isRefused
        self.holder = holder
    }
}

/// A call worked out for the outbox.
package struct PlannedCall: Equatable, Sendable {
    package var call: OutboundCall
    /// Field by field what changes; nil for messages.
    package var delta: Delta?
    package var omissions: [Omission]
    /// Whether the call turns a word of the remote that means "not finished" into one that means "finished".
    package var finishes: Bool

    package init(call: OutboundCall, delta: Delta?, omissions: [Omission] = [], finishes: Bool = false) {
        self.call = call
        self.delta = delta
        self.omissions = omissions
        self.finishes = finishes
    }
}

/// What planning found out about one conversation at one remote, or about one message.
package enum PlanDecision: Equatable, Sendable {
    /// The remote knows everything already.
    case upToDate(omissions: [Omission])
    case send(PlannedCall)
    /// It would be sent, but waits for somebody or something.
    case hold(PlannedCall, holder: Holder, reason: String)
    /// It cannot be sent: the call as far as it could be worked out, and why not.
    case refuse(OutboundCall, Unsendable)
}

/// What has to happen to the outbox, given a decision and the row that stands already.
package enum OutboxChange: Equatable, Sendable {
    case none
    /// Write a new pending row; it replaces the standing one.
    case insert(PlannedCall)
    /// Write a new held row with the reason; it replaces the standing one.
    case insertHeld(PlannedCall, holder: Holder, reason: String)
    /// Write a new dead row with the reason; it replaces the standing one.
    case insertRefused(OutboundCall, Unsendable)
    /// The standing row has become pointless.
    case discardStanding(reason: String)

    /// - A row that would say the same as the standing one is not written again, whatever became of that one.
    /// - A standing row that nothing wants any more is discarded; that its fields may have arrived all the same is the business of
    ///   ``FieldRecord/doubt``.
    package init(_ decision: PlanDecision, standing: StandingRow?) {
        switch (decision, standing) {
        case (.upToDate, nil):
            self = .none
        case (.upToDate, _?):
            self = .discardStanding(reason: "not needed any more: the remote already has what is wanted")
        case (.send(let planned), let standing?)
        where standing.path.hasSameBytes(as: planned.call.path) && standing.body.hasSameBytes(as: planned.call.body.text)
            && !standing.wasRefused && standing.holder != .undone:
            self = .none
        case (.send(let planned), _):
            self = .insert(planned)
        case (.hold(let planned, let holder, _), let standing?)
        where standing.path.hasSameBytes(as: planned.call.path) && standing.body.hasSameBytes(as: planned.call.body.text)
            && standing.holder == holder:
            self = .none
        case (.hold(let planned, let holder, let reason), _):
            self = .insertHeld(planned, holder: holder, reason: reason)
        case (.refuse(_, let refusal), let standing?) where standing.state == .dead && standing.error.hasSameBytes(as: refusal.text):
            self = .none
        case (.refuse(let call, let refusal), _):
            self = .insertRefused(call, refusal)
        }
    }
}

extension StandingRow {
    /// Whether planning refused the row, and nobody has dropped it.
    package var wasRefused: Bool { state == .dead && isRefused }
}

/// What planning a conversation for a remote leads to: a decision about the outbox, and what is known and changed besides.
package struct LinkPlan: Sendable {
    package var decision: PlanDecision
    package var outcome: TwoWayOutcome

    package init(decision: PlanDecision, outcome: TwoWayOutcome) {
        self.decision = decision
        self.outcome = outcome
    }
}
