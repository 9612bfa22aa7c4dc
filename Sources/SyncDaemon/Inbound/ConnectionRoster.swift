/// Which open connections have brought a verified call, and which one has to make room when there are too many.
///
/// Anybody who reaches the address can open connections and send nothing, or something very slowly. Where that uses up the room, the
/// oldest connection without a verified call is closed: calls of those who know a secret take milliseconds.
///
/// | event                                   | next                                                    |
/// |-----------------------------------------|---------------------------------------------------------|
/// | opened, and there is room               | it counts                                               |
/// | opened, and there is none               | the oldest other one without a verified call is closed  |
/// | opened, and all others are proven       | it waits beyond the room; the server accepts no more    |
/// | a call on it was verified               | it is proven, and stays for as long as it likes         |
struct ConnectionRoster<Connection: Hashable & Sendable>: Sendable {
    private let room: Int
    private var proven: Set<Connection> = []
    /// The oldest first.
    private var unproven: [Connection] = []

    init(room: Int) {
        self.room = room
    }

    /// - Returns: the connection to close.
    mutating func opened(_ connection: Connection) -> Connection? {
        unproven.append(connection)
        guard proven.count + unproven.count > room, unproven.count > 1 else { return nil }
        return unproven.removeFirst()
    }

    mutating func verified(_ connection: Connection) {
        guard let index = unproven.firstIndex(of: connection) else { return }
        unproven.remove(at: index)
        proven.insert(connection)
    }

    mutating func closed(_ connection: Connection) {
        proven.remove(connection)
        unproven.removeAll { $0 == connection }
    }
}
