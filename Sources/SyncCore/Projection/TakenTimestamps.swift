/// The milliseconds that are already used as timestamps by messages of a conversation.
///
/// Timestamps are compared as points in time: `…00Z`, `…00.000Z` and `…00.0004Z` are the same millisecond to a remote that recognises
/// repetitions by it.
package struct TakenTimestamps: Equatable, Sendable {
    private var ranges: [ClosedRange<Int64>]

    package init() {
        ranges = []
    }

    /// - Parameter range: milliseconds since 1970, all of which are taken.
    package init(range: ClosedRange<Int64>) {
        ranges = [range]
    }

    /// - Parameter texts: ISO 8601; a text that cannot be read is ignored.
    package init(_ texts: some Sequence<String>) {
        ranges = texts.compactMap { Instant(iso8601: $0)?.milliseconds }.map { $0...$0 }
    }

    /// How many milliseconds are taken.
    package var count: Int { ranges.reduce(0) { $0 + $1.count } }

    /// The text itself, unchanged, if its millisecond is free; otherwise the next free millisecond. Nil if there is none until the end of the year
    /// 9999: an earlier one would put the message before others.
    package func free(_ timestamp: String) -> String? {
        guard let instant = Instant(iso8601: timestamp) else { return timestamp }
        var candidate = instant.milliseconds
        while let range = ranges.first(where: { $0.contains(candidate) }) { candidate = range.upperBound + 1 }
        if candidate == instant.milliseconds { return timestamp }
        return Instant.writable.contains(candidate) ? Instant(milliseconds: candidate).iso8601 : nil
    }
}
