/// The decisions that a remote's adapter makes about one link. Pure functions of values.
package protocol LinkDecisions: Sendable {
    /// The decision from the present record, without a new report.
    func plan(_ snapshot: LinkSnapshot) -> LinkPlan

    /// The effects of a report about the conversation.
    /// - Parameter began: when the read began, or when the event happened.
    func reconcile(_ observation: Observation, began: Instant, _ snapshot: LinkSnapshot) -> TwoWayOutcome

    /// The effects of a response that accepts a call. Fields in it that were not sent are compared with what was known before.
    /// - Parameter numbers: those of the local changes that the row included when the call was made.
    func acknowledge(
        _ sent: Fields, _ response: Observation?, began: Instant, numbers: ByAttribute<Int64>, _ snapshot: LinkSnapshot
    ) -> TwoWayOutcome

    /// The effects of a response that refuses a call because of its content.
    /// - Parameter numbers: those of the local changes that the row included.
    func refused(
        _ sent: Fields, naming named: Set<String>, numbers: ByAttribute<Int64>, _ snapshot: LinkSnapshot
    ) -> (record: LinkRecord, refused: LinkRecord.Refused)
}
