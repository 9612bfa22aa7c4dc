import SandboxModel
import SyncCore
import SyncEngine
import SyncSQLite
import SyncStore

/// The owner of an engine in a world that is decided by a seed: virtual time, a real database, simulated remotes, an application and people
/// at the remotes that change things, operators, and a machine whose clock is set and whose processes are killed.
///
/// It does what the owner in the service does (runs the actions, posts the events), and checks the invariants after every event.
final class Simulation {
    let seed: UInt64
    var plan: WorldPlan
    private(set) var clock = VirtualClock()
    let disk = SimulatedDisk()
    /// Drawn from while one happening is processed; see ``Happening/number``.
    var random: SplitMix64
    var queue = HappeningQueue<Happening>()
    private(set) var trace: Trace
    var remotes: RemoteSystems
    let application: Application
    private(set) var checks: Invariants
    private(set) var coverage = Coverage()
    /// In the second phase: no changes by people and no faults.
    var isCalm = false
    var calmSince = Duration.zero
    var lastRowBeforeCalm: Int64 = 0
    /// Acts that are left out, by their number.
    let omitted: Set<Int>
    /// How many acts were drawn.
    var actCount = 0

    // MARK: The machine

    /// The processes that run.
    var processes: [Int: ServiceProcess] = [:]
    /// Their numbers, as one process can find out about another.
    let living = LivingProcesses()
    /// How many were started.
    var processCount = 0
    /// The contents of the configuration file, which a process reads when it starts and when it is told to.
    var configured: [Remote]
    /// How often the machine has started.
    var boots = 1
    /// The application's transaction that is open.
    var lockHolder: Application.Transaction?
    /// The files of the database as they were copied.
    var backup: [String: [UInt8]] = [:]
    /// The database has forgotten what happened after a backup.
    var wasRestored = false
    /// Until then no process of the machine gets anything done.
    var frozenUntil: Duration?
    /// Processes that get no time until then.
    var suspendedUntil: [Int: Duration] = [:]
    var calls: [CallKey: SimulatedCall] = [:]
    /// By how much the clock was set back without a process being able to know, because the machine started again: stored waits last longer by as
    /// much.
    var lostClockSteps = Duration.zero
    /// What the next process that starts adds to them.
    var stepBackAtStart = Duration.zero
    /// The keys of events that their sender does not repeat, because it was told that they are stored.
    var acknowledgedEvents: Set<String> = []
    var events = 0
    /// Messages that an operator has settled: uncertain ones, and those that were discarded.
    var settledMessages: Set<String> = []
    /// Messages that were given up at some time: later ones did not wait for them.
    var givenUpMessages: Set<String> = []
    /// Conversations that lost a link and got it again: what the object held before is not known any more.
    var relinked: Set<String> = []
    /// Conversations in which a customer wrote, even if the message was moved afterwards.
    var customersWrote: Set<String> = []
    /// Messages that were moved to another conversation.
    var movedMessages: Set<String> = []
    var counts: [String: Int] = [:]

    /// - Parameter omitted: the drawn happenings that do not take place, by their number.
    convenience init(seed: UInt64, _ detail: Trace.Detail = .none, omitting omitted: Set<Int> = []) throws {
        var random = SplitMix64(seed: seed)
        try self.init(WorldPlan(&random), seed: seed, detail, omitting: omitted)
    }

    init(_ plan: WorldPlan, seed: UInt64, _ detail: Trace.Detail = .none, omitting omitted: Set<Int> = []) throws {
        self.seed = seed
        self.plan = plan
        self.omitted = omitted
        random = SplitMix64(seed: seed)
        trace = Trace(detail)
        remotes = try RemoteSystems(plan, seed: seed, keepsHistory: detail != .none)
        checks = Invariants(plan)
        configured = plan.remotes
        disk.wall = clock.wall
        application = try Application(disk)
    }

    /// `convosync run`, if it runs.
    var daemon: ServiceProcess? { processes.values.first { $0.command == .run } }

    /// The processes in the order in which they started.
    var running: [ServiceProcess] { processes.values.sorted { $0.number < $1.number } }

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
        for process in processes.values { process.clockSteps.wasSet(by: step) }
    }

    func after(_ span: Duration, _ happening: Happening) { queue.enter(happening, at: clock.uptime + span) }

    /// What the service does, for developers.
    func note(_ line: @autoclosure () -> String) { trace.note(line, for: .developers, at: clock.uptime) }

    /// A sentence of the story.
    func tell(_ sentence: @autoclosure () -> String) { trace.note(sentence, for: .everybody, at: clock.uptime) }

    func count(_ name: String) { counts[name, default: 0] += 1 }

    /// Runs everything that happens until then.
    func run(until end: Duration) async throws {
        while let next = queue.nextAt, next <= end, let (moment, happening) = queue.take() {
            advance(to: moment)
            // What is drawn depends on the seed, the time and the happening only: without one of them, the others stay as they are.
            random = SplitMix64(
                seed: seed &+ UInt64(clock.uptime.milliseconds) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(happening.number)
                    &* 0xD1B5_4A32_D192_ED03)
            try await happen(happening)
            checks.happened(at: clock.uptime)
        }
        advance(to: end)
    }

    private func happen(_ happening: Happening) async throws {
        if let frozenUntil, happening.needsProcess {
            if clock.uptime < frozenUntil { return queue.enter(happening, at: frozenUntil + .milliseconds(1)) }
            self.frozenUntil = nil
        }
        if let process = happening.process, let until = suspendedUntil[process], clock.uptime < until {
            if case .callEnds(let key) = happening { calls[key]?.isOver = true }
            return queue.enter(happening, at: until + .milliseconds(1))
        }
        if case .callArrives(let key) = happening, let until = suspendedUntil[key.process], delay(key, until: until) { return }
        switch happening {
        case .engine(let event, let number):
            if let process = processes[number] { try await handle(event, process) }
        case .alarm(let alarm, let number):
            if let process = processes[number], process.alarm == alarm { try await handle(.alarmRang, process) }
        case .exchange(let exchange, let parties, let number):
            if let process = processes[number] { try await carryOut(exchange, parties, process) }
        case .callArrives(let key): try arrive(key)
        case .callEnds(let key): try await end(key)
        case .webhook(let call, let remote): try await receive(call, remote)
        case .daemonStarts: try await start(.run)
        case .syncStarts: if !isCalm { try await startSync() }
        case .drainIsOverdue(let number): if let process = processes[number] { fail("\(process) drains without an end") }
        case .act(let number): try await act(number)
        case .weatherChanges:
            try await expectShortQueue()
            changeWeather()
        case .weatherEnds(let remote):
            remotes.weather[remote] = .fair
            tell("\(remote) works again.")
        case .clockIsSet: setClock()
        case .machineFreezes: freeze()
        case .processIsSuspended: try await suspendProcess()
        case .diskFills: fillDisk()
        case .diskHasRoom: makeRoom()
        case .databaseIsLocked: try await lockDatabase()
        case .databaseIsFree: try await freeDatabase()
        case .backupIsMade: makeBackup()
        case .backupIsRestored: try await restoreBackup()
        case .resumed(let remote): try await resume(remote)
        case .reloaded: try await reload(isPlanned: true)
        }
    }

    // MARK: The engine

    func handle(_ event: Engine.Event, _ process: ServiceProcess) async throws {
        guard var engine = process.engine else { return }
        events += 1
        note("\(process) event \(TraceText.of(event))")
        checks.event(event, process.number, at: clock.uptime)
        coverage.met(event, engine.phases)
        process.clockSteps.engineHasEvent()
        if case .exchanged = event { process.exchange = nil }
        if case .stopRequested(let span) = event { process.stopBy = min(process.stopBy ?? clock.uptime + span, clock.uptime + span) }
        var actions: [Engine.Action] = []
        engine.handle(event, now: clock.now, into: &actions)
        process.engine = engine
        for action in actions {
            if !isCalm, plan.killShare > 0, self.number(0...9999) < plan.killShare { return try await kill(process) }
            try await perform(action, process)
        }
    }

    func fail(_ problem: String) { checks.fail(problem, at: clock.uptime) }

    var summary: String {
        let counts = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        return "seed \(seed): \(plan.summary); \(events) events, \(checks.exchangeCount) exchanges, \(checks.callCount) calls, \(counts); "
            + "\(clock.uptime.milliseconds / 1000) s"
    }

    func mutateChecks(_ change: (inout Invariants) -> Void) { change(&checks) }
}
