import Foundation
import SyncCore
import Synchronization
import Testing

@testable import SyncDaemon
@testable import SyncEngine

/// When the service manager's watchdog is notified.
@Suite(.timeLimit(.minutes(1))) struct ServiceWatchTests {
    private static let healthy = Health(overdue: [], inFlight: 0, isQuiet: true, delivered: 0)

    private func notifier(_ manager: DatagramReceiver) -> ServiceNotifier {
        ServiceNotifier(environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"])
    }

    private func log(_ lines: LogLines) -> EventLog { EventLog(.init(), hasPriorityPrefix: false, output: { lines.add($0) }) }

    @Test func `an engine that makes progress is reported as alive, with the status line`() throws {
        let manager = try DatagramReceiver(nil)
        let lines = LogLines()
        let watch = ServiceWatch(
            notifier(manager), log: log(lines), uptime: SystemClock.uptime, health: { $0(Self.healthy) }, status: { "nothing waits" })
        var texts: Set<String> = []
        while texts.count < 2 { texts.insert(try manager.receiveText()) }
        #expect(texts == ["WATCHDOG=1", "STATUS=nothing waits"])
        #expect(lines.events == [])
        watch.end()
    }

    @Test func `an engine that does not respond is stuck, which is logged once until it responds`() async throws {
        let manager = try DatagramReceiver(nil)
        let lines = LogLines()
        let waiting = Mutex<(@Sendable (Health) -> Void)?>(nil)
        let isBlocked = Mutex(true)
        let watch = ServiceWatch(
            notifier(manager), log: log(lines), uptime: SystemClock.uptime,
            health: { tell in if isBlocked.withLock({ $0 }) { waiting.withLock { $0 = tell } } else { tell(Self.healthy) } },
            status: { nil })
        await lines.wait(for: "service.stuck")
        #expect(manager.isEmpty)
        isBlocked.withLock { $0 = false }
        waiting.withLock { $0 }?(Self.healthy)
        #expect(try manager.receiveText() == "WATCHDOG=1")
        #expect(lines.all.count == 1 && lines.all[0].contains("the event loop of the engine does not respond"))
        watch.end()
    }

    @Test func `a part that is overdue is named, and the watchdog is not notified`() async throws {
        let manager = try DatagramReceiver(nil)
        let lines = LogLines()
        let health = Mutex(Health(overdue: ["a commit does not end"], inFlight: 1, isQuiet: false, delivered: 0))
        let watch = ServiceWatch(
            notifier(manager), log: log(lines), uptime: SystemClock.uptime, health: { tell in tell(health.withLock { $0 }) },
            status: { nil })
        await lines.wait(for: "service.stuck")
        #expect(manager.isEmpty)
        #expect(lines.all[0].contains("reason=\"a commit does not end\""))
        health.withLock { $0 = Self.healthy }
        #expect(try manager.receiveText() == "WATCHDOG=1")
        watch.end()
    }
}
