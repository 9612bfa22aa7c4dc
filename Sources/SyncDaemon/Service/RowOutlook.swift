import SyncCore
import SyncStore

/// What an unfinished outbox row waits for. Used by `explain`, `diff` and `outbox show`, so that they agree.
///
/// A pause and a park of the remote come before what else the row waits for, because they hold up the rows before it as well.
package struct RowOutlook: Equatable, Sendable {
    package enum Wait: Equatable, Sendable {
        /// The response to its call.
        case response
        /// A person: it is held, dead or uncertain.
        case person
        /// `convosync resume`.
        case resume(since: Instant)
        /// The remote to accept calls again.
        case access(since: Instant, reason: String)
        /// A row that comes first (nil: one that is over by now), a newer state to be planned, or the link to be the only one to its object.
        case turn(RowObstacle)
        /// A time in ISO 8601: the row's own, or the end of a hold of its remote.
        case moment(String, Cause)
        /// Nothing: it is due.
        case nothing
    }

    package enum Cause: String, Equatable, Sendable {
        case retry, throttle, breaker
    }

    package var wait: Wait

    /// Nil for a finished row.
    /// - Parameter dueAt: when the row is due, in ISO 8601; a hold of its remote may delay it further.
    package init?(_ state: OutboxState, dueAt: String, obstacle: RowObstacle? = nil, gate: RemoteGate.Stored, now: Instant) {
        switch state {
        case .delivered, .superseded, .discarded: return nil
        case .sending: wait = .response
        case .held, .dead, .uncertain: wait = .person
        case .pending: wait = RowOutlook.wait(dueAt, obstacle, gate, now)
        }
    }

    private static func wait(_ dueAt: String, _ obstacle: RowObstacle?, _ gate: RemoteGate.Stored, _ now: Instant) -> Wait {
        if let pausedAt = gate.pausedAt { return .resume(since: pausedAt) }
        if let parkedAt = gate.parkedAt { return .access(since: parkedAt, reason: gate.parkReason ?? "refused") }
        if let obstacle { return .turn(obstacle) }
        let holds: [(String?, Cause)] = [
            (dueAt, .retry), (gate.throttledUntil?.iso8601, .throttle), (gate.breakerOpenUntil?.iso8601, .breaker),
        ]
        let latest = holds.compactMap { moment, cause in moment.map { (moment: $0, cause: cause) } }.max { $0.moment < $1.moment }
        guard let latest, latest.moment > now.iso8601 else { return .nothing }
        return .moment(latest.moment, latest.cause)
    }

    /// When it is attempted next; nil if that does not depend on time.
    package var moment: String? {
        if case .moment(let moment, _) = wait { moment } else { nil }
    }

    /// Whether something of its own conversation or object comes first.
    package var waitsForItsTurn: Bool {
        if case .turn = wait { true } else { false }
    }

    /// What holds a pending row back, for people; nil if it is only its own due time.
    /// - Parameter time: formats an ISO 8601 timestamp.
    package func hold(of remote: String, time: (String) -> String) -> String? {
        switch wait {
        case .resume(let since): "\(remote) is paused (\(time(since.iso8601))): `convosync resume \(remote)`"
        case .access(let since, let reason): "\(remote) is parked (\(time(since.iso8601))): \(reason)"
        case .turn(.row(let row?)): "row \(row) comes first"
        case .turn(.row(nil)): "its turn comes with the next exchange"
        case .turn(.planning): "a newer change to the conversation is planned first"
        case .turn(.sharedObject): "another conversation links to the same object"
        case .moment(_, .throttle): "\(remote) is throttled"
        case .moment(_, .breaker): "the breaker of \(remote) is open"
        case .moment(_, .retry), .nothing, .response, .person: nil
        }
    }
}
