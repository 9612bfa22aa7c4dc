import Glibc
import SyncCore
import SyncHTTP
import SyncSQLite
import SyncStore
import UnixSignals

/// The long-running service: scheduler, engine and signals put together.
///
/// SIGTERM and SIGINT stop it within `schedule.shutdown_timeout`; SIGHUP reads the configuration anew.
package actor Daemon {
    private let configurationPath: String
    private let log: EventLog
    private let store: Store
    private let now: @Sendable () -> Instant
    private var configuration: Configuration
    private var engine: SyncEngine
    private var scheduler: Scheduler
    private let webhooks: WebhookService
    private let wake: WakeUp
    private let tally = DeliveryTally()
    private let upkeep: Upkeep
    private let signals: UnixSignalsSequence
    private let notifier = ServiceNotifier()
    /// As `status` shows it.
    private var service: StoredService
    /// When a stop is to be over: `schedule.shutdown_timeout` after it began.
    private var stopBy: Instant?

    /// How long calls in flight may go on whose outcome cannot be recorded any more.
    private static let lostStoreTimeout = Duration.seconds(1)
    /// A log whose reader takes nothing for this long is not waited for at the end.
    private static let logStall = Duration.seconds(1)
    private static let shortestFlush = Duration.milliseconds(250)

    /// Lets an engine that was made before its scheduler ask for a run.
    private actor WakeUp {
        private var scheduler: Scheduler?
        func attach(_ scheduler: Scheduler) { self.scheduler = scheduler }
        nonisolated func callAsFunction() { Task { await forward() } }
        private func forward() async { await scheduler?.request() }
        /// For what webhook calls bring.
        nonisolated func notice() { Task { await forwardNotice() } }
        private func forwardNotice() async { await scheduler?.notice() }
    }

    /// - Throws: `StoreError`, or a ``ConfigurationError`` for credentials.
    package init(configurationPath: String, configuration: Configuration, log: EventLog) async throws {
        // First of all: a stop that comes while the database is being migrated is a stop like any other.
        signal(SIGPIPE, SIG_IGN)
        signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        self.configurationPath = configurationPath
        self.configuration = configuration
        self.log = log
        now = SystemClock.now
        service = StoredService(
            process: .current(), version: ProgramVersion.current, configurationPath: configurationPath, startedAt: now())
        let wake = WakeUp()
        self.wake = wake
        let store = try Store(path: configuration.databasePath, access: .serving)
        self.store = store
        webhooks = WebhookService(
            receive: { [now] in try await store.receive($0, from: $1, now: now()) }, onNews: { wake.notice() }, log: log, now: now)
        // Before anything runs: a secret that cannot be read stops the start as a token does.
        _ = try WebhookRoute.all(of: configuration)
        upkeep = Upkeep(configuration, store: store, log: log, tally: tally, now: now)
        (engine, scheduler) = try await Daemon.assemble(
            configuration, .init(store: store, log: log, tally: tally, now: now), wake: wake, upkeep: upkeep, webhooks: webhooks)
    }

    private static func assemble(
        _ configuration: Configuration, _ parts: SyncEngine.Parts, wake: WakeUp, upkeep: Upkeep, webhooks: WebhookService
    ) async throws -> (SyncEngine, Scheduler) {
        let engine = try await SyncEngine(configuration, parts, patience: .days(36_500), onWork: { wake() })
        let scheduler = Scheduler(
            configuration.schedule, store: parts.store, now: parts.now,
            run: { cause in
                await webhooks.runBegins()
                let summary = await engine.run(cause: cause.rawValue)
                await upkeep.afterRun(of: engine)
                return summary
            },
            lookForDue: { await engine.lookForDue() })
        return (engine, scheduler)
    }

    /// Runs until a signal ends it.
    package func run() async throws {
        log.write(
            LogEvent("service.started", level: .notice).with("version", ProgramVersion.current)
                .with("sqlite", Store.libraryVersion).with("pid", Int(getpid())).with("config", configurationPath)
                .with("database", store.path).with("remotes", configuration.enabledRemotes.map(\.name).joined(separator: ",")))
        log.writeMigration(of: store)
        let calls = try await bindOrGiveUp()
        service.startedAt = now().iso8601
        service.configuredAt = service.startedAt
        await recordService()
        await startScheduler()
        await webhooks.adopt(calls)
        log.write(LogEvent("service.ready", level: .notice))
        notifier.ready()
        let watch = ServiceWatch(notifier, log: log, now: now) { await self.watched }
        let stateLines = Task { await writeStateLines() }
        var lost: StoreError?
        waiting: for await occasion in occasions() {
            switch occasion {
            case .signal(.sighup): await reload()
            case .signal(let signal):
                await stop(because: signal == .sigterm ? "SIGTERM" : "SIGINT")
                break waiting
            case .storeLost(let loss):
                await stop(after: loss)
                lost = loss.error
                break waiting
            }
        }
        stateLines.cancel()
        watch.end()
        if lost == nil {
            service.stoppedAt = now().iso8601
            await recordService()
        }
        log.write(LogEvent("service.stopped", level: .notice))
        if let lost { throw lost }
    }

    /// What the service waits for.
    private enum Occasion: Sendable {
        case signal(UnixSignal)
        case storeLost(Store.Loss)
    }

    private func occasions() -> AsyncStream<Occasion> {
        let (occasions, continuation) = AsyncStream.makeStream(of: Occasion.self)
        store.whenLost { continuation.yield(.storeLost($0)) }
        let signals = signals
        let forwarding = Task { for await signal in signals { continuation.yield(.signal(signal)) } }
        continuation.onTermination = { @Sendable _ in forwarding.cancel() }
        return occasions
    }

    /// Until the moment by which the process is to have ended, as far as its reader takes lines.
    package func flushLog() async {
        let bound = max((stopBy ?? now()) - now(), Daemon.shortestFlush)
        await log.flush(within: bound, stall: Daemon.logStall)
    }

    /// Before the first run: a second service with the same address ends without having sent anything.
    private func bindOrGiveUp() async throws -> WebhookService.Plan {
        do {
            return try await webhooks.prepare(configuration)
        } catch {
            await engine.stop(within: .zero)
            throw error
        }
    }

    private var watched: ServiceWatch.Subject {
        .init(scheduler: scheduler, engine: engine, store: store, remotes: configuration.enabledRemotes.map(\.participation))
    }

    /// For `status`, and for a second service that is started by mistake. What cannot be written is worth a line, and is written later.
    private func recordService() async {
        service.seenAt = now().iso8601
        do {
            try await store.record(service)
        } catch {
            log.write(LogEvent("service.unrecorded", level: .notice).with("error", "\(error)"))
        }
    }

    private func startScheduler() async {
        await wake.attach(scheduler)
        if await !scheduler.start() {
            log.write(
                LogEvent("watch.unavailable", level: .warning).with("path", store.path)
                    .with("hint", "changes are found within a second; check fs.inotify.max_user_instances"))
        }
    }

    private func stop(because reason: String) async {
        stopBy = now() + configuration.schedule.shutdownTimeout
        log.write(
            LogEvent("service.stopping", level: .notice).with("reason", reason).with("in_flight", await engine.inFlight()))
        // Cutting off and writing down takes a while beyond the bound for calls.
        notifier.stopping(within: configuration.schedule.shutdownTimeout + .seconds(20))
        await webhooks.stop()
        await stopWork()
    }

    /// The files of the database are gone. Webhook calls are answered 503 until the end: the store takes nothing any more.
    private func stop(after loss: Store.Loss) async {
        stopBy = now() + min(configuration.schedule.shutdownTimeout, Daemon.lostStoreTimeout + .seconds(2))
        log.write(StoreLossEvent.event(loss, path: store.path))
        log.write(
            LogEvent("service.stopping", level: .notice).with("reason", "the database was lost").with("in_flight", await engine.inFlight()))
        notifier.stopping(within: .seconds(30))
        async let schedulerStopped: Void = scheduler.stop()
        await engine.stop(within: min(configuration.schedule.shutdownTimeout, Daemon.lostStoreTimeout))
        await schedulerStopped
        await webhooks.stop()
    }

    /// The run in progress ends with the calls it waits for, so both are told at once.
    private func stopWork() async {
        async let schedulerStopped: Void = scheduler.stop()
        await engine.stop(within: configuration.schedule.shutdownTimeout)
        await schedulerStopped
    }

    /// An invalid file changes nothing. A valid one takes effect when the calls in flight have ended.
    private func reload() async {
        notifier.reloading()
        defer { notifier.ready() }
        do {
            let fresh = try ConfigurationFile.load(path: configurationPath, checksCredentials: true)
            guard fresh.databasePath.hasSameBytes(as: configuration.databasePath) else {
                throw ConfigurationError(problems: [
                    .init(path: "", line: nil, message: "database.path has changed; that takes a restart")
                ])
            }
            // Built before the old one is stopped: a credential that cannot be read, or an address that cannot be bound, leaves
            // everything as it is.
            let calls = try await webhooks.prepare(fresh)
            let (freshEngine, freshScheduler) = try await assemble(fresh, orDiscard: calls)
            await stopWork()
            (configuration, engine, scheduler) = (fresh, freshEngine, freshScheduler)
            await webhooks.adopt(calls)
            log.configure(fresh.log)
            await upkeep.configure(fresh)
            service.configuredAt = now().iso8601
            await recordService()
            log.write(
                LogEvent("config.reloaded", level: .notice).with("config", configurationPath)
                    .with("remotes", fresh.enabledRemotes.map(\.name).joined(separator: ",")))
            await startScheduler()
        } catch let error as ConfigurationError {
            for problem in error.problems { reject(problem.description) }
        } catch {
            reject("\(error)")
        }
    }

    private func assemble(_ fresh: Configuration, orDiscard calls: WebhookService.Plan) async throws -> (SyncEngine, Scheduler) {
        do {
            return try await Daemon.assemble(
                fresh, .init(store: store, log: log, tally: tally, now: now), wake: wake, upkeep: upkeep, webhooks: webhooks)
        } catch {
            await webhooks.discard(calls)
            throw error
        }
    }

    private func reject(_ reason: String) {
        log.write(
            LogEvent("config.rejected", level: .error).with("config", configurationPath).with("error", reason)
                .with("hint", "the configuration in force stays as it is"))
    }

    // MARK: State lines

    /// One line per remote every minute: what an alarm can be built on.
    private func writeStateLines() async {
        while true {
            do {
                try await Task.sleep(for: .seconds(60))
            } catch {
                // The service stops.
                return
            }
            await recordService()
            await writeStateLine()
            await engine.reportRepeats()
            await upkeep.writeMetrics()
        }
    }

    private func writeStateLine() async {
        do {
            let status = try await store.status(of: configuration.enabledRemotes.map(\.participation))
            let gates = Dictionary(uniqueKeysWithValues: configuration.enabledRemotes.map { ($0.name, $0.gate) })
            for remote in status.remotes { log.write(StateLine.event(remote, gates[remote.name], now: now())) }
        } catch {
            // A database that cannot be read cannot be written either: `service.unrecorded` has just told of it.
        }
    }
}

/// The `state` event.
enum StateLine {
    /// - Parameter settings: nil for a remote that is not configured any more and has rows yet.
    static func event(_ remote: RemoteStatus, _ settings: RemoteGate.Settings?, now: Instant) -> LogEvent {
        LogEvent("state").with("remote", remote.name).with("oldest_pending_s", remote.oldestPendingAt.map { age($0, now) } ?? 0)
            .with("pending", remote.pending).with("in_flight", remote.inFlight).with("retrying", remote.retrying)
            .with("held", remote.held).with("dead", remote.dead).with("uncertain", remote.uncertain)
            .with("concurrency", settings.map { remote.gate.concurrency(of: $0) }).with("concurrency_max", settings?.concurrency)
            .with("breaker", remote.gate.breaker(now: now)).with("parked", remote.gate.parkedAt != nil)
            .with("paused", remote.gate.pausedAt != nil).with("last_success", remote.lastSuccessAt)
            .with("discarded", remote.discarded).with("last_read", remote.reads.lastReadAt)
            .with("reads_failing_s", remote.reads.failingSince.map { age($0, now) }).with("read_failures", failures(remote.reads))
            .with("read_error", remote.reads.error)
    }

    private static func age(_ moment: String, _ now: Instant) -> Int64 {
        Instant(iso8601: moment).map { max((now - $0).milliseconds / 1000, 0) } ?? 0
    }

    private static func failures(_ reads: ReadHealth) -> Int? { reads.failingSince == nil ? nil : reads.failures }
}
