/// Tracks which open connections have made a verified call, and which one to close when there are too many.
///
/// Anyone who can reach the address can open connections and send nothing, or send very slowly. When that uses up the limit, the oldest connection
/// without a verified call is closed: calls of senders who know a secret take milliseconds.
///
/// | event                                   | action                                                        |
/// |-----------------------------------------|---------------------------------------------------------------|
/// | opened, below the limit                 | none                                                          |
/// | opened, limit reached                   | the oldest other one without a verified call is closed        |
/// | opened, limit reached, others verified  | it stays open above the limit; the server accepts no more     |
/// | a call on it was verified               | it is not closed to make room any more                        |
struct ConnectionRoster<Connection: Hashable & Sendable>: Sendable {
    private let room: Int
    private var proven: Set<Connection> = []
    /// Oldest first.
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
