extension Adapter {
    /// The two-way rules for this remote and the people of one conversation.
    func rules(for snapshot: LinkSnapshot) -> TwoWayRules {
        let seats = TwoWayRules.Seats(
            Fields(members: snapshot.seats.map { ($0.assigneeID, assigneeValue($0.remoteUserID)) }))
        let present = project(snapshot.conversation, seats: seats).fields
        let shared = sharedFields
        let sharedNames = Set(shared.map(\.name))
        let plain = present.keys.filter { !sharedNames.contains($0) }.sorted().map { TwoWayRules.Field($0, .plain) }
        let values = LocalValues(snapshot.conversation)
        return TwoWayRules(
            fields: shared + plain, lens: profile.lens, policy: profile.adoption, seats: seats, aiAssignees: profile.aiAssignees,
            aiAssignee: profile.aiAssignee, unknownAssignee: profile.unknownAssignee, isEventStream: profile.kind.receivesMessages,
            areEndsHeld: snapshot.areEndsHeld
        ) { [self] other in
            other == values && other.tags == values.tags ? present : project(snapshot.conversation.having(other), seats: seats).fields
        }
    }
}

extension Conversation {
    func having(_ values: LocalValues) -> Conversation {
        var conversation = self
        conversation.status = values.status
        conversation.assigneeID = values.assigneeID
        conversation.title = values.title
        conversation.tags = values.tags
        return conversation
    }
}
