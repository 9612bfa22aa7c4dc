import Dispatch
import SyncCore
import SyncStore

/// Starts runs at the right moments. Owns a ``RunSchedule`` on a serial Dispatch queue, with one wall-clock timer armed for the
/// earliest moment at which something is due: there is no polling.
package actor Scheduler {
    private let executor = DispatchQueueExecutor(label: "convosync.scheduler")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// How long after a hint the database is looked at again: the file's event comes before the commit can be seen.
    private static let secondLooks: [Int] = [1, 5, 20, 100]

    private let store: Store
    private let now: @Sendable () -> Instant
    private let runEngine: @Sendable (RunCause) async -> SyncEngine.Summary
    private let lookForDue: @Sendable () async -> Void
    private var schedule: RunSchedule
    private var timer: (any DispatchSourceTimer)?
    private var watcher: FileWatcher?
    private var dataVersion: Int64 = -1
    private var looksPlanned = 0
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
        schedule = RunSchedule(interval: settings.interval, debounce: settings.debounce, now: now())
    }

    /// - Returns: whether changes of the file are noticed at once; if not, the interval finds them.
    package func start() async -> Bool {
        dataVersion = (try? await store.dataVersion()) ?? -1
        watcher = FileWatcher(paths: [store.path, "\(store.path)-wal"], mask: FileWatcher.writes, queue: executor.queue) {
            @Sendable [weak self] events in self?.assumeIsolated { $0.take(events) }
        }
        carryOut(schedule.start(now: now()))
        return watcher != nil
    }

    /// When the next run is due at the latest; nil while one is in progress, and after the end.
    package func alarm() -> Instant? { alarmAt }

    package func request() {
        carryOut(schedule.requested(now: now()))
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
        guard watcher?.concern(events) == true else { return }
        // One series of looks at a time serves any number of events; the last look comes after the last event.
        let isLooking = looksPlanned > 0
        for milliseconds in isLooking ? Scheduler.secondLooks.suffix(1) : Scheduler.secondLooks[...] {
            looksPlanned += 1
            executor.queue.asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { @Sendable [weak self] in
                self?.assumeIsolated { $0.look() }
            }
            if looksPlanned > 16 { break }
        }
    }

    private func look() {
        looksPlanned -= 1
        Task {
            guard let version = try? await store.dataVersion(), version != dataVersion else { return }
            dataVersion = version
            carryOut(schedule.databaseChanged(now: now()))
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
        let seconds = max(moment.milliseconds, 0) / 1000
        let rest = max(moment.milliseconds, 0) % 1000
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
        watcher = nil
        for waiter in stopWaiters { waiter.resume() }
        stopWaiters = []
    }
}
