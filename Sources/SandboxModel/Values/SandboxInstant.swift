/// A time in milliseconds since 1970-01-01 UTC.
///
/// Texts are built by arithmetic instead of formatters, because every request needs at least one of them.
package struct SandboxInstant: Sendable, Hashable, Comparable {
    package let milliseconds: Int

    package init(milliseconds: Int) {
        self.milliseconds = milliseconds
    }

    package static func < (left: SandboxInstant, right: SandboxInstant) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// Unix seconds, as in times of vg and in Intercom's rate-limit reset.
    var seconds: Int { milliseconds / 1000 }

    func advanced(bySeconds seconds: Int) -> SandboxInstant {
        SandboxInstant(milliseconds: milliseconds + seconds * 1000)
    }

    func advanced(byMilliseconds count: Int) -> SandboxInstant {
        SandboxInstant(milliseconds: milliseconds + count)
    }

    /// `2025-10-27T15:45:00.000Z`
    package var iso8601: String {
        let parts = calendarParts
        var text: [UInt8] = []
        text.reserveCapacity(24)
        text.append(number: parts.year, digits: 4)
        text.append(UInt8(ascii: "-"))
        text.append(number: parts.month, digits: 2)
        text.append(UInt8(ascii: "-"))
        text.append(number: parts.day, digits: 2)
        text.append(UInt8(ascii: "T"))
        text.append(number: parts.secondOfDay / 3600, digits: 2)
        text.append(UInt8(ascii: ":"))
        text.append(number: parts.secondOfDay / 60 % 60, digits: 2)
        text.append(UInt8(ascii: ":"))
        text.append(number: parts.secondOfDay % 60, digits: 2)
        text.append(UInt8(ascii: "."))
        text.append(number: milliseconds % 1000, digits: 3)
        text.append(UInt8(ascii: "Z"))
        return String(decoding: text, as: UTF8.self)
    }

    /// The fixed form of an HTTP-date (RFC 9110 section 5.6.7), for `Retry-After` as a date.
    var httpDate: String {
        let parts = calendarParts
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][parts.dayNumber % 7]
        let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][parts.month - 1]
        func pair(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let time = "\(pair(parts.secondOfDay / 3600)):\(pair(parts.secondOfDay / 60 % 60)):\(pair(parts.secondOfDay % 60))"
        return "\(weekday), \(pair(parts.day)) \(month) \(parts.year) \(time) GMT"
    }

    private struct CalendarParts {
        let dayNumber: Int
        let secondOfDay: Int
        let year: Int
        let month: Int
        let day: Int
    }

    /// Converts days since 1970 to a Gregorian date, counted in 400-year eras that begin on the first of March.
    private var calendarParts: CalendarParts {
        let allSeconds = max(0, milliseconds) / 1000
        let dayNumber = allSeconds / 86_400
        let shifted = dayNumber + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return CalendarParts(
            dayNumber: dayNumber,
            secondOfDay: allSeconds % 86_400,
            year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
            month: month,
            day: dayOfYear - (153 * marchMonth + 2) / 5 + 1
        )
    }
}

extension [UInt8] {
    /// Appends a number with leading zeros.
    fileprivate mutating func append(number: Int, digits: Int) {
        var divisor = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }
}

extension SandboxInstant {
    /// Whether a text is an ISO 8601 date-time with a time zone, as in the documents' examples: `2025-10-27T15:45:00.000Z`.
    ///
    /// The fraction is optional and may have one to nine digits; the zone is `Z` or an offset such as `+02:00`.
    static func isISO8601(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 35 else { return false }
        func number(_ range: Range<Int>) -> Int? {
            guard range.upperBound <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[range] {
                guard byte.isDigit else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
            }
            return value
        }
        guard bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[10] == UInt8(ascii: "T"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1...12).contains(month), day >= 1, day <= daysInMonth(month, year: year), hour < 24, minute < 60, second <= 60
        else { return false }
        var position = 19
        if bytes[position] == UInt8(ascii: ".") {
            position += 1
            let start = position
            while position < bytes.count, bytes[position].isDigit { position += 1 }
            guard (1...9).contains(position - start), position < bytes.count else { return false }
        }
        if bytes[position] == UInt8(ascii: "Z") { return position == bytes.count - 1 }
        guard bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-"), bytes.count == position + 6,
            bytes[position + 3] == UInt8(ascii: ":"),
            let offsetHour = number(position + 1..<position + 3), let offsetMinute = number(position + 4..<position + 6)
        else { return false }
        return offsetHour < 24 && offsetMinute < 60
    }

    private static func daysInMonth(_ month: Int, year: Int) -> Int {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
