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
/// | exchanges have a cause: ``mostExchanges`` in a second, and three for each event  |
struct Invariants {
    /// Per second without any event from outside.
    private static let mostExchanges = 12
    /// How long the service may take to notice that a remote was paused.
    private static let pausePatience = Duration.seconds(12)

    private(set) var problems: [String] = []
    private let plan: WorldPlan
    /// Remotes that are paused in the file, since when, and those that the engine was told about.
    private var pausedSince: [String: Duration] = [:]
    private var knownPaused: Set<String> = []
    private var readPaused: Set<String> = []
    /// What was sent of an outbox row, and whose keys were seen.
    private var sent: [Int64: (key: String, body: String)] = [:]
    private var rows: [String: Int64] = [:]
    private var exchanges: [Duration] = []
    private var disturbances: [Duration] = []
    private(set) var exchangeCount = 0
    private(set) var callCount = 0
    /// Exchanges that wrote, without those that check the file or clean up after ended processes.
    private(set) var commitCount = 0

    init(_ plan: WorldPlan) {
        self.plan = plan
    }

    mutating func fail(_ problem: String, at moment: Duration) {
        guard problems.count < 5 else { return }
        problems.append("\(moment.milliseconds): \(problem)")
    }

    // MARK: Events

    mutating func started() { knownPaused = Set(pausedSince.keys) }

    mutating func processEnded() {
        knownPaused = []
        readPaused = []
    }

    /// An event that may cause exchanges.
    mutating func disturbed(at moment: Duration) { disturbances.append(moment) }

    mutating func event(_ event: Engine.Event, at moment: Duration) {
        switch event {
        case .exchanged(.success): knownPaused = readPaused
        case .alarmRang, .exchanged(.failure): break
        case .callEnded, .databaseChanged, .remoteEvents, .turnRequested, .drainRequested, .stopRequested, .configured, .credentialReplaced:
            disturbances.append(moment)
        }
    }

    mutating func happened(at moment: Duration) {
        let horizon = moment - .seconds(1)
        exchanges.removeAll { $0 < horizon }
        disturbances.removeAll { $0 < horizon }
        if exchanges.count > Invariants.mostExchanges + 3 * disturbances.count {
            fail("\(exchanges.count) exchanges within a second, after \(disturbances.count) events", at: moment)
            exchanges = []
        }
    }

    mutating func exchangeBegan(_ exchange: Exchange, isInProgress: Bool, at moment: Duration) {
        exchangeCount += 1
        exchanges.append(moment)
        if isInProgress { fail("two exchanges in progress", at: moment) }
    }

    /// The database has committed it: the engine knows what it says about the remotes once it gets the result.
    mutating func exchanged(_ exchange: Exchange, _ result: ExchangeResult, at moment: Duration) {
        if result.hasWritten, exchange.retention == nil, exchange.recoversExcept == nil { commitCount += 1 }
        readPaused = Set(result.lanes.filter { pausedSince[$0.key] != nil }.map(\.key))
        for problem in result.problems { fail("a part of an exchange failed: \(problem)", at: moment) }
    }

    mutating func reported(_ report: EngineReport, at moment: Duration) {
        if case .planStalled(let entries) = report { fail("a page of \(entries) entries took nothing off the feed", at: moment) }
    }

    // MARK: Pauses

    mutating func paused(_ remote: String, at moment: Duration) { pausedSince[remote] = pausedSince[remote] ?? moment }

    mutating func resumed(_ remote: String) {
        pausedSince[remote] = nil
        knownPaused.remove(remote)
        readPaused.remove(remote)
    }

    // MARK: Calls

    /// - Parameter all: the calls in flight, including this one.
    mutating func called(_ call: SimulatedCall, all: [Engine.CallID: SimulatedCall], at moment: Duration) {
        callCount += 1
        let name = call.remote.name
        let others = all.values.filter { $0.remote.name == name && $0.generation == call.generation }
        if others.count > call.remote.gate.concurrency {
            fail("\(others.count) calls to \(name) in flight, concurrency \(call.remote.gate.concurrency)", at: moment)
        }
        if let conversation = call.conversation, others.count(where: { $0.conversation == conversation }) > 1 {
            fail("two deliveries of \(conversation) to \(name) in flight", at: moment)
        }
        if case .deliver(let row) = call.purpose { sent(row, to: name, at: moment) }
        if !call.remote.isEnabled { fail("a call to \(name), which is disabled", at: moment) }
        if knownPaused.contains(name) { fail("a call to \(name), which is paused and known to be", at: moment) }
        if let since = pausedSince[name], moment - since > Invariants.pausePatience {
            fail("a call to \(name), which has been paused for \((moment - since).milliseconds) ms", at: moment)
        }
    }

    private mutating func sent(_ row: ClaimedRow, to remote: String, at moment: Duration) {
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
