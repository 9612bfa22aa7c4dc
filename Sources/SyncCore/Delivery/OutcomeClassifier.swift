/// Sorts answers and failures into outcome classes, as far as that can be told without knowing the kind of remote.
package struct OutcomeClassifier: Equatable, Sendable {
    /// Status codes that the configuration puts into another class than ``standard(_:hasRetryAfter:)`` does.
    package var overrides: [Int: OutcomeClass]
    /// The longest wait that a remote may ask for and get.
    package var longestWait: Span

    package init(overrides: [Int: OutcomeClass] = [:], longestWait: Span = .days(1)) {
        self.overrides = overrides
        self.longestWait = longestWait
    }

    /// The class of a status code by default (design section 6.4).
    ///
    /// A redirect parks the remote: it is not followed, since the token would travel with it, and it means that the configured URL
    /// is not the right one.
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

    package func classify(_ reply: HTTPReply, now: Instant) -> DeliveryOutcome {
        let notBefore = RetryHints.notBefore(headers: reply.headers, now: now, cap: longestWait)
        let outcome =
            overrides[reply.status]
            ?? OutcomeClassifier.standard(reply.status, hasRetryAfter: notBefore != nil)
        // A gateway that gave up waiting says nothing about what the system behind it did.
        let fate: CallFate = reply.status == 502 || reply.status == 504 ? .unknown : .notApplied
        return DeliveryOutcome(
            outcome, fate: fate, httpStatus: reply.status, notBefore: notBefore,
            quotaResetsAt: RetryHints.quotaResetsAt(headers: reply.headers, now: now, cap: longestWait))
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
            error: "\(failure.kind.rawValue): \(failure.detail)")
    }
}
