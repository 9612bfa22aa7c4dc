/// What a remote's adapter decides about one link when something comes back from there. Pure.
package protocol LinkDecisions: Sendable {
    /// What follows from what is known, without a report.
    func plan(_ snapshot: LinkSnapshot) -> LinkPlan

    /// What a report about the conversation leads to.
    /// - Parameter began: when the read began, or when the event happened.
    func reconcile(_ observation: Observation, began: Instant, _ snapshot: LinkSnapshot) -> TwoWayOutcome

    /// What a response that accepts a call leads to. What it says about fields that were not sent is compared with what was known before.
    /// - Parameter numbers: of the local changes that the row had seen from which the call was made.
    func acknowledge(
        _ sent: Fields, _ response: Observation?, began: Instant, numbers: ByAttribute<Int64>, _ snapshot: LinkSnapshot
    ) -> TwoWayOutcome

    /// What a response that refuses a call because of what it carries leads to.
    /// - Parameter numbers: of the local changes that the row had seen.
    func refused(
        _ sent: Fields, naming named: Set<String>, numbers: ByAttribute<Int64>, _ snapshot: LinkSnapshot
    ) -> (record: LinkRecord, refused: LinkRecord.Refused)
}
