/// The people in the simulation of ``RestSearch``: two with a row in `assignees` for every remote, the AI, and the unknown person.
enum RestWorld {
    static let ai = "ai"
    static let unknown = "unknown"
    /// A person with an id at every remote.
    struct Person {
        var id: String
        var user: JSONValue
    }

    static let people = [Person(id: "first", user: "1"), Person(id: "second", user: "2")]

    static let statusField = "status"
    static let userField = "user"
}

extension Adapter {
    /// Whether calls carry the assignee.
    package var isToldUser: Bool { sharedFields.contains { $0.role == .user && $0.isWritable } }

    /// Whether the remote shows the assignee.
    var showsUser: Bool {
        isToldUser
            || profile.inboundMap.cells.values.contains { cell in
                guard case .state(_, let owner) = cell else { return false }
                return [.assignee, .named, .human].contains(owner)
            }
    }

    /// Whether the remote's status values have the meaning of its kind, in both directions, and calls carry the assignee as by default.
    package var hasDefaultMaps: Bool {
        let vocabulary = profile.kind.vocabulary
        return profile.statusMap == vocabulary.outbound && profile.inboundMap == vocabulary.inbound
            && isToldUser == profile.kind.adapter(Profile(name: profile.name, kind: profile.kind)).isToldUser
    }

    /// The two-way rules for this remote. The remote always wins: the search examines what one change leads to, not conflicts of two.
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

    /// The values that represent a state: a human owner is the first of the people.
    var values: LocalValues {
        switch owner {
        case .ai: LocalValues(status: status, assigneeID: RestWorld.ai)
        case .none: LocalValues(status: status)
        case .human: LocalValues(status: status, assigneeID: RestWorld.people[0].id)
        }
    }
}
