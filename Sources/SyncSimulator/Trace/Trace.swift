import SyncCore

/// Everything that happened in a simulation, as a hash over every line.
struct Trace {
    /// Whether every line is printed.
    let isPrinted: Bool
    /// FNV-1a, 64 bit (http://www.isthe.com/chongo/tech/comp/fnv/).
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325

    init(isPrinted: Bool) {
        self.isPrinted = isPrinted
    }

    mutating func note(_ line: String, at uptime: Duration) {
        let line = "\(uptime.milliseconds) \(line)"
        if isPrinted { print(line) }
        for byte in line.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    }
}
