/// A token bucket: it fills at the limit's rate and holds one second's worth, at least one token.
struct RateLimiter: Sendable {
    private var tokens: Double?
    private var filledAt = SandboxInstant(milliseconds: 0)

    mutating func take(limit: InstanceOptions.RateLimit, now: SandboxInstant) -> Bool {
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
