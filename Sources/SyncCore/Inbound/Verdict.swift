/// What a decision about one conversation at one remote leads to here, besides what is sent.
package struct TwoWayOutcome: Sendable {
    /// What is known of the link from now on.
    package var record: LinkRecord
    package var changes: Verdict.Changes
    /// When the adopted changes count as made (the remote's date, or when it was read), and their numbers: for the attributes that change.
    package var changedAt: Instant
    package var numbers: ByAttribute<Int64>
    package var verdict: Verdict
    /// The user whom the remote names and the id map does not know.
    package var unknownUser: String?
    /// Members of an earlier call of which it is known now that the remote refuses them.
    package var refused: Set<String> = []

    package init(record: LinkRecord, changes: Verdict.Changes = .init(), changedAt: Instant, numbers: ByAttribute<Int64>, verdict: Verdict)
    {
        self.record = record
        self.changes = changes
        self.changedAt = changedAt
        self.numbers = numbers
        self.verdict = verdict
    }
}

/// A decision for people: what was decided, and why.
package struct Verdict: Equatable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case unmapped, silent, unchanged, first, kept, adopted, refused
        /// Both sides changed; the rule says who lost.
        case conflict
        /// What the remote says cannot be understood, or is not taken over.
        case left
        /// Too many conversations were said to be over: it waits for somebody to look.
        case braked
        /// Older than what is known already.
        case stale
        /// It may show a former state: the object is read once more.
        case readAgain = "read_again"
        /// An older state that stays: the remote was set back.
        case rolledBack = "rolled_back"
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
    /// Both sides changed the title: who won, "local" or "remote".
    package var titleWinner: String?
    /// Fields of which a read has shown that the remote stores them in another form than they were sent in.
    package var drift: [String] = []
    /// The remote's value was sent back too often: its row is held.
    package var isHeldBack = false
    /// With this end the brake on what comes back engages.
    package var engagesBrake = false
    /// The remote does not hold what is wanted: plan the conversation for it.
    package var mustPlan = false
    /// The object has to be read again.
    package var mustRead = false

    package init(kind: Kind, rule: String, word: String? = nil) {
        self.kind = kind
        self.rule = rule
        self.word = word
    }
}
