import Glibc
import SyncCore
import SyncEngine
import SyncSQLite
import SyncStore
import UnixSignals

/// The long-running service: engine, database watch, webhooks and signals.
///
/// SIGTERM and SIGINT stop it within `schedule.shutdown_timeout`; SIGHUP reloads the configuration.
package actor Daemon {
    let configurationPath: String
    let log: EventLog
    let store: Store
    let now: @Sendable () -> Instant
    var configuration: Configuration
    let owner: EngineOwner
    private let watch: DatabaseWatch
    let webhooks: WebhookService
    let metrics: MetricsWriter
    private let signals: ServiceSignals
    let notifier = ServiceNotifier()
    /// As `status` shows it.
    var service: StoredService
    /// When to repair pending rows next; a time of the uptime clock.
    var nextRepair = Duration.zero
    /// When a stop must have ended: `schedule.shutdown_timeout` after it began.
    private var stopBy: Instant?

    /// How long calls in flight may continue when their outcome cannot be stored any more.
    private static let lostStoreTimeout = Duration.seconds(1)
    /// If the log's reader makes no progress for this long at the end, it is not waited for.
    private static let logStall = Duration.seconds(1)
    private static let shortestFlush = Duration.milliseconds(250)

    /// - Throws: `StoreError`, or a ``ConfigurationError`` for credentials.
    package init(configurationPath: String, configuration: Configuration, log: EventLog, signals: ServiceSignals) async throws {
        self.configurationPath = configurationPath
        self.configuration = configuration
        self.log = log
        self.signals = signals
        let now = SystemClock.now
        self.now = now
        service = StoredService(
            process: .current(), version: ProgramVersion.current, configurationPath: configurationPath, startedAt: now())
        let store = try Store(path: configuration.databasePath, access: .serving)
        self.store = store
        // Checked before anything runs: like a token, a secret that cannot be read keeps the service from starting.
        _ = try WebhookRoute.all(of: configuration)
        let tally = DeliveryTally()
        let metrics = MetricsWriter(configuration, store: store, log: log, tally: tally)
        self.metrics = metrics
        var parts = EngineOwner.Parts(store: store, log: log)
        parts.tally = tally
        parts.onChange = { metrics.changed() }
        let owner = try await EngineOwner.start(configuration, parts)
        self.owner = owner
        watch = DatabaseWatch(store) { owner.post(.databaseChanged) }
        webhooks = WebhookService(receive: { try await owner.receive($0, from: $1) }, log: log, now: now)
    }

    /// Runs until a signal, or until the database is lost.
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
        await startWork()
        await webhooks.adopt(calls)
        log.write(LogEvent("service.ready", level: .notice))
        notifier.ready()
        let serviceWatch = ServiceWatch(
            notifier, log: log, uptime: SystemClock.uptime, health: { [owner] in owner.health($0) }, status: { await self.statusLine() })
        let upkeep = IntervalTimer(every: .seconds(60), label: "convosync.upkeep") { await self.keepUp() }
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
        upkeep.cancel()
        serviceWatch.end()
        if lost == nil {
            service.stoppedAt = now().iso8601
            await recordService()
        }
        log.write(LogEvent("service.stopped", level: .notice))
        if let lost { throw lost }
    }

    /// The events that the service waits for.
    private enum Occasion: Sendable {
        case signal(UnixSignal)
        case storeLost(Store.Loss)
    }

    private func occasions() -> AsyncStream<Occasion> {
        let (occasions, continuation) = AsyncStream.makeStream(of: Occasion.self)
        store.whenLost { continuation.yield(.storeLost($0)) }
        let signals = signals.all
        let forwarding = Task { for await signal in signals { continuation.yield(.signal(signal)) } }
        continuation.onTermination = { @Sendable _ in forwarding.cancel() }
        return occasions
    }

    /// Flushes the log until the time by which the process must have ended, as far as its reader keeps up.
    package func flushLog() async {
        let bound = max((stopBy ?? now()) - now(), Daemon.shortestFlush)
        await log.flush(within: bound, stall: Daemon.logStall)
    }

    /// Binds the address before the first turn, so that a second service with the same address ends without having sent anything.
    private func bindOrGiveUp() async throws -> WebhookService.Plan {
        do {
            return try await webhooks.prepare(configuration)
        } catch {
            await owner.stop(within: .zero)
            throw error
        }
    }

    private func startWork() async {
        if await !watch.start() {
            log.write(
                LogEvent("watch.unavailable", level: .warning).with("path", store.path)
                    .with("hint", "changes are found within a second; check fs.inotify.max_user_instances"))
        }
        await repairIfDue()
        owner.begin()
        owner.post(.turnRequested(.startup))
        metrics.changed()
    }

    // MARK: Stopping

    private func stop(because reason: String) async {
        let bound = configuration.schedule.shutdownTimeout
        stopBy = now() + bound
        log.write(LogEvent("service.stopping", level: .notice).with("reason", reason).with("in_flight", await owner.health().inFlight))
        // Cancelling calls and storing their outcomes takes time beyond the limit for calls.
        notifier.stopping(within: bound + .seconds(20))
        await webhooks.stop()
        await watch.stop()
        await owner.stop(within: bound)
    }

    /// Stops after the database files were lost. Webhook calls get status 503 until the end, because the store accepts nothing any more.
    private func stop(after loss: Store.Loss) async {
        stopBy = now() + min(configuration.schedule.shutdownTimeout, Daemon.lostStoreTimeout + .seconds(2))
        log.write(StoreLossEvent.event(loss, path: store.path))
        log.write(
            LogEvent("service.stopping", level: .notice).with("reason", "the database was lost")
                .with("in_flight", await owner.health().inFlight))
        notifier.stopping(within: .seconds(30))
        await watch.stop()
        await owner.stop(within: min(configuration.schedule.shutdownTimeout, Daemon.lostStoreTimeout))
        await webhooks.stop()
    }
}
