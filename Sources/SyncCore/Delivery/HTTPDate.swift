/// HTTP-date in its three forms (RFC 9110 section 5.6.7).
package enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Reads IMF-fixdate, the obsolete RFC 850 form and asctime; nil for anything else. Day names are not checked.
    package static func parse(_ text: String) -> Instant? {
        var words = text.split { $0 == " " || $0 == "," || $0 == "-" }.map(String.init)
        guard words.count >= 5 else { return nil }
        words.removeFirst()
        if let month = months.firstIndex(of: words[0]) {
            // asctime: Nov  6 08:49:37 1994
            guard words.count == 4 else { return nil }
            return instant(year: Int64(words[3]), month: month, day: Int64(words[1]), time: words[2])
        }
        guard words.count == 5, words[4] == "GMT", let month = months.firstIndex(of: words[1]), var year = Int64(words[2]) else {
            return nil
        }
        if words[2].count == 2 { year += year < 70 ? 2000 : 1900 }
        return instant(year: year, month: month, day: Int64(words[0]), time: words[3])
    }

    private static func instant(year: Int64?, month: Int, day: Int64?, time: String) -> Instant? {
        let parts = time.split(separator: ":").map { Int64($0) ?? -1 }
        guard let year, let day, parts.count == 3 else { return nil }
        return CalendarDate(year: year, month: Int64(month + 1), day: day)?.at(hour: parts[0], minute: parts[1], second: parts[2])
    }
}

/// A day of the proleptic Gregorian calendar, in UTC.
struct CalendarDate {
    private let daysSince1970: Int64

    /// Nil for a year outside 1 to 9999, a month outside 1 to 12 or a day that the month does not have.
    init?(year: Int64, month: Int64, day: Int64) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1, day <= CalendarDate.days(of: month, year: year) else {
            return nil
        }
        // Counted in years that begin in March.
        let shiftedYear = month < 3 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let monthFromMarch = (month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        daysSince1970 = era * 146_097 + dayOfEra - 719_468
    }

    private static func days(of month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400)) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Nil for a time of day that does not exist; a leap second is allowed.
    func at(hour: Int64, minute: Int64, second: Int64, millisecond: Int64 = 0) -> Instant? {
        guard (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second) else { return nil }
        return Instant(milliseconds: ((daysSince1970 * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + millisecond)
    }
}
