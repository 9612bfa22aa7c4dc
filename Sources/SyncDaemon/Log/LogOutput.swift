import SyncCore

/// Renders events as lines and writes them to the journal's socket or to a descriptor.
struct LogOutput: Sendable {
    private let hasPriorityPrefix: Bool
    private let journal: JournalWriter
    private let writeText: @Sendable ([UInt8]) -> Void

    /// - Parameters:
    ///   - hasPriorityPrefix: whether lines begin with a priority, which systemd reads where lines go to its journal.
    ///   - writeText: receives whole lines with their line feed.
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

    /// Blocks until the line has been accepted.
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
