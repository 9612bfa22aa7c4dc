/// Stops calling a remote that fails most of the time, and finds out with single calls when it is back.
///
/// | state     | event                                        | next                                  |
/// |-----------|----------------------------------------------|---------------------------------------|
/// | closed    | ≥ `minimumSample` ends in the window, ≥ `failureShare` of them failures | open until now + pause |
/// | open      | the pause is over and a call is asked for    | half-open: that one call is let through |
/// | half-open | the probe is acknowledged or refused properly | closed                               |
/// | half-open | the probe fails                              | open, with twice the pause, up to `longestPause` |
///
/// Only failures of the remote count (network, timeout, 5xx); an answer that refuses one row proves that the remote is alive.
package struct CircuitBreaker: Equatable, Sendable {
    package struct Settings: Equatable, Sendable {
        package var minimumSample: Int
        /// In percent.
        package var failureShare: Int
        package var window: Span
        package var pause: Span
        package var longestPause: Span

        package init(
            minimumSample: Int = 10, failureShare: Int = 50, window: Span = .minutes(1), pause: Span = .seconds(15),
            longestPause: Span = .minutes(5)
        ) {
            self.minimumSample = minimumSample
            self.failureShare = failureShare
            self.window = window
            self.pause = pause
            self.longestPause = longestPause
        }
    }

    package enum State: Equatable, Sendable {
        case closed
        case open(until: Instant)
        case halfOpen
    }

    package enum Transition: String, Sendable {
        case opened
        case halfOpen = "half_open"
        case closed
    }

    package private(set) var state: State
    /// How often it opened in a row without a success in between.
    package private(set) var openings: Int
    private let settings: Settings
    private var windowStart: Instant
    private var failures = 0
    private var ends = 0

    /// - Parameters:
    ///   - openUntil: the stored end of a pause, from before a restart.
    ///   - openings: the stored count of openings in a row.
    package init(_ settings: Settings = Settings(), now: Instant, openUntil: Instant? = nil, openings: Int = 0) {
        self.settings = settings
        self.openings = openings
        windowStart = now
        state = .closed
        if let openUntil { state = .open(until: min(openUntil, now + settings.longestPause)) }
    }

    /// Whether a call may go out now. In an open breaker whose pause is over, the first call becomes the probe.
    package mutating func admit(now: Instant) -> (admitted: Bool, transition: Transition?) {
        switch state {
        case .closed: return (true, nil)
        case .halfOpen: return (false, nil)
        case .open(let until):
            guard now >= until else { return (false, nil) }
            state = .halfOpen
            return (true, .halfOpen)
        }
    }

    /// A call ended. `failed` is true when the remote failed, false when it answered properly, nil when nothing was learnt.
    package mutating func finished(failed: Bool?, now: Instant) -> Transition? {
        switch (state, failed) {
        case (.halfOpen, true?), (.halfOpen, nil):
            return open(now: now)
        case (.halfOpen, false?):
            state = .closed
            openings = 0
            startWindow(now)
            return .closed
        case (.open, _), (.closed, nil):
            return nil
        case (.closed, let failed?):
            if now - windowStart > settings.window || now < windowStart { startWindow(now) }
            ends += 1
            if failed { failures += 1 }
            guard ends >= settings.minimumSample, failures * 100 >= ends * settings.failureShare else { return nil }
            return open(now: now)
        }
    }

    private mutating func open(now: Instant) -> Transition {
        let factor = Int64(1) << min(openings, 20)
        state = .open(until: now + min(settings.pause * factor, settings.longestPause))
        openings += 1
        startWindow(now)
        return .opened
    }

    private mutating func startWindow(_ now: Instant) {
        windowStart = now
        failures = 0
        ends = 0
    }
}
