import SyncCore

/// An outbox row under a lease, with what its delivery needs.
package struct ClaimedRow: Sendable {
    package var id: Int64
    package var conversationID: String
    package var remote: String
    package var operation: String
    package var method: String
    package var path: String
    /// JSON text, sent to the character as it was stored.
    package var body: String
    package var idempotencyKey: String
    /// The delivery state; always `sending` here.
    package var row: OutboxRow
    /// The fields that the call carries; nil for messages.
    package var delta: Delta?
    /// Tries before this one, whether they counted or not.
    package var earlierTries: Int
    package var lease: Int64
    package var leaseUntil: Instant
    /// What was known about the link when the row was claimed; it cannot change while the row is in flight.
    package var known: LinkColumns
    /// The numbers of the local changes that the row includes.
    package var numbers: ByAttribute<Int64>
    /// A person let the row go: it is not held again.
    package var isReleased: Bool
    /// When the remote said before that it does not know the object, and was not believed.
    package var missingSince: Instant?
    /// The remote's id of the object that the row was planned for; the conversation's own id where a remote needs no link.
    package var targetID: String
    /// The agent in force when the row was planned (vg).
    package var agent: String?
}

extension ClaimedRow {
    /// Whether the row has failed before, as far as the row that was claimed says.
    package var isRetry: Bool { row.attempts > 0 }
}

/// How a claimed row ended, for the store.
package struct FinishedCall: Sendable {
    package var claimed: ClaimedRow
    /// The row's state after the outcome.
    package var row: OutboxRow
    package var startedAt: Instant
    package var finishedAt: Instant
    /// Nil when the call was never made (the lease ran short, the window of a message was over).
    package var outcome: DeliveryOutcome?
    package var error: String?
    /// What the response to a message says: reconciled with the same commit.
    package var news: Observation?
    /// Who holds the row, when it was held instead of being sent.
    package var heldBy: String?
    /// The remote says that it does not know the object, and nothing has confirmed it.
    package var isMissing = false

    package init(
        claimed: ClaimedRow, row: OutboxRow, startedAt: Instant, finishedAt: Instant, outcome: DeliveryOutcome?, error: String?,
        news: Observation? = nil, heldBy: String? = nil
    ) {
        self.claimed = claimed
        self.row = row
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.outcome = outcome
        self.error = error
        self.news = news
        self.heldBy = heldBy
    }
}

/// What one remote's lane wants from the next commit.
package struct ExchangeRequest: Sendable {
    package var remote: String
    package var finished: [FinishedCall]
    /// How many due rows to claim; 0 for none.
    package var claim: Int
    /// How many of them may be rows that have failed before; nil for as many as there are.
    package var retries: Int?
    package var leaseDuration: Duration
    /// The gate as it should be stored; nil when nothing about it changed.
    package var gate: RemoteGate.Stored?
    /// What is concluded about objects that seemed to be missing, in this order, after the outcomes are recorded.
    package var absences: [AbsenceRecord]
    /// Whether to say if rows are due, where none is claimed.
    package var asksForDue: Bool

    package init(
        remote: String, finished: [FinishedCall], claim: Int, retries: Int? = nil, leaseDuration: Duration, gate: RemoteGate.Stored?,
        absences: [AbsenceRecord] = [], asksForDue: Bool = false
    ) {
        self.remote = remote
        self.finished = finished
        self.claim = claim
        self.retries = retries
        self.leaseDuration = leaseDuration
        self.gate = gate
        self.absences = absences
        self.asksForDue = asksForDue
    }
}

/// What the commit answered.
package struct ExchangeReply: Sendable {
    package var claimed: [ClaimedRow] = []
    /// Rows whose lease was lost: their outcome was not recorded.
    package var fenced: [Int64] = []
    /// Set by `convosync pause`, cleared by `convosync resume`.
    package var isPaused = false
    /// When `convosync resume` was last called; a change is a wish to try at once.
    package var resumedAt: String?
    /// What the file said of the breaker when the exchange began: with a new `resumedAt`, a moment in the past ends the breaker's pause.
    package var breakerOpenUntil: Instant?
    /// Due rows that have failed before were not claimed, because no more of them were asked for.
    package var hasLeftRetries = false
    /// Due rows were passed over, and there are more than were looked at.
    package var mayHaveMore = false
    /// Conversations whose planning waited for one of the recorded calls can be planned now.
    package var hasFreedPlanning = false
    /// Rows that had been given up because of a wrong URL and are due again.
    package var takenBack = 0
    /// Whether rows are due; nil when nobody asked, or while the remote is paused.
    package var isSomethingDue: Bool?
    /// Rows that the remote refuses without saying which member of them: they are not dead, their members are sent one at a time.
    package var split: [Int64] = []
    /// Rows that stand for a member of which it is known now that it is refused.
    package var convicted: [PlanBatch.Refused] = []
    /// Rows whose refusal shows that no member is to blame, with the row that stands for the whole call again, and how many rows of its
    /// parts do not stand for themselves any more.
    package var revived: [Int64: (whole: Int64, parts: Int)] = [:]
    /// What came of the news that answers held.
    package var reconciled: [Reconciled] = []
}
