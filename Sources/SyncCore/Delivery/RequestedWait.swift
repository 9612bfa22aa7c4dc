/// One value of a header that says when to come back, in the forms that servers send.
///
/// | text                                            | read as                                   |
/// |-------------------------------------------------|-------------------------------------------|
/// | `120`, `0.5`, `1.5e3`                           | seconds from now                          |
/// | `1732650000`, `1732650000.5`                    | Unix seconds, from 1,000,000,000 on       |
/// | `1732650000000` and with 16 or 19 digits        | Unix milliseconds, micro- or nanoseconds  |
/// | `30s`, `2 minutes`, `1500ms`, `1m30s`           | a span from now                           |
/// | `Wed, 21 Oct 2015 07:28:00 GMT`, and RFC 9110's other two forms | a date                    |
/// | `2015-10-21T07:28:00Z`, also with a fraction, an offset or a space for the T | a date       |
enum RequestedWait: Equatable {
    /// Milliseconds from now. Negative: in the past.
    case span(Double)
    /// Milliseconds since 1970, by the remote's clock.
    case date(Double)

    /// All values of a header whose lines were joined by commas. HTTP-dates contain a comma themselves.
    /// - Returns: the values that can be read, and how many cannot.
    static func all(in text: String) -> (values: [RequestedWait?], unreadable: Int) {
        let pieces = text.split(separator: ",", omittingEmptySubsequences: true).map { String($0).trimmed }.filter { !$0.isEmpty }
        var values: [RequestedWait?] = []
        var index = 0
        while index < pieces.count {
            if let value = one(pieces[index]) {
                values.append(value)
            } else if index + 1 < pieces.count, let date = HTTPDate.parse("\(pieces[index]), \(pieces[index + 1])") {
                values.append(.date(Double(date.milliseconds)))
                index += 1
            } else {
                values.append(nil)
            }
            index += 1
        }
        return (values, values.count { $0 == nil })
    }

    /// A value without a comma in it.
    static func one(_ text: String) -> RequestedWait? {
        if let number = number(text) { return wait(of: number) }
        if let date = HTTPDate.parse(text) ?? isoDate(text) { return .date(Double(date.milliseconds)) }
        return span(text).map(RequestedWait.span)
    }

    /// A decimal number; nil for `nan`, `inf`, hexadecimal and whatever else `Double` reads.
    static func number(_ text: String) -> Double? {
        guard text.first != "e", text.allSatisfy({ $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }) else { return nil }
        guard let number = Double(text), number.isFinite else { return nil }
        return number
    }

    /// A small number cannot be a date, and a date in milliseconds cannot be one in seconds. Numbers beyond nanoseconds are rejected.
    private static func wait(of number: Double) -> RequestedWait? {
        switch number {
        case ..<1e9: .span(number * 1000)
        case ..<1e11: .date(number * 1000)
        case ..<1e14: .date(number)
        case ..<1e17: .date(number / 1e3)
        case ..<1e20: .date(number / 1e6)
        default: nil
        }
    }

    private static let units: [(names: Set<String>, milliseconds: Double)] = [
        (["ms", "msec", "msecs", "millisecond", "milliseconds"], 1), (["s", "sec", "secs", "second", "seconds"], 1000),
        (["m", "min", "mins", "minute", "minutes"], 60_000), (["h", "hr", "hrs", "hour", "hours"], 3_600_000),
        (["d", "day", "days"], 86_400_000),
    ]

    /// Numbers, each with a unit, with or without spaces between.
    private static func span(_ text: String) -> Double? {
        var rest = Substring(text)
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let number = number(String(digits)) else { return nil }
            rest = rest.dropFirst(digits.count).drop { $0 == " " }
            let letters = rest.prefix { $0.isASCII && $0.isLetter }
            guard let unit = units.first(where: { $0.names.contains(letters.lowercased()) }) else { return nil }
            rest = rest.dropFirst(letters.count).drop { $0 == " " }
            total += number * unit.milliseconds
        }
        return text.isEmpty ? nil : total
    }

    /// ISO 8601 (RFC 3339 section 5.6) in the forms that servers write; UTC if there is no offset.
    private static func isoDate(_ text: String) -> Instant? {
        let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "T" || $0 == "t" || $0 == " " }
        let day = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard day.count == 3, day[0].count == 4, let year = digits(day[0]), let month = digits(day[1]), let number = digits(day[2]),
            let date = CalendarDate(year: year, month: month, day: number)
        else { return nil }
        guard parts.count == 2 else { return date.at(hour: 0, minute: 0, second: 0) }
        let (clock, offset) = splitOffset(parts[1])
        guard let offset else { return nil }
        let fields = clock.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 2 || fields.count == 3, let hour = digits(fields[0]), let minute = digits(fields[1]) else { return nil }
        let seconds = fields.count == 3 ? fields[2].split(separator: ".", omittingEmptySubsequences: false) : ["0"]
        guard let second = digits(seconds[0]), seconds.count < 3 else { return nil }
        var millisecond: Int64 = 0
        if seconds.count == 2 {
            guard digits(seconds[1].prefix(3)) != nil, seconds[1].allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
            millisecond = digits((seconds[1] + "00").prefix(3)) ?? 0
        }
        return date.at(hour: hour, minute: minute, second: second, millisecond: millisecond).map { $0 - offset }
    }

    /// The time of day and its offset from UTC; the offset is nil if it cannot be read.
    private static func splitOffset(_ text: Substring) -> (clock: Substring, offset: Duration?) {
        for zone in ["Z", "z", " UTC", " GMT", "UTC", "GMT"] where text.hasSuffix(zone) { return (text.dropLast(zone.count), .zero) }
        guard let sign = text.lastIndex(where: { $0 == "+" || $0 == "-" }) else { return (text, .zero) }
        let digitsOnly = text[text.index(after: sign)...].filter { $0 != ":" }
        guard let value = digits(digitsOnly), digitsOnly.count == 2 || digitsOnly.count == 4 else { return (text[..<sign], nil) }
        let minutes = digitsOnly.count == 2 ? value * 60 : value / 100 * 60 + value % 100
        return (text[..<sign], .minutes(text[sign] == "+" ? minutes : -minutes))
    }

    private static func digits(_ text: some StringProtocol) -> Int64? {
        text.isEmpty || text.count > 9 || !text.allSatisfy({ $0.isASCII && $0.isNumber }) ? nil : Int64(text)
    }
}

extension String {
    var trimmed: String {
        String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
