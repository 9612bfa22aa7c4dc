import SyncCore

/// Everything that happens in a simulation, line by line.
package struct Trace {
    /// What becomes of the lines.
    package enum Detail: Sendable {
        /// None is made; a simulation is fastest.
        case none
        /// They are kept as a hash.
        case hashed
        /// What happens outside of the service, and its calls, are kept as sentences.
        case story
        /// Every line is printed.
        case printed
    }

    /// Who a line is for.
    enum Audience {
        case developers
        case everybody
    }

    let detail: Detail
    private(set) var story: [String] = []
    /// FNV-1a, 64 bit (http://www.isthe.com/chongo/tech/comp/fnv/).
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325

    init(_ detail: Detail) {
        self.detail = detail
    }

    var isKept: Bool { detail != .none }

    mutating func note(_ line: () -> String, for audience: Audience, at uptime: Duration) {
        guard isKept else { return }
        let line = "\(uptime.milliseconds) \(line())"
        if detail == .printed { print(line) }
        if detail == .story, audience == .everybody { story.append(line) }
        for byte in line.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    }
}
