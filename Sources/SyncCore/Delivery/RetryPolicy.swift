/// When a failed call is attempted again, and when it is given up.
///
/// Full jitter: `random(0, min(cap, base · 2^n))` for the n-th failure counted from 0. Of the usual schemes it causes the least total work
/// ("Exponential Backoff and Jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
package struct RetryPolicy: Equatable, Sendable {
    package var base: Duration
    package var cap: Duration
    /// A row is given up after this many counted attempts. At least 1.
    package var maximumAttempts: Int
    /// A row is given up when its first counted attempt lies further back than this.
    package var maximumAge: Duration

    package init(
        base: Duration = .seconds(2), cap: Duration = .minutes(15), maximumAttempts: Int = 25, maximumAge: Duration = .days(3)
    ) {
        self.base = base
        self.cap = cap
        self.maximumAttempts = maximumAttempts
        self.maximumAge = maximumAge
    }

    /// The longest possible pause after the given number of failures (1 for the first).
    package func ceiling(afterFailures failures: Int) -> Duration {
        let exponent = min(max(failures - 1, 0), 40)
        let (product, overflow) = base.milliseconds.multipliedReportingOverflow(by: Int64(1) << exponent)
        return overflow ? cap : min(cap, Duration.milliseconds(product))
    }

    /// A random pause between zero and ``ceiling(afterFailures:)``.
    package func pause(afterFailures failures: Int, using random: inout some RandomNumberGenerator) -> Duration {
        Duration.milliseconds(Int64.random(in: 0...max(ceiling(afterFailures: failures).milliseconds, 0), using: &random))
    }
}
