/// A moment that is waited for. However the clock is set meanwhile, the wait gets no longer than it was meant to be.
///
/// Moments are wall-clock times, so that they survive a restart; a clock that is set back by hours would hold a remote for hours.
package struct BoundedWait: Equatable, Sendable {
    package private(set) var until: Instant
    private let length: Duration

    package init(until: Instant, now: Instant) {
        self.until = max(until, now)
        length = max(until - now, .zero)
    }

    /// When it is over, as the clock stands. Asking takes note of the clock: an end that is only worked out would stay ahead of a clock
    /// that was set back, however often it is asked for.
    package mutating func end(now: Instant) -> Instant {
        until = min(until, now + length)
        return until
    }

    package mutating func isOver(now: Instant) -> Bool { now >= end(now: now) }
}
