/// A clock that was set back: what was written down by it before lies ahead of now, and would be waited for.
///
/// What a remote dates is its own affair: it is compared with dates of the same remote.
extension LinkRecord {
    /// A clock that differs by less is corrected in small steps all the time, and was not set.
    package static let clockTolerance = Duration.seconds(2)

    /// Times of this program's clock that lie ahead count as what is about to be compared.
    package mutating func setBack(from now: Instant, to timestamp: Instant) {
        let latest = now + LinkRecord.clockTolerance
        if let time = lastHeardAt, time > latest { lastHeardAt = timestamp }
        if let time = checkedAt, time > latest { checkedAt = timestamp }
        if let time = forgottenAt, time > latest { forgottenAt = timestamp }
        for index in sendBacks.indices where sendBacks[index].at > latest { sendBacks[index].at = timestamp }
    }
}

extension LocalRow {
    /// Changes that lie ahead of now count as made now.
    /// - Returns: whether some did.
    package mutating func setBack(to now: Instant) -> Bool {
        guard lastChangedAt > now + LinkRecord.clockTolerance else { return false }
        for attribute in LocalAttribute.allCases { changedAt[attribute] = min(changedAt[attribute], now) }
        return true
    }
}
