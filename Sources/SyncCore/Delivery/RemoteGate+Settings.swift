extension RemoteGate {
    package struct Settings: Equatable, Sendable {
        /// The most calls in flight; ``AdaptiveConcurrency`` decides how many of them are used.
        package var concurrency: Int
        package var rate: RateLimit?
        package var breaker: CircuitBreaker.Settings
        /// The longest time between two probes of a parked remote; the first ones come sooner.
        package var probeInterval: Duration
        /// How long a 429 that names no wait holds the remote: doubled each time in a row, up to a minute.
        package var throttlePause: Duration

        package init(
            concurrency: Int = 8, rate: RateLimit? = nil, breaker: CircuitBreaker.Settings = .init(),
            probeInterval: Duration = .minutes(5), throttlePause: Duration = .seconds(1)
        ) {
            self.concurrency = concurrency
            self.rate = rate
            self.breaker = breaker
            self.probeInterval = probeInterval
            self.throttlePause = throttlePause
        }
    }

    /// Why a remote is parked.
    package enum ParkCause: String, Equatable, Sendable {
        /// It refuses the credential, or cannot be reached under its host name and certificate.
        case access
        /// None of the requested objects is known there (``AbsenceWatch``).
        case url

        /// How long it is left alone before the first probe. A gateway without routes has often only just started.
        var firstPause: Duration { self == .url ? .seconds(5) : .seconds(10) }
    }

    /// The part that survives a restart.
    package struct Stored: Equatable, Sendable {
        package var pausedAt: Instant?
        package var parkedAt: Instant?
        package var parkReason: String?
        /// Nil while it is not parked.
        package var parkCause: ParkCause?
        package var throttledUntil: Instant?
        /// Nil while the breaker is closed. A time in the past: the next call is the probe.
        package var breakerOpenUntil: Instant?
        package var breakerOpenings: Int
        /// How many calls may be in flight if the limit was lowered; nil for the configured number.
        package var concurrency: Int?

        /// The same with its timestamps shifted from one clock to another.
        package func moved(by span: Duration) -> Stored {
            var moved = self
            moved.pausedAt = pausedAt.map { $0 + span }
            moved.parkedAt = parkedAt.map { $0 + span }
            moved.throttledUntil = throttledUntil.map { $0 + span }
            moved.breakerOpenUntil = breakerOpenUntil.map { $0 + span }
            return moved
        }

        package init(
            pausedAt: Instant? = nil, parkedAt: Instant? = nil, parkReason: String? = nil, parkCause: ParkCause? = nil,
            throttledUntil: Instant? = nil,
            breakerOpenUntil: Instant? = nil, breakerOpenings: Int = 0, concurrency: Int? = nil
        ) {
            self.pausedAt = pausedAt
            self.parkedAt = parkedAt
            self.parkReason = parkReason
            self.parkCause = parkCause
            self.throttledUntil = throttledUntil
            self.breakerOpenUntil = breakerOpenUntil
            self.breakerOpenings = breakerOpenings
            self.concurrency = concurrency
        }

        /// `closed`; `open` while no call is made; `half_open` when the next call, or the one in flight, decides.
        package func breaker(now: Instant) -> String {
            guard let breakerOpenUntil else { return "closed" }
            return now < breakerOpenUntil ? "open" : CircuitBreaker.Transition.halfOpen.rawValue
        }

        /// How many calls may be in flight, ignoring pause, park and breaker.
        package func concurrency(of settings: Settings) -> Int { min(concurrency ?? settings.concurrency, settings.concurrency) }
    }
}
