/// Handles a clock that was set back: times recorded before then lie in the future, and would be waited for.
///
/// The remote's own dates are not affected: they are only compared with dates of the same remote.
extension LinkRecord {
    /// A clock that differs by less is being corrected in small steps, and was not set.
    package static let clockTolerance = Duration.seconds(2)

    /// Recorded times of this program's clock that lie in the future are replaced by `timestamp`.
    package mutating func setBack(from now: Instant, to timestamp: Instant) {
        let latest = now + LinkRecord.clockTolerance
        if let time = lastHeardAt, time > latest { lastHeardAt = timestamp }
        if let time = checkedAt, time > latest { checkedAt = timestamp }
        if let time = heldSince, time > latest { heldSince = timestamp }
        // How long ago it was is not known any more.
        if let time = shownAt, time > latest { shownAt = nil }
        if let time = forgottenAt, time > latest { forgottenAt = timestamp }
        for index in sendBacks.indices where sendBacks[index].at > latest { sendBacks[index].at = timestamp }
    }
}

extension LocalRow {
    /// Changes that lie in the future count as made now.
    /// - Returns: whether there were any.
    package mutating func setBack(to now: Instant) -> Bool {
        guard lastChangedAt > now + LinkRecord.clockTolerance else { return false }
        for attribute in LocalAttribute.allCases { changedAt[attribute] = min(changedAt[attribute], now) }
        return true
    }
}
