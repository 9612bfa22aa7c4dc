import Dispatch
import FoundationEssentials
import Glibc
import SyncCore
import Synchronization

/// Notifies systemd of the service's state, with the protocol of sd_notify(3). Does nothing without a service manager.
package struct ServiceNotifier: Sendable {
    private let socket: DatagramSocket?
    private let backlog = Backlog()
    /// The interval within which `WATCHDOG=1` has to be sent; nil: there is no watchdog (sd_watchdog_enabled(3)).
    package let watchdog: Duration?

    /// - Parameter environment: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    package init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        socket = environment["NOTIFY_SOCKET"].flatMap { DatagramSocket(path: $0) }
        let isMeant = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        watchdog = socket != nil && isMeant && microseconds >= 1000 ? .milliseconds(microseconds / 1000) : nil
    }

    package var isListenedTo: Bool { socket != nil }

    package func ready() { send(["READY=1"]) }

    /// The reload ends with the next ``ready()``. systemd 253 and later compare the timestamp, earlier versions ignore it.
    package func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        send(["RELOADING=1", "MONOTONIC_USEC=\(Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)"])
    }

    /// - Parameter bound: how long the stop may take, whatever TimeoutStopSec= of the unit is.
    package func stopping(within bound: Duration) {
        send(["STOPPING=1", "EXTEND_TIMEOUT_USEC=\((bound * 1000).milliseconds)"])
    }

    package func status(_ line: String) { send(["STATUS=\(ServiceNotifier.oneLine(line))"], comesAgain: true) }

    package func alive() { send(["WATCHDOG=1"], comesAgain: true) }

    private static func oneLine(_ text: String) -> String {
        String(text.onOneLine.prefix(400))
    }

    /// Sends all assignments in one datagram, so that they take effect together. Never waits for a manager that does not read.
    /// - Parameter comesAgain: whether the message is repeated regularly, and so need not be kept for a manager that does not read.
    private func send(_ assignments: [String], comesAgain: Bool = false) {
        guard let socket else { return }
        let bytes = Array(assignments.joined(separator: "\n").utf8)
        let mayOvertake = comesAgain || !backlog.isWaiting
        if mayOvertake, socket.send(bytes) != .full { return }
        if !comesAgain { backlog.add { socket.send(bytes) } }
    }

    /// Messages that must reach the manager, while its queue is full.
    final class Backlog: Sendable {
        /// The pause between attempts in microseconds, and the number of attempts: half a minute in all.
        static let (pause, attempts): (UInt32, Int) = (50_000, 600)

        private let queue = DispatchQueue(label: "convosync.notify")
        private let waiting = Mutex(0)
        private let pause: UInt32

        init(pause: UInt32 = Backlog.pause) {
            self.pause = pause
        }

        var isWaiting: Bool { waiting.withLock { $0 > 0 } }

        /// Sends messages in the order in which they were added; one that finds the queue full at every attempt is dropped.
        /// - Parameter attempt: attempts to send the message.
        func add(_ attempt: @escaping @Sendable () -> DatagramSocket.Result) {
            waiting.withLock { $0 += 1 }
            queue.async { @Sendable [self] in
                for _ in 0..<Backlog.attempts {
                    guard attempt() == .full else { break }
                    usleep(pause)
                }
                waiting.withLock { $0 -= 1 }
            }
        }
    }
}
