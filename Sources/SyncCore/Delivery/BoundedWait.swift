/// A moment that is waited for. However the clock is set meanwhile, the wait gets no longer than it was meant to be.
///
/// Moments are wall-clock times, so that they survive a restart; a clock that is set back by hours would hold a remote for hours.
package struct BoundedWait: Equatable, Sendable {
    package private(set) var until: Instant
    private let length: Span

    package init(until: Instant, now: Instant) {
        self.until = max(until, now)
        length = max(until - now, .zero)
    }

    /// When it is over, as the clock stands.
    package func end(now: Instant) -> Instant { min(until, now + length) }

    package mutating func isOver(now: Instant) -> Bool {
        until = end(now: now)
        return now >= until
    }
}
