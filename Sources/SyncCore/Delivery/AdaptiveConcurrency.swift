/// How many calls of one remote may be in flight: a slow start, then additive increase while they go well, multiplicative decrease when they
/// fail or become slow (AIMD and slow start, as TCP has them, RFC 5681; Vector's "adaptive request concurrency" is the same idea for HTTP).
///
/// | a call ended                                          | next                                                          |
/// |-------------------------------------------------------|---------------------------------------------------------------|
/// | failed or throttled, sent under the present limit     | half the limit, at least 1; a new round                       |
/// | failed or throttled, sent under an earlier limit      | the same: the limit was lowered for that volley already       |
/// | well, and with it as many as the limit: the round is over | see the next three lines; a new round                     |
/// | … the round's mean latency is far over its baseline   | half the limit, at least 1                                    |
/// | … the limit was reached, and has not been lowered yet | twice the limit, at most `maximum`                            |
/// | … the limit was reached, and has been lowered         | one more, at most `maximum`                                   |
/// | stopped by ourselves, refused credential              | the same: nothing was learnt about how much the remote takes  |
///
/// Invariants: 1 ≤ `limit` ≤ `maximum`; at most one decrease in the time that a call sent under the new limit takes to end.
///
/// The start is slow because a first volley of `maximum` calls is more than many a remote takes, and their failures would be taken for an
/// outage. It costs a few round trips: the third round sends 16 calls.
package struct AdaptiveConcurrency: Equatable, Sendable {
    /// What the end of a call says about how much the remote takes.
    package enum Sign: Equatable, Sendable {
        case well
        case overloaded
        case nothing
    }

    /// Calls of the first round.
    private static let initial = 4
    /// A round is slow when its mean is this many times the baseline …
    private static let slowFactor = 3.0
    /// … and at least so much above it, in milliseconds: a few are the noise of schedulers and disks.
    private static let slowMargin = 100.0
    /// How much of a round's mean the baseline takes over. A remote that stays slow is believed after some rounds: the limit does not
    /// stay at 1 for ever because the remote was quicker once.
    private static let weight = 0.2

    package let maximum: Int
    package private(set) var limit: Int
    /// EWMA of the rounds' mean latencies in milliseconds; nil before the first round.
    private var baseline: Double?
    /// When the limit was last lowered: calls sent before that were sent under an earlier limit.
    private var loweredAt: Instant?
    private var ended = 0
    private var totalLatency = 0.0
    private var wasReached = false
    /// Whether the remote has shown that it does not take the maximum.
    private var wasLowered: Bool

    /// - Parameter stored: the limit from before a restart, where it had been lowered.
    package init(maximum: Int, stored: Int? = nil) {
        precondition(maximum >= 1, "a remote without a single call in flight would wait for ever")
        self.maximum = maximum
        wasLowered = stored.map { $0 < maximum } ?? false
        limit = min(max(stored ?? AdaptiveConcurrency.initial, 1), maximum)
    }

    /// What is to be remembered over a restart: nil unless the limit was lowered and is not back at the maximum.
    package var stored: Int? { wasLowered && limit < maximum ? limit : nil }

    /// A call went out; that many are in flight now.
    package mutating func started(inFlight: Int) {
        if inFlight >= limit { wasReached = true }
    }

    /// A call ended.
    /// - Parameters:
    ///   - startedAt: when it went out, by the same clock as `now`.
    ///   - isAlone: no other call was out with it; then there were not too many.
    /// - Returns: whether a lower limit is the response to this end: it says that there were too many calls at once, and nothing else yet.
    @discardableResult
    package mutating func finished(_ sign: Sign, startedAt: Instant, isAlone: Bool = false, now: Instant) -> Bool {
        if let loweredAt, startedAt <= loweredAt { return sign == .overloaded }
        switch sign {
        case .nothing: return false
        case .overloaded:
            guard limit > 1 else {
                startRound()
                return false
            }
            lower(now: now)
            return !isAlone
        case .well:
            ended += 1
            totalLatency += Double(max((now - startedAt).milliseconds, 0))
            if ended >= limit { endRound(now: now) }
            return false
        }
    }

    private mutating func endRound(now: Instant) {
        let mean = totalLatency / Double(ended)
        let known = baseline ?? mean
        baseline = known + (mean - known) * AdaptiveConcurrency.weight
        if mean > known * AdaptiveConcurrency.slowFactor, mean > known + AdaptiveConcurrency.slowMargin {
            lower(now: now)
        } else {
            if wasReached { limit = min(wasLowered ? limit + 1 : limit * 2, maximum) }
            startRound()
        }
    }

    private mutating func lower(now: Instant) {
        limit = max(limit / 2, 1)
        wasLowered = true
        loweredAt = now
        startRound()
    }

    private mutating func startRound() {
        ended = 0
        totalLatency = 0
        wasReached = false
    }
}
