import Foundation
import SyncCore

/// The file of a Unix socket: it stays behind when its program is killed, and keeps the next one from listening (unix(7)).
///
/// Its mode comes from the umask (`UMask=` of the unit): who may write it may call.
enum UnixSocketFile {
    /// Makes sure that the path can be bound: a socket that nobody listens on is removed.
    /// - Throws: a ``Refusal`` where somebody does, or where something else lies.
    static func makeRoom(at path: String) throws(Refusal) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw Refusal("something that is not a socket lies there; it is not touched: move it away, or choose another path")
        }
        guard !isAnswered(path) else { throw Refusal("another program listens there; end it, or choose another path") }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw Refusal("a socket that nobody listens on lies there, and this user may not remove it")
        }
    }

    /// Device and inode.
    static func identity(of path: String) -> [UInt64]? {
        var status = stat()
        return lstat(path, &status) == 0 ? [UInt64(status.st_dev), UInt64(status.st_ino)] : nil
    }

    /// Removes the file if it is still the one that was made.
    static func remove(_ path: String, of identity: [UInt64]?) {
        guard let identity, self.identity(of: path) == identity else { return }
        unlink(path)
    }

    /// Whether a program accepts connections; one whose queue is full does, too.
    private static func isAnswered(_ path: String) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return true }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 || errno != ECONNREFUSED
    }
}
