/// Stops calling a remote that fails most of the time, and uses single calls to find out when it is back.
///
/// | state     | event                                        | next                                  |
/// |-----------|----------------------------------------------|---------------------------------------|
/// | closed    | a failure, with ≥ `minimumSample` calls ended within the window, ≥ `failureShare` percent of them failures | open until now + pause |
/// | open      | the pause is over and a call wants to go out | half-open: that one call is admitted  |
/// | open      | a person ends the pause                      | open, and the pause is over           |
/// | half-open | the probe is acknowledged or refused properly | closed                               |
/// | half-open | the probe fails                              | open, with twice the pause, up to `longestPause` |
/// | half-open | the probe is inconclusive (stopped, refused credential) | half-open: the next call is the probe |
///
/// Only failures of the remote count (network, timeout, 5xx); a response that refuses one row shows that the remote is working.
///
/// The window slides: results are counted in a ring of buckets, each a tenth of the window long, and a bucket is dropped as a whole when it
/// leaves the window. With one fixed window, failures around its boundary would be split between two windows and open the breaker in
/// neither. The counts do not survive a restart; the pause and the number of openings do.
package struct CircuitBreaker: Equatable, Sendable {
    package struct Settings: Equatable, Sendable {
        package var minimumSample: Int
        /// In percent.
        package var failureShare: Int
        package var window: Duration
        package var pause: Duration
        package var longestPause: Duration

        package init(
            minimumSample: Int = 10, failureShare: Int = 50, window: Duration = .minutes(1), pause: Duration = .seconds(15),
            longestPause: Duration = .minutes(5)
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
    /// The number of openings in a row without a success in between.
    package private(set) var openings: Int
    private let settings: Settings
    private var counts: OutcomeWindow
    /// The end of the last pause, even when it is over; nil while closed.
    private var pause: Instant?
    /// In half-open: whether the probe is in flight.
    private var isProbing = false

    /// - Parameters:
    ///   - openUntil: the stored end of a pause, from before a restart.
    ///   - openings: the stored count of openings in a row.
    package init(_ settings: Settings = Settings(), now: Instant, openUntil: Instant? = nil, openings: Int = 0) {
        self.settings = settings
        self.openings = openings
        counts = OutcomeWindow(length: settings.window, now: now)
        state = .closed
        if let openUntil { wait(until: min(openUntil, now + settings.longestPause), now: now) }
    }

    /// When the last pause ends or ended; nil while closed. In half-open it lies in the past, so that a restart begins with a probe.
    package var openUntil: Instant? { pause }

    /// When a call may go out; nil unless open.
    package func opensAt(now: Instant) -> Instant? {
        guard case .open(let until) = state else { return nil }
        return until
    }

    /// Whether a call may go out now. In an open breaker whose pause is over, the first call becomes the probe.
    package mutating func admit(now: Instant) -> (admitted: Bool, transition: Transition?) {
        switch state {
        case .closed: return (true, nil)
        case .halfOpen:
            defer { isProbing = true }
            return (!isProbing, nil)
        case .open:
            if let until = opensAt(now: now), now < until { return (false, nil) }
            state = .halfOpen
            isProbing = true
            return (true, .halfOpen)
        }
    }

    /// A call ended. `failed` is true when the remote failed, false when it gave a proper response, nil when the call was inconclusive.
    package mutating func finished(failed: Bool?, now: Instant) -> Transition? {
        switch (state, failed) {
        case (.halfOpen, nil):
            isProbing = false
            return nil
        case (.halfOpen, true?):
            return open(now: now)
        case (.halfOpen, false?):
            state = .closed
            openings = 0
            pause = nil
            counts.clear(now: now)
            return .closed
        case (.open, _), (.closed, nil):
            return nil
        case (.closed, let failed?):
            counts.count(failed: failed, now: now)
            // A remote that has just given a proper response is not shut off because of earlier failures.
            guard failed, counts.ends >= settings.minimumSample, counts.failures * 100 >= counts.ends * settings.failureShare else {
                return nil
            }
            return open(now: now)
        }
    }

    /// A person wants the remote called now: the pause of an open breaker is over, and the next call is the probe.
    package mutating func endPause(now: Instant) {
        guard case .open = state else { return }
        wait(until: now, now: now)
    }

    private mutating func open(now: Instant) -> Transition {
        let factor = Int64(1) << min(openings, 20)
        wait(until: now + min(settings.pause * factor, settings.longestPause), now: now)
        openings += 1
        counts.clear(now: now)
        return .opened
    }

    private mutating func wait(until: Instant, now: Instant) {
        pause = max(until, now)
        state = .open(until: max(until, now))
        isProbing = false
    }
}
