/// What a response's headers say about when to come back: `Retry-After` (RFC 9110 section 10.2.3) and the quota's headers
/// (``QuotaHeaders``). Every value of every header is read (``RequestedWait``); the latest one that lies in the future counts.
///
/// Dates are taken by the remote's own clock: where the response has a `Date` that differs from ours, what counts is the time between
/// the two. Nothing is believed for longer than `cap`.
package struct RetryHints: Equatable, Sendable {
    /// The timestamp before which the remote does not want to be called again; nil when nothing usable is said.
    package private(set) var notBefore: Instant?
    /// Until when the quota is used up, also where the call itself was within it.
    package private(set) var quotaResetsAt: Instant?
    /// Whether it is said at all when to come back, be it at once: then the refusal was deliberate.
    package private(set) var isDeliberate = false
    /// For people, where something was asked for that is not done; without any text of the response.
    package private(set) var note: String?

    /// Clocks that differ by no more than this are taken for the same one: `Date` has whole seconds, and the response took its time.
    private static let tolerance = 2000.0

    package init(headers: [String: String], now: Instant, cap: Duration) {
        let moment = Double(now.milliseconds)
        let skew = RetryHints.skew(headers["date"], now: moment)
        /// Milliseconds from now, where that is in the future.
        func distance(_ wait: RequestedWait?) -> Double? {
            switch wait {
            case .span(let length)?: length > 0 ? length : nil
            case .date(let date)?: date + skew > moment ? date + skew - moment : nil
            case nil: nil
            }
        }
        let limits = QuotaHeaders(headers).limits
        let after = headers["retry-after"].map { RequestedWait.all(in: $0) } ?? (values: [], unreadable: 0)
        let refused = after.values.compactMap(distance) + limits.filter { $0.remaining ?? 0 <= 0 }.compactMap { distance($0.reset) }
        let usedUp = limits.filter { $0.remaining.map { $0 <= 0 } ?? false }.compactMap { distance($0.reset) }
        notBefore = refused.max().map { now + RetryHints.bounded($0, to: cap) }
        quotaResetsAt = usedUp.max().map { now + RetryHints.bounded($0, to: cap) }
        isDeliberate = after.values.contains { $0 != nil } || notBefore != nil
        if let longest = (refused + usedUp).max(), longest > Double(cap.milliseconds) {
            note =
                "the response asks for a wait of \(RetryHints.bounded(longest, to: .longestConfigured).notation), which is cut to \(cap.notation)"
        } else if after.unreadable > 0, notBefore == nil {
            note = "the response has a Retry-After that is not understood"
        }
    }

    /// How far our clock is ahead of the remote's, in milliseconds.
    private static func skew(_ date: String?, now: Double) -> Double {
        guard let date, case .date(let theirs)? = RequestedWait.all(in: date).values.lazy.compactMap({ $0 }).first else { return 0 }
        return abs(now - theirs) <= tolerance ? 0 : now - theirs
    }

    private static func bounded(_ milliseconds: Double, to cap: Duration) -> Duration {
        milliseconds >= Double(cap.milliseconds) ? cap : Duration.milliseconds(Int64(milliseconds.rounded(.up)))
    }
}
