import SyncCore
import SyncRemotes

extension LinkSnapshot {
    /// The time of decisions in these tests; the local row changed long before.
    static let moment = Instant(milliseconds: 1_772_366_400_000)

    /// A conversation at a remote with known acknowledged and reported values.
    ///
    /// - Parameters:
    ///   - inDoubt: the values of calls in doubt.
    ///   - seat: the id that the assignee has at the remote.
    init(
        _ conversation: Conversation, remote: String = "remote", link: Link = Link(remoteID: "123", agentID: "agent9"), base: Fields = [:],
        inDoubt: Fields = [:], seen: Fields = [:], seat: String? = nil
    ) {
        let past = LinkSnapshot.moment - .hours(1)
        let seats = [seat.map { Seat(assigneeID: conversation.assigneeID ?? "", remoteUserID: $0) }].compactMap { $0 }
        self.init(
            conversationID: conversation.id, remote: remote, link: link, conversation: conversation,
            local: LocalRow(
                LocalValues(conversation), changedAt: .init(repeating: past), numbers: .init(repeating: LocalRow.firstNumber)),
            record: LinkRecord(
                LinkRecord.FormerColumns(base: base, seen: seen, inDoubt: inDoubt, acknowledgedAt: base.isEmpty ? nil : past)),
            seats: seats, now: LinkSnapshot.moment)
    }
}

extension TwoWayRules.Seats {
    /// One person and their id at the remote, as the adapter writes it.
    init(_ assigneeID: String?, _ id: JSONValue?) {
        var seats: Fields = [:]
        if let assigneeID, let id { seats[assigneeID] = id }
        self.init(seats)
    }
}
