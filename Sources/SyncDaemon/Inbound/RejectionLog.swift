import NIOCore
import SyncCore
import Synchronization

/// Writes `webhook.rejected`: owns a ``RejectionTally`` and the alarm that brings its counts into the log.
final class RejectionLog: Sendable {
    private struct State {
        var tally = RejectionTally()
        var isAlarmSet = false
    }

    private let log: EventLog
    private let now: @Sendable () -> Instant
    private let eventLoop: any EventLoop
    private let state = Mutex(State())

    init(log: EventLog, now: @escaping @Sendable () -> Instant, eventLoop: any EventLoop) {
        self.log = log
        self.now = now
        self.eventLoop = eventLoop
    }

    func note(_ reason: RejectionReason, remote: String?, detail: String? = nil) {
        let (line, setsAlarm) = state.withLock { state in
            let line = state.tally.note(.init(remote: remote, reason: reason), detail: detail, now: now())
            let setsAlarm = line == nil && !state.isAlarmSet
            if setsAlarm { state.isAlarmSet = true }
            return (line, setsAlarm)
        }
        if let line { write(line) }
        if setsAlarm {
            eventLoop.scheduleTask(in: .milliseconds(RejectionTally.window.milliseconds)) { [weak self] in self?.flush() }
        }
    }

    /// Writes what was only counted so far.
    func flush() {
        let lines = state.withLock { state in
            state.isAlarmSet = false
            return state.tally.collect(now: now())
        }
        lines.forEach(write)
    }

    private func write(_ line: RejectionTally.Line) {
        log.write(
            LogEvent("webhook.rejected", level: .warning).with("remote", line.key.remote).with("reason", line.key.reason.rawValue)
                .with("error", line.detail).with("count", line.count))
    }
}
