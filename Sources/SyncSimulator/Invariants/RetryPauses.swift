import SyncCore

/// The pauses after failed calls: each is random between zero and a ceiling, so a short one shows nothing, and many of them in a row do.
struct RetryPauses {
    /// A pause is short if it is less than a tenth of its ceiling. That number in a row does not happen by chance in any number of simulations.
    private static let mostShort = 25

    private let policy: RetryPolicy
    private var shortInARow = 0

    init(_ policy: RetryPolicy) {
        self.policy = policy
    }

    /// - Returns: what is wrong with the pause of a row after a call; nil for calls that were not followed by such a pause.
    mutating func problem(with call: FinishedCall) -> String? {
        // A message in doubt is repeated within its window.
        guard let outcome = call.outcome, outcome.outcome == .retry, outcome.notBefore == nil, call.row.state == .pending,
            call.row.payload == .state
        else { return nil }
        let (pause, ceiling) = (call.row.dueAt - call.finishedAt, policy.ceiling(afterFailures: call.row.attempts))
        guard pause <= ceiling else { return "row \(call.claimed.id) waits for \(pause.milliseconds) ms, ceiling \(ceiling.milliseconds)" }
        shortInARow = pause * 10 < ceiling ? shortInARow + 1 : 0
        guard shortInARow > RetryPauses.mostShort else { return nil }
        return "\(shortInARow) pauses in a row are short, the last \(pause.milliseconds) ms, ceiling \(ceiling.milliseconds)"
    }
}
