import SyncCore

/// `Retry-After`, the quota's headers and dates.
///
/// Each line of an input is a header, `x-ratelimit-reset: 30`; a line that names none of the known ones is a `Retry-After`. Several lines of
/// one header are joined as HTTP joins them (RFC 9110 section 5.3).
enum WaitPromises {
    private static let names = [
        "retry-after", "date", "ratelimit", "ratelimit-remaining", "ratelimit-reset", "x-ratelimit-remaining", "x-ratelimit-reset",
        "x-rate-limit-remaining", "x-rate-limit-reset",
    ]
    /// 2026-01-31T09:30:00Z.
    static let now = Instant(milliseconds: 1_769_851_800_000)

    @Sendable static func check(_ bytes: [UInt8]) throws(BrokenPromise) -> FuzzTarget.Reading {
        let headers = headers(bytes)
        for value in headers.values { try checkDate(value) }
        let hints = try checkHints(headers)
        return hints.isDeliberate || hints.notBefore != nil || hints.quotaResetsAt != nil ? .accepted : .refused
    }

    private static func headers(_ bytes: [UInt8]) -> [String: String] {
        var headers: [String: String] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let text = String(decoding: line, as: UTF8.self)
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            let isNamed = parts.count == 2 && names.contains(parts[0])
            let (name, value) = isNamed ? (parts[0], parts[1]) : ("retry-after", text)
            headers[name] = headers[name].map { "\($0), \(value)" } ?? value
        }
        return headers
    }

    @discardableResult
    private static func checkHints(_ headers: [String: String]) throws(BrokenPromise) -> RetryHints {
        let caps: [Duration] = [.minutes(1), .hours(6), .days(365)]
        let all = caps.map { RetryHints(headers: headers, now: now, cap: $0) }
        for (cap, hints) in zip(caps, all) {
            for (name, time) in [("notBefore", hints.notBefore), ("quotaResetsAt", hints.quotaResetsAt)] {
                guard let time else { continue }
                try BrokenPromise.unless(time > now && time <= now + cap, "\(name) lies in the next \(cap.notation): \(time.iso8601)")
            }
            try BrokenPromise.unless(
                !hints.isDeliberate || headers["retry-after"] != nil, "only a Retry-After tells that a refusal is deliberate")
            try TextPromises.checkLine(hints.note, "the note", limit: 160)
            try BrokenPromise.unless(hints.note?.utf8.allSatisfy { $0 < 0x7F } ?? true, "the note is our own: \(hints.note ?? "")")
        }
        // A shorter cap cuts a longer wait, and changes nothing else.
        for (cap, hints) in zip(caps, all) {
            guard let longest = all.last else { continue }
            try BrokenPromise.unless(hints.notBefore == longest.notBefore.map { min($0, now + cap) }, "the cap \(cap.notation) only cuts")
            try BrokenPromise.unless(
                hints.quotaResetsAt == longest.quotaResetsAt.map { min($0, now + cap) },
                "the cap \(cap.notation) only cuts the quota's wait")
            try BrokenPromise.unless(hints.isDeliberate == longest.isDeliberate, "the cap does not decide whether a refusal is deliberate")
        }
        if headers["date"] == nil {
            let dated = headers.merging(["date": fixedDate(now)]) { $1 }
            let same = RetryHints(headers: dated, now: now, cap: caps[0])
            try BrokenPromise.unless(same == all[0], "the date of the same clock changes nothing")
        }
        return all[0]
    }

    /// A date that is read is a time of the years 1 to 9999, and its IMF-fixdate is read as the same time.
    private static func checkDate(_ text: String) throws(BrokenPromise) {
        guard let date = HTTPDate.parse(text) else { return }
        // 0001-01-01 to 9999-12-31T23:59:60.
        try BrokenPromise.unless((-62_135_596_800_000...253_402_300_800_000).contains(date.milliseconds), "\(text) is a time")
        try BrokenPromise.unless(date.milliseconds.isMultiple(of: 1000), "\(text) has whole seconds")
        let fixed = fixedDate(date)
        // Outside of these years, other calendars than the proleptic Gregorian one may count.
        guard (-11_676_096_000_000..<253_402_300_800_000).contains(date.milliseconds) else { return }
        try BrokenPromise.unless(HTTPDate.parse(fixed) == date, "\(text) is the same time as \(fixed)")
    }

    /// IMF-fixdate (RFC 9110 section 5.6.7), from the ISO 8601 form of Foundation's calendar.
    private static func fixedDate(_ instant: Instant) -> String {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let text = Array(instant.iso8601)
        let month = Int(String(text[5..<7])) ?? 1
        return "Day, \(String(text[8..<10])) \(months[month - 1]) \(String(text[..<4])) \(String(text[11..<19])) GMT"
    }
}
