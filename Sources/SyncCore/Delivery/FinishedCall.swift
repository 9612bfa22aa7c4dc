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
