import SyncCore

/// Limits how long a connection may take for its requests. Only whole requests count: a sender cannot extend the limit by sending single bytes.
///
/// | requests without a response | being read | alarm |
/// |---|---|---|
/// | 0 | no | none; the server's own idle timeout applies |
/// | 1 or more | either | `request`: the time until it has been received and responded to |
/// | 0 | yes: refused before it was read | `linger`: the rest is read and dropped, so that the response is not lost in a reset |
///
/// Invariant: an alarm is set exactly while a request is without a response or is being read.
struct RequestDeadline: Equatable, Sendable {
    struct Limits: Equatable, Sendable {
        var request: Duration
        var linger: Duration
    }

    enum Action: Equatable, Sendable {
        case none
        /// Replaces the current alarm.
        case setAlarm(Duration)
        case cancelAlarm
        case close
        /// Responds with 408 (RFC 9110 section 15.5.9), then closes.
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

    /// - Parameter closing: whether the response contains `Connection: close`.
    mutating func answered(closing: Bool) -> Action {
        // The server responds with 400 to input that is not HTTP; there was no head then.
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
