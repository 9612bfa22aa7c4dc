/// Classifies responses and failures, as far as that is possible without knowing the kind of remote.
package struct OutcomeClassifier: Equatable, Sendable {
    /// Status codes that the configuration puts into another class than ``standard(_:hasRetryAfter:)`` does.
    package var overrides: [Int: OutcomeClass]
    /// The longest wait that a remote's response is granted.
    package var longestWait: Duration

    package init(overrides: [Int: OutcomeClass] = [:], longestWait: Duration = .days(1)) {
        self.overrides = overrides
        self.longestWait = longestWait
    }

    /// The class of a status code by default.
    ///
    /// A redirect parks the remote: it is not followed, since the token would be sent along, and it means that the configured URL is not
    /// the right one.
    package static func standard(_ status: Int, hasRetryAfter: Bool) -> OutcomeClass {
        switch status {
        case 200...299: .delivered
        case 300...399: .park
        case 401, 403: .park
        case 404: .gone
        case 408, 425: .retry
        case 429: .throttled
        case 503 where hasRetryAfter: .throttled
        case 500...599: .retry
        default: .dead
        }
    }

    /// Whether a call that ended in a status code changed the remote, whatever class the configuration puts the code into.
    ///
    /// | status                                   | fate                                                                  |
    /// |------------------------------------------|-----------------------------------------------------------------------|
    /// | 501                                      | not applied: the method is not implemented (RFC 9110 section 15.6.2)   |
    /// | 503 with `Retry-After`                   | not applied: the remote refuses on purpose, before it does anything    |
    /// | any other 5xx                            | unknown: a system may fail after it has applied the call, and a gateway does not know what the system behind it did |
    /// | 408                                      | not applied: the request did not arrive as a whole (section 15.5.9)    |
    /// | 425, 429 and any other 4xx, 3xx          | not applied: refused                                                   |
    ///
    /// - Parameter isDeliberate: whether a `Retry-After` says when to come back (``RetryHints/isDeliberate``).
    package static func fate(of status: Int, isDeliberate: Bool) -> CallFate {
        switch status {
        case 501: .notApplied
        case 503 where isDeliberate: .notApplied
        case 500...: .unknown
        default: .notApplied
        }
    }

    package func classify(_ reply: HTTPReply, now: Instant) -> DeliveryOutcome {
        let hints = RetryHints(headers: reply.headers, now: now, cap: longestWait)
        let outcome =
            overrides[reply.status] ?? OutcomeClassifier.standard(reply.status, hasRetryAfter: hints.notBefore != nil)
        var classified = DeliveryOutcome(
            outcome, fate: OutcomeClassifier.fate(of: reply.status, isDeliberate: hints.isDeliberate), httpStatus: reply.status,
            notBefore: hints.notBefore, quotaResetsAt: hints.quotaResetsAt, waitNote: hints.note)
        classified.isDeliberate = hints.isDeliberate
        return classified
    }

    package func classify(_ failure: TransportFailure) -> DeliveryOutcome {
        let outcome: OutcomeClass =
            switch failure.kind {
            case .tls, .nameResolution: .park
            case .cancelled: .interrupted
            default: .retry
            }
        return DeliveryOutcome(
            outcome, fate: failure.mayHaveBeenApplied ? .unknown : .notApplied,
            error: "\(failure.kind.rawValue): \(failure.detail)", failure: failure)
    }
}
