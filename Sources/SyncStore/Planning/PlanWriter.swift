import SyncCore

/// Plans the entries of the feeds: decides, writes the rows, and removes the entries. One page in one transaction.
///
/// The unit is the conversation: all of its entries are planned together, first those of remotes that are pushed at once, then those of remotes that
/// are pushed last. A remote that is pushed last waits while its conversation has a call in flight to another remote, or a first attempt that is due
/// at a remote that accepts calls (`change_feed.deferred` is 3 then). It waits no longer than ``PlanPage/stall``.
struct PlanWriter {
    /// The most conversations or messages that are examined in one transaction.
    static let pageSize = 500
    /// If none of more entries than these can be planned, the cause is the database and not their rows.
    static let hopelessPage = 10

    let session: any Session
    let context: PlanContext
    /// Remotes whose states are planned: those that are pushed at once, and those that are pushed last.
    let others: [RemoteParticipation]
    let pushedLast: [RemoteParticipation]
    /// Their targets on the feed.
    let feedTargets: [FeedTarget]
    /// The names of remotes that accept calls at present, sorted, without those that are pushed last.
    let delivering: [String]
    /// Entries that have been waiting since this time are planned.
    let overdue: Instant
    let deadline: ContinuousClock.Instant
    let timestampRuns: TimestampRegister.Runs
    let rolledBack: RolledBackParts
    /// Whether each entry is planned in a savepoint of its own, and put aside if that fails.
    var isolates = false
    var run: RunRecord
    var keys: IdempotencyKeys
    var batch = PlanBatch()
    /// The registers of the remotes that messages were planned for.
    var timestamps: [String: TimestampRegister] = [:]
    /// What the brake counts for the conversation that is being planned.
    var reach = Brake.Reaches()
    /// The conversation that is being planned; a nil value if it does not exist.
    private var present: (id: String, conversation: LocalConversation?)?
    private var attempts = Attempts()

    /// The results of entries that are planned in savepoints of their own.
    private struct Attempts {
        var planned = 0
        var failed = 0
        var firstError: (any Error)?
    }

    /// The result of planning an entry.
    enum Step {
        case planned
        /// A value was adopted: the conversation has changed, and is on the feed again.
        case adopted
        case putAside
    }

    init(
        _ page: PlanPage, _ context: PlanContext, run: RunRecord, runs: TimestampRegister.Runs, rolledBack: RolledBackParts,
        _ session: any Session
    ) {
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
        self.rolledBack = rolledBack
    }

    /// At least one entry is planned, however late it is.
    var isLate: Bool { batch.examined > 0 && ContinuousClock.now > deadline }

    mutating func insert(_ row: NewOutboxRow) throws -> Int64 {
        try row.insert(session, runID: try run.requireID(session), key: keys.next(), now: context.now)
    }

    mutating func conversation(_ id: String) throws -> LocalConversation? {
        if let present, present.id.hasSameBytes(as: id) { return present.conversation }
        let conversation = try LocalConversation.fetch(session, id, now: context.now)
        present = (id, conversation)
        return conversation
    }

    mutating func forgetConversation() { present = nil }

    /// Plans messages first, then the states of conversations.
    /// - Parameter limit: the approximate number of change feed entries.
    mutating func plan(limit: Int) throws {
        try planMessages()
        if limit > 0 { try planStates(limit: limit) }
    }

    // MARK: Single entries

    /// Plans one entry.
    /// - Parameters:
    ///   - name: of the entry, unique in the page.
    ///   - work: is rolled back if it throws and entries are planned in savepoints of their own.
    ///   - putAside: marks the entry as one that cannot be planned, with the problem.
    mutating func attempt(
        as name: @autoclosure () -> String, _ work: (inout PlanWriter) throws -> Step, putAside: (inout PlanWriter, String) throws -> Void
    ) throws -> Step {
        guard isolates else { return try work(&self) }
        let name = name()
        if let problem = rolledBack[name] { return try leaveOut(problem, problem, putAside) }
        let before = self
        do {
            let step = try session.transaction(.writing) { try work(&self) }
            attempts.planned += 1
            return step
        } catch {
            let problem = session.storeError(error)
            rolledBack.note(problem, of: name)
            guard problem.concernsRows else { throw error }
            self = before
            return try leaveOut(problem, error, putAside)
        }
    }

    private mutating func leaveOut(
        _ problem: StoreError, _ error: any Error, _ putAside: (inout PlanWriter, String) throws -> Void
    ) throws -> Step {
        attempts.failed += 1
        attempts.firstError = attempts.firstError ?? error
        try putAside(&self, String(problem.description.prefix(Store.problemLimit)).onOneLine)
        return .putAside
    }

    /// - Throws: the first error, if nothing could be planned.
    mutating func endAttempts() throws {
        defer { attempts = Attempts() }
        if let first = attempts.firstError, attempts.planned == 0, attempts.failed > PlanWriter.hopelessPage { throw first }
    }
}
