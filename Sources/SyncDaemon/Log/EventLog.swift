import Foundation
import SyncCore
import Synchronization

package enum LogLevel: String, CaseIterable, Sendable, Comparable {
    case debug, info, notice, warning, error

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rank < right.rank }
    private var rank: Int { LogLevel.allCases.firstIndex(of: self) ?? 0 }

    /// The syslog priority (RFC 5424 section 6.2.1) that systemd reads from a `<N>` prefix.
    package var priority: Int {
        switch self {
        case .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        }
    }
}

package enum LogFormat: String, CaseIterable, Sendable {
    case logfmt, json
    /// The journal's native protocol, fields and all.
    case journal
}

/// One line of the log: a stable name and ordered fields (docs/log-events.md).
package struct LogEvent: Sendable, Equatable {
    package enum Value: Sendable, Equatable {
        case text(String)
        case number(Int64)
        case flag(Bool)
    }

    package var name: String
    package var level: LogLevel
    package var fields: [(key: String, value: Value)]

    package init(_ name: String, level: LogLevel = .info) {
        self.name = name
        self.level = level
        fields = []
    }

    package static func == (left: LogEvent, right: LogEvent) -> Bool {
        left.name == right.name && left.level == right.level && left.fields.elementsEqual(right.fields) { $0 == $1 }
    }

    /// A copy with one more field; nil values are left out.
    package func with(_ key: String, _ text: String?) -> LogEvent { adding(key, text.map(Value.text)) }
    package func with(_ key: String, _ number: Int64?) -> LogEvent { adding(key, number.map(Value.number)) }
    package func with(_ key: String, _ number: Int?) -> LogEvent { adding(key, number.map { .number(Int64($0)) }) }
    package func with(_ key: String, _ flag: Bool) -> LogEvent { adding(key, .flag(flag)) }

    private func adding(_ key: String, _ value: Value?) -> LogEvent {
        guard let value else { return self }
        var copy = self
        copy.fields.append((key, value))
        return copy
    }
}

/// Writes events to standard output, one a line, in the order in which they happen.
package final class EventLog: Sendable {
    private let settings: Mutex<Configuration.Log>
    private let output: Mutex<@Sendable (String) -> Void>
    private let now: @Sendable () -> Instant
    /// systemd reads a priority from the beginning of lines when standard output is its journal.
    private let hasPriorityPrefix: Bool
    private let journal: JournalWriter

    package init(
        _ settings: Configuration.Log, hasPriorityPrefix: Bool = EventLog.writesToJournal, journal: JournalWriter = JournalWriter(),
        now: @escaping @Sendable () -> Instant = SystemClock.now,
        output: @escaping @Sendable (String) -> Void = EventLog.standardOutput
    ) {
        self.settings = Mutex(settings)
        self.hasPriorityPrefix = hasPriorityPrefix
        self.journal = journal
        self.now = now
        self.output = Mutex(output)
    }

    package func configure(_ settings: Configuration.Log) {
        self.settings.withLock { $0 = settings }
    }

    package func write(_ event: LogEvent) {
        let settings = settings.withLock { $0 }
        guard event.level >= settings.level else { return }
        // A call that went well is of interest to those who asked for all of them.
        if settings.deliveries == .failures, event.name == "delivery.attempted", event.level == .info { return }
        output.withLock { write in
            if settings.format == .journal {
                switch journal.write(event) {
                case .taken: return
                case .refused(let isFirst): if isFirst { write(line(EventLog.journalUnavailable, .journal)) }
                }
            }
            write(line(event, settings.format))
        }
    }

    private static let journalUnavailable = LogEvent("log.journal_unavailable", level: .warning)
        .with("path", JournalWriter.systemPath).with("hint", "lines go to standard output; log.format \"logfmt\" does without the journal")

    private func line(_ event: LogEvent, _ format: LogFormat) -> String {
        let line = LogLine.render(event, at: now(), as: format)
        return hasPriorityPrefix ? "<\(event.level.priority)>\(line)" : line
    }

    package static let standardOutput: @Sendable (String) -> Void = { line in
        // One write a line: lines of several processes on one pipe do not mix. A reader that went away is no reason to stop.
        let bytes = Array((line + "\n").utf8)
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
            if written <= 0 {
                if errno == EINTR { continue }
                return
            }
            rest = rest.dropFirst(written)
        }
    }

    /// Whether standard output is connected to the journal (systemd.exec(5), JOURNAL_STREAM).
    package static var writesToJournal: Bool {
        guard let stream = ProcessInfo.processInfo.environment["JOURNAL_STREAM"] else { return false }
        let parts = stream.split(separator: ":").map { UInt64($0) }
        var status = stat()
        guard parts.count == 2, fstat(1, &status) == 0 else { return false }
        return parts[0] == UInt64(status.st_dev) && parts[1] == UInt64(status.st_ino)
    }
}
