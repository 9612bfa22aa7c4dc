/// Durations are counted in whole milliseconds, as in the tables, the configuration and the log.
extension Duration {
    /// Whole milliseconds, rounded toward zero. Values out of range become the largest or smallest number.
    package var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        let (sum, overflowOfSum) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return overflow || overflowOfSum ? (seconds < 0 ? .min : .max) : sum
    }

    /// As a decimal number of seconds.
    package var seconds: Double { Double(milliseconds) / 1000 }

    /// The longest duration in a configuration: a hundred years. Twice that still fits into 64 bits in nanoseconds.
    package static let longestConfigured = Duration.days(36_500)

    package static func minutes(_ count: Int64) -> Duration { .seconds(60) * count }
    package static func hours(_ count: Int64) -> Duration { .seconds(3600) * count }
    package static func days(_ count: Int64) -> Duration { .seconds(86_400) * count }
}

/// The notation of the configuration: a number with a unit, `250ms`, `30s`, `5m`, `12h`, `3d`, also joined, `1h30m`.
extension Duration {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Nil when a unit is missing or unknown, for negative values and for an empty text. A duration that is too long to be counted in
    /// milliseconds becomes the longest possible one.
    package init?(notation text: some StringProtocol) {
        var rest = Substring(text)
        var total: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty else { return nil }
            let count = Int64(digits) ?? .max
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { $0.isASCII && $0.isLetter }
            guard let unit = Duration.units.first(where: { $0.name == letters }) else { return nil }
            rest = rest.dropFirst(letters.count)
            let (part, isTooLong) = count.multipliedReportingOverflow(by: unit.milliseconds)
            let (sum, isSumTooLong) = total.addingReportingOverflow(part)
            total = isTooLong || isSumTooLong ? .max : sum
        }
        self = .milliseconds(total)
    }

    /// `1h30m`; `0s` for zero and for negative durations.
    package var notation: String {
        guard milliseconds > 0 else { return "0s" }
        var rest = milliseconds
        var parts = ""
        for unit in Duration.units where rest >= unit.milliseconds {
            parts += "\(rest / unit.milliseconds)\(unit.name)"
            rest %= unit.milliseconds
        }
        return parts
    }
}

extension DefaultStringInterpolation {
    /// Does not compile, as warnings are errors: texts use ``Duration/notation``, not the standard library's description, `0.25 seconds`.
    @available(*, deprecated, message: "write the duration's notation")
    package mutating func appendInterpolation(_ duration: Duration) {}
}
