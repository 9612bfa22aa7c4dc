import SyncCore

/// Why a webhook call was not taken, as the log says it.
enum RejectionReason: String, Sendable, Hashable {
    case unknownPath = "unknown_path"
    case method
    case tooLarge = "too_large"
    case rate
    /// The call broke off, or was not here in time.
    case incomplete
    case unsigned
    case wrongSignature = "wrong_signature"
    case unreadable
    case database
}

/// Counts refused calls, so that somebody who calls a thousand times a second does not write the log: the first of a remote and reason
/// is a line at once, those that follow within a minute are one line together.
struct RejectionTally: Sendable {
    static let window = Duration.minutes(1)

    struct Key: Hashable, Sendable {
        /// Nil: the path leads to no remote.
        var remote: String?
        var reason: RejectionReason
    }

    struct Line: Equatable, Sendable {
        var key: Key
        var count: Int
        /// What was wrong with the last one.
        var detail: String?
    }

    private struct Entry: Sendable {
        var writtenAt: Instant
        var count = 0
        var detail: String?
    }

    private var entries: [Key: Entry] = [:]

    /// - Returns: the line to write now, if any.
    mutating func note(_ key: Key, detail: String?, now: Instant) -> Line? {
        var entry = entries[key] ?? Entry(writtenAt: now - RejectionTally.window)
        entry.count += 1
        entry.detail = detail
        defer { entries[key] = entry }
        // A clock that was set back must not keep lines from being written for longer than the window.
        let age = now - entry.writtenAt
        guard age >= RejectionTally.window || age < .zero else { return nil }
        defer { entry = Entry(writtenAt: now) }
        return Line(key: key, count: entry.count, detail: detail)
    }

    /// Whether calls were counted that no line tells of yet.
    var hasUnwritten: Bool { entries.values.contains { $0.count > 0 } }

    /// What was counted without a line, in a stable order.
    mutating func collect(now: Instant) -> [Line] {
        let unwritten = entries.filter { $0.value.count > 0 }
        for key in unwritten.keys { entries[key] = Entry(writtenAt: now) }
        return unwritten.map { Line(key: $0.key, count: $0.value.count, detail: $0.value.detail) }
            .sorted { ($0.key.remote ?? "", $0.key.reason.rawValue) < ($1.key.remote ?? "", $1.key.reason.rawValue) }
    }
}
