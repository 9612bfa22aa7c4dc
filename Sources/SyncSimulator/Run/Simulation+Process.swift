import SandboxModel
import SyncCore
import SyncEngine
import SyncSQLite
import SyncStore

/// The life of processes: start, reload, stop, kill.
extension Simulation {
    /// The time within which all due rows are attempted, whatever the weather.
    private static let drainPatience = Duration.minutes(8)

    private func process(_ generation: Int) -> ProcessIdentity {
        ProcessIdentity(bootID: "boot \(boots)", pidNamespace: "simulated", pid: Int64(generation), startedTicks: Int64(generation))
    }

    private func makeParties(_ remotes: [Remote]) -> Parties {
        let (present, seesGone) = (Int64(generation), plan.seesGoneProcesses)
        return Parties(remotes, brake: plan.settings.brake, isGone: { seesGone && $0.pid != present })
    }

    func start() async throws {
        guard engine == nil else { return }
        generation += 1
        count("processes")
        note("process \(generation) starts")
        parties = makeParties(configured)
        let mount = DiskMount(disk)
        let (processID, stored, recovered): (Int64, [String: StoredRemote], Int)
        do throws(StoreError) {
            let store = try Store(path: Application.path, access: .serving, vfs: mount.name)
            (self.mount, self.store) = (mount, store)
            (processID, stored, recovered) = try await store.start(process(generation), for: parties, now: clock.wall)
        } catch {
            guard isExpected(error) else { throw error }
            // The service manager tries again.
            note("it cannot start: \(error)")
            return try await processEnded()
        }
        self.processID = processID
        note("process id \(processID), recovered \(recovered)")
        engine = Engine(
            configured, plan.settings, stored: .init(processID: processID, remotes: stored), seed: random.next(), now: clock.now)
        mutateChecks { $0.started() }
        try await handle(.turnRequested(.startup))
        // Like `convosync sync`, it ends by itself.
        if !isCalm, engine != nil, chance(10) {
            count("drains")
            after(Simulation.drainPatience, .drainIsOverdue(generation: generation))
            try await handle(.drainRequested(until: chance(50) ? clock.uptime + span(1000...20_000) : nil))
        }
    }

    /// Another configuration takes effect while calls are in flight.
    func reload(isPlanned: Bool) async throws {
        let former = configured
        configured = isPlanned ? plan.remotes : plan.reloaded(&random)
        note("reload \(configured.map { "\($0.name) \($0.isEnabled) \($0.gate.concurrency) \($0.gate.rate?.description ?? "-")" })")
        count("reloads")
        guard let store, engine != nil else { return }
        parties = makeParties(configured)
        let inFlight = Set(
            calls.values.compactMap { call -> Int64? in
                if call.generation == generation, case .deliver(let row) = call.purpose { row.id } else { nil }
            })
        let (processID, stored): (Int64, [String: StoredRemote])
        do throws(StoreError) {
            (processID, stored, _) = try await store.start(process(generation), for: parties, except: inFlight, now: clock.wall)
        } catch {
            guard isExpected(error) else { throw error }
            note("the reload failed: \(error)")
            configured = former
            parties = makeParties(former)
            return
        }
        self.processID = processID
        try await handle(.configured(configured, plan.settings, .init(processID: processID, remotes: stored)))
    }

    /// The process ends between two actions, with everything in its memory. Its calls may have arrived, and so may its exchange.
    func kill() async throws {
        guard engine != nil else { return }
        count("kills")
        note("process \(generation) is killed")
        engine = nil
        if let (exchange, parties, isCarriedOut) = exchange, let store, !isCarriedOut, chance(50) {
            try await attempt {
                let result = try await store.exchange(exchange, for: parties)
                recorded(exchange, result)
                note("its exchange was committed: \(TraceText.of(.success(result)))")
            }
        }
        try await died()
    }

    /// Nothing of the process is left but what it has written.
    func died() async throws {
        engine = nil
        mount?.kill()
        try await processEnded()
        if chance(plan.powerCuts) { try losePower() }
    }

    func stopped() async throws {
        note("process \(generation) has stopped")
        // Nothing is waited for longer than the grace, not even the database.
        if exchange != nil, let stopBy, clock.uptime < stopBy + Engine.stopGrace {
            fail("the engine stopped while an exchange was in progress")
        }
        engine = nil
        try await processEnded()
    }

    private func processEnded() async throws {
        (exchange, stopBy) = (nil, nil)
        clockSteps.processEnded()
        store?.close()
        (store, mount) = (nil, nil)
        alarm += 1
        for id in calls.keys.sorted(by: { $0.number < $1.number }) {
            try settleArrival(of: id)
            guard let call = calls.removeValue(forKey: id) else { continue }
            remotes.ended(call, isHeard: false, now: clock.truth)
        }
        remotes.processEnded()
        hooks.removeAll()
        mutateChecks { $0.processEnded() }
        after(isCalm ? .seconds(1) : span(50...40_000), .processStarts)
    }
}
