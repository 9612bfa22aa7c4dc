import SyncCore

/// Everything that happened in a simulation: a hash over every line, and the last lines to examine a failed one.
struct Trace {
    private static let keptLines = 400

    /// Whether every line is printed.
    let isPrinted: Bool
    /// FNV-1a, 64 bit (http://www.isthe.com/chongo/tech/comp/fnv/).
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var count = 0
    private var lines: [String] = []

    init(isPrinted: Bool) {
        self.isPrinted = isPrinted
    }

    mutating func note(_ line: String, at uptime: Duration) {
        let line = "\(uptime.milliseconds) \(line)"
        if isPrinted { print(line) }
        for byte in line.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        count += 1
        lines.append(line)
        if lines.count > 2 * Trace.keptLines { lines.removeFirst(Trace.keptLines) }
    }

    /// The last lines, those about a conversation or a remote where one is named.
    func tail(_ count: Int, about text: String? = nil) -> String {
        lines.filter { line in text.map { line.contains($0) } ?? true }.suffix(count).joined(separator: "\n")
    }
}
