/// The local effects of a decision about one conversation at one remote, besides what is sent.
package struct TwoWayOutcome: Sendable {
    /// The link's record from now on.
    package var record: LinkRecord
    package var changes: Verdict.Changes
    /// The time of the adopted changes (the remote's date, or when it was read), and their numbers: for the attributes that change.
    package var changedAt: Instant
    package var numbers: ByAttribute<Int64>
    package var verdict: Verdict
    /// The user that the remote names and that the id map does not contain.
    package var unknownUser: String?
    /// Members of an earlier call that are now known to be refused by the remote.
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
        /// Both sides changed; the rule says which side lost.
        case conflict
        /// The remote's value is not understood, or is not adopted.
        case left
        /// Too many conversations were reported as finished: it waits for a person to check.
        case braked
        /// Older than what is already known.
        case stale
        /// It may show an earlier state: the object is read once more.
        case readAgain = "read_again"
        /// An older state that persists: the remote was set back.
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
    /// Columns besides status and assignee that are adopted; ``kind`` and ``rule`` are about the status.
    package var otherFields: [String] = []
    /// For a conflict about status or assignee: which side won, "local" or "remote". Other columns may be adopted beside a local winner.
    package var winner: String?
    /// Both sides changed the title: which side won, "local" or "remote".
    package var titleWinner: String?
    /// Fields that the remote, as a read has shown, stores in another form than they were sent in.
    package var drift: [String] = []
    /// The remote's value was replaced by ours too often: its row is held.
    package var isHeldBack = false
    /// This finished conversation makes the inbound brake engage.
    package var engagesBrake = false
    /// The remote does not have the wanted values: plan the conversation for it.
    package var mustPlan = false
    /// The object has to be read again.
    package var mustRead = false

    package init(kind: Kind, rule: String, word: String? = nil) {
        self.kind = kind
        self.rule = rule
        self.word = word
    }
}
