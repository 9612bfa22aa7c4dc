import SyncCore

/// Makes lines of events and puts them where they belong: the journal's socket, or a descriptor.
struct LogOutput: Sendable {
    private let hasPriorityPrefix: Bool
    private let journal: JournalWriter
    private let writeText: @Sendable ([UInt8]) -> Void

    /// - Parameters:
    ///   - hasPriorityPrefix: systemd reads a priority from the beginning of lines when standard output is its journal.
    ///   - writeText: gets whole lines with their line feed.
    init(hasPriorityPrefix: Bool, journal: JournalWriter, writeText: @escaping @Sendable ([UInt8]) -> Void) {
        self.hasPriorityPrefix = hasPriorityPrefix
        self.journal = journal
        self.writeText = writeText
    }

    func render(_ event: LogEvent, at time: Instant, as format: LogFormat) -> LogBacklog.Line {
        let line = LogLine.render(event, at: time, as: format)
        let text = hasPriorityPrefix ? "<\(event.level.priority)>\(line)\n" : "\(line)\n"
        return .init(text: Array(text.utf8), journalEntry: format == .journal ? JournalEntry.datagram(event) : nil)
    }

    /// Blocks while nobody reads.
    func write(_ line: LogBacklog.Line, now: () -> Instant) {
        if let entry = line.journalEntry {
            switch journal.write(entry) {
            case .taken: return
            case .refused(let isFirst): if isFirst { writeText(render(LogOutput.journalUnavailable, at: now(), as: .logfmt).text) }
            }
        }
        writeText(line.text)
    }

    private static let journalUnavailable = LogEvent("log.journal_unavailable", level: .warning)
        .with("path", JournalWriter.systemPath).with("hint", "lines go to standard output; log.format \"logfmt\" does without the journal")
}
