/// What a remote reports about one conversation at one time, in its own status values.
package struct Observation: Equatable, Sendable {
    /// Who is assigned at the remote, as far as it reports that.
    package enum Assignee: Hashable, Sendable {
        /// The remote does not report it.
        case unknown
        case nobody
        /// The person's id at the remote.
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

    /// The status value as the remote spells it; nil when the response contains none.
    package var word: String?
    package var assignee: Assignee
    /// Nil: not reported.
    package var title: String?
    package var tags: [String]?
    /// The remote's own timestamp of its last change, used for ordering and for the conflict policy `newest`.
    package var changedAt: Instant?
    /// When the end user last wrote, as far as the remote reports it: evidence for a reopening.
    package var lastUserMessageAt: Instant?
    /// When anybody last wrote, and how often the end user has replied, if the remote counts that: only an increase is meaningful.
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

/// Which changes are adopted from a remote, and what happens when both sides changed.
package struct AdoptionPolicy: Equatable, Sendable {
    /// Who wins when the remote and the local row changed since they last agreed.
    package enum Conflict: String, CaseIterable, Sendable {
        /// The later change. If the remote does not report when it changed: the local one, unless it is older than the last read of the
        /// remote.
        case newest
        case local
        case remote
    }

    /// What reopens a finished conversation, besides a local change.
    package enum Reopening: String, CaseIterable, Sendable {
        /// Something that the end user did after the conversation was finished, or a person who was assigned at the remote after that.
        case message
        /// Any change at the remote.
        case always
        case never
    }

    /// Fields whose changes at the remote are adopted.
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
