import SyncCore

/// Formats a stored timestamp: ages on a terminal (`4 min ago`), ISO 8601 in a pipe.
enum DisplayedTime {
    /// - Parameter moment: ISO 8601, as stored. A text that is not a timestamp is shown as it is.
    static func text(_ moment: String, now: Instant, relative: Bool = Terminal.outputIsTerminal) -> String {
        guard relative, let instant = Instant(iso8601: moment) else { return moment }
        let seconds = (now - instant).milliseconds / 1000
        if abs(seconds) < 1 { return "now" }
        return seconds > 0 ? "\(span(seconds)) ago" : "in \(span(-seconds))"
    }

    static func text(_ moment: Instant, now: Instant, relative: Bool = Terminal.outputIsTerminal) -> String {
        text(moment.iso8601, now: now, relative: relative)
    }

    /// The time since when something has lasted: `for 4 min` for people, `since 2026-…` for programs.
    static func since(_ moment: String, now: Instant, relative: Bool = Terminal.outputIsTerminal) -> String {
        guard relative, let instant = Instant(iso8601: moment) else { return "since \(moment)" }
        return "for \(span(max((now - instant).milliseconds / 1000, 0)))"
    }

    /// The time until when something lasts: `for 14 s` for people, `until 2026-…` for programs.
    static func until(_ moment: Instant, now: Instant, relative: Bool = Terminal.outputIsTerminal) -> String {
        relative ? "for \(span(max((moment - now).milliseconds / 1000, 0)))" : "until \(moment.iso8601)"
    }

    /// A duration in a single unit: `12 s`, `4 min`, `3 h`, `9 d`.
    private static func span(_ seconds: Int64) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h"
        default: "\(seconds / 86_400) d"
        }
    }
}
