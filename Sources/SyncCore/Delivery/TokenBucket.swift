/// How often a remote may be called: a number of calls per period, of which unused ones are saved up to one second's worth.
package struct RateLimit: Equatable, Sendable, CustomStringConvertible {
    package var calls: Int
    package var period: Duration

    package init(calls: Int, period: Duration) {
        self.calls = calls
        self.period = period
    }

    /// The most calls per period that the bucket can count.
    package static let mostCalls = 1_000_000

    /// Reads `10/s`, `600/min`, `1500/h`; nil for anything else, for less than one call and for more than ``mostCalls``.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let calls = Int(parts[0]), calls >= 1, calls <= RateLimit.mostCalls else { return nil }
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
        default: "\(calls)/\(period.notation)"
        }
    }
}

/// A token bucket that holds at most one second's worth of calls (at least one), so that a pause does not end in a burst.
///
/// A token has as many parts as its period has milliseconds, and every millisecond adds as many parts as the period has calls, so nothing
/// is rounded, however slow the rate is and however often the bucket is used.
package struct TokenBucket: Equatable, Sendable {
    private let limit: RateLimit
    /// The parts that one call takes.
    private let token: Int64
    private let capacity: Int64
    private var level: Int64
    private var filledAt: Instant

    package init(_ limit: RateLimit, now: Instant) {
        self.limit = limit
        token = max(limit.period.milliseconds, 1)
        capacity = max(Int64(limit.calls) * 1000 / token, 1) * token
        level = capacity
        filledAt = now
    }

    /// Takes a token, or returns when there will be one.
    package mutating func take(now: Instant) -> Instant? {
        let availableAt = opensAt(now: now)
        guard availableAt <= now else { return availableAt }
        level -= token
        return nil
    }

    /// When a token can be taken; now, if there is one. Takes nothing.
    /// - Parameter others: how many tokens other callers take first.
    package mutating func opensAt(leaving others: Int = 0, now: Instant) -> Instant {
        refill(now: now)
        let missing = token * Int64(others + 1) - level
        guard missing > 0 else { return now }
        let calls = Int64(max(limit.calls, 1))
        return now + .milliseconds((missing + calls - 1) / calls)
    }

    /// How many tokens there are, including those that arrive within the span.
    package mutating func available(within span: Duration = .zero, now: Instant) -> Int {
        refill(now: now)
        return Int((level + span.milliseconds * Int64(limit.calls)) / token)
    }

    private mutating func refill(now: Instant) {
        let elapsed = min((now - filledAt).milliseconds, token * 2)
        level = min(capacity, level + elapsed * Int64(limit.calls))
        filledAt = now
    }
}
