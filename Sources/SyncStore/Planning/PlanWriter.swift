import SyncCore

/// Plans what is on the feeds: decides, writes the rows, and takes the entries off. One page in one transaction.
///
/// The unit is the conversation: all of its entries are planned together, first those of remotes that are pushed at once, then those of remotes
/// that are pushed last. A remote that is pushed last waits where its conversation has a call in flight at another remote, or a first attempt that
/// is due at one that takes calls (`change_feed.deferred` is 3 then), and does not wait for longer than ``PlanPage/stall``.
struct PlanWriter {
    /// Conversations or messages examined in one transaction at most.
    static let pageSize = 500
    /// A page of more entries than these of which none can be planned says something about the database, and nothing about its rows.
    static let hopelessPage = 10

    let session: any Session
    let context: PlanContext
    /// Remotes whose states are planned: those that are pushed at once, and those that are pushed last.
    let others: [RemoteParticipation]
    let pushedLast: [RemoteParticipation]
    /// The names under which they are on the feed.
    let feedTargets: [FeedTarget]
    /// Remotes that take calls at the moment, in order, without those that are pushed last.
    let delivering: [String]
    /// What has waited since then is planned.
    let overdue: Instant
    let deadline: ContinuousClock.Instant
    let timestampRuns: TimestampRegister.Runs
    /// Whether each entry is planned in a savepoint of its own, and put aside where that fails.
    var isolates = false
    var run: RunRecord
    var keys: IdempotencyKeys
    var batch = PlanBatch()
    /// The registers of the remotes that messages were planned for.
    var timestamps: [String: TimestampRegister] = [:]
    /// What the conversation that is being planned reaches.
    var reach = Brake.Reaches()
    /// The conversation that is being planned; a nil value is one that does not exist.
    private var present: (id: String, conversation: LocalConversation?)?
    private var attempts = Attempts()

    /// What became of the entries that are planned each in a savepoint.
    private struct Attempts {
        var planned = 0
        var failed = 0
        var firstError: (any Error)?
    }

    /// What became of an entry.
    enum Step {
        case planned
        /// Its conversation was changed by it, and is on the feed again.
        case adopted
        case putAside
    }

    init(_ page: PlanPage, _ context: PlanContext, run: RunRecord, runs: TimestampRegister.Runs, _ session: any Session) {
        self.session = session
        self.context = context
        self.run = run
        let remotes = context.remotes.filter(\.takesStates)
        others = remotes.filter { !$0.isPushedAtEndOfRun }
        pushedLast = remotes.filter(\.isPushedAtEndOfRun)
        feedTargets = Store.feedTargets(context.remotes)
        delivering = page.delivering.subtracting(pushedLast.map(\.name)).sorted()
        overdue = context.now - page.stall
        deadline = ContinuousClock.now + page.timeLimit
        keys = IdempotencyKeys(seed: page.keySeed)
        timestampRuns = runs
    }

    /// One entry at least is planned, however late it is.
    var isLate: Bool { batch.examined > 0 && ContinuousClock.now > deadline }

    mutating func insert(_ row: NewOutboxRow) throws -> Int64 {
        try row.insert(session, runID: try run.requireID(session), key: keys.next(), now: context.now)
    }

    mutating func conversation(_ id: String) throws -> LocalConversation? {
        if let present, present.id.hasSameBytes(as: id) { return present.conversation }
        let conversation = try LocalConversation.fetch(session, id)
        present = (id, conversation)
        return conversation
    }

    mutating func forgetConversation() { present = nil }

    /// Messages first, then the states of conversations.
    /// - Parameter limit: about so many entries of the feed of conversations.
    mutating func plan(limit: Int) throws {
        try planMessages()
        if limit > 0 { try planStates(limit: limit) }
    }

    // MARK: Single entries

    /// Plans one entry.
    /// - Parameters:
    ///   - work: what it does is undone where it throws and entries are planned on their own.
    ///   - putAside: takes the entry out of the way, because of the problem.
    mutating func attempt(
        _ work: (inout PlanWriter) throws -> Step, putAside: (inout PlanWriter, String) throws -> Void
    ) throws -> Step {
        guard isolates else { return try work(&self) }
        let before = self
        do {
            let step = try session.transaction(.writing) { try work(&self) }
            attempts.planned += 1
            return step
        } catch {
            let problem = session.storeError(error)
            guard problem.concernsRows else { throw error }
            self = before
            attempts.failed += 1
            attempts.firstError = attempts.firstError ?? error
            try putAside(&self, String(problem.description.prefix(Store.problemLimit)).onOneLine)
            return .putAside
        }
    }

    /// - Throws: the first error where nothing can be planned.
    mutating func endAttempts() throws {
        defer { attempts = Attempts() }
        if let first = attempts.firstError, attempts.planned == 0, attempts.failed > PlanWriter.hopelessPage { throw first }
    }
}
