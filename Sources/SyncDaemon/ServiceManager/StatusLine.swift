import SyncCore
import SyncStore

/// The line shown by `systemctl status`: how much is waiting, for how long, and which remotes need attention.
enum StatusLine {
    static func text(_ status: StoreStatus, now: Instant) -> String {
        let waiting = status.remotes.reduce(0) { $0 + $1.pending + $1.inFlight } + status.unplanned
        let oldest = status.remotes.compactMap { $0.oldestPendingAt.flatMap(Instant.init(iso8601:)) }.min()
        var parts = [waiting == 0 ? "nothing waits" : "\(waiting) waiting"]
        if let oldest { parts[0] += ", oldest \(Duration.seconds(max((now - oldest).milliseconds / 1000, 0)).notation)" }
        parts += status.remotes.compactMap { remote in condition(remote, now: now).map { "\(remote.name) \($0)" } }
        let dead = status.remotes.reduce(0) { $0 + $1.dead }
        let uncertain = status.remotes.reduce(0) { $0 + $1.uncertain }
        if dead > 0 { parts.append("\(dead) dead") }
        if uncertain > 0 { parts.append("\(uncertain) uncertain") }
        return parts.joined(separator: "; ")
    }

    private static func condition(_ remote: RemoteStatus, now: Instant) -> String? {
        if remote.gate.pausedAt != nil { return "paused" }
        if remote.gate.parkedAt != nil { return "parked" }
        if remote.gate.breakerOpenUntil != nil { return remote.gate.breaker(now: now) == "open" ? "breaker open" : "half-open" }
        if let until = remote.gate.throttledUntil, until > now { return "throttled" }
        return remote.reads.failingSince == nil ? nil : "cannot be read"
    }
}
