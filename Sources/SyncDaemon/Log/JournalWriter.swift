import Glibc
import Synchronization

/// Sends entries to the journal's socket. If the journal is missing or refuses an entry, this is reported once, and the lines go to standard output
/// until it accepts one again.
package final class JournalWriter: Sendable {
    package static let systemPath = "/run/systemd/journal/socket"

    /// The pause between attempts to send to a journal whose queue is full, in microseconds.
    private static let (shortestPause, longestPause): (UInt32, UInt32) = (1000, 100_000)

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

    /// Blocks while the journal's queue is full.
    func write(_ entry: [UInt8]) -> Result {
        state.withLock { state in
            if state.socket == nil { state.socket = DatagramSocket(path: path) }
            if let socket = state.socket, JournalWriter.send(entry, socket) {
                state.hasFailed = false
                return .taken
            }
            defer { state.hasFailed = true }
            return .refused(isFirst: !state.hasFailed)
        }
    }

    private static func send(_ entry: [UInt8], _ socket: DatagramSocket) -> Bool {
        var pause = JournalWriter.shortestPause
        while true {
            switch socket.send(entry) {
            case .sent: return true
            case .failed: return false
            case .full: usleep(pause)
            }
            pause = min(pause * 2, JournalWriter.longestPause)
        }
    }
}
