/// What a response reports about the quota of calls: how many are left, and when the quota resets.
///
/// Three families of headers are read, each with one value or several (a limit per second and one per day):
/// `X-RateLimit-*` (Intercom, Laravel), `X-Rate-Limit-*`, and the `RateLimit-*` and `RateLimit` of the IETF draft "RateLimit header
/// fields for HTTP" (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/). Both forms of the latter are in use:
/// `limit=100, remaining=0, reset=30` and `"default";r=0;t=30`.
struct QuotaHeaders {
    /// One limit. Nil: absent or not readable.
    struct Limit: Equatable {
        var remaining: Double?
        var reset: RequestedWait?
    }

    let limits: [Limit]

    init(_ headers: [String: String]) {
        var limits: [Limit] = []
        for family in ["x-ratelimit", "x-rate-limit", "ratelimit"] {
            limits += QuotaHeaders.limits(
                remaining: headers["\(family)-remaining"].map(QuotaHeaders.numbers) ?? [],
                resets: headers["\(family)-reset"].map { RequestedWait.all(in: $0).values } ?? [])
        }
        limits += headers["ratelimit"].map(QuotaHeaders.draft) ?? []
        // One family may hold the remaining count, and another one the reset.
        let least = limits.compactMap(\.remaining).min()
        self.limits = limits.map { Limit(remaining: $0.remaining ?? least, reset: $0.reset) }
    }

    private static func numbers(_ text: String) -> [Double?] {
        text.split(separator: ",").map { RequestedWait.number(String($0).trimmed) }
    }

    /// Equal counts are paired by position; otherwise every reset applies as soon as one limit is used up.
    private static func limits(remaining: [Double?], resets: [RequestedWait?]) -> [Limit] {
        if remaining.count == resets.count { return zip(remaining, resets).map { Limit(remaining: $0, reset: $1) } }
        let least = remaining.compactMap { $0 }.min()
        return resets.isEmpty ? [Limit(remaining: least)] : resets.map { Limit(remaining: least, reset: $0) }
    }

    private static func draft(_ text: String) -> [Limit] {
        var limits: [Limit] = []
        var seen: Set<String> = []
        for item in split(text, at: ",") {
            let isItem = split(item, at: ";").count > 1
            var limit = isItem || limits.isEmpty ? Limit() : limits.removeLast()
            if isItem { seen = [] }
            for parameter in split(item, at: ";") {
                let sides = split(parameter, at: "=")
                guard sides.count == 2, let name = Name(rawValue: sides[0].lowercased()) else { continue }
                // The same name again starts another limit.
                if !isItem, !seen.insert(name.meaning).inserted {
                    limits.append(limit)
                    limit = Limit()
                    seen = [name.meaning]
                }
                switch name {
                case .remaining, .r: limit.remaining = RequestedWait.number(sides[1])
                case .reset, .t: limit.reset = RequestedWait.one(sides[1])
                }
            }
            limits.append(limit)
        }
        return limits
    }

    private enum Name: String {
        case remaining, r, reset, t

        var meaning: String { self == .remaining || self == .r ? "remaining" : "reset" }
    }

    /// Ignores separators inside quotation marks.
    private static func split(_ text: String, at separator: Character) -> [String] {
        var parts = [""]
        var isQuoted = false
        for character in text {
            if character == "\"" { isQuoted.toggle() }
            if character == separator, !isQuoted { parts.append("") } else { parts[parts.count - 1].append(character) }
        }
        return parts.map(\.trimmed)
    }
}
