/// Bounds how much of what a remote gets are retries that fail, so that retries never become the load that keeps it down.
///
/// | event                                        | tokens                                          |
/// |----------------------------------------------|-------------------------------------------------|
/// | time passes                                  | `minimumPerSecond` more every second            |
/// | a first try goes out                         | `percent` of one more                           |
/// | a retry goes out                             | one less; without one it has to wait            |
/// | a retry ends in anything but another failure | one more: it gets its own back                  |
///
/// Invariants: first tries never wait; at most ten seconds' worth of the minimum is saved up; a retry that has to wait gets its turn
/// after at most a second.
///
/// The shares are those of finagle and linkerd (20 % of fresh calls, ten a second). What differs is that a retry which is answered gives
/// its token back. There, a retry that is not made is an error that a person sees; here it stays due, and after an outage of an hour
/// there are ten thousand retries and no fresh call that would pay for them: ten a second would take them a quarter of an hour. As it
/// is, a remote that answers again is never slowed down: `min_per_second · 10` retries may be in flight at once, far more than
/// `concurrency` is by default. A remote that fails with four calls in ten, so that the breaker stays closed, gets 25 retries a second,
/// and every second fresh call pays for another half one. Above that the breaker is quicker than any budget.
package struct RetryBudget: Equatable, Sendable {
    package struct Settings: Equatable, Sendable {
        /// In percent of first tries.
        package var percent: Int
        /// Retries that may fail every second in any case.
        package var minimumPerSecond: Int

        package init(percent: Int = 20, minimumPerSecond: Int = 10) {
            self.percent = percent
            self.minimumPerSecond = minimumPerSecond
        }
    }

    /// Thousandths of a token: no rounding drift, and the minimum adds just `minimumPerSecond` of them a millisecond.
    private static let token: Int64 = 1000
    private static let saved = Duration.seconds(10)

    private let settings: Settings
    private var level: Int64
    private var filledAt: Instant

    package init(_ settings: Settings = Settings(), now: Instant) {
        precondition(settings.minimumPerSecond >= 1, "retries would wait for ever where there is no fresh call")
        self.settings = settings
        filledAt = now
        level = 0
        level = capacity
    }

    private var capacity: Int64 { Int64(settings.minimumPerSecond) * RetryBudget.saved.milliseconds }

    /// How many retries could go out now.
    package mutating func available(now: Instant) -> Int {
        refill(now: now)
        return Int(level / RetryBudget.token)
    }

    /// When retries are worth asking for again: at once when there is a token, else when half a second's worth has come together, so that
    /// not every token is a round of its own.
    package mutating func opensAt(now: Instant) -> Instant {
        refill(now: now)
        guard level < RetryBudget.token else { return now }
        let wanted = max(RetryBudget.token, Int64(settings.minimumPerSecond) * 500)
        let perMillisecond = Int64(settings.minimumPerSecond)
        return now + .milliseconds((wanted - level + perMillisecond - 1) / perMillisecond)
    }

    package mutating func firstTry(now: Instant) {
        refill(now: now)
        add(RetryBudget.token * Int64(settings.percent) / 100)
    }

    /// Takes the token of a retry that goes out. ``opensAt(now:)`` has said that there is one.
    package mutating func retry(now: Instant) {
        refill(now: now)
        precondition(level >= RetryBudget.token, "a retry went out without a token")
        level -= RetryBudget.token
    }

    package mutating func retryEnded(failed: Bool) {
        if !failed { add(RetryBudget.token) }
    }

    private mutating func add(_ amount: Int64) {
        level = min(level + amount, capacity)
    }

    /// A clock that is set back brings nothing, one that is set forward a full budget at most.
    private mutating func refill(now: Instant) {
        let elapsed = min(max(now - filledAt, .zero), RetryBudget.saved)
        filledAt = now
        add(elapsed.milliseconds * Int64(settings.minimumPerSecond))
    }
}
