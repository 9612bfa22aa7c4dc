/// How often a remote may be called: so many calls per period, unused ones saved up to `burst`.
package struct RateLimit: Equatable, Sendable, CustomStringConvertible {
    package var calls: Int
    package var period: Span

    package init(calls: Int, period: Span) {
        self.calls = calls
        self.period = period
    }

    /// Reads `10/s`, `600/min`, `1500/h`; nil for anything else and for less than one call.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let calls = Int(parts[0]), calls >= 1, calls <= 1_000_000 else { return nil }
        switch parts[1] {
        case "s": self.init(calls: calls, period: .seconds(1))
        case "m", "min": self.init(calls: calls, period: .minutes(1))
        case "h": self.init(calls: calls, period: .hours(1))
        default: return nil
        }
    }

    package var description: String {
        switch period {
        case .seconds(1): "\(calls)/s"
        case .minutes(1): "\(calls)/min"
        case .hours(1): "\(calls)/h"
        default: "\(calls)/\(period)"
        }
    }
}

/// A token bucket that holds at most one second's worth of calls (at least one), so that a pause does not end in a burst.
///
/// Counted in micro-tokens: no rounding drift, no floating point.
package struct TokenBucket: Equatable, Sendable {
    private static let unit: Int64 = 1_000_000

    private let limit: RateLimit
    private let capacity: Int64
    private var level: Int64
    private var filledAt: Instant

    package init(_ limit: RateLimit, now: Instant) {
        self.limit = limit
        let perSecond = Int64(limit.calls) * 1000 / max(limit.period.milliseconds, 1)
        capacity = max(perSecond, 1) * TokenBucket.unit
        level = capacity
        filledAt = now
    }

    /// Takes a token, or says when there will be one. A clock that steps back delays by at most one token's time.
    package mutating func take(now: Instant) -> Instant? {
        refill(now: now)
        if level >= TokenBucket.unit {
            level -= TokenBucket.unit
            return nil
        }
        let missing = TokenBucket.unit - level
        let perToken = limit.period.milliseconds * missing
        let milliseconds = (perToken + Int64(limit.calls) * TokenBucket.unit - 1) / (Int64(limit.calls) * TokenBucket.unit)
        return now + Span(milliseconds: max(milliseconds, 1))
    }

    private mutating func refill(now: Instant) {
        let elapsed = min(max((now - filledAt).milliseconds, 0), limit.period.milliseconds * 2)
        let gained = elapsed * Int64(limit.calls) * TokenBucket.unit / max(limit.period.milliseconds, 1)
        if gained > 0 || now < filledAt {
            level = min(capacity, level + gained)
            filledAt = now
        }
    }
}
