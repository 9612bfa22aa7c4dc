import SyncCore
import SyncEngine
import SyncStore

/// What happens to the machine and its network: disk, write lock of the database, power, time, and the weather at remotes.
extension Simulation {
    /// Whether the database refuses to be written because of something that happened here.
    func isExpected(_ error: StoreError) -> Bool {
        switch error {
        case .locked: lockHolder != nil
        case .full: disk.capacity < Int.max
        default: false
        }
    }

    /// What the application or an operator does. They are told that the database cannot be written, and leave it at that.
    /// - Returns: whether it was done.
    @discardableResult
    func attempt(_ work: () async throws -> Void) async throws -> Bool {
        do {
            try await work()
            return true
        } catch let error as StoreError where isExpected(error) {
            count("changes that the database did not take")
            tell("It is not done: \(error)")
            return false
        }
    }

    // MARK: A full disk

    func fillDisk() {
        guard !isCalm, plan.fillsDisk else { return }
        after(gap(20_000...200_000), .diskFills)
        count("times without room on the disk")
        disk.capacity = disk.used + number(0...40_000)
        tell("The disk has room for \(disk.capacity - disk.used) bytes.")
        after(span(500...30_000), .diskHasRoom)
    }

    func makeRoom() {
        disk.capacity = .max
        tell("The disk has room.")
        committed()
    }

    // MARK: The write lock

    /// The application begins a transaction and leaves it open.
    func lockDatabase() async throws {
        guard !isCalm, plan.locksDatabase else { return }
        after(gap(10_000...120_000), .databaseIsLocked)
        guard lockHolder == nil, disk.capacity == .max else { return }
        count("times that the database was locked")
        tell("The application begins a transaction and leaves it open.")
        lockHolder = try await application.beginTransaction(disk)
        after(span(100...20_000), .databaseIsFree)
    }

    func freeDatabase() async throws {
        guard let holder = lockHolder else { return }
        tell("The application ends its transaction.")
        holder.rollBack()
        lockHolder = nil
        committed()
    }

    // MARK: Backups

    func makeBackup() {
        guard !isCalm, plan.restoresBackup else { return }
        tell("An operator copies the database.")
        backup = Dictionary(uniqueKeysWithValues: Application.files.map { ($0, disk.exists($0) ? disk.file($0).bytes : []) })
    }

    /// The service and the application are stopped, the copy takes the place of the database, and everything is started again.
    func restoreBackup() async throws {
        guard !isCalm, !backup.isEmpty else { return }
        tell("An operator puts the copy of the database in its place.")
        try await freeDatabase()
        for process in running { try await ended(process, isKilled: true) }
        application.crash()
        for (name, bytes) in backup.sorted(by: { $0.key < $1.key }) {
            disk.remove(name)
            if !bytes.isEmpty { disk.file(name).replace(with: bytes) }
        }
        disk.remove("\(Application.path)-shm")
        try application.open(disk)
        wasRestored = true
        remotes.unheard()
        mutateChecks { $0.databaseWasReplaced() }
        for remote in plan.remotes { try await resume(remote.name) }
    }

    // MARK: Power

    /// The machine loses its power and starts again; what was not synced may be gone.
    func losePower() async throws {
        count("power cuts")
        tell("The power fails.")
        for process in running { try await ended(process, isKilled: true) }
        boots += 1
        lockHolder?.rollBack()
        lockHolder = nil
        disk.capacity = .max
        application.crash()
        disk.losePower(&random)
        try application.open(disk)
    }

    // MARK: Time

    func setClock() {
        guard !isCalm, plan.stepsClock else { return }
        after(gap(20_000...300_000), .clockIsSet)
        let step: Duration =
            switch number(0...4) {
            case 0: span(-900...900)
            case 1: .seconds(number(-120...120))
            default: .minutes(Int64(number(-300...300)))
            }
        count("steps of the clock")
        tell("The clock of the machine is set by \(step.milliseconds) ms.")
        setClock(by: step)
    }

    /// The machine is a virtual one that is not scheduled for a while.
    func freeze() {
        guard !isCalm, plan.freezes else { return }
        after(gap(20_000...300_000), .machineFreezes)
        let span = span(100...20_000)
        count("pauses of the machine")
        tell("The machine stands still for \(span.milliseconds) ms.")
        frozenUntil = clock.uptime + span
        mutateChecks { $0.frozenUntil = clock.uptime + span }
    }

    func suspendProcess() async throws {
        guard !isCalm, plan.suspendsProcesses else { return }
        after(gap(30_000...200_000), .processIsSuspended)
        if let process = running.randomElement(using: &random) { try await suspend(process) }
    }

    /// A debugger or the scheduler of a host keeps one process from running, for longer than its claims last. Another one works meanwhile.
    func suspend(_ process: ServiceProcess) async throws {
        guard frozenUntil == nil, process.engine != nil, suspendedUntil[process.number, default: .zero] <= clock.uptime else { return }
        let span = span(1000...200_000)
        count("suspended processes")
        tell("The \(process) gets no time for \(span.milliseconds) ms.")
        let end = clock.uptime + span
        suspendedUntil[process.number] = end
        mutateChecks { $0.suspended(process.number, until: end) }
        if chance(70) { try await startSync() }
        // Claims of the process end meanwhile, and others take over its rows.
        for part in [2, 3] where chance(70) { after(span / 4 * part, .syncStarts) }
    }

    // MARK: The weather

    func changeWeather() {
        guard !isCalm else { return }
        after(gap(5_000...90_000), .weatherChanges)
        guard plan.faultShare > 0, let remote = plan.remotes.randomElement(using: &random)?.name else { return }
        let weather = RemoteSystems.Weather.drawn.randomElement(using: &random) ?? .fair
        tell("\(remote) is \(weather).")
        remotes.weather[remote] = weather
        after(gap(1000...60_000), .weatherEnds(remote))
    }
}
