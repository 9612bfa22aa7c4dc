import SyncCore
import SyncStore

/// What the service does once a minute.
extension Daemon {
    static let repairInterval = Duration.hours(1)

    func keepUp() async {
        await recordService()
        await writeStateLines()
        owner.checkUp()
        await webhooks.checkSecrets()
        await repairIfDue()
        await metrics.write()
    }

    /// Stores the service's heartbeat, for `status` and for a second service that is started by mistake. A failure is logged, and the next attempt
    /// follows a minute later.
    func recordService() async {
        service.seenAt = now().iso8601
        do {
            try await store.record(service)
        } catch {
            log.write(LogEvent("service.unrecorded", level: .notice).with("error", "\(error)"))
        }
    }

    /// One line per remote, for alerts.
    private func writeStateLines() async {
        do {
            let status = try await store.status(of: configuration.enabledRemotes.map(\.participation))
            let gates = Dictionary(configuration.enabledRemotes.map { ($0.name, $0.gate) }) { first, _ in first }
            for remote in status.remotes { log.write(StateLine.event(remote, gates[remote.name], now: now())) }
        } catch {
            // A database that cannot be read cannot be written either: `service.unrecorded` has just reported it.
        }
    }

    func repairIfDue() async {
        guard SystemClock.uptime() >= nextRepair else { return }
        do {
            try await configuration.repair(store, now: now())
            nextRepair = SystemClock.uptime() + Daemon.repairInterval
        } catch {
            // It is attempted again a minute later; the engine's next exchange reports a failing database.
        }
    }

    /// The status line for the service manager; nil if there is none.
    func statusLine() async -> String? {
        do {
            guard notifier.isListenedTo else { return nil }
            return StatusLine.text(try await store.status(of: configuration.enabledRemotes.map(\.participation)), now: now())
        } catch {
            return "\(error)"
        }
    }
}
