import SyncCore

/// The lines that wait for whoever writes them, within bounds: what happens when nobody reads.
///
/// | event                     | next                                                                                   |
/// |---------------------------|----------------------------------------------------------------------------------------|
/// | a line comes, there is room | it waits behind the others                                                           |
/// | a line comes, there is none | it is dropped and counted; warnings and errors may use a quarter that others may not |
/// | the writer asks           | it gets the oldest line; first of all, once lines were dropped, what is to be said about that |
///
/// Invariants: the order of lines is kept; neither ``lineLimit`` nor ``byteLimit`` is exceeded; every dropped line is in exactly one
/// count that is said, or that ``dropped`` holds.
struct LogBacklog: Sendable {
    /// Lines that were dropped since that was last said.
    struct Dropped: Equatable, Sendable {
        var count: Int
        /// When the first of them was to be written.
        var since: Instant
    }

    /// A rendered line.
    struct Line: Equatable, Sendable {
        var text: [UInt8]
        /// The entry in the journal's protocol, where the journal is to have it.
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
    /// Where the oldest line is; what is before it was taken.
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
        // The place is kept until many are taken: moving the rest for every line would make a long backlog slow.
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
