/// How many calls of one remote may be in flight: a slow start, then additive increase while they go well, multiplicative decrease when they
/// fail or become slow (AIMD and slow start, as TCP has them, RFC 5681; Vector's "adaptive request concurrency" is the same idea for HTTP).
///
/// | a call ended                                          | next                                                          |
/// |-------------------------------------------------------|---------------------------------------------------------------|
/// | failed or throttled, sent under the present limit     | half the limit, at least 1; a new round                       |
/// | failed or throttled, sent under an earlier limit      | the same: the limit was already lowered for these calls       |
/// | succeeded, as the last of as many as the limit: the round is over | see the next three lines; a new round             |
/// | … the round's mean latency is far above its baseline  | half the limit, at least 1                                    |
/// | … the limit was reached, and has not been lowered yet | twice the limit, at most `maximum`                            |
/// | … the limit was reached, and has been lowered         | one more, at most `maximum`                                   |
/// | stopped by ourselves, refused credential              | the same: nothing was learnt about the remote's capacity      |
///
/// Invariants: 1 ≤ `limit` ≤ `maximum`; at most one decrease in the time that a call sent under the new limit takes to end.
///
/// The start is slow because many remotes cannot take a first burst of `maximum` calls, and their failures would look like an outage. It
/// costs a few round trips: the third round sends 16 calls.
package struct AdaptiveConcurrency: Equatable, Sendable {
    /// What the end of a call says about the remote's capacity.
    package enum Sign: Equatable, Sendable {
        case well
        case overloaded
        case nothing
    }

    /// The number of calls in the first round.
    private static let initial = 4
    /// A round is slow when its mean latency is this many times the baseline …
    private static let slowFactor = 3.0
    /// … and at least this much above it, in milliseconds: smaller differences are noise from schedulers and disks.
    private static let slowMargin = 100.0
    /// The weight of a round's mean in the new baseline. If a remote stays slow, the baseline follows after some rounds, so that the limit
    /// does not stay at 1 because the remote was once faster.
    private static let weight = 0.2

    package let maximum: Int
    package private(set) var limit: Int
    /// EWMA of the rounds' mean latencies in milliseconds; nil before the first round.
    private var baseline: Double?
    /// When the limit was last lowered: calls sent before then were sent under an earlier limit.
    private var loweredAt: Instant?
    private var ended = 0
    private var totalLatency = 0.0
    private var wasReached = false
    /// Whether the limit has been lowered, so that the remote is known not to take the maximum.
    private var wasLowered: Bool

    /// - Parameter stored: the limit from before a restart, if it had been lowered.
    package init(maximum: Int, stored: Int? = nil) {
        precondition(maximum >= 1, "a remote without a single call in flight would wait for ever")
        self.maximum = maximum
        wasLowered = stored.map { $0 < maximum } ?? false
        limit = min(max(stored ?? AdaptiveConcurrency.initial, 1), maximum)
    }

    /// The limit to keep over a restart: nil unless it was lowered and is not back at the maximum.
    package var stored: Int? { wasLowered && limit < maximum ? limit : nil }

    /// A call was sent; this many are in flight now.
    package mutating func started(inFlight: Int) {
        if inFlight >= limit { wasReached = true }
    }

    /// A call ended.
    /// - Parameters:
    ///   - startedAt: when it was sent, by the same clock as `now`.
    ///   - isAlone: whether no other call was in flight with it; then too many calls are not the cause.
    /// - Returns: whether the failure is treated as too many calls at once, by a lower limit, so that nothing else is concluded from it
    ///   yet.
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
