/// A token bucket with a capacity of one second of requests, but at least one request.
package struct RateLimit: Sendable, Equatable {
    package var perSecond: Double
    /// The value of `Retry-After` in seconds; nil: none is sent.
    package var retryAfterSeconds: Int?

    package init(perSecond: Double, retryAfterSeconds: Int? = nil) {
        self.perSecond = perSecond
        self.retryAfterSeconds = retryAfterSeconds
    }
}

extension RateLimit: OptionValue {
    package static var shape: FieldShape {
        .record(["per_second": .number, "retry_after": .nullable(.integer)], required: ["per_second"])
    }

    package static func read(_ option: SandboxJSON) -> RateLimit? {
        (option["per_second"]?.number).map { RateLimit(perSecond: $0, retryAfterSeconds: option["retry_after"]?.integer) }
    }

    package var optionJSON: SandboxJSON { ["per_second": .number(perSecond), "retry_after": .optional(retryAfterSeconds)] }
}

/// The token bucket of one instance.
struct RateLimiter: Sendable {
    private var tokens: Double?
    private var filledAt = SandboxInstant(milliseconds: 0)

    mutating func take(limit: RateLimit, now: SandboxInstant) -> Bool {
        let capacity = max(1, limit.perSecond)
        let elapsed = Double(max(0, now.milliseconds - filledAt.milliseconds)) / 1000
        var available = min(capacity, (tokens ?? capacity) + elapsed * limit.perSecond)
        filledAt = now
        defer { tokens = available }
        guard available >= 1 else { return false }
        available -= 1
        return true
    }
}
