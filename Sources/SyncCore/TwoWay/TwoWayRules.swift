/// The input of the two-way rules: one configured remote, and the people of one conversation.
package struct TwoWayRules: Sendable {
    package static let standardWindow = Duration.minutes(10)
    package static let standardRounds = 3
    package static let standardLag = Duration.seconds(10)

    /// The meaning of a field of the remote.
    package enum Role: Sendable, Equatable {
        /// The status value.
        case status
        /// The assignee, by the person's id at the remote.
        case user
        /// The assignee, by the local id. It is sent, and not read.
        case assignee
        case title
        /// A set of texts: what is added or removed on one side is added or removed on the other.
        case tags
        /// Sent only.
        case plain

        /// The local attribute that the field mainly shows.
        package var attribute: LocalAttribute? {
            switch self {
            case .status: .status
            case .user, .assignee: .assignee
            case .title: .title
            case .tags, .plain: nil
            }
        }

        package var isReadable: Bool { self != .assignee && self != .plain }
        /// Whether a remote may store it in another form than it was sent in.
        package var hasStoredForm: Bool { self == .title || self == .tags }
    }

    package struct Field: Sendable, Equatable {
        package var name: String
        package var role: Role
        package var isWritable: Bool
        /// Tags: the remote adds the tags it is sent to the ones it has, and offers no way to remove one.
        package var onlyAdds: Bool

        package init(_ name: String, _ role: Role, isWritable: Bool = true, onlyAdds: Bool = false) {
            self.name = name
            self.role = role
            self.isWritable = isWritable
            self.onlyAdds = onlyAdds
        }
    }

    /// People and their ids at the remote, limited to the relevant ones: the present assignee, and the person with the reported user id.
    package struct Seats: Sendable, Equatable {
        package var userOfAssignee: JSONObject

        package init(_ userOfAssignee: JSONObject = [:]) {
            self.userOfAssignee = userOfAssignee
        }

        /// A person's id at the remote; null if nobody is assigned, or the person has no row in the id map.
        package func user(of assigneeID: String?) -> JSONValue { assigneeID.flatMap { userOfAssignee[$0] } ?? .null }

        /// If several people share an id at the remote, the present assignee takes precedence.
        func person(_ user: JSONValue, present: String?) -> String? {
            if user != .null, let present, userOfAssignee[present] == user { return present }
            return userOfAssignee.sorted.first { $0.value == user }?.key
        }

        func knows(_ user: JSONValue) -> Bool { user == .null || userOfAssignee.values.contains(user) }
    }

    /// In the order in which they are reconciled.
    package var fields: [Field]
    package var lens: StatusLens
    package var policy: AdoptionPolicy
    package var seats: Seats
    package var aiAssignees: Set<String>
    /// The assignee to write when the AI has the conversation; nil if none is configured.
    package var aiAssignee: String?
    package var unknownAssignee: String
    /// The remote's fields for local values; a missing name makes no statement.
    package var image: @Sendable (LocalValues) -> Fields
    /// How old the state that a read shows may be.
    package var lag: Duration
    /// A value of a conversation is sent back at most ``rounds`` times within ``window``.
    package var window: Duration
    package var rounds: Int
    /// The remote reports events on its own, and is not sent the state of conversations (fin): it has no first contact, and its reports are
    /// ordered by their dates alone.
    package var isEventStream: Bool
    /// The AI's assignee that an event removed, if the assignee has not changed since: then it was the AI that finished the conversation,
    /// whatever was reported in between about who is needed.
    package var takenOff: String?
    /// Whether ends are adopted only after a person has checked: too many conversations were reported as finished.
    package var areEndsHeld: Bool

    package init(
        fields: [Field], lens: StatusLens, policy: AdoptionPolicy, seats: Seats = Seats(), aiAssignees: Set<String>, aiAssignee: String?,
        unknownAssignee: String, lag: Duration = TwoWayRules.standardLag,
        window: Duration = TwoWayRules.standardWindow, rounds: Int = TwoWayRules.standardRounds,
        isEventStream: Bool = false, areEndsHeld: Bool = false,
        image: @escaping @Sendable (LocalValues) -> Fields
    ) {
        self.fields = fields
        self.lens = lens
        self.policy = policy
        self.seats = seats
        self.aiAssignees = aiAssignees
        self.aiAssignee = aiAssignee
        self.unknownAssignee = unknownAssignee
        self.lag = lag
        self.window = window
        self.rounds = rounds
        self.isEventStream = isEventStream
        self.areEndsHeld = areEndsHeld
        self.image = image
    }

    func owner(_ assigneeID: String?) -> Owner { Owner(assigneeID: assigneeID, ai: aiAssignees) }

    /// The first field of that role.
    func name(of role: Role) -> String? { fields.first { $0.role == role }?.name }

    func known(_ image: Fields, _ name: String) -> KnownValue { image[name].map(KnownValue.value) ?? .noStatement }

    /// Whether a reported value has a meaning here.
    func understands(_ field: Field, _ value: JSONValue) -> Bool {
        switch field.role {
        case .status: value.stringValue.flatMap { lens.inbound[$0] } != nil
        case .user: seats.knows(value)
        case .assignee, .title, .tags, .plain: true
        }
    }

    /// Whether two status values have the same meaning (vg's `completed` and `ended_chat`).
    func meanSame(_ field: Field, _ left: JSONValue, _ right: JSONValue) -> Bool {
        guard field.role == .status, let left = left.stringValue, let right = right.stringValue else { return false }
        return lens.inbound.meanSame(left, right)
    }

    /// A conversation at a remote that is sent no state begins with the AI: the first report of that is not a change.
    func begins(with value: JSONValue) -> Bool { value.stringValue.flatMap { lens.inbound[$0] } == .state(.open, .ai) }

    /// Whether two values of a field are the same to this remote: tags have no order, and a remote that only adds tags may have more of
    /// them.
    func isStored(_ sent: JSONValue, as shown: JSONValue, _ field: Field) -> Bool {
        guard field.role == .tags, let sent = sent.texts, let shown = shown.texts else { return sent == shown }
        return field.onlyAdds ? sent.exactSet.isSubset(of: shown.exactSet) : sent.exactSet == shown.exactSet
    }

    /// ``StatusLens/put(_:hasAssignee:onto:)`` with people: if the local values match the status value they stay, otherwise they become its
    /// meaning.
    ///
    /// - Parameter user: the user that the remote names; nil if it reports none, `.null` if nobody is assigned.
    func put(_ word: String, user: JSONValue?, onto values: LocalValues) -> LocalValues {
        let named = user.flatMap { $0 == .null ? nil : $0 }
        let present = LocalState(values.status, owner(values.assigneeID))
        let state = lens.put(word, hasAssignee: named != nil, onto: present)
        // A remote that is sent no state does not know that a person has the conversation by now.
        if lens.isReadOnly, present == LocalState(.open, .human), !state.status.isFinished { return values }
        var values = values
        values.status = state.status
        if state.status.isFinished, !present.status.isFinished, values.assigneeID == nil, let takenOff { values.assigneeID = takenOff }
        guard state.owner != present.owner else { return values }
        switch state.owner {
        case .ai: values.assigneeID = aiAssignee ?? values.assigneeID
        case .none: values.assigneeID = nil
        case .human: values.assigneeID = named.flatMap { seats.person($0, present: values.assigneeID) } ?? unknownAssignee
        }
        return values
    }

    /// Whether a status value that finishes the conversation counts although the remote has reported another status after it: in the right
    /// order, the later one would have had to reopen the conversation, and could not have.
    /// - Parameters:
    ///   - date: the remote's date of the status value.
    ///   - later: the status that the remote is known to have reported after that.
    func finishesLate(_ word: String, at date: Instant, before later: String, _ local: LocalRow) -> Bool {
        guard case .state(let status, _) = lens.inbound[word], status.isFinished else { return false }
        var then = local.values
        then.status = status
        guard !put(later, user: nil, onto: then).status.isFinished else { return false }
        return switch policy.reopening {
        case .always: false
        case .never: true
        case .message: local.customerWroteAt.map { $0 <= date } ?? true
        }
    }
}

extension JSONValue {
    /// Whether the value is empty, so that it has no other form.
    package var isEmptyContent: Bool { self == .null || self == .string("") || self == .array([]) }

    /// An array of texts; nil for anything else.
    var texts: [String]? {
        guard let values = arrayValue else { return nil }
        let texts = values.compactMap(\.stringValue)
        return texts.count == values.count ? texts : nil
    }
}
