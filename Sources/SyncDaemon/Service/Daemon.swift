import Glibc
import SyncCore
import SyncEngine
import SyncSQLite
import SyncStore
import UnixSignals

/// The long-running service: engine, database watch, webhooks and signals put together.
///
/// SIGTERM and SIGINT stop it within `schedule.shutdown_timeout`; SIGHUP reads the configuration anew.
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
    /// When pending rows are next looked at for what is out of reach.
    var nextRepair = Duration.zero
    /// When a stop is to be over: `schedule.shutdown_timeout` after it began.
    private var stopBy: Instant?

    /// How long calls in flight may go on whose outcome cannot be recorded any more.
    private static let lostStoreTimeout = Duration.seconds(1)
    /// A log whose reader takes nothing for this long is not waited for at the end.
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
        // Before anything runs: a secret that cannot be read stops the start as a token does.
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

    /// What the service waits for.
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

    /// Until the moment by which the process is to have ended, as far as its reader takes lines.
    package func flushLog() async {
        let bound = max((stopBy ?? now()) - now(), Daemon.shortestFlush)
        await log.flush(within: bound, stall: Daemon.logStall)
    }

    /// Before the first turn: a second service with the same address ends without having sent anything.
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
        // Cutting off and writing down takes a while beyond the bound for calls.
        notifier.stopping(within: bound + .seconds(20))
        await webhooks.stop()
        await watch.stop()
        await owner.stop(within: bound)
    }

    /// The files of the database are gone. Webhook calls are answered 503 until the end: the store takes nothing any more.
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
