import SyncCore
import SyncStore

/// What follows a run: finished rows are pruned in the quiet behind it, and the metrics file is brought up to date.
package actor Upkeep {
    /// So long after a run at most; a change that comes meanwhile waits for one step at most.
    private static let budget = Duration.milliseconds(200)
    /// The metrics file is not written more often than this, and takes no more than a twentieth of the time.
    private static let pause = Duration.seconds(5)
    private static let idleShare: Int64 = 20

    private let store: Store
    private let log: EventLog
    private let tally: DeliveryTally
    private let now: @Sendable () -> Instant
    private let startedAt: Instant
    private let housekeeper: Housekeeper
    private var metrics: MetricsFile?
    private var configuration: Configuration
    private var nextWrite: Instant?
    private var hasPlannedWrite = false

    package init(
        _ configuration: Configuration, store: Store, log: EventLog, tally: DeliveryTally, now: @escaping @Sendable () -> Instant
    ) {
        self.configuration = configuration
        self.store = store
        self.log = log
        self.tally = tally
        self.now = now
        startedAt = now()
        housekeeper = Housekeeper(store: store, log: log, settings: configuration.retention)
        metrics = configuration.metrics.textfile.map { MetricsFile(path: $0, log: log) }
    }

    /// A reload: what is counted goes on.
    package func configure(_ fresh: Configuration) async {
        if fresh.metrics != configuration.metrics { metrics = fresh.metrics.textfile.map { MetricsFile(path: $0, log: log) } }
        configuration = fresh
        await housekeeper.configure(fresh.retention)
    }

    package func afterRun(of engine: SyncEngine) async {
        await writeSoon(engine)
        // A database that fails is the business of the next run, which reports it.
        try? await housekeeper.work(within: Upkeep.budget, now: now) { await engine.isQuiet() }
    }

    // MARK: Metrics

    /// Writes now, or as soon as the pause since the last time is over; and once more when the calls that outlive the run have ended.
    private func writeSoon(_ engine: SyncEngine) async {
        guard metrics != nil else { return }
        let moment = now()
        if let nextWrite, moment < nextWrite, nextWrite - moment <= Duration.minutes(1) {
            planWrite(engine, after: nextWrite - moment)
        } else {
            await writeMetrics()
            if await engine.inFlight() > 0 { planWrite(engine, after: Upkeep.pause) }
        }
    }

    private func planWrite(_ engine: SyncEngine, after span: Duration) {
        guard !hasPlannedWrite else { return }
        hasPlannedWrite = true
        Task { [weak self] in
            // Nobody cancels it, and the file may be written early.
            try? await Task.sleep(for: span)
            await self?.writePlanned(engine)
        }
    }

    private func writePlanned(_ engine: SyncEngine) async {
        hasPlannedWrite = false
        await writeSoon(engine)
    }

    /// Writes what the store says now.
    package func writeMetrics() async {
        guard let metrics else { return }
        let startedAt = now()
        let (status, size): (StoreStatus, StoreSize)
        do {
            status = try await store.status(of: configuration.enabledRemotes.map(\.participation))
            size = try await store.size()
        } catch {
            // The next run tells of a database that fails. The file stays as it is: its age is what an alarm sees.
            return
        }
        let moment = now()
        let cost = max(moment - startedAt, .zero)
        nextWrite = moment + max(Upkeep.pause, cost * Upkeep.idleShare)
        let page = MetricsPage(
            status: status, counts: tally.counts, size: size, prunedRows: await housekeeper.prunedRows, startedAt: self.startedAt,
            now: moment)
        await metrics.write(page.text)
    }
}
