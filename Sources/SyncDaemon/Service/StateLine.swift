import SyncCore
import SyncStore

/// The `state` event.
enum StateLine {
    /// - Parameter settings: nil for a remote that is no longer configured and still has rows.
    static func event(_ remote: RemoteStatus, _ settings: RemoteGate.Settings?, now: Instant) -> LogEvent {
        LogEvent("state").with("remote", remote.name).with("oldest_pending_s", remote.oldestPendingAt.map { age($0, now) } ?? 0)
            .with("pending", remote.pending).with("in_flight", remote.inFlight).with("retrying", remote.retrying)
            .with("held", remote.held).with("dead", remote.dead).with("uncertain", remote.uncertain)
            .with("concurrency", settings.map { remote.gate.concurrency(of: $0) }).with("concurrency_max", settings?.concurrency)
            .with("breaker", remote.gate.breaker(now: now)).with("parked", remote.gate.parkedAt != nil)
            .with("paused", remote.gate.pausedAt != nil).with("last_success", remote.lastSuccessAt)
            .with("discarded", remote.discarded).with("last_read", remote.reads.lastReadAt)
            .with("reads_failing_s", remote.reads.failingSince.map { age($0, now) }).with("read_failures", failures(remote.reads))
            .with("read_error", remote.reads.error)
    }

    private static func age(_ moment: String, _ now: Instant) -> Int64 {
        Instant(iso8601: moment).map { max((now - $0).milliseconds / 1000, 0) } ?? 0
    }

    private static func failures(_ reads: ReadHealth) -> Int? { reads.failingSince == nil ? nil : reads.failures }
}
