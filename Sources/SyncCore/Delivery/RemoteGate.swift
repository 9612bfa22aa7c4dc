/// Decides whether a remote may be called right now: pause, park, throttle, breaker, rate and concurrency in one place.
///
/// | hold      | begins with                    | ends with                                                        |
/// |-----------|--------------------------------|------------------------------------------------------------------|
/// | paused    | `pause`                        | `resume`                                                         |
/// | parked    | outcome `park`                 | new credential, reload, or a single probe that is answered       |
/// | throttled | outcome `throttled`            | its moment                                                       |
/// | breaker   | see ``CircuitBreaker``         | see ``CircuitBreaker``                                           |
///
/// Invariants: `inFlight` never exceeds `concurrency`; while parked or half-open at most one call is in flight.
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
        case throttled(until: Instant)
        case breaker(CircuitBreaker.Transition)
    }

    /// The part that survives a restart.
    package struct Stored: Equatable, Sendable {
        package var pausedAt: Instant?
        package var parkedAt: Instant?
        package var parkReason: String?
        package var throttledUntil: Instant?
        package var breakerOpenUntil: Instant?
        package var breakerOpenings: Int

        package init(
            pausedAt: Instant? = nil, parkedAt: Instant? = nil, parkReason: String? = nil, throttledUntil: Instant? = nil,
            breakerOpenUntil: Instant? = nil, breakerOpenings: Int = 0
        ) {
            self.pausedAt = pausedAt
            self.parkedAt = parkedAt
            self.parkReason = parkReason
            self.throttledUntil = throttledUntil
            self.breakerOpenUntil = breakerOpenUntil
            self.breakerOpenings = breakerOpenings
        }
    }

    package struct Settings: Equatable, Sendable {
        package var concurrency: Int
        package var rate: RateLimit?
        package var breaker: CircuitBreaker.Settings
        /// The longest time a parked remote is left alone between two probes; the first ones come sooner.
        package var probeInterval: Span
        /// How long a 429 without any hint holds the remote: doubled each time in a row, up to a minute.
        package var throttlePause: Span

        package init(
            concurrency: Int = 8, rate: RateLimit? = nil, breaker: CircuitBreaker.Settings = .init(),
            probeInterval: Span = .minutes(5), throttlePause: Span = .seconds(1)
        ) {
            self.concurrency = concurrency
            self.rate = rate
            self.breaker = breaker
            self.probeInterval = probeInterval
            self.throttlePause = throttlePause
        }
    }

    package private(set) var inFlight = 0
    package private(set) var breaker: CircuitBreaker
    package private(set) var pausedAt: Instant?
    package private(set) var parkedAt: Instant?
    package private(set) var parkReason: String?
    package private(set) var throttledUntil: Instant?
    private let settings: Settings
    private var bucket: TokenBucket?
    /// When a parked remote may be probed.
    private var probeAt: Instant
    private var failedProbes = 0
    private var throttlesInARow = 0

    /// A start counts as a reload: a parked remote gets its first probe at once.
    package init(_ settings: Settings, stored: Stored = Stored(), now: Instant) {
        self.settings = settings
        bucket = settings.rate.map { TokenBucket($0, now: now) }
        breaker = CircuitBreaker(
            settings.breaker, now: now, openUntil: stored.breakerOpenUntil, openings: stored.breakerOpenings)
        pausedAt = stored.pausedAt
        parkedAt = stored.parkedAt
        parkReason = stored.parkReason
        throttledUntil = stored.throttledUntil
        probeAt = now
    }

    package var stored: Stored {
        var openUntil: Instant?
        if case .open(let until) = breaker.state { openUntil = until }
        return Stored(
            pausedAt: pausedAt, parkedAt: parkedAt, parkReason: parkReason, throttledUntil: throttledUntil,
            breakerOpenUntil: openUntil, breakerOpenings: breaker.openings)
    }

    /// How many calls may be asked for at once, for claiming ahead.
    package var concurrency: Int { parkedAt != nil || breaker.state != .closed ? 1 : settings.concurrency }

    package mutating func admit(now: Instant) -> (Admission, Change?) {
        if pausedAt != nil { return (.paused, nil) }
        if inFlight >= concurrency { return (.full, nil) }
        if let throttledUntil {
            guard now >= throttledUntil else { return (.wait(until: throttledUntil), nil) }
            self.throttledUntil = nil
        }
        if parkedAt != nil, now < probeAt { return (.wait(until: probeAt), nil) }
        if case .open(let until) = breaker.state, now < until { return (.wait(until: until), nil) }
        if let later = bucket?.take(now: now) { return (.wait(until: later), nil) }
        let (admitted, transition) = breaker.admit(now: now)
        guard admitted else { return (.full, nil) }
        inFlight += 1
        return (.admitted, transition.map(Change.breaker))
    }

    /// A call ended: frees its slot and draws the conclusions for the whole remote.
    package mutating func finished(_ outcome: DeliveryOutcome, now: Instant) -> [Change] {
        precondition(inFlight > 0, "a call ended that was never admitted")
        inFlight -= 1
        var changes: [Change] = []
        if let transition = breaker.finished(failed: outcome.tellsFailureOfRemote, now: now) {
            changes.append(.breaker(transition))
        }
        switch outcome.outcome {
        case .park:
            probeAt = now + min(.seconds(10) * (Int64(1) << min(failedProbes, 10)), settings.probeInterval)
            failedProbes += 1
            if parkedAt == nil {
                parkedAt = now
                parkReason = outcome.error
                changes.append(.parked(reason: outcome.error ?? "refused the credential"))
            }
        case .throttled:
            let pause = min(settings.throttlePause * (Int64(1) << min(throttlesInARow, 10)), .minutes(1))
            throttlesInARow += 1
            let until = outcome.notBefore ?? now + pause
            if throttledUntil ?? now < until {
                throttledUntil = until
                changes.append(.throttled(until: until))
            }
        case .delivered, .gone, .dead:
            throttlesInARow = 0
            if let change = unpark() { changes.append(change) }
        case .retry, .interrupted:
            break
        }
        return changes
    }

    /// The credential changed or the configuration was read anew: try again at once.
    package mutating func credentialChanged(now: Instant) {
        probeAt = now
    }

    package mutating func pause(now: Instant) {
        if pausedAt == nil { pausedAt = now }
    }

    /// Ends a pause and lets a parked remote be tried at once.
    package mutating func resume(now: Instant) {
        pausedAt = nil
        probeAt = now
    }

    private mutating func unpark() -> Change? {
        guard parkedAt != nil else { return nil }
        parkedAt = nil
        parkReason = nil
        failedProbes = 0
        return .resumed
    }

    /// The first moment at which a call could go out, as far as holds are concerned; nil while paused.
    package func opensAt(now: Instant) -> Instant? {
        if pausedAt != nil { return nil }
        var moment = now
        if let throttledUntil { moment = max(moment, throttledUntil) }
        if parkedAt != nil { moment = max(moment, probeAt) }
        if case .open(let until) = breaker.state { moment = max(moment, until) }
        return moment
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
}
