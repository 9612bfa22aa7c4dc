/// One transaction that the engine requests of the store. Every part is bounded; the parts are carried out in the order of their
/// declaration.
///
/// An exchange that only reads (``mayOnlyRead``) takes no write lock when it finds nothing to do.
package struct Exchange: Sendable {
    /// The wall clock when the exchange was made.
    package var now: Instant
    /// The uptime when the exchange was made.
    package var uptime: Duration
    /// By how much the wall clock was set as this process has seen it: stored times that something waits for have to be shifted, unless another
    /// process has done it.
    package var clockStep: Duration?
    /// If set, rows claimed by processes that have ended are put back, except these rows, which belong to this process.
    package var recoversExcept: Set<Int64>?
    /// One request per remote that is called, in a fixed order.
    package var lanes: [LaneRequest] = []
    /// Events to store. Their senders wait for this commit.
    package var events: [ReceivedEvents] = []
    package var reads: [ReadRequestsPart] = []
    /// Whether stored events are processed.
    package var processesInbox = false
    package var plan: PlanPage?
    package var survey: FeedSurvey?
    package var run: RunPart
    /// The upper half of the fencing values, and where the lower half continues.
    package var leases: LeaseValues
    /// One page of finished rows is checked for pruning, after the commit.
    package var retention: Retention?

    package init(now: Instant, uptime: Duration, run: RunPart, leases: LeaseValues) {
        self.now = now
        self.uptime = uptime
        self.run = run
        self.leases = leases
    }

    /// Whether the request itself contains nothing that has to be written.
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

/// The part of an exchange that one remote's lane requests.
package struct LaneRequest: Sendable {
    package struct Claim: Sendable, Equatable {
        /// The number of due rows.
        package var rows: Int
        /// How many of them may have failed before, while there are others.
        package var retries: Int
        /// Rows that have failed before are skipped if they fall due later than this; rows that have not are never skipped.
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
    /// Claimed rows whose object was read before they are sent.
    package var reads: [ReadBeforeWrite] = []
    /// Conclusions about objects that seemed to be missing, applied in this order after the outcomes are recorded.
    package var absences: [AbsenceRecord] = []
    /// The gate's state to store; nil when it has not changed.
    package var gate: RemoteGate.Stored?
    package var claim: Claim?
    /// Without a claim: rows that have failed before are not due if they fell due later than this; nil: later than the exchange.
    package var retriesDueBy: Instant?

    package init(remote: String) { self.remote = remote }

    package var onlyAsks: Bool { finished.isEmpty && reads.isEmpty && absences.isEmpty && gate == nil }
}

/// Events that a remote sent to the receiver.
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

/// The part of an exchange that one remote's reader requests.
package struct ReadRequestsPart: Sendable {
    /// How a poll cycle ended.
    package enum Health: Sendable, Equatable {
        case read
        case failed(String)
    }

    /// What a poll cycle needs to know before it continues. Asking changes nothing.
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
    /// Requests that wait because their object could not be read.
    package var failed: [FailedRead] = []
    package var health: Health?
    /// Where the rotation continues; stored together with the health.
    package var rotation: RotationCursor?
    /// How many read requests to return; 0: none.
    package var requests = 0
    package var question: Question?

    package init(remote: String) { self.remote = remote }

    package var onlyAsks: Bool { reports.isEmpty && completed.isEmpty && failed.isEmpty && health == nil }
}

/// The last object that the rotation read; empty at the beginning.
package struct RotationCursor: Sendable, Equatable {
    package var id: StoredKey
    package var agent: StoredKey

    package init(id: StoredKey, agent: StoredKey) {
        self.id = id
        self.agent = agent
    }
}

/// One page of planning: messages first, then conversations. The check by the brake is part of it.
package struct PlanPage: Sendable {
    /// The largest number of feed entries.
    package var limit: Int
    /// How long the write lock may be held.
    package var timeLimit: Duration
    package var brake: Brake
    /// Remotes that take calls now or within seconds: work that is pushed last waits for first attempts at these.
    package var delivering: Set<String>
    /// The longest time that work pushed last waits for the others.
    package var stall: Duration
    /// The first page of a turn also checks everything that can have changed outside of the feeds.
    package var isFirst: Bool
    /// The seed of the idempotency keys.
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

/// The run that the exchange belongs to: one row of `runs`, created once something was done.
package struct RunPart: Sendable, Equatable {
    /// Nil while nothing has been done.
    package var id: Int64?
    package var cause: RunCause
    package var startedAt: Instant
    /// Counts that are not in the row yet; the store adds what the exchange itself plans.
    package var counts: RunCounts
    package var error: String?
    /// The run ends if nothing is left on the feed and none of its calls is in flight.
    package var endsIfDone: Bool
    /// The run ends, whatever is left.
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

/// The result of an exchange. If the exchange failed, nothing of it was written.
package struct ExchangeResult: Sendable {
    /// By remote.
    package var lanes: [String: LaneResult] = [:]
    /// How many of the events were new, by ticket. Events that could not be stored have no entry.
    package var events: [UInt64: Int] = [:]
    /// By remote.
    package var reads: [String: ReadResult] = [:]
    package var inbox = InboxResult()
    /// Whether there is more in the inbox.
    package var hasMoreInbox = false
    /// Nil if no page was requested.
    package var plan: PlanResult?
    package var survey: FeedSurvey?
    /// Nil while the run has done nothing.
    package var runID: Int64?
    package var hasEndedRun = false
    /// Nil if the exchange did not recover claims.
    package var recovery: RecoveredClaims?
    package var retention: Retention?
    package var prunedRows = 0
    package var hasMoreRetention = false
    /// Parts that were skipped because they failed for a reason of their own; one line each.
    package var problems: [String] = []
    /// Whether anything was written.
    package var hasWritten = false

    package init() {}
}

/// What became of claims of other processes.
package struct RecoveredClaims: Sendable, Equatable {
    /// How many rows were put back.
    package var rows = 0
    /// When the first of the claims ends that are left; nil: there is none.
    package var claimedUntil: Instant?

    package init() {}
}

/// The result of one remote's part.
package struct LaneResult: Sendable {
    package var claimed: [ClaimedRow] = []
    /// Rows whose lease was lost: their outcome was not recorded.
    package var fenced: [Int64] = []
    /// Rows that are still wanted after their object was read, under a new lease. The others of ``LaneRequest/reads`` are no longer claimed.
    package var confirmed: [ClaimedRow] = []
    package var orders = RemoteOrders()
    /// Due rows that have failed before were not claimed, because the claim allowed no more of them.
    package var hasLeftRetries = false
    /// Due rows were skipped, and there are more than were examined.
    package var mayHaveMore = false
    /// The claim ended before it had all rows that were requested, because they are large.
    package var isCutShort = false
    /// Rows that had been given up because of a wrong URL and are due again.
    package var takenBack = 0
    /// When the next row falls due, later than the exchange; nil when none does.
    package var nextDueAt: Instant?
    /// Rows are due and were not claimed; known only without a claim.
    package var isSomethingDue = false
    /// Rows that are discarded instead of being dead or sent again: the remote refused them without naming a member, and their members are sent one at
    /// a time; or their conversation or link was deleted and written again during the call.
    package var split: [Int64] = []
    /// Rows for a single member that is now known to be refused.
    package var convicted: [PlanBatch.Refused] = []
    /// Rows whose refusal shows that no single member is the cause, with the row that stands for the whole call again, and how many rows
    /// for single members no longer stand for themselves.
    package var revived: [Int64: (whole: Int64, parts: Int)] = [:]
    /// The result of reconciling what the responses reported.
    package var reconciled: [Reconciled] = []
    /// Conversations whose planning waited for one of the recorded calls can be planned now.
    package var hasFreedPlanning = false

    package init() {}
}

/// What the command line and planning currently require of a remote.
package struct RemoteOrders: Sendable, Equatable {
    /// Set by `convosync pause`, cleared by `convosync resume`.
    package var isPaused = false
    /// When `convosync resume` was last called; a change requests an attempt at once.
    package var resumedAt: String?
    /// Its conversations are being put on the feed: nothing is claimed until that is done.
    package var isBeingFed = false
    /// The stored end of the breaker's pause when the exchange began: with a new `resumedAt`, a time in the past ends the pause.
    package var breakerOpenUntil: Instant?

    package init() {}
}

/// The result for one remote's reader.
package struct ReadResult: Sendable {
    package var reconciled: [Reconciled] = []
    /// The objects that webhooks and reports request, in order; the empty id stands for the list.
    package var requests: [ReadRequest] = []
    package var hasRequests = false
    /// By the wall clock: when the first request is due that waits after a failed read; nil if none does.
    package var nextRequestAt: Instant?
    /// For ``ReadRequestsPart/Question/cycle(rotation:includesRecent:)``.
    package var agents: [String?] = []
    package var rotation: [ReadRequest] = []
    /// Where the rotation continues; nil: from the beginning.
    package var rotationCursor: RotationCursor?
    /// For ``ReadRequestsPart/Question/known(_:)``.
    package var known: [ReadRequest: LinkRecord] = [:]

    package init() {}
}

/// The result of a page of planning.
package struct PlanResult: Sendable {
    package var batch = PlanBatch()
    package var brake: Brake
    /// Why the brake engaged just now.
    package var engagement: Brake.Engagement?
    /// Nothing more is planned until everything that waits has been surveyed.
    package var needsSurvey = false
    /// More can be planned at once.
    package var hasMore = false
    /// When work can be planned that waits for calls of its conversation at other remotes.
    package var nextPlanAt: Instant?
    /// Names on the feed that no configured remote has.
    package var strayRemotes: [String] = []
    /// Objects that several conversations link to, as a complete list; nil if it was not checked.
    package var shared: [SharedObject]?

    package init(brake: Brake) { self.brake = brake }
}
