/// Decides whether a remote may be called right now: pause, park, throttle, breaker, rate and concurrency in one place.
///
/// Moments are those of a clock that runs on steadily, whatever the wall clock does. What ``stored`` says of them is converted by who stores it.
///
/// | hold      | begins with                    | ends with                                                        |
/// |-----------|--------------------------------|------------------------------------------------------------------|
/// | paused    | `pause`                        | `resume`                                                         |
/// | parked    | outcome `park`, or a URL that seems wrong | new credential, reload, or a single probe that is answered |
/// | throttled | outcome `throttled`, or a response that says that the quota is used up | its end, `resume`              |
/// | breaker   | see ``CircuitBreaker``         | see ``CircuitBreaker``                                           |
///
/// Of deliveries that fail together, first the concurrency is lowered; the breaker counts a failure where no other call was out, or where
/// the concurrency cannot be lowered any more:
///
/// | remote                            | concurrency           | breaker                                       |
/// |-----------------------------------|-----------------------|-----------------------------------------------|
/// | takes four calls at once          | about four            | closed                                        |
/// | refuses 40 % of all calls         | few                   | closed                                        |
/// | is down                           | halved down to 1      | opens after ``CircuitBreaker/Settings/minimumSample`` single calls |
///
/// Calls that were out together are one statement: eight 401s park the remote once, eight 429s hold it for one pause.
///
/// Reads have a part in rate, concurrency, throttling and pause, and no say otherwise: whether a remote can be read tells nothing about
/// whether it takes deliveries. While single calls find out how the remote is, one read at a time may go out beside them.
///
/// Invariants: no call is admitted above `concurrency`, which is at most the configured one and 1 while parked or half-open; none is
/// admitted while paused or before `throttledUntil`; a gate that nobody paused opens by itself.
package struct RemoteGate: Equatable, Sendable {
    /// The answer to "may I call?".
    package enum Admission: Equatable, Sendable {
        /// Yes; the call counts as in flight until ``finished(_:now:)``.
        case admitted
        /// Not before that moment.
        case wait(until: Instant)
        /// All slots are taken; ask again when a call has ended.
        case full
        /// Not until somebody acts.
        case paused
    }

    /// What changed and is worth a log line and a write to the store.
    package enum Change: Equatable, Sendable {
        case parked(reason: String)
        case resumed
        /// - note: why that is not what the remote asked for.
        case throttled(until: Instant, note: String? = nil)
        case breaker(CircuitBreaker.Transition)
    }

    /// A wish for patience is believed up to this long after a restart, whatever the clock did meanwhile.
    private static let longestThrottle = Duration.days(1)

    package private(set) var inFlight = 0
    /// Those of them that only read.
    private var readsInFlight = 0
    package private(set) var breaker: CircuitBreaker
    package private(set) var adaptive: AdaptiveConcurrency
    package private(set) var pausedAt: Instant?
    package private(set) var parkedAt: Instant?
    package private(set) var parkReason: String?
    package private(set) var parkCause: ParkCause?
    private var settings: Settings
    private var bucket: TokenBucket?
    private var throttle: Instant?
    /// Until when a parked remote is left alone; nil when it may be probed.
    private var probeWait: Instant?
    private var failedProbes = 0
    /// Deliveries that were in flight already when the remote was parked: they are not probes.
    private var callsBeforePark = 0
    private var throttlesInARow = 0
    /// When the remote was last throttled: calls that went out before belong to the same volley.
    private var throttledAt: Instant?

    /// A start counts as a reload: a parked remote gets its first probe at once.
    package init(_ settings: Settings, stored: Stored = Stored(), now: Instant) {
        self.settings = settings
        bucket = settings.rate.map { TokenBucket($0, now: now) }
        breaker = CircuitBreaker(
            settings.breaker, now: now, openUntil: stored.breakerOpenUntil, openings: stored.breakerOpenings)
        adaptive = AdaptiveConcurrency(maximum: settings.concurrency, stored: stored.concurrency)
        pausedAt = stored.pausedAt
        parkedAt = stored.parkedAt
        parkReason = stored.parkReason
        parkCause = stored.parkedAt == nil ? nil : stored.parkCause ?? .access
        if let until = stored.throttledUntil, until > now {
            throttle = min(until, now + RemoteGate.longestThrottle)
        }
    }

    package var stored: Stored {
        Stored(
            pausedAt: pausedAt, parkedAt: parkedAt, parkReason: parkReason, parkCause: parkCause, throttledUntil: throttledUntil,
            breakerOpenUntil: breaker.openUntil, breakerOpenings: breaker.openings,
            concurrency: adaptive.stored)
    }

    package var throttledUntil: Instant? { throttle }

    /// Whether single calls go out to find out how the remote is.
    package var isProbing: Bool { parkedAt != nil || breaker.state != .closed }

    /// How many calls may be in flight at the moment.
    package var concurrency: Int { isProbing ? 1 : adaptive.limit }

    package mutating func admit(now: Instant) -> (Admission, Change?) {
        if let hold = hold(now: now) { return (hold, nil) }
        // A read does not take the place of the call that finds out how the remote is; but what is configured is never exceeded.
        if (isProbing ? inFlight - readsInFlight : inFlight) >= concurrency || inFlight >= settings.concurrency { return (.full, nil) }
        if let later = bucket?.take(now: now) { return (.wait(until: later), nil) }
        let (admitted, transition) = breaker.admit(now: now)
        guard admitted else { return (.full, nil) }
        inFlight += 1
        adaptive.started(inFlight: inFlight)
        return (.admitted, transition.map(Change.breaker))
    }

    /// May a read go out? It counts as in flight until ``readFinished(_:now:)``.
    package mutating func admitRead(now: Instant) -> Admission {
        if let hold = hold(now: now) { return hold }
        if (isProbing ? readsInFlight > 0 : inFlight >= concurrency) || inFlight >= settings.concurrency { return .full }
        if let later = bucket?.take(now: now) { return .wait(until: later) }
        inFlight += 1
        readsInFlight += 1
        return .admitted
    }

    /// What nobody may go past at the moment; ends a throttle that is over.
    private mutating func hold(now: Instant) -> Admission? {
        if pausedAt != nil { return .paused }
        if let throttle, now < throttle { return .wait(until: throttle) }
        throttle = nil
        if parkedAt != nil, let probeWait, now < probeWait { return .wait(until: probeWait) }
        if let until = breaker.opensAt(now: now), now < until { return .wait(until: until) }
        return nil
    }

    /// A read ended: frees its slot. It may throttle the remote, and says nothing else about deliveries.
    /// - Parameter startedAt: when it went out.
    package mutating func readFinished(_ outcome: DeliveryOutcome, startedAt: Instant, now: Instant) -> [Change] {
        precondition(readsInFlight > 0, "a read ended that was never admitted")
        inFlight -= 1
        readsInFlight -= 1
        return throttles(by: outcome, startedAt: startedAt, now: now)
    }

    /// A call ended: frees its slot and draws the conclusions for the whole remote.
    /// - Parameters:
    ///   - startedAt: when it went out; now, where that is of no interest.
    ///   - hadPresentCredential: false when the token was replaced while the call was out. That the former one is refused says nothing
    ///     about the one in force.
    package mutating func finished(
        _ outcome: DeliveryOutcome, startedAt: Instant? = nil, hadPresentCredential: Bool = true, now: Instant
    ) -> [Change] {
        precondition(inFlight > readsInFlight, "a call ended that was never admitted")
        inFlight -= 1
        let wasBeforePark = callsBeforePark > 0
        if wasBeforePark { callsBeforePark -= 1 }
        var changes: [Change] = []
        let wasTooMany = adaptive.finished(
            outcome.tellsLoadOfRemote, startedAt: startedAt ?? now, isAlone: inFlight == readsInFlight, now: now)
        let isCounted = breaker.state != .closed || !wasTooMany
        if isCounted, let transition = breaker.finished(failed: outcome.tellsFailureOfRemote, now: now) {
            changes.append(.breaker(transition))
        }
        switch outcome.outcome {
        // A path that does not exist has nothing to do with the credential.
        case .park where hadPresentCredential || outcome.absence != nil:
            let cause: ParkCause = outcome.absence == nil ? .access : .url
            if wasBeforePark { break }
            if let change = park(for: cause, reason: outcome.error ?? "refused the credential", now: now) { changes.append(change) }
        case .delivered, .gone, .dead:
            throttlesInARow = 0
            if let change = unpark() { changes.append(change) }
        case .throttled, .retry, .interrupted, .park:
            break
        }
        return changes + throttles(by: outcome, startedAt: startedAt ?? now, now: now)
    }

    /// Holds the remote where a response asks for it. Without a time of its own, a response to a call that went out before the remote was
    /// last throttled asks for nothing more: its sender has not heard of that yet.
    private mutating func throttles(by outcome: DeliveryOutcome, startedAt: Instant, now: Instant) -> [Change] {
        var changes: [Change] = []
        if outcome.outcome == .throttled {
            let isOfSameVolley = throttledAt.map { startedAt < $0 } ?? false
            if let until = outcome.notBefore ?? (isOfSameVolley ? nil : now + nextThrottlePause) {
                if let change = hold(until: until, note: outcome.waitNote, now: now) { changes.append(change) }
            }
            if !isOfSameVolley {
                throttlesInARow += 1
                throttledAt = now
            }
        }
        if let reset = outcome.quotaResetsAt, let change = hold(until: reset, note: outcome.waitNote, now: now) { changes.append(change) }
        return changes
    }

    /// Doubled each time in a row, up to a minute.
    private var nextThrottlePause: Duration {
        min(settings.throttlePause * (Int64(1) << min(throttlesInARow, 10)), .minutes(1))
    }

    /// Stops the remote but for single probes; of one that is stopped already, a probe has failed.
    package mutating func park(for cause: ParkCause, reason: String, now: Instant) -> Change? {
        let pause = min(cause.firstPause * (Int64(1) << min(failedProbes, 10)), settings.probeInterval)
        probeWait = now + pause
        failedProbes += 1
        guard parkedAt == nil else { return nil }
        parkedAt = now
        parkReason = reason
        parkCause = cause
        callsBeforePark = inFlight - readsInFlight
        return .parked(reason: reason)
    }

    /// A call of which it was not known at first what its end says has turned out to be answered by the remote itself.
    package mutating func answeredProperly() -> Change? { unpark() }

    /// The credential changed or the configuration was read anew: try again at once.
    package mutating func credentialChanged() {
        probeWait = nil
        failedProbes = 0
    }

    package mutating func pause(now: Instant) {
        if pausedAt == nil { pausedAt = now }
    }

    /// Ends a pause and a throttle, and lets a parked remote be tried at once: somebody knows better than the remote's last word.
    package mutating func resume() {
        pausedAt = nil
        throttle = nil
        throttledAt = nil
        throttlesInARow = 0
        probeWait = nil
        failedProbes = 0
    }

    /// Ends the pause of an open breaker: the next call is its probe.
    package mutating func endBreakerPause(now: Instant) {
        breaker.endPause(now: now)
    }

    /// The longer of two holds counts. Only the beginning of a hold is worth a report, not that it became longer.
    private mutating func hold(until: Instant, note: String?, now: Instant) -> Change? {
        let present = throttle ?? now
        guard max(present, now) < until else { return nil }
        throttle = until
        return present > now ? nil : .throttled(until: until, note: note)
    }

    private mutating func unpark() -> Change? {
        guard parkedAt != nil else { return nil }
        parkedAt = nil
        parkReason = nil
        parkCause = nil
        callsBeforePark = 0
        probeWait = nil
        failedProbes = 0
        return .resumed
    }

    /// How many calls the rate admits until the end of the span; nil where there is no rate.
    package mutating func callsAvailable(within span: Duration, now: Instant) -> Int? { bucket?.available(within: span, now: now) }

    /// The same, but for the rate: what a response, a failure or a person has caused. Nil while paused.
    package func heldUntil(now: Instant) -> Instant? {
        if pausedAt != nil { return nil }
        return [throttle, parkedAt == nil ? nil : probeWait, breaker.opensAt(now: now)].compactMap { $0 }.reduce(now, max)
    }

    /// The configuration was read anew: what was learnt about the remote goes on, calls in flight stay counted, and a parked remote may be
    /// probed at once.
    package mutating func configure(_ fresh: Settings, now: Instant) {
        var gate = RemoteGate(fresh, stored: stored, now: now)
        (gate.inFlight, gate.readsInFlight) = (inFlight, readsInFlight)
        if parkedAt != nil { gate.callsBeforePark = inFlight - readsInFlight }
        if fresh.rate == settings.rate { gate.bucket = bucket }
        if fresh.breaker == settings.breaker { gate.breaker = breaker }
        (gate.throttlesInARow, gate.throttledAt) = (throttlesInARow, throttledAt)
        self = gate
    }

    /// The first moment at which a call could go out, as far as holds and the rate are concerned; nil while paused.
    /// - Parameter others: how many calls that the rate admits are left to somebody else.
    package mutating func opensAt(leaving others: Int = 0, now: Instant) -> Instant? {
        if pausedAt != nil { return nil }
        let waits = [
            throttle, parkedAt == nil ? nil : probeWait, breaker.opensAt(now: now), bucket?.opensAt(leaving: others, now: now),
        ]
        return waits.compactMap { $0 }.reduce(now, max)
    }
}

extension DeliveryOutcome {
    /// True for a failure of the remote as a whole, false for a proper answer, nil when nothing was learnt about its health.
    package var tellsFailureOfRemote: Bool? {
        switch outcome {
        case .retry: true
        case .delivered, .gone, .dead, .throttled: false
        case .park, .interrupted: nil
        }
    }

    /// What it says about how many calls the remote takes at once.
    package var tellsLoadOfRemote: AdaptiveConcurrency.Sign {
        switch outcome {
        case .retry, .throttled: .overloaded
        case .delivered, .gone, .dead: .well
        case .park, .interrupted: .nothing
        }
    }
}
