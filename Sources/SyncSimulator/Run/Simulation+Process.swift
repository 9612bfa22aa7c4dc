import SandboxModel
import SyncCore
import SyncEngine
import SyncSQLite
import SyncStore

/// The life of processes: start, reload, stop, kill.
extension Simulation {
    /// The time within which all due rows are attempted and all calls end, whatever the weather. Before the deadline of a drain, some are attempted
    /// several times.
    private static let drainPatience = Duration.minutes(8)

    var bootID: String { "boot \(boots)" }

    private func identity(_ number: Int) -> ProcessIdentity {
        ProcessIdentity(bootID: bootID, pidNamespace: "simulated", pid: Int64(number), startedTicks: Int64(number))
    }

    private func makeParties(_ remotes: [Remote]) -> Parties {
        let (living, seesGone, display) = (living, plan.seesGoneProcesses, clock.display)
        return Parties(
            remotes, brake: plan.settings.brake, isGone: { seesGone && !living.contains(Int($0.pid)) }, uptime: { display.uptime })
    }

    /// A process reads the configuration file and begins.
    func start(_ command: ServiceProcess.Command) async throws {
        guard command == .sync || daemon == nil else { return }
        processCount += 1
        let number = processCount
        count(command == .run ? "daemons" : "syncs")
        let process: ServiceProcess
        let (stored, recovered): ([String: StoredRemote], Int)
        if plan.stepsClock, let step = try await unnoticedStepBack() { stepBackAtStart = step }
        do throws(StoreError) {
            process = try ServiceProcess(number, command, on: disk, configured, makeParties([]), at: clock.uptime)
            processes[number] = process
            living.insert(number)
            process.parties = makeParties(configured)
            (process.storedID, stored, recovered) = try await process.store.start(identity(number), for: process.parties, clock.now)
        } catch {
            guard isExpected(error) else { throw error }
            tell("A process cannot start: \(error)")
            if let process = processes[number] { return try await ended(process, isKilled: false) }
            // The service manager tries again.
            return daemonIsGone(command)
        }
        lostClockSteps += stepBackAtStart
        stepBackAtStart = .zero
        tell("The \(process) starts.")
        note("process id \(process.storedID), recovered \(recovered)")
        process.engine = Engine(
            configured, plan.settings, stored: .init(processID: process.storedID, remotes: stored), seed: random.next(), now: clock.now)
        mutateChecks { $0.started(number, staysOn: command == .run) }
        committed(by: process)
        if plan.stepsClock { try await expectMovedTimes() }
        try await handle(.turnRequested(.startup), process)
        guard command == .sync else { return }
        let isUntil = chance(50)
        let until = isUntil ? clock.uptime + span(1000...20_000) : nil
        process.drain = until.map { (beganAt: clock.wall, until: $0) }
        after(Simulation.drainPatience + (until.map { $0 - clock.uptime } ?? .zero), .drainIsOverdue(process: number))
        try await handle(.drainRequested(until: until), process)
    }

    /// By how much stored times are too late after the first process since the machine started has moved them: it only knows the latest time that
    /// was written before.
    private func unnoticedStepBack() async throws -> Duration? {
        let lines = try await application.lines("SELECT offset_ms, seen_at FROM clock WHERE boot_id <> \(bootID)", columns: 2)
        let parts = lines.first?.split(separator: "|").map(String.init) ?? []
        guard parts.count == 2, let offset = Int64(parts[0]), let seen = Instant(iso8601: parts[1]) else { return nil }
        let step = .milliseconds(offset) - (clock.wall - Instant(milliseconds: 0) - clock.uptime)
        return max(.zero, step - max(.zero, seen - clock.wall))
    }

    /// The configuration file is changed, and the daemon reads it while calls are in flight.
    func reload(isPlanned: Bool) async throws {
        edit(isPlanned: isPlanned)
        guard let process = daemon, process.engine != nil else { return }
        count("reloads")
        let parties = makeParties(configured)
        let inFlight = Set(
            calls.values.compactMap { call -> Int64? in
                if call.process == process.number, case .deliver(let row) = call.purpose { row.id } else { nil }
            })
        let (storedID, stored): (Int64, [String: StoredRemote])
        do throws(StoreError) {
            (storedID, stored, _) = try await process.store.start(identity(process.number), for: parties, except: inFlight, clock.now)
        } catch {
            guard isExpected(error) else { throw error }
            tell("The reload failed: \(error)")
            // The operator is told, and tries again.
            if isPlanned { after(.seconds(3), .reloaded) }
            return
        }
        (process.storedID, process.configured, process.parties) = (storedID, configured, parties)
        try await handle(.configured(configured, plan.settings, .init(processID: storedID, remotes: stored)), process)
    }

    /// Somebody changes the configuration file; a process that runs does not know.
    func edit(isPlanned: Bool) {
        configured = isPlanned ? plan.remotes : plan.reloaded(&random)
        let texts = configured.map {
            "\($0.name)\($0.isEnabled ? "" : " disabled") \($0.gate.concurrency) \($0.gate.rate?.description ?? "-")"
        }
        tell("The configuration names \(texts.joined(separator: ", ")).")
    }

    /// The process ends between two actions, with everything in its memory. Its calls may have arrived, and so may its exchange.
    func kill(_ process: ServiceProcess) async throws {
        guard process.engine != nil else { return }
        count("kills")
        tell("The \(process) is killed.")
        process.engine = nil
        if let (exchange, parties, isCarriedOut) = process.exchange, !isCarriedOut, chance(50) {
            try await attempt {
                let result = try await process.store.exchange(exchange, for: parties)
                recorded(exchange, result)
                note("its exchange was committed: \(TraceText.of(.success(result)))")
                committed(by: process)
            }
        }
        try await died(process)
    }

    /// Nothing of the process is left but what it has written.
    func died(_ process: ServiceProcess) async throws {
        try await ended(process, isKilled: true)
        if chance(plan.powerCuts) { try await losePower() }
    }

    func stopped(_ process: ServiceProcess) async throws {
        tell("The \(process) has stopped.")
        // Nothing is waited for longer than the grace, not even the database.
        if process.exchange != nil, let stopBy = process.stopBy, clock.uptime < stopBy + Engine.stopGrace {
            fail("the engine stopped while an exchange was in progress")
        }
        if remotes.hasUnrecorded(process.number), let stopBy = process.stopBy, clock.uptime < stopBy + Engine.stopGrace {
            fail("the engine stopped before the end of a call was stored")
        }
        try await ended(process, isKilled: false)
    }

    func ended(_ process: ServiceProcess, isKilled: Bool) async throws {
        processes[process.number] = nil
        suspendedUntil[process.number] = nil
        living.remove(process.number)
        process.end(isKilled: isKilled)
        for key in calls.keys.filter({ $0.process == process.number }).sorted(by: { $0.id.number < $1.id.number }) {
            try settleArrival(of: key)
            guard let call = calls.removeValue(forKey: key) else { continue }
            remotes.ended(call, isHeard: false, now: clock.truth)
        }
        remotes.processEnded(process.number)
        mutateChecks { $0.processEnded(process.number) }
        daemonIsGone(process.command)
    }

    /// The service manager starts it again.
    private func daemonIsGone(_ command: ServiceProcess.Command) {
        guard command == .run else { return }
        after(isCalm ? .seconds(1) : span(50...40_000), .daemonStarts)
    }
}
