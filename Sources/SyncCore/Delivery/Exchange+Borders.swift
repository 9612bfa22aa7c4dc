/// What holds at the border of engine and store. Both sides check it: the engine what it requests and receives, the store what it is asked
/// for and returns. A violation is a mistake in the program, and going on would send something twice or lose it.
extension Exchange {
    package func checkRequest() {
        precondition(areDistinct(lanes.map(\.remote)), "a remote has one lane in an exchange")
        precondition(areDistinct(reads.map(\.remote)), "a remote has one reader in an exchange")
        for lane in lanes {
            precondition(areDistinct(lane.finished.map(\.claimed.id)), "an outcome is recorded once")
            precondition(lane.finished.allSatisfy { $0.claimed.remote == lane.remote }, "a lane records the outcomes of its own remote")
            precondition(areDistinct((lane.finished.map(\.claimed) + lane.reads.map(\.claimed)).map(\.id)), "a row is at one stage")
            guard let claim = lane.claim else { continue }
            precondition(claim.rows >= 0 && claim.retries >= 0, "a claim has no negative numbers")
            precondition(claim.leaseDuration > .zero, "a lease lasts")
        }
        if let plan { precondition(plan.limit > 0 && survey == nil, "a page is planned when nothing is being surveyed") }
    }
}

extension LaneResult {
    /// - Parameter request: nil on the engine's side, which has passed it on.
    package func check(for remote: String, _ request: LaneRequest? = nil) {
        precondition(claimed.allSatisfy { $0.remote == remote }, "rows are claimed for the lane that asked")
        precondition(areDistinct(claimed.map(\.conversationID).map(ExactText.init)), "one call per conversation and remote is in flight")
        guard let request else { return }
        precondition(claimed.count <= request.claim?.rows ?? 0, "no more rows are claimed than were asked for")
        let recorded = Set(request.finished.map(\.claimed.id))
        precondition(fenced.allSatisfy(recorded.contains), "only an outcome is fenced")
        precondition(Set(request.reads.map(\.claimed.id)).isSuperset(of: confirmed.map(\.id)), "only a row that was read for is confirmed")
    }
}

private func areDistinct<Value: Hashable>(_ values: [Value]) -> Bool { Set(values).count == values.count }
