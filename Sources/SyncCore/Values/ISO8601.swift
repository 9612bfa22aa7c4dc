/// Reads a date and a time of day in ISO 8601, with their offset from UTC: `2026-01-31T09:30:00.000Z`, `2026-01-31T10:30:00+01:00`.
///
/// The grammar is that of RFC 3339 section 5.6; the colon and the minutes of the offset may be missing, as ISO 8601 allows. The whole text has to have
/// this form: what a lenient reader leaves over would turn a damaged text into some time.
enum ISO8601 {
    /// Nil also for a day or a time of day that does not exist; a leap second and `24:00:00` are allowed. Digits beyond milliseconds are dropped.
    static func parse(_ text: String) -> Instant? {
        var scanner = Scanner(text)
        guard let year = scanner.number(4), scanner.skip("-"), let month = scanner.number(2), scanner.skip("-"),
            let day = scanner.number(2),
            let date = CalendarDate(year: year, month: month, day: day), scanner.skip("T"),
            let hour = scanner.number(2), scanner.skip(":"), let minute = scanner.number(2), scanner.skip(":"),
            let second = scanner.number(2), let millisecond = scanner.fraction(), let offset = scanner.offset(), scanner.isAtEnd
        else { return nil }
        // The end of the day, and the only time of day in its hour.
        if hour == 24 {
            guard minute == 0, second == 0, millisecond == 0 else { return nil }
            return date.at(hour: 0, minute: 0, second: 0).map { $0 + .days(1) - offset }
        }
        return date.at(hour: hour, minute: minute, second: second, millisecond: millisecond).map { $0 - offset }
    }

    private struct Scanner {
        private var rest: Substring.UTF8View

        init(_ text: String) { rest = text.utf8[...] }

        var isAtEnd: Bool { rest.isEmpty }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard rest.first == UInt8(ascii: character) else { return false }
            rest = rest.dropFirst()
            return true
        }

        /// Exactly as many digits.
        mutating func number(_ count: Int) -> Int64? {
            let digits = rest.prefix(count)
            guard digits.count == count, digits.allSatisfy(Scanner.isDigit) else { return nil }
            rest = rest.dropFirst(count)
            return Scanner.value(of: digits)
        }

        /// Milliseconds; none without a point. After a point there has to be a digit.
        mutating func fraction() -> Int64? {
            guard skip(".") else { return 0 }
            let digits = rest.prefix(while: Scanner.isDigit)
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count)
            let used = digits.prefix(3)
            return [100, 10, 1][used.count - 1] * Scanner.value(of: used)
        }

        /// The distance from UTC; at most that of a day.
        mutating func offset() -> Duration? {
            if skip("Z") || skip("z") { return .zero }
            let isEast = skip("+")
            guard isEast || skip("-"), let hours = number(2) else { return nil }
            let hasColon = skip(":")
            guard let minutes = hasColon || !isAtEnd ? number(2) : 0, hours < 24, minutes < 60 else { return nil }
            return .minutes(isEast ? hours * 60 + minutes : -hours * 60 - minutes)
        }

        private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

        private static func value(of digits: Substring.UTF8View) -> Int64 {
            digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        }
    }
}
