import Dispatch
import SyncCore
import SyncStore
import Synchronization

/// Looks at the service from outside its actors, on a queue of its own: answers the watchdog as long as ``ProgressWatch`` says that
/// there is progress, and keeps the status line up to date.
///
/// A look runs as a task, so a cooperative pool that is blocked shows as well. One look at a time: when one does not end, the machine
/// says so, and no further one is begun.
package final class ServiceWatch: Sendable {
    /// What is looked at; it changes with a reload.
    package struct Subject: Sendable {
        package var scheduler: Scheduler
        package var engine: SyncEngine
        package var store: Store
        package var remotes: [RemoteParticipation]
    }

    private struct State {
        var watch: ProgressWatch
        var isLooking = false
        var isEnded = false
        var reported: String?
    }

    /// How often the status line is renewed when nobody waits for the watchdog.
    private static let statusInterval = Duration.seconds(15)

    private let notifier: ServiceNotifier
    private let log: EventLog
    private let now: @Sendable () -> Instant
    private let subject: @Sendable () async -> Subject
    private let queue = DispatchQueue(label: "convosync.watch")
    private let state: Mutex<State>
    private let interval: DispatchTimeInterval

    /// - Parameter subject: asked with every look.
    package init(
        _ notifier: ServiceNotifier, log: EventLog, now: @escaping @Sendable () -> Instant, subject: @escaping @Sendable () async -> Subject
    ) {
        self.notifier = notifier
        self.log = log
        self.now = now
        self.subject = subject
        // Half of the watchdog's time for a part to answer, a quarter between two looks: a part that comes back in time costs nothing.
        state = Mutex(State(watch: ProgressWatch(limit: .milliseconds((notifier.watchdog ?? .minutes(1)).milliseconds / 2))))
        let interval = min((notifier.watchdog ?? .minutes(1)).milliseconds / 4, ServiceWatch.statusInterval.milliseconds)
        self.interval = .milliseconds(Int(max(interval, 10)))
        queue.async { @Sendable [weak self] in self?.tick() }
    }

    /// No further word to the service manager.
    package func end() {
        state.withLock { $0.isEnded = true }
    }

    private func tick() {
        queue.asyncAfter(deadline: .now() + interval) { @Sendable [weak self] in self?.tick() }
        let moment = now()
        let (verdict, mayLook, isNews) = state.withLock { state -> (ProgressWatch.Verdict?, Bool, Bool) in
            guard !state.isEnded else { return (nil, false, false) }
            let verdict = state.watch.verdict(now: moment)
            var reason: String?
            if case .stuck(let text) = verdict { reason = text }
            defer { state.reported = reason }
            let mayLook = !state.isLooking
            if mayLook {
                state.isLooking = true
                state.watch.partsAsked(now: moment)
            }
            return (verdict, mayLook, reason != state.reported)
        }
        switch verdict {
        case .working?: if notifier.watchdog != nil { notifier.alive() }
        case .stuck(let reason)?:
            if isNews { log.write(LogEvent("service.stuck", level: .error).with("reason", reason)) }
        case nil: return
        }
        if mayLook { Task { await look() } }
    }

    private func look() async {
        let subject = await subject()
        let alarmAt = await subject.scheduler.alarm()
        var look = await subject.engine.progress()
        look.alarmAt = look.runStepAt == nil ? alarmAt : nil
        let found = look
        let answeredAt = now()
        state.withLock { $0.watch.partsAnswered(found, now: answeredAt) }
        let line = await statusLine(subject)
        let isEnded = state.withLock { state in
            state.watch.databaseAnswered()
            state.isLooking = false
            return state.isEnded
        }
        if !isEnded, let line { notifier.status(line) }
    }

    /// Asks the database in any case; counts only for somebody who reads it.
    private func statusLine(_ subject: Subject) async -> String? {
        do {
            if notifier.isListenedTo { return StatusLine.text(try await subject.store.status(of: subject.remotes), now: now()) }
            _ = try await subject.store.dataVersion()
            return nil
        } catch {
            return "\(error)"
        }
    }
}
