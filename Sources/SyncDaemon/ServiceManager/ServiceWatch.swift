import Dispatch
import SyncCore
import SyncEngine
import Synchronization

/// Notifies the service manager's watchdog as long as the engine makes progress, and updates the status line.
///
/// The engine's health is requested on its event loop, so a blocked loop is detected as well. It is requested four times within the watchdog's
/// interval, and may take half of the interval to respond, so a short delay does no harm.
package final class ServiceWatch: Sendable {
    private struct State {
        /// When the pending request was made, by the uptime clock; nil if there is none.
        var askedAt: Duration?
        var reported: String?
        /// The text of the status line is being loaded.
        var isReadingStatus = false
        var isEnded = false
    }

    /// The interval of the status line when there is no watchdog.
    private static let statusInterval = Duration.seconds(15)

    private let notifier: ServiceNotifier
    private let log: EventLog
    private let uptime: @Sendable () -> Duration
    private let health: @Sendable (@escaping @Sendable (Health) -> Void) -> Void
    private let limit: Duration
    private let queue = DispatchQueue(label: "convosync.watch")
    private let interval: DispatchTimeInterval
    private let status: @Sendable () async -> String?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - health: requests the engine's health; the response may arrive on any thread.
    ///   - status: the text of the status line; nil: none.
    package init(
        _ notifier: ServiceNotifier, log: EventLog, uptime: @escaping @Sendable () -> Duration,
        health: @escaping @Sendable (@escaping @Sendable (Health) -> Void) -> Void, status: @escaping @Sendable () async -> String?
    ) {
        self.notifier = notifier
        self.log = log
        self.uptime = uptime
        self.health = health
        self.status = status
        let time = notifier.watchdog ?? .minutes(1)
        limit = time / 2
        interval = .milliseconds(Int(max(min(time / 4, ServiceWatch.statusInterval).milliseconds, 10)))
        queue.async { @Sendable [weak self] in self?.tick() }
    }

    /// Sends nothing more to the service manager.
    package func end() {
        state.withLock { $0.isEnded = true }
    }

    private func tick() {
        queue.asyncAfter(deadline: .now() + interval) { @Sendable [weak self] in self?.tick() }
        let now = uptime()
        let (isEnded, askedAt, readsStatus) = state.withLock { state in
            defer { (state.askedAt, state.isReadingStatus) = (state.askedAt ?? now, true) }
            return (state.isEnded, state.askedAt, !state.isReadingStatus)
        }
        guard !isEnded else { return }
        if readsStatus { Task { await renewStatus() } }
        if let askedAt {
            if now - askedAt > limit { report("the event loop of the engine does not respond") }
        } else {
            health { [weak self] in self?.take($0) }
        }
    }

    private func renewStatus() async {
        let line = await status()
        let isEnded = state.withLock { state in
            state.isReadingStatus = false
            return state.isEnded
        }
        if !isEnded, let line { notifier.status(line) }
    }

    private func take(_ health: Health) {
        state.withLock { $0.askedAt = nil }
        report(health.overdue.isEmpty ? nil : health.overdue.joined(separator: "; "))
    }

    /// - Parameter reason: why there is no progress; nil if there is.
    private func report(_ reason: String?) {
        let (isEnded, isNews) = state.withLock { state in
            defer { state.reported = reason }
            return (state.isEnded, reason != state.reported)
        }
        guard !isEnded else { return }
        guard let reason else {
            if notifier.watchdog != nil { notifier.alive() }
            return
        }
        if isNews { log.write(LogEvent("service.stuck", level: .error).with("reason", reason)) }
    }
}
