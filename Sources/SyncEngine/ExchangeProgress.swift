import SyncCore

/// The exchange in progress, and the retries after failed ones.
///
/// | an exchange failed                 | the next one                                                      |
/// |------------------------------------|-------------------------------------------------------------------|
/// | for a transient reason             | after 50 ms, doubled each time, 2 s at most                       |
/// | for another reason                 | after 1 s, doubled each time, a minute at most; the run records the error |
/// | never, but ``mostFruitless`` in a row did nothing | after ``fruitlessPause``                             |
struct ExchangeProgress: Sendable {
    static let mostFruitless = 50
    static let fruitlessPause = Duration.milliseconds(200)

    /// When it began; nil if none is in progress.
    private(set) var since: Instant?
    private(set) var retryAt: Instant?
    private(set) var cause: RunCause?
    private(set) var hasPlan = false
    private(set) var tickets: [ReceivedEvents] = []
    private(set) var carriesClockStep: Duration?
    private var failures = 0
    private(set) var isFailing = false
    private(set) var failingSince: Instant?
    /// The number of exchanges in a row that did nothing, each started right after the previous one.
    private(set) var fruitless = 0
    private var endedAt: Instant?

    var isInProgress: Bool { since != nil }

    /// Whether exchanges are repeated without doing anything; false again once the last one was followed by a second of rest.
    func isSpinning(_ time: EventTime) -> Bool {
        fruitless >= ExchangeProgress.mostFruitless && time.steady - (retryAt ?? time.steady) < .seconds(1)
    }

    mutating func begins(_ exchange: Exchange, cause: RunCause?, _ time: EventTime) {
        precondition(since == nil, "one exchange at a time")
        if let endedAt, time.steady - max(endedAt, retryAt ?? endedAt) > .milliseconds(20) { fruitless = 0 }
        (since, self.cause, tickets, carriesClockStep) = (time.steady, cause, exchange.events, exchange.clockStep)
        hasPlan = exchange.plan != nil
    }

    /// - Returns: whether it is the first success after a failure.
    mutating func ended(hasEffect: Bool, _ time: EventTime) -> Bool {
        fruitless = hasEffect ? 0 : fruitless + 1
        retryAt = fruitless >= ExchangeProgress.mostFruitless ? time.steady + ExchangeProgress.fruitlessPause : nil
        defer { (isFailing, failures, failingSince) = (false, 0, nil) }
        finish(time)
        return isFailing
    }

    /// - Returns: whether it is the first failure in a row.
    mutating func failed(_ error: StoreError, _ time: EventTime) -> Bool {
        failures += 1
        let factor = Int64(1) << min(failures - 1, 10)
        retryAt = time.steady + (error.isTransient ? min(.milliseconds(50) * factor, .seconds(2)) : min(.seconds(1) * factor, .minutes(1)))
        if failingSince == nil { failingSince = time.steady }
        defer { isFailing = true }
        finish(time)
        return !isFailing
    }

    private mutating func finish(_ time: EventTime) {
        (since, cause, tickets, carriesClockStep, endedAt) = (nil, nil, [], nil, time.steady)
    }

    func mayBegin(_ time: EventTime) -> Bool { !isInProgress && (retryAt.map { time.steady >= $0 } ?? true) }
}
