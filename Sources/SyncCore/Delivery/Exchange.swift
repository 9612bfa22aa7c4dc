/// What the engine wants of the store: one transaction. Every part is bounded; they are carried out in the order in which they stand here.
///
/// An exchange that only asks (``mayOnlyRead``) takes no write lock where it finds nothing to do.
package struct Exchange: Sendable {
    /// The wall clock when the exchange was made.
    package var now: Instant
    /// The wall clock was set by so much: moments that are stored as times to wait for are moved by it, here and nowhere else.
    package var clockStep: Duration?
    /// What processes left behind that have ended is put back, but none of these rows, which are this process's own.
    package var recoversExcept: Set<Int64>?
    /// One per remote that is called, in a fixed order.
    package var lanes: [LaneRequest] = []
    /// Their senders wait for this commit.
    package var events: [ReceivedEvents] = []
    package var reads: [ReadRequestsPart] = []
    /// Whether events that have been stored are processed.
    package var processesInbox = false
    package var plan: PlanPage?
    package var survey: FeedSurvey?
    package var run: RunPart
    /// The upper half of the fencing values, and where the lower one goes on.
    package var leases: LeaseValues
    /// One page of finished rows is looked through, after the commit.
    package var retention: Retention?

    package init(now: Instant, run: RunPart, leases: LeaseValues) {
        self.now = now
        self.run = run
        self.leases = leases
    }

    /// Nothing of it has to be written whatever the database holds.
    package var mayOnlyRead: Bool {
        clockStep == nil && events.isEmpty && lanes.allSatisfy(\.onlyAsks) && reads.allSatisfy(\.onlyAsks)
            && !run.mustBeWritten
    }
}

/// A claim is a lease with a fencing value that is unique in the file.
package struct LeaseValues: Sendable, Equatable {
    package var processID: Int64
    package var counter: Int64

    package init(processID: Int64, counter: Int64) {
        self.processID = processID
        self.counter = counter
    }
}

/// What one remote's lane wants of the exchange.
package struct LaneRequest: Sendable {
    package struct Claim: Sendable, Equatable {
        /// How many due rows.
        package var rows: Int
        /// How many of them may be rows that have failed before, while there are others.
        package var retries: Int
        /// Rows that have failed before are left where they fall due later than that; rows that have not are never left.
        package var retriesDueBy: Instant
        package var leaseDuration: Duration

        package init(rows: Int, retries: Int, retriesDueBy: Instant, leaseDuration: Duration) {
            self.rows = rows
            self.retries = retries
            self.retriesDueBy = retriesDueBy
            self.leaseDuration = leaseDuration
        }
    }

    package var remote: String
    package var finished: [FinishedCall] = []
    /// What is concluded about objects that seemed to be missing, in this order, after the outcomes are recorded.
    package var absences: [AbsenceRecord] = []
    /// The gate as it should be stored; nil when nothing about it changed.
    package var gate: RemoteGate.Stored?
    package var claim: Claim?
    /// Where nothing is claimed: rows that have failed before are not due when they fell due later than this; nil: than the exchange.
    package var retriesDueBy: Instant?

    package init(remote: String) { self.remote = remote }

    package var onlyAsks: Bool { finished.isEmpty && absences.isEmpty && gate == nil }
}

/// What the remote called here for.
package struct ReceivedEvents: Sendable {
    package var ticket: UInt64
    package var remote: String
    package var notices: [Notice]

    package init(ticket: UInt64, remote: String, notices: [Notice]) {
        self.ticket = ticket
        self.remote = remote
        self.notices = notices
    }
}

/// What one remote's reader wants of the exchange.
package struct ReadRequestsPart: Sendable {
    /// How a poll cycle ended.
    package enum Health: Sendable, Equatable {
        case read
        case failed(String)
    }

    /// What a poll cycle needs to know before it goes on. Asking changes nothing.
    package enum Question: Sendable, Equatable {
        /// The agents whose lists are read, and the next objects of the rotation.
        case cycle(rotation: Int, includesRecent: Bool)
        /// What is known about these objects.
        case known([String])
    }

    package var remote: String
    package var reports: [Report] = []
    /// Requests that have been read.
    package var completed: [CompletedRead] = []
    package var health: Health?
    /// Where the rotation goes on; stored together with the health.
    package var rotation: RotationCursor?
    /// How many requests to hand out; 0: nobody wants them.
    package var requests = 0
    package var question: Question?

    package init(remote: String) { self.remote = remote }

    package var onlyAsks: Bool { reports.isEmpty && completed.isEmpty && health == nil }
}

/// The object that the rotation last came to; empty at the beginning.
package struct RotationCursor: Sendable, Equatable {
    package var id: StoredKey
    package var agent: StoredKey

    package init(id: StoredKey, agent: StoredKey) {
        self.id = id
        self.agent = agent
    }
}

/// One page of planning: messages first, then conversations. What the brake says to it is part of it.
package struct PlanPage: Sendable {
    /// Feed entries at most.
    package var limit: Int
    /// How long the write lock may be held.
    package var timeLimit: Duration
    package var brake: Brake
    /// Remotes that take calls at the moment, or will within seconds: what is pushed last waits for first attempts at these.
    package var delivering: Set<String>
    /// What is pushed last waits no longer than this for the others.
    package var stall: Duration
    /// The first page of a turn looks after everything that can have changed outside of the feeds as well.
    package var isFirst: Bool
    /// Where the idempotency keys come from.
    package var keySeed: UInt64

    package init(
        limit: Int, timeLimit: Duration, brake: Brake, delivering: Set<String>, stall: Duration, isFirst: Bool, keySeed: UInt64
    ) {
        self.limit = limit
        self.timeLimit = timeLimit
        self.brake = brake
        self.delivering = delivering
        self.stall = stall
        self.isFirst = isFirst
        self.keySeed = keySeed
    }
}

/// The run that the exchange belongs to: one row of `runs`, made when something was done.
package struct RunPart: Sendable, Equatable {
    /// Nil where nothing was done yet.
    package var id: Int64?
    package var cause: RunCause
    package var startedAt: Instant
    /// What happened that is not in the row yet; what the exchange itself plans is added by the store.
    package var counts: RunCounts
    package var error: String?
    /// The run is over when nothing is left on the feed, and no call of it is in flight.
    package var endsIfDone: Bool
    /// The run is over, whatever is left.
    package var ends: Bool

    package init(
        id: Int64? = nil, cause: RunCause, startedAt: Instant, counts: RunCounts = .init(), error: String? = nil, endsIfDone: Bool = false,
        ends: Bool = false
    ) {
        self.id = id
        self.cause = cause
        self.startedAt = startedAt
        self.counts = counts
        self.error = error
        self.endsIfDone = endsIfDone
        self.ends = ends
    }

    package var mustBeWritten: Bool { counts != RunCounts() || error != nil || (id != nil && ends) }
}

/// What the exchange has brought. Nothing of it was written where the exchange failed.
package struct ExchangeResult: Sendable {
    /// By remote.
    package var lanes: [String: LaneResult] = [:]
    /// How many of the events were new, by ticket. Missing where they could not be stored.
    package var events: [UInt64: Int] = [:]
    /// By remote.
    package var reads: [String: ReadResult] = [:]
    package var inbox = InboxResult()
    /// There is more in the inbox.
    package var hasMoreInbox = false
    /// Nil where no page was asked for.
    package var plan: PlanResult?
    package var survey: FeedSurvey?
    /// Nil while the run has done nothing.
    package var runID: Int64?
    package var hasEndedRun = false
    package var recovered = 0
    package var retention: Retention?
    package var prunedRows = 0
    package var hasMoreRetention = false
    /// Parts that were left out because they failed for a reason of their own; one line each.
    package var problems: [String] = []
    /// Something was written.
    package var hasWritten = false

    package init() {}
}

/// What became of one remote's part.
package struct LaneResult: Sendable {
    package var claimed: [ClaimedRow] = []
    /// Rows whose lease was lost: their outcome was not recorded.
    package var fenced: [Int64] = []
    package var orders = RemoteOrders()
    /// Due rows that have failed before were not claimed, because no more of them were asked for.
    package var hasLeftRetries = false
    /// Due rows were passed over, and there are more than were looked at.
    package var mayHaveMore = false
    /// Rows that had been given up because of a wrong URL and are due again.
    package var takenBack = 0
    /// When the next row falls due, later than the exchange; nil when none does.
    package var nextDueAt: Instant?
    /// Rows that are due, and were not claimed; known only where none was asked for.
    package var isSomethingDue = false
    /// Rows that the remote refuses without saying which member of them: they are not dead, their members are sent one at a time.
    package var split: [Int64] = []
    /// Rows that stand for a member of which it is known now that it is refused.
    package var convicted: [PlanBatch.Refused] = []
    /// Rows whose refusal shows that no member is to blame, with the row that stands for the whole call again, and how many rows of its
    /// parts do not stand for themselves any more.
    package var revived: [Int64: (whole: Int64, parts: Int)] = [:]
    /// What came of the news that responses held.
    package var reconciled: [Reconciled] = []
    /// Conversations whose planning waited for one of the recorded calls can be planned now.
    package var hasFreedPlanning = false

    package init() {}
}

/// What the command line and planning want of a remote at present.
package struct RemoteOrders: Sendable, Equatable {
    /// Set by `convosync pause`, cleared by `convosync resume`.
    package var isPaused = false
    /// When `convosync resume` was last called; a change is a wish to try at once.
    package var resumedAt: String?
    /// Its conversations are being put on the feed: nothing is claimed meanwhile.
    package var isBeingFed = false
    /// What the file said of the breaker when the exchange began: with a new `resumedAt`, a moment in the past ends the breaker's pause.
    package var breakerOpenUntil: Instant?

    package init() {}
}

/// What one remote's reader gets.
package struct ReadResult: Sendable {
    package var reconciled: [Reconciled] = []
    /// What hooks and reports have asked for, in order; the empty id stands for the list.
    package var requests: [ReadRequest] = []
    package var hasRequests = false
    /// For ``ReadRequestsPart/Question/cycle(rotation:includesRecent:)``.
    package var agents: [String?] = []
    package var rotation: [ReadRequest] = []
    /// Where the rotation goes on; nil: from the beginning.
    package var rotationCursor: RotationCursor?
    /// For ``ReadRequestsPart/Question/known(_:)``.
    package var known: [ReadRequest: LinkRecord] = [:]

    package init() {}
}

/// What a page of planning came to.
package struct PlanResult: Sendable {
    package var batch = PlanBatch()
    package var brake: Brake
    /// Why the brake engaged just now.
    package var engagement: Brake.Engagement?
    /// Nothing more is planned before everything that waits was surveyed.
    package var needsSurvey = false
    /// More can be planned at once.
    package var hasMore = false
    /// When something can be planned that waits for calls of its conversation at other remotes.
    package var nextPlanAt: Instant?
    /// Names on the feed that nothing is configured for.
    package var strayRemotes: [String] = []
    /// Objects that several conversations link to, all that there are; nil where nobody looked.
    package var shared: [SharedObject]?

    package init(brake: Brake) { self.brake = brake }
}
