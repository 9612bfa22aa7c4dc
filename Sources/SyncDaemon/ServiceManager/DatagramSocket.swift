import Glibc
import SyncSystem

/// Sends datagrams to a unix socket (unix(7)), on which the service manager and the journal listen.
final class DatagramSocket: Sendable {
    private let descriptor: Int32
    private let address: UnixSocketAddress

    /// - Parameter path: absolute, or beginning with `@` for a name in the abstract namespace (sd_notify(3)).
    /// - Returns: nil for another kind of path, for one that is too long, and if no socket can be created.
    init?(path: String) {
        let parsed: UnixSocketAddress? =
            switch path.utf8.first {
            case UInt8(ascii: "/") where path != "/": UnixSocketAddress(path: path)
            case UInt8(ascii: "@"): UnixSocketAddress(abstractName: String(path.dropFirst()))
            default: nil
            }
        guard let parsed else { return nil }
        address = parsed
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    enum Result: Equatable, Sendable {
        /// The other side has received it, or will when it reads.
        case sent
        /// The queue of the other side is full.
        case full
        case failed
    }

    /// Never blocks.
    func send(_ bytes: [UInt8]) -> Result {
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        while true {
            let sent = address.withPointer { sendto(descriptor, bytes, bytes.count, flags, $0, $1) }
            if sent == bytes.count { return .sent }
            switch errno {
            case EINTR: continue
            case EAGAIN, ENOBUFS: return .full
            default: return .failed
            }
        }
    }
}
