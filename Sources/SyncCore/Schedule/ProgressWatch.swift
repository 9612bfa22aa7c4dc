/// Decides whether the service gets on with its work: what the watchdog of the service manager is answered by.
///
/// | part      | shows that it lives by                                                             | may be silent for             |
/// |-----------|------------------------------------------------------------------------------------|-------------------------------|
/// | scheduler | a hop over its queue; its alarm, when no run is in progress                        | `limit`                       |
/// | database  | an answer, also one that says "locked" or "full"                                   | `limit`                       |
/// | writer    | nothing waits for a commit, or an attempt to commit has ended, well or not         | `limit`                       |
/// | run       | none is in progress, or it has come a step further, or lanes are at work for it    | `limit`                       |
/// | lane      | it has nothing at hand, or waits for the writer, or a call began or ended          | `limit`; while calls are in flight, the longest time a call may take besides |
///
/// A remote that is paused, parked, throttled or hangs is not a lack of progress: its lane has nothing at hand, or calls in flight that
/// end in time. Invariant: a part that was never asked about is never at fault.
package struct ProgressWatch: Equatable, Sendable {
    /// What one look at the parts found.
    package struct Look: Equatable, Sendable {
        /// When the scheduler's alarm is set for; nil while a run is in progress or the scheduler is stopped.
        package var alarmAt: Instant?
        /// When the run in progress came a step further; nil when there is none.
        package var runStepAt: Instant?
        /// When the store last answered a commit that others still wait for; nil when none waits.
        package var commitAnsweredAt: Instant?
        package var lanes: [Lane]

        package init(alarmAt: Instant? = nil, runStepAt: Instant? = nil, commitAnsweredAt: Instant? = nil, lanes: [Lane] = []) {
            self.alarmAt = alarmAt
            self.runStepAt = runStepAt
            self.commitAnsweredAt = commitAnsweredAt
            self.lanes = lanes
        }
    }

    /// A lane that is at work.
    package struct Lane: Equatable, Sendable {
        package var remote: String
        /// When a call began or ended, or a commit was asked for or answered.
        package var movedAt: Instant
        package var isCommitting: Bool
        package var inFlight: Int
        package var callTimeout: Duration

        package init(remote: String, movedAt: Instant, isCommitting: Bool, inFlight: Int, callTimeout: Duration) {
            self.remote = remote
            self.movedAt = movedAt
            self.isCommitting = isCommitting
            self.inFlight = inFlight
            self.callTimeout = callTimeout
        }
    }

    package enum Verdict: Equatable, Sendable {
        case working
        /// One sentence.
        case stuck(reason: String)
    }

    private enum Asked: Equatable {
        case nobody
        case parts(since: Instant)
        case database(since: Instant)
    }

    private let limit: Duration
    private var asked = Asked.nobody
    private var look = Look()

    package init(limit: Duration) {
        self.limit = limit
    }

    package mutating func partsAsked(now: Instant) { asked = .parts(since: now) }

    /// All parts have answered; their queues turn.
    package mutating func partsAnswered(_ look: Look, now: Instant) {
        self.look = look
        asked = .database(since: now)
    }

    /// The database has answered, well or not.
    package mutating func databaseAnswered() { asked = .nobody }

    package func verdict(now: Instant) -> Verdict {
        switch asked {
        case .parts(let since) where isOver(since, now): return .stuck(reason: "the scheduler or the lanes do not respond")
        case .database(let since) where isOver(since, now): return .stuck(reason: "the database does not respond")
        default: break
        }
        if let alarmAt = look.alarmAt, isOver(alarmAt, now) { return .stuck(reason: "the scheduler's timer did not fire") }
        if let answeredAt = look.commitAnsweredAt, isOver(answeredAt, now) { return .stuck(reason: "a commit does not end") }
        if let stepAt = look.runStepAt, look.lanes.isEmpty, isOver(stepAt, now) { return .stuck(reason: "a run makes no progress") }
        for lane in look.lanes where !lane.isCommitting {
            let patience = lane.inFlight > 0 ? lane.callTimeout : .zero
            if isOver(lane.movedAt + patience, now) { return .stuck(reason: "deliveries to \(lane.remote) make no progress") }
        }
        return .working
    }

    /// A clock that was set back makes everything look recent, one that was set forward everything old until the next look.
    private func isOver(_ moment: Instant, _ now: Instant) -> Bool { now - moment > limit }
}
