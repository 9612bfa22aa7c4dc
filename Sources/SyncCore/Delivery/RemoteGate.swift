/// Decides whether a remote may be called now: pause, park, throttle, breaker, rate and concurrency in one place.
///
/// Times are those of a steady clock that does not follow changes of the wall clock. The times in ``stored`` are converted by the code that
/// stores it.
///
/// | hold      | begins with                    | ends with                                                        |
/// |-----------|--------------------------------|------------------------------------------------------------------|
/// | paused    | `pause`                        | `resume`                                                         |
/// | parked    | outcome `park`, or a URL that seems wrong | new credential, reload, or a single probe that gets a proper response |
/// | throttled | outcome `throttled`, or a response that says that the quota is used up | its end, `resume`              |
/// | breaker   | see ``CircuitBreaker``         | see ``CircuitBreaker``                                           |
///
/// When deliveries fail together, the concurrency is lowered first; the breaker counts a failure if no other call was in flight, or if the
/// concurrency cannot be lowered any more:
///
/// | remote                            | concurrency           | breaker                                       |
/// |-----------------------------------|-----------------------|-----------------------------------------------|
/// | takes four calls at once          | about four            | closed                                        |
/// | refuses 40 % of all calls         | few                   | closed                                        |
/// | is down                           | halved down to 1      | opens after ``CircuitBreaker/Settings/minimumSample`` single calls |
///
/// Calls that were in flight together count once: eight 401s park the remote once, eight 429s hold it for one pause.
///
/// Reads use rate, concurrency, throttling and pause, but do not affect parking and the breaker: whether a remote can be read does not show
/// whether it takes deliveries. While the remote is being probed with single calls, one read at a time may be in flight as well.
///
/// Invariants: no call is admitted above `concurrency`, which is at most the configured one and 1 while parked or half-open; none is
/// admitted while paused or before `throttledUntil`; a gate that was not paused opens by itself.
package struct RemoteGate: Equatable, Sendable {
    /// Whether a call may go out.
    package enum Admission: Equatable, Sendable {
        /// Yes; the call counts as in flight until ``finished(_:startedAt:hadPresentCredential:now:)``.
        case admitted
        /// Not before that time.
        case wait(until: Instant)
        /// All slots are taken; call again when a call has ended.
        case full
        /// Not until a person resumes the remote.
        case paused
    }

    /// A change that is logged and stored.
    package enum Change: Equatable, Sendable {
        case parked(reason: String)
        case resumed
        /// - note: why this differs from what the remote asked for.
        case throttled(until: Instant, note: String? = nil)
        case breaker(CircuitBreaker.Transition)
    }

    /// The longest time that a stored throttle is respected after a restart, whatever happened to the clock.
    private static let longestThrottle = Duration.days(1)

    package private(set) var inFlight = 0
    /// The number of these that are reads.
    package private(set) var readsInFlight = 0
    package private(set) var breaker: CircuitBreaker
    package private(set) var adaptive: AdaptiveConcurrency
    package private(set) var pausedAt: Instant?
    package private(set) var parkedAt: Instant?
    package private(set) var parkReason: String?
    package private(set) var parkCause: ParkCause?
    private var settings: Settings
    private var bucket: TokenBucket?
    private var throttle: Instant?
    /// When a response last set ``throttle``.
    private var throttleSetAt: Instant?
    /// Until when a parked remote is left alone; nil when it may be probed.
    private var probeWait: Instant?
    private var failedProbes = 0
    /// Deliveries that were already in flight when the remote was parked: they are not probes.
    private var callsBeforePark = 0
    private var throttlesInARow = 0
    /// When the remote was last throttled: calls sent before then belong to the same group.
    private var throttledAt: Instant?

    /// A start is treated like a reload: a parked remote gets its first probe at once.
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

    /// Whether the remote is being probed with single calls.
    package var isProbing: Bool { parkedAt != nil || breaker.state != .closed }

    /// How many calls may be in flight now.
    package var concurrency: Int { isProbing ? 1 : adaptive.limit }

    package mutating func admit(now: Instant) -> (Admission, Change?) {
        if let hold = hold(now: now) { return (hold, nil) }
        // A read does not take the place of the probe; but the configured concurrency is never exceeded.
        if (isProbing ? inFlight - readsInFlight : inFlight) >= concurrency || inFlight >= settings.concurrency { return (.full, nil) }
        if let later = bucket?.take(now: now) { return (.wait(until: later), nil) }
        let (admitted, transition) = breaker.admit(now: now)
        guard admitted else { return (.full, nil) }
        inFlight += 1
        adaptive.started(inFlight: inFlight)
        return (.admitted, transition.map(Change.breaker))
    }

    /// Admits a read, if one may go out. It counts as in flight until ``readFinished(_:startedAt:now:)``.
    package mutating func admitRead(now: Instant) -> Admission {
        if let hold = hold(now: now) { return hold }
        if (isProbing ? readsInFlight > 0 : inFlight >= concurrency) || inFlight >= settings.concurrency { return .full }
        if let later = bucket?.take(now: now) { return .wait(until: later) }
        inFlight += 1
        readsInFlight += 1
        return .admitted
    }

    /// The hold that applies to every call now; ends a throttle that is over.
    private mutating func hold(now: Instant) -> Admission? {
        if pausedAt != nil { return .paused }
        if let throttle, now < throttle { return .wait(until: throttle) }
        throttle = nil
        if parkedAt != nil, let probeWait, now < probeWait { return .wait(until: probeWait) }
        if let until = breaker.opensAt(now: now), now < until { return .wait(until: until) }
        return nil
    }

    /// A read ended: frees its slot. It may throttle the remote, and has no other effect on deliveries.
    /// - Parameter startedAt: when it was sent.
    package mutating func readFinished(_ outcome: DeliveryOutcome, startedAt: Instant, now: Instant) -> [Change] {
        precondition(readsInFlight > 0, "a read ended that was never admitted")
        inFlight -= 1
        readsInFlight -= 1
        return throttles(by: outcome, startedAt: startedAt, now: now)
    }

    /// A call ended: frees its slot and updates the state of the whole remote.
    /// - Parameters:
    ///   - startedAt: when it was sent; nil stands for now.
    ///   - hadPresentCredential: false when the token was replaced while the call was in flight. A refusal of the former token says nothing
    ///     about the present one.
    package mutating func finished(
        _ outcome: DeliveryOutcome, startedAt: Instant? = nil, hadPresentCredential: Bool = true, now: Instant
    ) -> [Change] {
        precondition(inFlight > readsInFlight, "a call ended that was never admitted")
        inFlight -= 1
        let wasBeforePark = callsBeforePark > 0
        if wasBeforePark { callsBeforePark -= 1 }
        var changes: [Change] = []
        let wasTooMany = adaptive.finished(
            outcome.loadSign, startedAt: startedAt ?? now, isAlone: inFlight == readsInFlight, now: now)
        let isCounted = breaker.state != .closed || !wasTooMany
        if isCounted, let transition = breaker.finished(failed: outcome.isFailureOfRemote, now: now) {
            changes.append(.breaker(transition))
        }
        switch outcome.outcome {
        // A path that does not exist says nothing about the credential.
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

    /// Holds the remote if a response asks for it. A response without a time of its own, to a call that was sent before the remote was last
    /// throttled, adds nothing: it belongs to the same group of calls.
    private mutating func throttles(by outcome: DeliveryOutcome, startedAt: Instant, now: Instant) -> [Change] {
        var changes: [Change] = []
        if outcome.outcome == .throttled {
            let isOfSameVolley = throttledAt.map { startedAt < $0 } ?? false
            let (named, own) = (outcome.notBefore, isOfSameVolley ? nil : now + nextThrottlePause)
            // A remote that asks for almost nothing, again and again, would be called without an end. A part of the second that it
            // asks for has passed already.
            let isEnough = named.map { throttlesInARow == 0 || $0 >= now + settings.throttlePause / 2 } ?? false
            if let until = isEnough ? named : [named, own].compactMap({ $0 }).max() {
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

    /// Stops the remote except for single probes. If the remote is parked already, a probe has failed.
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

    /// A call whose outcome was undecided turned out to have a proper response from the remote.
    package mutating func respondedProperly() -> Change? { unpark() }

    /// The credential changed or the configuration was reloaded: the next attempt may be made at once.
    package mutating func credentialChanged() {
        probeWait = nil
        failedProbes = 0
    }

    package mutating func pause(now: Instant) {
        if pausedAt == nil { pausedAt = now }
    }

    /// Ends a pause and a throttle, and lets a parked remote be probed at once: the person who resumes it knows more than its last
    /// response.
    /// - Parameter moment: when that was, if it is known: a throttle that has begun since stays.
    package mutating func resume(at moment: Instant? = nil) {
        pausedAt = nil
        let isNewer = if let moment, let throttleSetAt { throttleSetAt > moment } else { false }
        if !isNewer { (throttle, throttledAt, throttlesInARow) = (nil, nil, 0) }
        probeWait = nil
        failedProbes = 0
    }

    /// Ends the pause of an open breaker: the next call is its probe.
    package mutating func endBreakerPause(now: Instant) {
        breaker.endPause(now: now)
    }

    /// The longer of two holds applies. Only the beginning of a hold is reported, not its extension.
    private mutating func hold(until: Instant, note: String?, now: Instant) -> Change? {
        let present = throttle ?? now
        guard max(present, now) < until else { return nil }
        (throttle, throttleSetAt) = (until, now)
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

    /// How many calls the rate limit admits until the end of the span; nil without a rate limit.
    package mutating func callsAvailable(within span: Duration, now: Instant) -> Int? { bucket?.available(within: span, now: now) }

    /// The time until which a response, a failure or a person holds the remote; the rate limit is not included. Nil while paused.
    package func heldUntil(now: Instant) -> Instant? {
        if pausedAt != nil { return nil }
        return [throttle, parkedAt == nil ? nil : probeWait, breaker.opensAt(now: now)].compactMap { $0 }.reduce(now, max)
    }

    /// The configuration was reloaded: the learnt state is kept, calls in flight stay counted, and a parked remote may be probed at once.
    package mutating func configure(_ fresh: Settings, now: Instant) {
        var gate = RemoteGate(fresh, stored: stored, now: now)
        (gate.inFlight, gate.readsInFlight) = (inFlight, readsInFlight)
        if parkedAt != nil { gate.callsBeforePark = inFlight - readsInFlight }
        if fresh.rate == settings.rate { gate.bucket = bucket }
        if fresh.breaker == settings.breaker { gate.breaker = breaker }
        (gate.throttlesInARow, gate.throttledAt, gate.throttleSetAt) = (throttlesInARow, throttledAt, throttleSetAt)
        self = gate
    }

    /// The earliest time at which a call could go out, given the holds and the rate limit; nil while paused.
    /// - Parameter others: how many admitted calls are left for other callers.
    package mutating func opensAt(leaving others: Int = 0, now: Instant) -> Instant? {
        if pausedAt != nil { return nil }
        let waits = [
            throttle, parkedAt == nil ? nil : probeWait, breaker.opensAt(now: now), bucket?.opensAt(leaving: others, now: now),
        ]
        return waits.compactMap { $0 }.reduce(now, max)
    }
}

extension DeliveryOutcome {
    /// True for a failure of the remote as a whole, false for a proper response, nil when the call says nothing about the remote's health.
    package var isFailureOfRemote: Bool? {
        switch outcome {
        case .retry: true
        case .delivered, .gone, .dead, .throttled: false
        case .park, .interrupted: nil
        }
    }

    /// What it shows about the remote's capacity for concurrent calls.
    package var loadSign: AdaptiveConcurrency.Sign {
        switch outcome {
        case .retry, .throttled: .overloaded
        case .delivered, .gone, .dead: .well
        case .park, .interrupted: .nothing
        }
    }
}
