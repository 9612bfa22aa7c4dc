/// Everything that a decision about one conversation at one remote depends on.
package struct LinkSnapshot: Sendable {
    package var conversationID: String
    package var remote: String
    package var link: Link
    /// Why nothing can be sent through the link; nil if something can.
    package var linkProblem: Unsendable?
    package var conversation: Conversation
    /// Status, assignee and title with the number and the time of their last changes.
    package var local: LocalRow
    package var record: LinkRecord
    /// The relevant rows of `assignees`: those of the present assignee, and of the user that the remote names.
    package var seats: [Seat]
    /// The row that already exists for this conversation at this remote, if any.
    package var standing: StandingRow?
    /// Whether the ends of conversations at the remote are adopted only after a person has checked: there are too many of them.
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
    /// Timestamps of recently planned messages of the conversation. A second message with one of these would be treated as a repetition of
    /// the first.
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
    /// What holds it, while it is held.
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

/// A call that was computed for the outbox.
package struct PlannedCall: Equatable, Sendable {
    package var call: OutboundCall
    /// The fields that change, with their values; nil for messages.
    package var delta: Delta?
    package var omissions: [Omission]
    /// Whether the call replaces a status value of the remote that means "not finished" by one that means "finished".
    package var finishes: Bool

    package init(call: OutboundCall, delta: Delta?, omissions: [Omission] = [], finishes: Bool = false) {
        self.call = call
        self.delta = delta
        self.omissions = omissions
        self.finishes = finishes
    }
}

/// The result of planning one conversation at one remote, or one message.
package enum PlanDecision: Equatable, Sendable {
    /// There is nothing to send: the remote already has what can be sent to it, or a rule leaves it as it is.
    case upToDate(omissions: [Omission])
    case send(PlannedCall)
    /// It would be sent, but has to wait for a person or a condition.
    case hold(PlannedCall, holder: Holder, reason: String)
    /// It cannot be sent: the call, as far as it could be computed, and the reason.
    case refuse(OutboundCall, Unsendable)
}

/// How the outbox has to change, given a decision and the standing row.
package enum OutboxChange: Equatable, Sendable {
    case none
    /// Write a new pending row; it replaces the standing one.
    case insert(PlannedCall)
    /// Write a new held row with the reason; it replaces the standing one.
    case insertHeld(PlannedCall, holder: Holder, reason: String)
    /// Write a new dead row with the reason; it replaces the standing one.
    case insertRefused(OutboundCall, Unsendable)
    /// The standing row is no longer needed.
    case discardStanding(reason: String)

    /// - A row with the same content as the standing one is not written again, whatever happened to that one.
    /// - A standing row that is no longer wanted is discarded; ``FieldRecord/doubt`` covers the case that its fields arrived anyway.
    package init(_ decision: PlanDecision, standing: StandingRow?) {
        switch (decision, standing) {
        case (.upToDate, nil):
            self = .none
        case (.upToDate, _?):
            self = .discardStanding(reason: "not needed any more: there is nothing to send now")
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
    /// Whether planning refused the row, and it was not discarded since.
    package var wasRefused: Bool { state == .dead && isRefused }
}

/// The result of planning a conversation for a remote: a decision about the outbox, and the changes to the record and the local row.
package struct LinkPlan: Sendable {
    package var decision: PlanDecision
    package var outcome: TwoWayOutcome

    package init(decision: PlanDecision, outcome: TwoWayOutcome) {
        self.decision = decision
        self.outcome = outcome
    }
}
