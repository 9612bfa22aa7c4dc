import SyncCore

/// Limits repeated log lines: of identical failures of a remote the first few are written in full, the rest become one summary line.
///
/// | event                                              | decision                                                     |
/// |----------------------------------------------------|--------------------------------------------------------------|
/// | a failure of a kind not seen within the window     | write it; a window begins                                    |
/// | the next ones, up to the limit                     | write them                                                   |
/// | any more of them                                   | count them                                                   |
/// | the window is over                                 | one summary, if anything was counted                         |
///
/// Only log lines are reduced: every attempt is in `outbox_attempts`, and final changes of a row's state (dead, uncertain) are not passed
/// through this counter.
struct RepeatCounter: Equatable, Sendable {
    /// Failures that are treated as identical.
    struct Kind: Hashable, Sendable {
        var remote: String
        var outcome: String
        var status: Int?
        /// Without the parts that differ from call to call: words that contain digits (ids, timestamps, durations) become `#`.
        var error: String

        init(remote: String, outcome: String, status: Int?, error: String?) {
            self.remote = remote
            self.outcome = outcome
            self.status = status
            self.error = Kind.general(error ?? "")
        }

        private static func general(_ text: String) -> String {
            text.split(separator: " ", omittingEmptySubsequences: false).map { word in
                word.utf8.contains { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? "#" : String(word)
            }.joined(separator: " ")
        }
    }

    /// What was counted instead of written.
    struct Summary: Equatable, Sendable {
        var kind: Kind
        /// The error of the last one, unchanged.
        var error: String?
        var repeats: Int
        var since: Instant
    }

    private struct Count: Equatable {
        var since: Instant
        var written: Int
        var repeats = 0
        var error: String?
    }

    static let window = Duration.minutes(1)
    /// The number of kinds that are counted separately; failures beyond it are counted together per remote and outcome.
    static let kindLimit = 200

    /// How many of a kind are written in one window.
    private let limit: Int
    private var counts: [Kind: Count] = [:]

    init(limit: Int) {
        self.limit = max(limit, 1)
    }

    /// - Returns: whether the failure is to be written (otherwise it was counted), and the summary of an earlier window that is over.
    mutating func take(_ kind: Kind, error: String?, now: Instant) -> (isWritten: Bool, summary: Summary?) {
        var kind = kind
        if counts[kind] == nil, counts.count >= RepeatCounter.kindLimit { kind.error = "…" }
        guard var count = counts[kind], isOpen(count, now: now) else {
            let summary = counts[kind].flatMap { RepeatCounter.summary(of: kind, $0) }
            counts[kind] = Count(since: now, written: 1)
            return (true, summary)
        }
        defer { counts[kind] = count }
        if count.written < limit {
            count.written += 1
            return (true, nil)
        }
        count.repeats += 1
        count.error = error
        return (false, nil)
    }

    private static func summary(of kind: Kind, _ count: Count) -> Summary? {
        count.repeats == 0 ? nil : Summary(kind: kind, error: count.error, repeats: count.repeats, since: count.since)
    }

    private func isOpen(_ count: Count, now: Instant) -> Bool {
        now >= count.since && now - count.since < RepeatCounter.window
    }

    /// The summaries of windows that are over, or of all windows; they are removed.
    mutating func takeSummaries(now: Instant, all: Bool = false) -> [Summary] {
        var summaries: [Summary] = []
        for (kind, count) in counts where all || !isOpen(count, now: now) {
            counts[kind] = nil
            if let summary = RepeatCounter.summary(of: kind, count) { summaries.append(summary) }
        }
        return summaries.sorted { ($0.since, $0.kind.remote, $0.kind.error) < ($1.since, $1.kind.remote, $1.kind.error) }
    }
}
