/// The world in which ``RestSearch`` plays: two people with a seat at every remote, the AI, and the unknown person.
enum RestWorld {
    static let ai = "ai"
    static let unknown = "unknown"
    /// Somebody with the id at every remote.
    struct Person {
        var id: String
        var user: JSONValue
    }

    static let people = [Person(id: "first", user: "1"), Person(id: "second", user: "2")]

    static let statusField = "status"
    static let userField = "user"
}

extension Adapter {
    /// Whether calls say who answers.
    package var isToldUser: Bool { sharedFields.contains { $0.role == .user && $0.isWritable } }

    /// Whether the remote shows whom it names.
    var showsUser: Bool {
        isToldUser
            || profile.inboundMap.cells.values.contains { cell in
                guard case .state(_, let owner) = cell else { return false }
                return [.assignee, .named, .human].contains(owner)
            }
    }

    /// The rule for this remote. It always wins: the search is about what one change leads to, not about two that meet.
    func restRules(mayReopen: Bool) -> TwoWayRules {
        let (lens, showsUser) = (profile.lens, showsUser)
        let seats = TwoWayRules.Seats(JSONObject(members: RestWorld.people.map { ($0.id, $0.user) }))
        let status = TwoWayRules.Field(RestWorld.statusField, .status)
        let user = TwoWayRules.Field(RestWorld.userField, .user, isWritable: isToldUser)
        return TwoWayRules(
            fields: showsUser ? [status, user] : [status], lens: lens,
            policy: AdoptionPolicy(fields: profile.adoption.fields, conflict: .remote, reopening: mayReopen ? .always : .never),
            seats: seats,
            aiAssignees: [RestWorld.ai], aiAssignee: RestWorld.ai, unknownAssignee: RestWorld.unknown, lag: .zero
        ) { values in
            var image: Fields = [:]
            if case .word(let word) = lens.outbound[LocalState(values)] { image[RestWorld.statusField] = .string(word) }
            if showsUser { image[RestWorld.userField] = seats.user(of: values.assigneeID) }
            return image
        }
    }
}

extension LocalState {
    init(_ values: LocalValues) {
        self.init(values.status, Owner(assigneeID: values.assigneeID, ai: [RestWorld.ai]))
    }

    /// The values that stand for a state: the first of the people is the one who has a conversation.
    var values: LocalValues {
        switch owner {
        case .ai: LocalValues(status: status, assigneeID: RestWorld.ai)
        case .none: LocalValues(status: status)
        case .human: LocalValues(status: status, assigneeID: RestWorld.people[0].id)
        }
    }
}
