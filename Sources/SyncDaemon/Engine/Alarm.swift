import NIOCore
import SyncCore

/// A one-shot alarm at a time of the engine's uptime clock. Bound to its event loop.
///
/// The loop's timer stops while the machine sleeps, and the uptime clock does not. So no wait is longer than a minute, after which the clock is read
/// again.
final class Alarm {
    private static let longestWait = Duration.minutes(1)

    private let loop: any EventLoop
    private let uptime: () -> Duration
    private let ring: () -> Void
    private var deadline: Duration?
    private var timer: Scheduled<Void>?

    /// - Parameter ring: called on the loop, and never from within ``set(_:)``.
    init(on loop: any EventLoop, uptime: @escaping () -> Duration, ring: @escaping () -> Void) {
        self.loop = loop
        self.uptime = uptime
        self.ring = ring
    }

    /// Replaces the previous time; nil clears the alarm.
    func set(_ fresh: Duration?) {
        guard fresh != deadline else { return }
        deadline = fresh
        wait()
    }

    private func wait() {
        timer?.cancel()
        timer = nil
        guard let deadline else { return }
        let rest = min(max(deadline - uptime(), .zero), Alarm.longestWait)
        timer = loop.assumeIsolated().scheduleTask(in: .nanoseconds(rest.nanosecondsRoundedUp)) { [weak self] in self?.timerFired() }
    }

    private func timerFired() {
        guard let deadline, deadline <= uptime() else { return wait() }
        self.deadline = nil
        timer = nil
        ring()
    }
}

extension Duration {
    /// For a duration below a hundred years. Rounded up, so that the timer does not fire too early.
    fileprivate var nanosecondsRoundedUp: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + (attoseconds + 999_999_999) / 1_000_000_000
    }
}
