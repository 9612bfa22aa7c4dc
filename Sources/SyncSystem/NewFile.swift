import Glibc

/// A file that this process has just created: never an existing one, and never the target of a link. Closed when the value is destroyed.
package struct NewFile: ~Copyable {
    private let descriptor: Int32

    /// - Parameter permissions: reduced by the process's umask.
    /// - Throws: `EEXIST` if a file with that name exists.
    package init(_ path: String, permissions: UInt32) throws(SystemError) {
        let opened = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, permissions)
        guard opened >= 0 else { throw .last }
        descriptor = opened
    }

    deinit { close(descriptor) }

    /// Writes all bytes, or throws: then the file contains a part of them.
    package func write(_ bytes: some Collection<UInt8>) throws(SystemError) {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw count < 0 ? .last : SystemError(code: EIO) }
            rest = rest.dropFirst(count)
        }
    }

    /// Not affected by the process's umask.
    package func setPermissions(_ permissions: UInt32) throws(SystemError) {
        guard fchmod(descriptor, permissions) == 0 else { throw .last }
    }

    package func setOwner(_ owner: UInt32, group: UInt32) throws(SystemError) {
        guard fchown(descriptor, owner, group) == 0 else { throw .last }
    }

    package func status() throws(SystemError) -> FileStatus { try FileStatus(ofDescriptor: descriptor) }

    /// Takes the file's lock (flock(2)) until it is closed, which the end of the process does as well.
    /// - Returns: false if another process holds it. Also true if such locks are not available.
    package func lock() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK }
}
