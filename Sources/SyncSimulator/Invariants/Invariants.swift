import SyncCore
import SyncEngine

/// The conditions that hold after every event, whatever the seed.
///
/// | at any time                                                                             |
/// |-----------------------------------------------------------------------------------------|
/// | one exchange is in progress at most                                                      |
/// | a remote has no more calls in flight than its concurrency, deliveries and reads together |
/// | a remote has one delivery of a conversation in flight at most                            |
/// | a paused remote is not called                                                            |
/// | an outbox row is sent with one idempotency key and one body, however often, and no other row with that key |
/// | a row is not sent any more once the database has its acknowledgement                     |
/// | exchanges have a cause: ``mostExchanges`` in a second, and three for each event  |
struct Invariants {
    /// Per second without any event from outside.
    private static let mostExchanges = 12
    /// How long the service may take to notice that a remote was paused.
    private static let pausePatience = Duration.seconds(12)

    /// Failed exchanges of the last second that excuse another one; more would not be backing off.
    private static let mostFailures = 6

    private(set) var problems: [String] = []
    private let plan: WorldPlan
    /// Remotes that are paused in the file, and since when.
    private var pausedSince: [String: Duration] = [:]
    /// The machine stood, or stands, still until then.
    var frozenUntil = Duration.zero
    private var processes: [Int: Process] = [:]
    /// What was sent of an outbox row, and whose keys were seen.
    private var sent: [Int64: (key: String, body: String)] = [:]
    private var rows: [String: Int64] = [:]
    /// Rows whose acknowledgement the database has.
    private var acknowledged: Set<Int64> = []
    private var disturbances: [Duration] = []
    private(set) var exchangeCount = 0
    private(set) var callCount = 0
    /// Exchanges that wrote, without those that check the file or clean up after ended processes.
    private(set) var commitCount = 0
    /// How many reports were lines of the log, and the last of them.
    private(set) var lines: (count: Int, last: EngineReport?) = (0, nil)

    /// What is known of one process.
    private struct Process {
        /// Remotes whose pause the engine was told about, and those that an exchange has read, whose result it does not have yet.
        var knownPaused: Set<String>
        var readPaused: Set<String> = []
        var exchanges: [Duration] = []
        var failures: [Duration] = []
        var ownEvents: [Duration] = []
        var suspendedUntil = Duration.zero
        var callRules = CallRules()
        var pauses: RetryPauses
        /// Nil for a process that ends by itself.
        var planning: PlanningDelay?

        mutating func gotResult() { knownPaused = readPaused }
    }

    init(_ plan: WorldPlan) {
        self.plan = plan
    }

    mutating func fail(_ problem: String, at moment: Duration) {
        guard problems.count < 5 else { return }
        problems.append("\(moment.milliseconds): \(problem)")
    }

    // MARK: Events

    /// - Parameter staysOn: whether it plans until it is asked to stop.
    mutating func started(_ process: Int, staysOn: Bool) {
        processes[process] = Process(
            knownPaused: Set(pausedSince.keys), pauses: RetryPauses(plan.settings.retry), planning: staysOn ? PlanningDelay() : nil)
    }

    /// It gets no time for a while.
    mutating func suspended(_ process: Int, until end: Duration) {
        processes[process]?.planning?.processMayEnd()
        processes[process]?.suspendedUntil = end
    }

    mutating func processEnded(_ process: Int) { processes[process] = nil }

    /// Somebody other than the service has committed.
    mutating func committed(at moment: Duration) {
        for number in processes.keys { processes[number]?.planning?.changed(at: moment) }
        disturbed(at: moment)
    }

    /// An event that may cause exchanges of every process.
    mutating func disturbed(at moment: Duration) { disturbances.append(moment) }

    mutating func event(_ event: Engine.Event, _ process: Int, at moment: Duration) {
        switch event {
        case .configured: processes[process]?.callRules.reset()
        case .drainRequested, .stopRequested: processes[process]?.planning?.processMayEnd()
        case .exchanged(.failure): processes[process]?.planning?.exchangeFailed(at: moment)
        default: break
        }
        switch event {
        case .exchanged(.success): processes[process]?.gotResult()
        case .exchanged(.failure): processes[process]?.failures.append(moment)
        case .alarmRang: break
        case .callEnded, .databaseChanged, .remoteEvents, .turnRequested, .drainRequested, .stopRequested, .configured, .credentialReplaced:
            processes[process]?.ownEvents.append(moment)
        }
    }

    mutating func happened(at moment: Duration) {
        let horizon = moment - .seconds(1)
        if let first = disturbances.first, first < horizon { disturbances.removeAll { $0 < horizon } }
        for number in processes.keys { check(number, since: horizon, at: moment) }
    }

    private mutating func check(_ number: Int, since horizon: Duration, at moment: Duration) {
        guard var process = processes.removeValue(forKey: number) else { return }
        defer { processes[number] = process }
        if let problem = process.planning?.problem(at: moment) { fail(problem, at: moment) }
        process.exchanges.removeAll { $0 < horizon }
        process.failures.removeAll { $0 < horizon }
        process.ownEvents.removeAll { $0 < horizon }
        let causes = 3 * (disturbances.count + process.ownEvents.count) + min(process.failures.count, Invariants.mostFailures)
        guard process.exchanges.count > Invariants.mostExchanges + causes else { return }
        fail("\(process.exchanges.count) exchanges of process \(number) within a second, \(causes) of them with a cause", at: moment)
        process.exchanges = []
    }

    mutating func exchangeBegan(_ exchange: Exchange, _ process: Int, isInProgress: Bool, at moment: Duration) {
        exchangeCount += 1
        processes[process]?.exchanges.append(moment)
        if isInProgress { fail("two exchanges in progress", at: moment) }
    }

    /// The database has committed it: the engine knows what it says about the remotes once it gets the result.
    mutating func exchanged(_ exchange: Exchange, _ result: ExchangeResult, _ process: Int, at moment: Duration) {
        if result.hasWritten, exchange.retention == nil, exchange.recoversExcept == nil { commitCount += 1 }
        if exchange.plan != nil { for number in processes.keys { processes[number]?.planning?.planned() } }
        processes[process]?.readPaused = Set(result.lanes.filter { pausedSince[$0.key] != nil }.map(\.key))
        for problem in result.problems { fail("a part of an exchange failed: \(problem)", at: moment) }
    }

    mutating func reported(_ report: EngineReport, _ process: Int, at moment: Duration) {
        if report.isLine { lines = (lines.count + 1, report) }
        if case .planStalled(let entries) = report { fail("a page of \(entries) entries took nothing off the feed", at: moment) }
        // Due times follow the clock when it is set, and the times of calls that have ended do not.
        if case .attempted(let call, _) = report, !plan.stepsClock, let problem = processes[process]?.pauses.problem(with: call) {
            fail(problem, at: moment)
        }
    }

    /// Rows of the outbox have numbers that others had before.
    mutating func databaseWasReplaced() { (sent, rows, acknowledged) = ([:], [:], []) }

    // MARK: Pauses

    mutating func paused(_ remote: String, at moment: Duration) { pausedSince[remote] = pausedSince[remote] ?? moment }

    mutating func resumed(_ remote: String) {
        pausedSince[remote] = nil
        for number in processes.keys {
            processes[number]?.callRules.resumed(remote)
            processes[number]?.knownPaused.remove(remote)
            processes[number]?.readPaused.remove(remote)
        }
    }

    // MARK: Calls

    /// - Parameters:
    ///   - all: the calls in flight, including this one.
    ///   - isStopping: whether the process was asked to stop.
    mutating func called(
        _ call: SimulatedCall, all: [Simulation.CallKey: SimulatedCall], isStopping: Bool, wall: Instant, at moment: Duration
    ) {
        callCount += 1
        let known = plan.stepsClock ? nil : wall
        if let problem = processes[call.process]?.callRules.problem(with: call, isStopping: isStopping, wall: known, at: moment) {
            fail(problem, at: moment)
        }
        let name = call.remote.name
        let others = all.values.filter { $0.remote.name == name }
        let own = others.count { $0.process == call.process }
        if own > call.remote.gate.concurrency {
            fail("\(own) calls to \(name) in flight, concurrency \(call.remote.gate.concurrency)", at: moment)
        }
        if let conversation = call.conversation, others.count(where: { !$0.isOver && $0.conversation == conversation }) > 1 {
            fail("two deliveries of \(conversation) to \(name) in flight", at: moment)
        }
        if case .deliver(let row) = call.purpose { sent(row, to: name, at: moment) }
        if !call.remote.isEnabled { fail("a call to \(name), which is disabled", at: moment) }
        if processes[call.process]?.knownPaused.contains(name) == true {
            fail("a call to \(name), which is paused and known to be", at: moment)
        }
        if let since = pausedSince[name].map({ max($0, processes[call.process]?.suspendedUntil ?? .zero, frozenUntil) }),
            moment - since > Invariants.pausePatience
        {
            fail("a call to \(name), which has been paused for \((moment - since).milliseconds) ms", at: moment)
        }
    }

    /// The service has got the end of a call.
    mutating func ended(_ call: SimulatedCall, _ end: Engine.CallEnd, wall: Instant, at moment: Duration) {
        processes[call.process]?.callRules.ended(call, end, wall: wall, at: moment)
    }

    /// The database has the outcomes of these calls, or refused them because their lease was over.
    mutating func recorded(_ calls: [FinishedCall], fenced: [Int64]) {
        for call in calls where call.row.state == .delivered && !fenced.contains(call.claimed.id) { acknowledged.insert(call.claimed.id) }
    }

    private mutating func sent(_ row: ClaimedRow, to remote: String, at moment: Duration) {
        if acknowledged.contains(row.id) { fail("row \(row.id) is sent to \(remote), and its acknowledgement was recorded", at: moment) }
        if let former = sent[row.id], former != (row.idempotencyKey, row.body) {
            fail("row \(row.id) was sent to \(remote) as \(former), and is sent as \((row.idempotencyKey, row.body))", at: moment)
        }
        if let other = rows[row.idempotencyKey], other != row.id {
            fail("row \(row.id) is sent to \(remote) with the key of row \(other)", at: moment)
        }
        sent[row.id] = (row.idempotencyKey, row.body)
        rows[row.idempotencyKey] = row.id
    }
}
