/// Everything that reconciling one report with one conversation depends on.
package struct InboundSnapshot: Sendable {
    package var remote: String
    package var conversation: Conversation
    package var observation: Observation
    package var knowledge: RemoteKnowledge
    /// When the remote was last seen.
    package var seenAt: Instant?
    /// Set for a report that comes after one which the remote dates later: that later moment.
    package var overtakenAt: Instant?
    /// When status or assignee of the conversation last changed here.
    package var localChangedAt: Instant
    /// When the status did.
    package var statusChangedAt: Instant
    package var lastUserMessageAt: Instant?
    /// The local assignee that `assignees` names for the person whom the remote reports.
    package var reportedAssigneeID: String?

    package init(
        remote: String, conversation: Conversation, observation: Observation, knowledge: RemoteKnowledge = .init(), seenAt: Instant? = nil,
        overtakenAt: Instant? = nil, localChangedAt: Instant, statusChangedAt: Instant? = nil,
        lastUserMessageAt: Instant? = nil, reportedAssigneeID: String? = nil
    ) {
        self.remote = remote
        self.conversation = conversation
        self.observation = observation
        self.knowledge = knowledge
        self.seenAt = seenAt
        self.overtakenAt = overtakenAt
        self.localChangedAt = localChangedAt
        self.statusChangedAt = statusChangedAt ?? localChangedAt
        self.lastUserMessageAt = lastUserMessageAt
        self.reportedAssigneeID = reportedAssigneeID
    }
}

/// What a report leads to.
package struct Verdict: Equatable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case unmapped, silent, unchanged, echo, first, kept, adopted, refused
        /// Both sides changed; the rule says who lost.
        case conflict
        /// Older than what is known already.
        case stale
    }

    /// A column of `conversations` and its new value.
    package struct Changes: Equatable, Sendable {
        package var status: LocalStatus?
        package var assigneeID: String??
        package var title: String?
        package var tags: [String]?

        package init(status: LocalStatus? = nil, assigneeID: String?? = nil, title: String? = nil, tags: [String]? = nil) {
            self.status = status
            self.assigneeID = assigneeID
            self.title = title
            self.tags = tags
        }

        package var isEmpty: Bool { self == Changes() }

        /// The columns that are written.
        package var names: [String] {
            [
                status.map { _ in "status" }, assigneeID.map { _ in "assignee_id" }, title.map { _ in "title" }, tags.map { _ in "tags" },
            ].compactMap { $0 }
        }
    }

    package var kind: Kind
    /// One sentence for people: what was decided, and why.
    package var rule: String
    package var word: String?
    package var changes = Changes()
    /// Columns besides status and assignee that are taken over; ``kind`` and ``rule`` speak of the status.
    package var otherFields: [String] = []
    /// What the remote is known to hold after this.
    package var base: Fields
    package var seen: Fields
    /// Fields that are not in doubt any more.
    package var settled: Set<String> = []
    /// The remote does not hold what is wanted: plan the conversation for it.
    package var mustPlan = false

    package init(kind: Kind, rule: String, word: String? = nil, base: Fields, seen: Fields) {
        self.kind = kind
        self.rule = rule
        self.word = word
        self.base = base
        self.seen = seen
    }
}
