/// What a read showed of the object of a claimed row, right before the row is sent: the row is decided again with it.
package struct ReadBeforeWrite: Sendable {
    package var claimed: ClaimedRow
    package var report: Report
    /// Of the new lease, if the row is still wanted.
    package var leaseDuration: Duration

    package init(claimed: ClaimedRow, report: Report, leaseDuration: Duration) {
        self.claimed = claimed
        self.report = report
        self.leaseDuration = leaseDuration
    }
}
