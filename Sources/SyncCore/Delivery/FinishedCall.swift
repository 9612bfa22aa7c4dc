/// How a claimed row ended, for the store.
package struct FinishedCall: Sendable {
    package var claimed: ClaimedRow
    /// The row's state after the outcome.
    package var row: OutboxRow
    package var startedAt: Instant
    package var finishedAt: Instant
    /// Nil when the call was never made (its lease was too short, or the window of a message had passed).
    package var outcome: DeliveryOutcome?
    package var error: String?
    /// What the response to a message reports; reconciled in the same commit.
    package var news: Observation?
    /// Who holds the row, when it was held instead of being sent.
    package var heldBy: String?
    /// The remote reports the object as missing, and nothing has confirmed that.
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
