import FoundationEssentials

/// A moment of wall-clock time in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Wall time is what the outbox stores, so that a schedule survives a restart. Only the edge reads the clock; everything in this
/// module is told what time it is.
///
/// Sums and differences that are out of range end at the first or last moment there is: no clock and no configuration may stop the program.
package struct Instant: Hashable, Comparable, Sendable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    package static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }

    package static func + (instant: Instant, span: Span) -> Instant {
        Instant(milliseconds: instant.milliseconds.addingSaturated(span.milliseconds))
    }

    package static func - (instant: Instant, span: Span) -> Instant {
        Instant(milliseconds: instant.milliseconds.subtractingSaturated(span.milliseconds))
    }

    package static func - (left: Instant, right: Instant) -> Span {
        Span(milliseconds: left.milliseconds.subtractingSaturated(right.milliseconds))
    }

    /// The years 1600 to 9999. Later ones have five digits and do not sort with these; earlier ones depend on the calendar.
    private static let writable: ClosedRange<Int64> = -11_676_096_000_000...253_402_300_799_999

    /// `2026-01-31T09:30:00.000Z`: ISO 8601, UTC, always three digits of fraction, so that texts sort as the moments do. A moment outside of
    /// the years 1600 to 9999 is written as the first or last one of them.
    package var iso8601: String {
        let milliseconds = min(max(milliseconds, Instant.writable.lowerBound), Instant.writable.upperBound)
        // The style cuts off behind the third digit; a little more than the exact value keeps binary rounding from losing one.
        return Date(timeIntervalSince1970: Double(milliseconds) / 1000 + 0.0004)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    /// Reads ISO 8601 with or without a fraction; nil for anything else. Digits behind the milliseconds are cut off.
    package init?(iso8601 text: String) {
        let date =
            (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text))
            ?? (try? Date.ISO8601FormatStyle().parse(text))
        guard let date else { return nil }
        // A thousandth more than the binary value, which may lie just below the millisecond.
        self.init(milliseconds: Int64((date.timeIntervalSince1970 * 1000 + 0.001).rounded(.down)))
    }
}

/// A length of time in whole milliseconds. Sums and products that are out of range end at the longest span there is.
package struct Span: Hashable, Comparable, Sendable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    package static let zero = Span(milliseconds: 0)
    /// The longest duration of a configuration: a hundred years. In nanoseconds it still fits into 64 bits, twice.
    package static let longestConfigured = Span.days(36_500)

    package static func milliseconds(_ value: Int64) -> Span { Span(milliseconds: value) }
    package static func seconds(_ value: Int64) -> Span { Span(milliseconds: 1000) * value }
    package static func minutes(_ value: Int64) -> Span { .seconds(60) * value }
    package static func hours(_ value: Int64) -> Span { .minutes(60) * value }
    package static func days(_ value: Int64) -> Span { .hours(24) * value }

    package static func < (left: Span, right: Span) -> Bool { left.milliseconds < right.milliseconds }
    package static func + (left: Span, right: Span) -> Span {
        Span(milliseconds: left.milliseconds.addingSaturated(right.milliseconds))
    }
    package static func * (span: Span, factor: Int64) -> Span { Span(milliseconds: span.milliseconds.multipliedSaturated(by: factor)) }

    package var seconds: Double { Double(milliseconds) / 1000 }
}

/// Spans are written in the configuration as a number with a unit: `250ms`, `30s`, `5m`, `12h`, `3d`, also joined: `1h30m`.
extension Span: CustomStringConvertible {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Reads the notation above; nil when a unit is missing or unknown, for negative values and for an empty text. What is too long to be
    /// counted is the longest span there is.
    package init?(_ text: some StringProtocol) {
        var rest = Substring(text)
        var total: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty else { return nil }
            let count = Int64(digits) ?? .max
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { $0.isASCII && $0.isLetter }
            guard let unit = Span.units.first(where: { $0.name == letters }) else { return nil }
            rest = rest.dropFirst(letters.count)
            total = total.addingSaturated(count.multipliedSaturated(by: unit.milliseconds))
        }
        self.init(milliseconds: total)
    }

    package var description: String {
        guard milliseconds > 0 else { return "0s" }
        var rest = milliseconds
        var parts = ""
        for unit in Span.units where rest >= unit.milliseconds {
            parts += "\(rest / unit.milliseconds)\(unit.name)"
            rest %= unit.milliseconds
        }
        return parts
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

    fileprivate func multipliedSaturated(by factor: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? ((self < 0) == (factor < 0) ? .max : .min) : product
    }
}
