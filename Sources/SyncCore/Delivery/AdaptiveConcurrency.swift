/// How many calls of one remote may be in flight: additive increase while they go well, multiplicative decrease when they fail or
/// become slow (AIMD, as TCP does it; Vector's "adaptive request concurrency" is the same idea for HTTP).
///
/// | a call ended                                          | next                                                          |
/// |-------------------------------------------------------|---------------------------------------------------------------|
/// | failed or throttled, sent under the present limit     | half the limit, at least 1; a new round                       |
/// | failed or throttled, sent under an earlier limit      | the same: that failure was answered already                   |
/// | well, and with it as many as the limit: the round is over | see the next two lines; a new round                       |
/// | … the round's mean latency is far over its baseline   | half the limit, at least 1                                    |
/// | … otherwise, and the limit was reached                | one more, at most `maximum`                                   |
/// | stopped by ourselves, refused credential              | the same: nothing was learnt about how much the remote takes  |
///
/// Invariants: 1 ≤ `limit` ≤ `maximum`; at most one decrease in the time that a call sent under the new limit takes to end.
///
/// It begins at the maximum: the maximum is a number that somebody chose for this remote, most remotes take it, and a sync of many
/// rows must not spend its first rounds finding that out. One that does not take it says so within the first round trip, and three
/// such rounds make 1 out of 8.
package struct AdaptiveConcurrency: Equatable, Sendable {
    /// What the end of a call says about how much the remote takes.
    package enum Sign: Equatable, Sendable {
        case well
        case overloaded
        case nothing
    }

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

    /// - Parameter stored: the limit from before a restart; nil for the maximum.
    package init(maximum: Int, stored: Int? = nil) {
        precondition(maximum >= 1, "a remote without a single call in flight would wait for ever")
        self.maximum = maximum
        limit = min(max(stored ?? maximum, 1), maximum)
    }

    /// A call went out; that many are in flight now.
    package mutating func started(inFlight: Int) {
        if inFlight >= limit { wasReached = true }
    }

    /// A call ended.
    /// - Parameter startedAt: when it went out, by the same clock as `now`.
    package mutating func finished(_ sign: Sign, startedAt: Instant, now: Instant) {
        // The clock was set back: what was sent before that cannot be told apart any more.
        if let moment = loweredAt, now < moment { loweredAt = nil }
        if let loweredAt, startedAt <= loweredAt { return }
        switch sign {
        case .nothing: return
        case .overloaded: lower(now: now)
        case .well:
            ended += 1
            totalLatency += Double(max((now - startedAt).milliseconds, 0))
            if ended >= limit { endRound(now: now) }
        }
    }

    private mutating func endRound(now: Instant) {
        let mean = totalLatency / Double(ended)
        let known = baseline ?? mean
        baseline = known + (mean - known) * AdaptiveConcurrency.weight
        if mean > known * AdaptiveConcurrency.slowFactor, mean > known + AdaptiveConcurrency.slowMargin {
            lower(now: now)
        } else {
            if wasReached { limit = min(limit + 1, maximum) }
            startRound()
        }
    }

    private mutating func lower(now: Instant) {
        limit = max(limit / 2, 1)
        loweredAt = now
        startRound()
    }

    private mutating func startRound() {
        ended = 0
        totalLatency = 0
        wasReached = false
    }
}
