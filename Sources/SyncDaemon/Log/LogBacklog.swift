import SyncCore

/// The lines waiting to be written, up to a limit. Defines what happens when the log is not read.
///
/// | event                            | effect                                                                                       |
/// |----------------------------------|----------------------------------------------------------------------------------------------|
/// | a line is added, below the limit | it waits behind the others                                                                   |
/// | a line is added, limit reached   | it is dropped and counted; the last quarter of the limit is reserved for warnings and errors |
/// | the writer requests a line       | it gets the oldest one; if lines were dropped, first their count                             |
///
/// Invariants: the order of lines is kept; neither ``lineLimit`` nor ``byteLimit`` is exceeded; every dropped line is in exactly one count, which has
/// been written or is in ``dropped``.
struct LogBacklog: Sendable {
    /// Lines dropped since the last count was written.
    struct Dropped: Equatable, Sendable {
        var count: Int
        /// When the first of them was added.
        var since: Instant
    }

    /// A rendered line.
    struct Line: Equatable, Sendable {
        var text: [UInt8]
        /// The entry in the journal's protocol, if it is to be sent to the journal.
        var journalEntry: [UInt8]?

        var size: Int { text.count + (journalEntry?.count ?? 0) }
    }

    enum Next: Equatable, Sendable {
        case line(Line)
        case dropped(Dropped)
    }

    static let lineLimit = 20_000
    /// In bytes.
    static let byteLimit = 8 << 20
    private static let ordinaryShare = (of: 4, parts: 3)

    private let lineLimit: Int
    private let byteLimit: Int
    private var lines: [Line] = []
    /// The index of the oldest line; those before it have been taken.
    private var first = 0
    private var size = 0
    private(set) var dropped: Dropped?

    init(lineLimit: Int = LogBacklog.lineLimit, byteLimit: Int = LogBacklog.byteLimit) {
        self.lineLimit = lineLimit
        self.byteLimit = byteLimit
    }

    var count: Int { lines.count - first }
    var isEmpty: Bool { count == 0 && dropped == nil }

    /// - Parameter isImportant: whether the line is a warning or an error.
    mutating func append(_ line: Line, isImportant: Bool, now: Instant) {
        let (lineRoom, byteRoom) = isImportant ? (lineLimit, byteLimit) : (LogBacklog.share(of: lineLimit), LogBacklog.share(of: byteLimit))
        guard count < lineRoom, size + line.size <= byteRoom else {
            dropped = Dropped(count: (dropped?.count ?? 0) + 1, since: dropped?.since ?? now)
            return
        }
        lines.append(line)
        size += line.size
    }

    mutating func next() -> Next? {
        if let dropped {
            self.dropped = nil
            return .dropped(dropped)
        }
        guard first < lines.count else { return nil }
        let line = lines[first]
        // Taken lines are removed in blocks: moving the rest for every line would be slow with a long backlog.
        lines[first] = Line(text: [], journalEntry: nil)
        first += 1
        size -= line.size
        if first == lines.count || first >= 1024 {
            lines.removeFirst(first)
            first = 0
        }
        return .line(line)
    }

    private static func share(of limit: Int) -> Int { limit / ordinaryShare.of * ordinaryShare.parts }
}
