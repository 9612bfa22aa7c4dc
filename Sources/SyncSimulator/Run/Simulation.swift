import SandboxModel
import SyncCore
import SyncEngine
import SyncSQLite
import SyncStore

/// The owner of an engine in a world that is decided by a seed: virtual time, a real database, simulated remotes, an application and people
/// at the remotes that change things, and a machine whose clock is set and whose processes are killed.
///
/// It does what the owner in the service does (runs the actions, posts the events), and checks the invariants after every event.
final class Simulation {
    enum Happening {
        /// Only for the process with this number.
        case engine(Engine.Event, generation: Int)
        case alarm(Int)
        case exchange(SyncCore.Exchange, Parties, generation: Int)
        case callArrives(Engine.CallID)
        case callEnds(Engine.CallID)
        case webhook(SandboxModel.WebhookCall, remote: String)
        case processStarts
        /// For a process that was asked to end when all due rows have been attempted.
        case drainIsOverdue(generation: Int)
        /// A happening that is drawn when its time comes.
        case anything
        case weatherChanges
        case weatherEnds(String)
        case clockIsSet
        case diskFills
        case diskHasRoom
        case databaseIsLocked
        case databaseIsFree
        case resumed(String)
        /// The configuration is as planned again.
        case reloaded(isPlanned: Bool)
    }

    let seed: UInt64
    let plan: WorldPlan
    private(set) var clock = VirtualClock()
    let disk = SimulatedDisk()
    var random: SplitMix64
    var queue = HappeningQueue<Happening>()
    var trace: Trace
    var remotes: RemoteSystems
    let application: Application
    private(set) var checks: Invariants
    /// In the second phase: no changes by people and no faults.
    var isCalm = false

    // MARK: The process

    var engine: Engine?
    var store: Store?
    var mount: DiskMount?
    /// How often the machine has started.
    var boots = 1
    /// The application's transaction that is open.
    var lockHolder: Application.Transaction?
    /// The number of the process.
    var generation = 0
    /// The configuration in use.
    var configured: [Remote]
    var parties: Parties
    var processID: Int64 = 0
    var alarm = 0
    var calls: [Engine.CallID: SimulatedCall] = [:]
    /// The exchange without a result so far; the database may have committed it already.
    var exchange: (exchange: SyncCore.Exchange, parties: Parties, isCarriedOut: Bool)?
    /// Until when calls may take after a request to stop.
    var stopBy: Duration?
    var nextTicket: UInt64 = 0
    var hooks: [UInt64: (call: SandboxModel.WebhookCall?, remote: String)] = [:]
    var clockSteps = ClockSteps()
    /// What the last drain that ended had done.
    var drained: Engine.DrainSummary?
    var events = 0
    /// Uncertain messages, which an operator had to settle.
    var uncertainMessages: Set<String> = []
    var counts: [String: Int] = [:]

    convenience init(seed: UInt64, isPrinted: Bool = false) throws {
        var random = SplitMix64(seed: seed)
        let plan = WorldPlan(&random)
        try self.init(plan, seed: seed, random, isPrinted: isPrinted)
    }

    init(_ plan: WorldPlan, seed: UInt64, _ random: SplitMix64, isPrinted: Bool = false) throws {
        self.seed = seed
        self.random = random
        self.plan = plan
        trace = Trace(isPrinted: isPrinted)
        remotes = try RemoteSystems(plan, seed: seed)
        checks = Invariants(plan)
        configured = plan.remotes
        disk.wall = clock.wall
        application = try Application(disk)
        parties = Parties(plan.remotes, brake: plan.settings.brake, isGone: { _ in false })
    }

    deinit {
        store?.close()
    }

    // MARK: Drawing

    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    func span(_ range: ClosedRange<Int>) -> Duration { .milliseconds(number(range)) }

    // MARK: Time

    /// A time between two happenings in this world.
    func gap(_ range: ClosedRange<Int>) -> Duration { span(range) * plan.pace }

    private func advance(to moment: Duration) {
        clock.advance(to: max(moment, clock.uptime))
        disk.wall = clock.wall
    }

    func setClock(by step: Duration) {
        clock.set(by: step)
        disk.wall = clock.wall
    }

    func after(_ span: Duration, _ happening: Happening) { queue.enter(happening, at: clock.uptime + span) }

    func note(_ line: String) { trace.note(line, at: clock.uptime) }

    func count(_ name: String) { counts[name, default: 0] += 1 }

    /// Runs everything that happens until then.
    func run(until end: Duration) async throws {
        while let next = queue.nextAt, next <= end, let (moment, happening) = queue.take() {
            advance(to: moment)
            try await happen(happening)
            checks.happened(at: clock.uptime)
        }
        advance(to: end)
    }

    private func happen(_ happening: Happening) async throws {
        switch happening {
        case .engine(let event, let generation):
            guard generation == self.generation, engine != nil else { return }
            try await handle(event)
        case .alarm(let number):
            guard number == alarm, engine != nil else { return }
            try await handle(.alarmRang)
        case .exchange(let exchange, let parties, let generation):
            guard generation == self.generation, store != nil else { return }
            try await carryOut(exchange, parties)
        case .callArrives(let id): try arrive(id)
        case .callEnds(let id): try await end(id)
        case .webhook(let call, let remote): try await receive(call, remote)
        case .processStarts: try await start()
        case .drainIsOverdue(let generation): if generation == self.generation, engine != nil { fail("it drains without an end") }
        case .anything: try await anything()
        case .weatherChanges: changeWeather()
        case .weatherEnds(let remote):
            remotes.weather[remote] = .fair
            note("the weather at \(remote) is fair")
        case .clockIsSet: setClock()
        case .diskFills: fillDisk()
        case .diskHasRoom: makeRoom()
        case .databaseIsLocked: try await lockDatabase()
        case .databaseIsFree: try await freeDatabase()
        case .resumed(let remote): try await resume(remote)
        case .reloaded(let isPlanned): if !isCalm || isPlanned { try await reload(isPlanned: isPlanned) }
        }
    }

    // MARK: The engine

    func handle(_ event: Engine.Event) async throws {
        guard var engine else { return }
        events += 1
        note("event \(TraceText.of(event))")
        checks.event(event, at: clock.uptime)
        clockSteps.engineHasEvent()
        if case .exchanged = event { exchange = nil }
        if case .stopRequested(let span) = event { stopBy = min(stopBy ?? clock.uptime + span, clock.uptime + span) }
        var actions: [Engine.Action] = []
        engine.handle(event, now: clock.now, into: &actions)
        self.engine = engine
        for action in actions {
            if !isCalm, plan.killShare > 0, number(0...9999) < plan.killShare { return try await kill() }
            try await perform(action)
        }
    }

    func fail(_ problem: String) { checks.fail(problem, at: clock.uptime) }

    var summary: String {
        let counts = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        return "seed \(seed): \(plan.summary); \(events) events, \(checks.exchangeCount) exchanges, \(checks.callCount) calls, \(counts); "
            + "\(clock.uptime.milliseconds / 1000) s, trace \(String(trace.hash, radix: 16))"
    }

    func mutateChecks(_ change: (inout Invariants) -> Void) { change(&checks) }
}
