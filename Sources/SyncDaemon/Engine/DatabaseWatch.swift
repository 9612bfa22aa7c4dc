import Dispatch
import SyncCore
import SyncStore

/// Notices commits of others: asks the database right after its files were written, and once a second (``CommitCheckSchedule``).
actor DatabaseWatch {
    private let executor = DispatchQueueExecutor(label: "convosync.watch.database")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let store: Store
    private let onCommit: @Sendable () -> Void
    private var watcher: FileWatcher?
    private var checks = CommitCheckSchedule()
    private var timer: (any DispatchSourceTimer)?
    private var dataVersion: Int64 = -1

    /// - Parameter onCommit: called when somebody else has committed.
    init(_ store: Store, onCommit: @escaping @Sendable () -> Void) {
        self.store = store
        self.onCommit = onCommit
    }

    /// Before the first turn: what is committed from now on is noticed.
    /// - Returns: whether writes of the files are noticed at once; if not, commits are found within a second.
    func start() async -> Bool {
        if let version = await version() { dataVersion = version }
        watcher = FileWatcher(paths: store.watchedFiles, mask: FileWatcher.writes, queue: executor.queue) {
            @Sendable [weak self] events in self?.assumeIsolated { $0.take(events) }
        }
        let timer = DispatchSource.makeTimerSource(queue: executor.queue)
        timer.setEventHandler { @Sendable [weak self] in self?.assumeIsolated { $0.check() } }
        self.timer = timer
        plan(after: .zero)
        timer.activate()
        return watcher != nil
    }

    func stop() {
        timer?.cancel()
        timer = nil
        watcher = nil
    }

    /// Events are only a hint: they come before the commit is published, and our own commits cause them as well. `data_version` tells.
    private func take(_ events: FileWatcher.Events) {
        guard watcher?.concern(events) == true, let span = checks.written() else { return }
        plan(after: span)
    }

    private func plan(after span: Duration) {
        let leeway: DispatchTimeInterval = span < CommitCheckSchedule.rest ? .microseconds(200) : .milliseconds(50)
        timer?.schedule(deadline: .now() + .milliseconds(Int(span.milliseconds)), leeway: leeway)
    }

    private func check() {
        guard checks.checkBegins() else { return }
        Task { checkEnded(await version()) }
    }

    private func version() async -> Int64? {
        do {
            return try await store.dataVersion()
        } catch {
            // A database that fails is reported by the engine's next exchange; lost files, by whoever waits for that.
            return nil
        }
    }

    private func checkEnded(_ version: Int64?) {
        let isNew = version != nil && version != dataVersion
        plan(after: checks.checkEnded(isNew: isNew))
        guard let version, isNew else { return }
        dataVersion = version
        onCommit()
    }
}
