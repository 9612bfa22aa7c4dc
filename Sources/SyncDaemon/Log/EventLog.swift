import FoundationEssentials
import Glibc
import SyncCore
import SyncSystem
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
    /// The native protocol of the journal, which keeps the fields.
    case journal
}

/// One line of the log: a stable name and ordered fields (docs/log-events.md).
package struct LogEvent: Sendable, Equatable {
    package enum Value: Sendable, Equatable {
        case text(String)
        case number(Int64)
        case flag(Bool)
    }

    /// In bytes. Ids and texts come from the tables of the application and from remotes, which limit nothing.
    package static let longestValue = 8192

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

    /// A copy with one more field; nil values are left out. A text is truncated to ``longestValue``.
    package func with(_ key: String, _ text: String?) -> LogEvent {
        adding(key, text.map { .text($0.truncated(toBytes: LogEvent.longestValue)) })
    }
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

/// Writes events in order, one per line. A caller never waits for the log's reader (``LogWriter``).
package final class EventLog: Sendable {
    private enum Sink {
        case queued(LogWriter)
        /// Written within the call, one at a time.
        case direct
    }

    private final class Settings: Sendable {
        let value: Mutex<Configuration.Log>
        init(_ settings: Configuration.Log) { value = Mutex(settings) }
    }

    private let settings: Settings
    private let output: Mutex<LogOutput>
    private let render: @Sendable (LogEvent, Instant, LogFormat) -> LogBacklog.Line
    private let now: @Sendable () -> Instant
    private let sink: Sink

    /// A log on standard output, or on another descriptor. Lines that are not read in time are dropped and counted.
    /// - Parameter hasPriorityPrefix: nil if the descriptor decides: lines that go to the journal have one.
    package init(
        _ settings: Configuration.Log, hasPriorityPrefix: Bool? = nil, journal: JournalWriter = JournalWriter(),
        descriptor: Int32 = STDOUT_FILENO, now: @escaping @Sendable () -> Instant = SystemClock.now
    ) {
        let hasPrefix = hasPriorityPrefix ?? EventLog.isJournal(descriptor)
        let output = LogOutput(hasPriorityPrefix: hasPrefix, journal: journal) { StandardOutput.write($0, to: descriptor) }
        let shared = Settings(settings)
        self.settings = shared
        self.output = Mutex(output)
        self.now = now
        render = { output.render($0, at: $1, as: $2) }
        sink = .queued(
            LogWriter { next in
                switch next {
                case .line(let line): output.write(line, now: now)
                case .dropped(let dropped):
                    let format = shared.value.withLock { $0.format }
                    output.write(output.render(EventLog.event(dropped), at: now(), as: format), now: now)
                }
            })
    }

    /// A log whose reader never stalls.
    /// - Parameter output: receives every line, without its line feed, before ``write(_:)`` returns.
    package init(
        _ settings: Configuration.Log, hasPriorityPrefix: Bool = false, journal: JournalWriter = JournalWriter(),
        now: @escaping @Sendable () -> Instant = SystemClock.now, output: @escaping @Sendable (String) -> Void
    ) {
        let lines = LogOutput(hasPriorityPrefix: hasPriorityPrefix, journal: journal) {
            output(String(decoding: $0.dropLast(), as: UTF8.self))
        }
        self.settings = Settings(settings)
        self.output = Mutex(lines)
        self.now = now
        render = { lines.render($0, at: $1, as: $2) }
        sink = .direct
    }

    package func configure(_ settings: Configuration.Log) {
        self.settings.value.withLock { $0 = settings }
    }

    package func write(_ event: LogEvent) {
        let settings = settings.value.withLock { $0 }
        guard event.level >= settings.level else { return }
        // Successful calls are logged only with `deliveries = "all"`.
        if settings.deliveries == .failures, event.name == "delivery.attempted", event.level == .info { return }
        switch sink {
        case .queued(let writer):
            writer.append(isImportant: event.level >= .warning, now: now) { render(event, $0, settings.format) }
        case .direct:
            output.withLock { $0.write(render(event, now(), settings.format), now: now) }
        }
    }

    /// Writes waiting lines before the process ends. Lines that are not written within `bound`, or whose reader makes no progress for `stall`, are
    /// lost.
    package func flush(within bound: Duration, stall: Duration) async {
        if case .queued(let writer) = sink { await writer.flush(within: bound, stall: stall) }
    }

    private static func event(_ dropped: LogBacklog.Dropped) -> LogEvent {
        LogEvent("log.dropped", level: .warning).with("count", dropped.count).with("since", dropped.since.iso8601)
    }

    /// Whether the descriptor is connected to the journal (systemd.exec(5), JOURNAL_STREAM).
    package static func isJournal(_ descriptor: Int32) -> Bool {
        guard let stream = ProcessInfo.processInfo.environment["JOURNAL_STREAM"] else { return false }
        let parts = stream.split(separator: ":").map { UInt64($0) }
        guard parts.count == 2, let device = parts[0], let inode = parts[1] else { return false }
        do {
            return try FileStatus(ofDescriptor: descriptor).identity == FileIdentity(device: device, inode: inode)
        } catch {
            // A closed descriptor is not connected to anything.
            return false
        }
    }
}
