import FoundationEssentials

/// A point in wall-clock time, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// The outbox stores wall time, so that a schedule survives a restart. Only the edge reads the clock; everything in this module receives
/// the time as a parameter.
///
/// Sums and differences that are out of range become the first or last instant: no clock and no configuration may stop the program.
package struct Instant: Hashable, Comparable, Sendable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    package static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }

    package static func + (instant: Instant, duration: Duration) -> Instant {
        Instant(milliseconds: instant.milliseconds.addingSaturated(duration.milliseconds))
    }

    package static func - (instant: Instant, duration: Duration) -> Instant {
        Instant(milliseconds: instant.milliseconds.subtractingSaturated(duration.milliseconds))
    }

    package static func - (left: Instant, right: Instant) -> Duration {
        .milliseconds(left.milliseconds.subtractingSaturated(right.milliseconds))
    }

    /// The years 1 to 9999, which can be read as well. Later ones have five digits and do not sort with these.
    static let writable: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999
    /// The beginning of the year 1600. What the style writes for earlier years depends on the calendar.
    private static let firstOfStyle: Int64 = -11_676_096_000_000
    /// 1600 years, in milliseconds: the Gregorian calendar repeats itself every 400 years, which have 146,097 days.
    private static let repetition: Int64 = 4 * 146_097 * 86_400_000

    /// `2026-01-31T09:30:00.000Z`: ISO 8601, UTC, always three digits of fraction, so that texts sort like the instants. An instant outside
    /// of the years 1 to 9999 is written as the first or last one of that range.
    package var iso8601: String {
        let milliseconds = min(max(milliseconds, Instant.writable.lowerBound), Instant.writable.upperBound)
        guard milliseconds < Instant.firstOfStyle else { return Instant.text(milliseconds) }
        let later = Instant.text(milliseconds + Instant.repetition)
        let year = String((Int(later.prefix(4)) ?? 0) - 1600)
        return "\(String(repeating: "0", count: 4 - year.count))\(year)\(later.dropFirst(4))"
    }

    /// - Parameter milliseconds: since 1970; from the year 1600 on.
    private static func text(_ milliseconds: Int64) -> String {
        // The style truncates after the third digit; adding a little to the exact value keeps binary rounding from losing a millisecond.
        Date(timeIntervalSince1970: Double(milliseconds) / 1000 + 0.0004)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    /// Reads ISO 8601 with or without a fraction; nil for anything else, also behind it, and for a day that does not exist. Digits beyond
    /// milliseconds are dropped.
    package init?(iso8601 text: String) {
        guard let instant = ISO8601.parse(text) else { return nil }
        self = instant
    }
}

extension Int64 {
    fileprivate func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    fileprivate func subtractingSaturated(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }
}
