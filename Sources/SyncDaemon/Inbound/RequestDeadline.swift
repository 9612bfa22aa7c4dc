import SyncCore

/// How long a connection may take over its requests. Bytes that trickle in do not buy time: what counts are whole requests.
///
/// | requests without an answer | being read | alarm |
/// |---|---|---|
/// | 0 | no | none; the server's own idle time-out runs |
/// | 1 or more | either | `request`: it has to be here and be answered by then |
/// | 0 | yes: refused before it was read | `linger`: the rest is read and dropped, so that the answer is not lost in a reset |
///
/// Invariant: an alarm is set exactly while a request is unanswered or being read.
struct RequestDeadline: Equatable, Sendable {
    struct Limits: Equatable, Sendable {
        var request: Duration
        var linger: Duration
    }

    enum Action: Equatable, Sendable {
        case none
        /// Replaces the alarm that is set.
        case setAlarm(Duration)
        case cancelAlarm
        case close
        /// Answers 408 (RFC 9110 section 15.5.9), then closes.
        case answerTimeoutAndClose
    }

    private let limits: Limits
    private var unanswered = 0
    private var isReading = false
    private var closesAfterAnswer = false

    init(_ limits: Limits) {
        self.limits = limits
    }

    mutating func headRead() -> Action {
        unanswered += 1
        isReading = true
        return unanswered == 1 ? .setAlarm(limits.request) : .none
    }

    mutating func endRead() -> Action {
        isReading = false
        return unanswered == 0 ? atRest : .none
    }

    /// - Parameter closing: whether the answer says `Connection: close`.
    mutating func answered(closing: Bool) -> Action {
        // The server answers 400 to what is not HTTP; there was no head then.
        guard unanswered > 0 else { return .none }
        unanswered -= 1
        if closing { closesAfterAnswer = true }
        if unanswered > 0 { return .setAlarm(limits.request) }
        return isReading ? .setAlarm(limits.linger) : atRest
    }

    mutating func alarmRang() -> Action {
        let isWaitingForRest = unanswered == 1 && isReading
        (unanswered, isReading) = (0, false)
        return isWaitingForRest ? .answerTimeoutAndClose : .close
    }

    private var atRest: Action { closesAfterAnswer ? .close : .cancelAlarm }
}
