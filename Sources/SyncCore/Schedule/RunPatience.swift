/// Decides how long a run waits for the remotes that it calls: a remote that gets nowhere must not hold up the others.
///
/// | event                                             | next                                 |
/// |---------------------------------------------------|--------------------------------------|
/// | a call was acknowledged                           | the stall counts from that moment    |
/// | nothing was acknowledged for the length of a stall | the run goes on                     |
/// | six stalls since the wait began                   | the run goes on: slow is not an excuse either |
///
/// Invariants: a wait ends after six stalls at the latest, and not before one; a clock that is set back starts it anew, once for every
/// time that it is.
package struct RunPatience: Equatable, Sendable {
    package enum Verdict: Equatable, Sendable {
        /// Ask again then, or when there was progress.
        case wait(until: Instant)
        case goOn
    }

    private static let longestWait: Int64 = 6

    private let stall: Duration
    private var end: BoundedWait
    private var latestProgress: Instant

    package init(stall: Duration, now: Instant) {
        self.stall = stall
        end = BoundedWait(until: now + stall * RunPatience.longestWait, now: now)
        latestProgress = now
    }

    /// A call was acknowledged at that moment, which may be any time ago.
    package mutating func progressed(at moment: Instant) {
        latestProgress = max(latestProgress, moment)
    }

    package mutating func verdict(now: Instant) -> Verdict {
        // From the future, since the clock was set back.
        latestProgress = min(latestProgress, now)
        let isOver = end.isOver(now: now)
        let until = min(latestProgress + stall, end.until)
        return isOver || now >= until ? .goOn : .wait(until: until)
    }
}
