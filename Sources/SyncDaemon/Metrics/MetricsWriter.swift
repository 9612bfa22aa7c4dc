import Dispatch
import SyncCore
import SyncStore
import Synchronization

/// Keeps the metrics file up to date: it is written when something has happened, and once a minute in any case, but at most every ``pause``, and at
/// most a twentieth of the time is spent on it.
package final class MetricsWriter: Sendable {
    private static let pause = Duration.seconds(5)
    private static let idleShare: Int64 = 20

    private struct State {
        var file: MetricsFile?
        var settings: Configuration.Metrics
        var remotes: [RemoteParticipation]
        /// A time of the uptime clock.
        var nextWrite = Duration.zero
        var isPlanned = false
    }

    private let store: Store
    private let log: EventLog
    private let tally: DeliveryTally
    private let startedAt: Instant
    private let queue = DispatchQueue(label: "convosync.metrics.pause")
    private let state: Mutex<State>

    package init(_ configuration: Configuration, store: Store, log: EventLog, tally: DeliveryTally) {
        self.store = store
        self.log = log
        self.tally = tally
        startedAt = SystemClock.now()
        state = Mutex(
            State(
                file: configuration.metrics.textfile.map { MetricsFile(path: $0, log: log) }, settings: configuration.metrics,
                remotes: configuration.enabledRemotes.map(\.participation)))
    }

    /// Applies the configuration of a reload. The counts continue.
    package func configure(_ fresh: Configuration) {
        state.withLock { state in
            if fresh.metrics != state.settings { state.file = fresh.metrics.textfile.map { MetricsFile(path: $0, log: log) } }
            state.settings = fresh.metrics
            state.remotes = fresh.enabledRemotes.map(\.participation)
        }
    }

    /// Something has happened: writes the file now, or as soon as the pause since the last time has passed.
    package func changed() {
        let wait = state.withLock { state -> Duration? in
            guard state.file != nil, !state.isPlanned else { return nil }
            state.isPlanned = true
            return max(state.nextWrite - SystemClock.uptime(), .zero)
        }
        guard let wait else { return }
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(wait.milliseconds))) { @Sendable in Task { await self.write() } }
    }

    /// Writes the current values.
    package func write() async {
        let (file, remotes) = state.withLock { state in
            state.isPlanned = false
            return (state.file, state.remotes)
        }
        guard let file else { return }
        let begin = SystemClock.uptime()
        let (status, size): (StoreStatus, StoreSize)
        do {
            status = try await store.status(of: remotes)
            size = try await store.size()
        } catch {
            // The next run reports a failing database. The file stays as it is, and alerts are based on its age.
            return
        }
        let end = SystemClock.uptime()
        state.withLock { $0.nextWrite = end + max(MetricsWriter.pause, (end - begin) * MetricsWriter.idleShare) }
        let page = MetricsPage(status: status, counts: tally.counts, size: size, startedAt: startedAt, now: SystemClock.now())
        await file.write(page.text)
    }
}
