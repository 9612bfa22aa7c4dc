/// What an answer's headers say about when to come back.
package enum RetryHints {
    /// The year 9999: what lies behind it is cut off before anything is multiplied.
    static let farthestSecond: Int64 = 253_402_300_799

    /// The later of `Retry-After` (RFC 9110 section 10.2.3: seconds or an HTTP-date) and, where the quota is used up,
    /// `X-RateLimit-Reset` (Intercom: Unix seconds). Nil when nothing usable is said; moments in the past count as nothing.
    ///
    /// `cap` bounds what is believed: a wish further away than that is cut to it.
    package static func notBefore(headers: [String: String], now: Instant, cap: Span) -> Instant? {
        var candidates: [Instant] = []
        if let value = headers["retry-after"], let moment = retryAfter(value, now: now) { candidates.append(moment) }
        let remaining = headers["x-ratelimit-remaining"].flatMap { Int64($0.trimmed) }
        if remaining ?? 0 <= 0, let moment = reset(headers, now: now) { candidates.append(moment) }
        guard let latest = candidates.max(), latest > now else { return nil }
        return min(latest, now + cap)
    }

    /// Until when the quota is used up: `X-RateLimit-Remaining: 0` with an `X-RateLimit-Reset` in the future. Says so on answers of
    /// every class: the call that used up the quota was itself within it.
    package static func quotaResetsAt(headers: [String: String], now: Instant, cap: Span) -> Instant? {
        guard let remaining = headers["x-ratelimit-remaining"].flatMap({ Int64($0.trimmed) }), remaining <= 0 else { return nil }
        guard let moment = reset(headers, now: now), moment > now else { return nil }
        return min(moment, now + cap)
    }

    private static func reset(_ headers: [String: String], now: Instant) -> Instant? {
        guard let reset = headers["x-ratelimit-reset"].flatMap({ Int64($0.trimmed) }) else { return nil }
        // Some servers count seconds from now instead of from 1970: a small number cannot be a date.
        let seconds = min(max(reset, 0), RetryHints.farthestSecond)
        return seconds < 1_000_000_000 ? now + .seconds(seconds) : Instant(milliseconds: seconds * 1000)
    }

    /// One `Retry-After` value; nil for what is neither a non-negative number of seconds nor an HTTP-date.
    package static func retryAfter(_ value: String, now: Instant) -> Instant? {
        let text = value.trimmed
        if let seconds = Double(text), seconds >= 0, seconds < 1e9 {
            return now + Span(milliseconds: Int64((seconds * 1000).rounded(.up)))
        }
        return HTTPDate.parse(text)
    }
}

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
        guard let year, (1...9999).contains(year), let day, (1...31).contains(day), parts.count == 3 else { return nil }
        guard (0...23).contains(parts[0]), (0...59).contains(parts[1]), (0...60).contains(parts[2]) else { return nil }
        // Days since 1970 of a proleptic Gregorian date, counted in years that begin in March.
        let shiftedYear = month < 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let monthFromMarch = Int64((month + 10) % 12)
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return Instant(milliseconds: ((days * 24 + parts[0]) * 60 + parts[1]) * 60_000 + parts[2] * 1000)
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
