import SyncCore
import SyncStore

/// The notes of `status` about one remote, besides its figures. Each reason is current, and not that of a past error.
struct RemoteNotes {
    let remote: RemoteStatus
    let view: StatusView

    var all: [StatusNote] { [hold, breaker, throttle, retrying, dead, uncertain, held, reads].compactMap { $0 } }

    private var name: String { remote.name }

    private func reason(_ text: String?) -> String { text.map { ": \($0)" } ?? "" }

    private var hold: StatusNote? {
        if let pausedAt = remote.gate.pausedAt {
            return StatusNote("\(name) has been paused \(view.since(pausedAt.iso8601))", "convosync resume \(name)", colour: .yellow)
        }
        guard let parkedAt = remote.gate.parkedAt else { return nil }
        return StatusNote(
            "\(name) has been parked \(view.since(parkedAt.iso8601)), nothing is sent there\(reason(remote.gate.parkReason ?? "refused"))",
            "convosync check --online says more; correct it, then: convosync resume \(name) (a new token file needs nothing else)",
            colour: .red)
    }

    private var breaker: StatusNote? {
        guard let until = remote.gate.breakerOpenUntil else { return nil }
        let isOpen = remote.gate.breaker(now: view.now) == "open"
        let state = isOpen ? "is left alone \(view.until(until))" : "is being tried with single calls"
        return StatusNote("\(name) fails most calls and \(state)\(reason(remote.presentError))", colour: .red)
    }

    private var throttle: StatusNote? {
        guard let until = view.throttle(remote) else { return nil }
        return StatusNote(
            "\(name) throttles: no call \(view.until(until))", "nothing to do; lower remotes.\(name).rate if it comes often",
            colour: .yellow)
    }

    private var retrying: StatusNote? {
        guard remote.retrying > 0 else { return nil }
        return StatusNote(
            "\(name) retries \(remote.retrying) of \(remote.pending) pending\(reason(remote.retryError))",
            "convosync outbox list --remote \(name) --state pending", colour: .yellow)
    }

    private var dead: StatusNote? {
        rows(remote.dead, .dead, ": refused or given up, not sent again by \(remote.dead == 1 ? "itself" : "themselves")", .red)
    }

    private var uncertain: StatusNote? {
        rows(remote.uncertain, .uncertain, ": sent, and nobody knows whether \(remote.uncertain == 1 ? "it" : "they") arrived", .red)
    }

    private var held: StatusNote? {
        rows(remote.held, .held, " until a person lets \(remote.held == 1 ? "it" : "them") go", .yellow)
    }

    private func rows(_ count: Int, _ state: OutboxState, _ meaning: String, _ colour: Terminal.Colour) -> StatusNote? {
        guard count > 0 else { return nil }
        return StatusNote(
            "\(name) has \(count) \(state.rawValue)\(meaning)", "convosync outbox list --remote \(name) --state \(state.rawValue)",
            colour: colour)
    }

    private var reads: StatusNote? {
        guard let since = remote.reads.failingSince else { return nil }
        return StatusNote(
            "\(name) has not been readable \(view.since(since)), \(counted(remote.reads.failures, "failure")) in a row"
                + reason(remote.reads.error), "what changes at \(name) is not seen; it is read again at growing intervals", colour: .yellow)
    }
}
