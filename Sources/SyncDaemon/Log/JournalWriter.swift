import Synchronization

/// Sends entries to the journal's socket. A journal that is not there or does not take an entry is reported once; its lines go to
/// standard output until it takes one again.
package final class JournalWriter: Sendable {
    package static let systemPath = "/run/systemd/journal/socket"

    private struct State {
        var socket: DatagramSocket?
        var hasFailed = false
    }

    package enum Result: Equatable, Sendable {
        case taken
        case refused(isFirst: Bool)
    }

    private let path: String
    private let state = Mutex(State())

    package init(path: String = JournalWriter.systemPath) {
        self.path = path
    }

    func write(_ event: LogEvent) -> Result {
        state.withLock { state in
            if state.socket == nil { state.socket = DatagramSocket(path: path) }
            if let socket = state.socket, socket.send(JournalEntry.datagram(event)) {
                state.hasFailed = false
                return .taken
            }
            defer { state.hasFailed = true }
            return .refused(isFirst: !state.hasFailed)
        }
    }
}
