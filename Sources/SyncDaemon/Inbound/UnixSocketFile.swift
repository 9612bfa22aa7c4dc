import Glibc
import SyncSystem

/// The file of a Unix socket. It remains when its program is killed, and then keeps the next one from listening (unix(7)).
///
/// Its mode results from the umask (`UMask=` of the unit): whoever may write to it can connect.
enum UnixSocketFile {
    /// Why a path cannot be listened on, and what to do about it.
    struct Obstacle: Error, Equatable {
        let reason: String
    }

    /// Makes sure that the path can be bound: removes a socket on which no program listens.
    /// - Throws: an ``Obstacle`` if a program listens on it, or if the path is not a socket.
    static func makeRoom(at path: String) throws(Obstacle) {
        guard let status = FileStatus.ifPresent(path, followsLinks: false) else { return }
        guard status.kind == .socket else {
            throw Obstacle(reason: "something that is not a socket lies there; it is not touched: move it away, or choose another path")
        }
        guard !isAnswered(path) else { throw Obstacle(reason: "another program listens there; end it, or choose another path") }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw Obstacle(reason: "a socket that nobody listens on lies there, and this user may not remove it")
        }
    }

    /// Nil if there is no such file.
    static func identity(of path: String) -> FileIdentity? { FileStatus.ifPresent(path, followsLinks: false)?.identity }

    /// Removes the file if it is still the one that was created.
    static func remove(_ path: String, of identity: FileIdentity?) {
        guard let identity, self.identity(of: path) == identity else { return }
        unlink(path)
    }

    /// Whether a program listens on the socket; it may refuse because its queue is full.
    private static func isAnswered(_ path: String) -> Bool {
        guard let address = UnixSocketAddress(path: path) else { return true }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        return address.withPointer { connect(descriptor, $0, $1) } == 0 || errno != ECONNREFUSED
    }
}
