/// When a response's headers ask to be called again: `Retry-After` (RFC 9110 section 10.2.3) and the quota's headers (``QuotaHeaders``).
/// Every value of every header is read (``RequestedWait``); the latest one that lies in the future counts.
///
/// Dates are read relative to the remote's own clock: if the response has a `Date` that differs from ours, the time between the two dates
/// counts. No wait is longer than `cap`.
package struct RetryHints: Equatable, Sendable {
    /// The time before which the remote does not want to be called again; nil when the headers contain nothing usable.
    package private(set) var notBefore: Instant?
    /// Until when the quota is used up, even if the call itself was within it.
    package private(set) var quotaResetsAt: Instant?
    /// Whether a `Retry-After` says when to come back, even if at once: then the refusal was deliberate. The quota's headers do not say so: a
    /// gateway adds them to every response, whatever became of the call behind it.
    package private(set) var isDeliberate = false
    /// For people, when a requested wait is not followed; contains no text of the response.
    package private(set) var note: String?

    /// Clocks that differ by no more than this are treated as equal: `Date` has whole seconds, and the response took time.
    private static let tolerance = 2000.0

    package init(headers: [String: String], now: Instant, cap: Duration) {
        let present = Double(now.milliseconds)
        let skew = RetryHints.skew(headers["date"], now: present)
        /// Milliseconds from now, if in the future.
        func distance(_ wait: RequestedWait?) -> Double? {
            switch wait {
            case .span(let length)?: length > 0 ? length : nil
            case .date(let date)?: date + skew > present ? date + skew - present : nil
            case nil: nil
            }
        }
        let limits = QuotaHeaders(headers).limits
        let after = headers["retry-after"].map { RequestedWait.all(in: $0) } ?? (values: [], unreadable: 0)
        let refused = after.values.compactMap(distance) + limits.filter { $0.remaining ?? 0 <= 0 }.compactMap { distance($0.reset) }
        let usedUp = limits.filter { $0.remaining.map { $0 <= 0 } ?? false }.compactMap { distance($0.reset) }
        notBefore = refused.max().map { now + RetryHints.bounded($0, to: cap) }
        quotaResetsAt = usedUp.max().map { now + RetryHints.bounded($0, to: cap) }
        isDeliberate = after.values.contains { $0 != nil }
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
