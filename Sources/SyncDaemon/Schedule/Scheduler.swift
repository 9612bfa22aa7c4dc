import Dispatch
import SyncCore
import SyncStore

/// Starts runs at the right moments. Owns a ``RunSchedule`` on a serial Dispatch queue, with one wall-clock timer armed for the
/// earliest moment at which something is due, and a ``LookSchedule`` that says when the database is asked for commits of others: right
/// after its files were written, and once a second.
package actor Scheduler {
    private let executor = DispatchQueueExecutor(label: "convosync.scheduler")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// In the year 2255, in milliseconds since 1970.
    private static let lastAlarm: Int64 = 9_000_000_000_000

    private let store: Store
    private let now: @Sendable () -> Instant
    private let runEngine: @Sendable (RunCause) async -> SyncEngine.Summary
    private let lookForDue: @Sendable () async -> Void
    private var schedule: RunSchedule
    private var timer: (any DispatchSourceTimer)?
    private var watcher: FileWatcher?
    private var looks = LookSchedule()
    private var lookTimer: (any DispatchSourceTimer)?
    private var dataVersion: Int64 = -1
    /// When the database was last looked at, by the wall clock.
    private var lookedAt: Instant
    private var stopWaiters: [CheckedContinuation<Void, Never>] = []
    private var isStopped = false
    /// Nil while a run is in progress.
    private var alarmAt: Instant?

    package init(
        _ settings: Configuration.Schedule, store: Store, now: @escaping @Sendable () -> Instant,
        run: @escaping @Sendable (RunCause) async -> SyncEngine.Summary, lookForDue: @escaping @Sendable () async -> Void
    ) {
        self.store = store
        self.now = now
        runEngine = run
        self.lookForDue = lookForDue
        lookedAt = now()
        schedule = RunSchedule(interval: settings.interval, debounce: settings.debounce, now: now())
    }

    /// - Returns: whether changes of the file are noticed at once; if not, within a second.
    package func start() async -> Bool {
        dataVersion = (try? await store.dataVersion()) ?? -1
        watcher = FileWatcher(paths: store.watchedFiles, mask: FileWatcher.writes, queue: executor.queue) {
            @Sendable [weak self] events in self?.assumeIsolated { $0.take(events) }
        }
        startLooking()
        carryOut(schedule.start(now: now()))
        return watcher != nil
    }

    /// When the next run is due at the latest; nil while one is in progress, and after the end.
    package func alarm() -> Instant? { alarmAt }

    package func request() {
        carryOut(schedule.requested(now: now()))
    }

    /// A webhook call has brought something. A burst of them does not cause a run each.
    package func notice() {
        carryOut(schedule.noticed(now: now()))
    }

    /// No further run starts; returns when the present one has ended.
    package func stop() async {
        carryOut(schedule.stop())
        guard !isStopped else { return }
        await withCheckedContinuation { stopWaiters.append($0) }
    }

    // MARK: Events

    /// Events are only a hint: they come before the commit is published, and our own commits cause them as well. `data_version` tells.
    private func take(_ events: FileWatcher.Events) {
        guard watcher?.concern(events) == true, let span = looks.written() else { return }
        planLook(after: span)
    }

    private func startLooking() {
        guard !isStopped, lookTimer == nil else { return }
        let timer = DispatchSource.makeTimerSource(queue: executor.queue)
        timer.setEventHandler { @Sendable [weak self] in self?.assumeIsolated { $0.look() } }
        lookTimer = timer
        planLook(after: LookSchedule.rest)
        timer.activate()
    }

    private func planLook(after span: Duration) {
        let leeway: DispatchTimeInterval = span < LookSchedule.rest ? .microseconds(200) : .milliseconds(50)
        lookTimer?.schedule(deadline: .now() + .milliseconds(Int(span.milliseconds)), leeway: leeway)
    }

    private func look() {
        guard looks.lookBegins() else { return }
        Task {
            var version: Int64?
            do {
                version = try await store.dataVersion()
            } catch {
                // A database that fails is the business of the next run, which reports it; lost files, of who waits for that.
            }
            looked(version)
        }
    }

    private func looked(_ version: Int64?) {
        let isNew = version != nil && version != dataVersion
        planLook(after: looks.looked(isNew: isNew))
        let moment = now()
        defer { lookedAt = moment }
        if let version, isNew {
            dataVersion = version
            carryOut(schedule.databaseChanged(now: moment))
        } else if moment < lookedAt {
            // The timer goes by the wall clock: what was a moment ahead is hours ahead now.
            carryOut(schedule.alarm(now: moment))
        }
    }

    private func alarmRang() {
        carryOut(schedule.alarm(now: now()))
    }

    private func runEnded(_ summary: SyncEngine.Summary) {
        carryOut(schedule.runEnded(nextDue: summary.nextDue, hasFailed: summary.error != nil, now: now()))
    }

    // MARK: Actions

    private func carryOut(_ actions: [RunSchedule.Action]) {
        for action in actions {
            switch action {
            case .startRun(let cause):
                alarmAt = nil
                Task { runEnded(await runEngine(cause)) }
            case .lookForDue:
                Task { await lookForDue() }
            case .setAlarm(let moment):
                arm(moment)
            case .stopped:
                finish()
            }
        }
    }

    private func arm(_ moment: Instant) {
        alarmAt = moment
        timer?.cancel()
        let timer = DispatchSource.makeTimerSource(queue: executor.queue)
        timer.setEventHandler { @Sendable [weak self] in self?.assumeIsolated { $0.alarmRang() } }
        // Dispatch counts nanoseconds with 64 bits: up to the year 2262.
        let milliseconds = min(max(moment.milliseconds, 0), Scheduler.lastAlarm)
        let seconds = milliseconds / 1000
        let rest = milliseconds % 1000
        let wall = DispatchWallTime(timespec: .init(tv_sec: Int(seconds), tv_nsec: Int(rest) * 1_000_000))
        timer.schedule(wallDeadline: wall, leeway: .milliseconds(1))
        timer.activate()
        self.timer = timer
    }

    private func finish() {
        isStopped = true
        alarmAt = nil
        timer?.cancel()
        timer = nil
        lookTimer?.cancel()
        lookTimer = nil
        watcher = nil
        for waiter in stopWaiters { waiter.resume() }
        stopWaiters = []
    }
}
