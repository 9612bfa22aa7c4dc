/// The end of a process by SIGKILL.
package struct Kill: Sendable {
    /// What was to be hit.
    package var moment: String
    /// Milliseconds since 1970.
    package var startedAt: Int
    package var killedAt: Int
    /// The idempotency keys of the outbox rows that the database held as in flight afterwards.
    package var claimedKeys: Set<String>
    /// Whether changes waited to be planned.
    package var hasUnplanned: Bool
    /// Whether the service had reported that it is ready.
    package var wasReady: Bool
    /// Whether the process makes calls: an operator's command and a migration do not.
    package var isSender: Bool

    package init(
        moment: String, startedAt: Int, killedAt: Int, claimedKeys: Set<String> = [], hasUnplanned: Bool = false, wasReady: Bool = true,
        isSender: Bool = true
    ) {
        self.moment = moment
        self.startedAt = startedAt
        self.killedAt = killedAt
        self.claimedKeys = claimedKeys
        self.hasUnplanned = hasUnplanned
        self.wasReady = wasReady
        self.isSender = isSender
    }
}

extension Kill {
    /// What the process was found to be doing.
    enum Phase: String, CaseIterable {
        case starting
        case planning = "changes not planned"
        case inFlight = "calls in flight"
        case recording = "responses not recorded"
        case idle = "nothing to do"
        case command = "an operator's command"
        case migration = "a migration"
    }

    /// Bytes that were sent before the kill may be read by the remote a little later.
    private static let grace = 250

    /// The calls in flight when the process was killed: made by it, and not recorded as finished.
    /// - Parameter calls: in the order of arrival.
    func inFlight(_ calls: [Call]) -> [Call] {
        guard isSender, !claimedKeys.isEmpty else { return [] }
        let begin = calls.partitioningIndex { $0.arrivedAt >= startedAt }
        return calls[begin...].prefix { $0.arrivedAt <= killedAt + Self.grace }.filter { $0.key.map(claimedKeys.contains) ?? false }
    }

    /// - Parameter inFlight: of ``inFlight(_:)``.
    func phase(_ inFlight: [Call]) -> Phase {
        if moment == Moment.migrationName { return .migration }
        if !isSender { return .command }
        if !inFlight.isEmpty { return inFlight.contains { $0.finishedAt ?? .max >= killedAt } ? .inFlight : .recording }
        if !wasReady { return .starting }
        return hasUnplanned ? .planning : .idle
    }
}

extension Array {
    /// The first index of a sorted array whose element satisfies a condition that all later ones satisfy as well.
    fileprivate func partitioningIndex(where isInSecondPart: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isInSecondPart(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
