/// What a remote says about one conversation at one moment, in its own words.
package struct Observation: Equatable, Sendable {
    /// Who answers over there, as far as the remote says.
    package enum Assignee: Hashable, Sendable {
        /// It does not say.
        case unknown
        case nobody
        /// The id that the person has at the remote.
        case somebody(String)

        package var isSomebody: Bool { if case .somebody = self { true } else { false } }

        package static func == (left: Assignee, right: Assignee) -> Bool {
            switch (left, right) {
            case (.unknown, .unknown), (.nobody, .nobody): true
            case (.somebody(let left), .somebody(let right)): left.hasSameBytes(as: right)
            default: false
            }
        }
    }

    /// The status as the remote spells it; nil where the answer holds none.
    package var word: String?
    package var assignee: Assignee
    /// Nil: not reported.
    package var title: String?
    package var tags: [String]?
    /// The remote's own time of its last change, for order and for the conflict policy `newest`.
    package var changedAt: Instant?
    /// When the end user last wrote, as far as the remote knows: evidence for a reopening.
    package var lastUserMessageAt: Instant?
    /// When anybody last wrote, and how often the end user has answered, as far as the remote counts: growth is what says something.
    package var lastMessageAt: Instant?
    package var interactions: Int64?

    package init(
        word: String? = nil, assignee: Assignee = .unknown, title: String? = nil, tags: [String]? = nil, changedAt: Instant? = nil,
        lastUserMessageAt: Instant? = nil, lastMessageAt: Instant? = nil, interactions: Int64? = nil
    ) {
        self.word = word
        self.assignee = assignee
        self.title = title
        self.tags = tags
        self.changedAt = changedAt
        self.lastUserMessageAt = lastUserMessageAt
        self.lastMessageAt = lastMessageAt
        self.interactions = interactions
    }
}

/// What is taken over from a remote, and what happens when both sides changed.
package struct AdoptionPolicy: Equatable, Sendable {
    /// Who wins when the remote and the local row changed since they last agreed.
    package enum Conflict: String, CaseIterable, Sendable {
        /// The later change. Where the remote does not say when it changed: the local one, unless it is older than the last look at
        /// the remote.
        case newest
        case local
        case remote
    }

    /// What reopens a finished conversation, besides an act at the local table.
    package enum Reopening: String, CaseIterable, Sendable {
        /// What the end user has done since the conversation was finished, or a person over there who took it up by name after that.
        case message
        /// Any change at the remote.
        case always
        case never
    }

    /// Fields whose changes at the remote are taken over.
    package enum Field: String, CaseIterable, Sendable {
        /// Status and assignee.
        case status
        case title
        case tags
    }

    package var fields: Set<Field>
    package var conflict: Conflict
    package var reopening: Reopening

    package init(fields: Set<Field> = [.status], conflict: Conflict = .newest, reopening: Reopening = .message) {
        self.fields = fields
        self.conflict = conflict
        self.reopening = reopening
    }
}
