/// How a remote is read by itself.
package struct PollSettings: Equatable, Sendable {
    /// Between two looks at the list.
    package var interval: Span
    /// Pages of the list that are read each time, newest first.
    package var pages: Int
    /// Linked conversations that are read each time besides those that the list or a hook names: the slow rotation.
    package var rotate: Int

    package init(interval: Span, pages: Int = 2, rotate: Int = 20) {
        self.interval = interval
        self.pages = pages
        self.rotate = rotate
    }
}

/// Decides when a remote is read: a machine over events.
///
/// | event            | next look                                                      |
/// |------------------|----------------------------------------------------------------|
/// | start            | at once                                                        |
/// | ended            | an interval after it began                                     |
/// | failed           | the interval doubled for each failure in a row, at most tenfold |
/// | held by the gate | when the gate opens                                            |
///
/// Invariants: one look at a time; a look that a clock step has put out of reach comes within an interval.
package struct PollSchedule: Equatable, Sendable {
    private let interval: Span
    private(set) package var nextAt: Instant
    private(set) package var isReading = false
    private var failures: Int64 = 0

    package init(interval: Span, now: Instant) {
        self.interval = interval
        nextAt = now
    }

    /// True when a look has to begin now; it counts as begun.
    package mutating func begin(now: Instant) -> Bool {
        if nextAt - now > interval * 10 { nextAt = now + interval }
        guard !isReading, now >= nextAt else { return false }
        isReading = true
        nextAt = now + interval
        return true
    }

    package mutating func ended() {
        isReading = false
        failures = 0
    }

    package mutating func failed(now: Instant) {
        isReading = false
        failures += 1
        nextAt = now + interval * min(Int64(1) << min(failures, 4), 10)
    }

    /// The remote may not be called before that moment; nil: nobody knows when it may.
    package mutating func held(until: Instant?, now: Instant) {
        isReading = false
        nextAt = max(until ?? now + interval, now + .seconds(1))
    }
}
