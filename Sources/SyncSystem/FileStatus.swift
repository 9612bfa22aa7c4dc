import Glibc

/// The status of a file (stat(2)). A file with the same status as before is the same file with the same content, as far as that can be
/// determined without reading it: every write sets `changed`.
package struct FileStatus: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        case regular, directory, symbolicLink, socket, other
    }

    package var identity: FileIdentity
    package var kind: Kind
    /// The access rights of owner, group and others: `0o640`.
    package var permissions: UInt32
    /// Numbers of the user and the group (`chown(2)`).
    package var owner: UInt32
    package var group: UInt32
    /// In bytes.
    package var size: Int64
    /// When its content was last written, in nanoseconds since 1970.
    package var modified: Int64
    /// When its content or its status was last changed, in nanoseconds since 1970.
    package var changed: Int64

    /// - Parameter followsLinks: whether to return the status of the file that a symbolic link leads to.
    /// - Throws: `ENOENT` if there is no such file.
    package init(of path: String, followsLinks: Bool = true) throws(SystemError) {
        var status = stat()
        guard (followsLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { throw .last }
        self.init(status)
    }

    /// - Parameter descriptor: of an open file.
    package init(ofDescriptor descriptor: Int32) throws(SystemError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last }
        self.init(status)
    }

    private init(_ status: stat) {
        identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            case S_IFSOCK: .socket
            default: .other
            }
        permissions = status.st_mode & 0o7777
        (owner, group) = (status.st_uid, status.st_gid)
        size = Int64(status.st_size)
        modified = FileStatus.nanoseconds(status.st_mtim)
        changed = FileStatus.nanoseconds(status.st_ctim)
    }

    /// A timestamp beyond the year 2262 is replaced by that year: no file system in use stores such a time in nanoseconds.
    private static func nanoseconds(_ time: timespec) -> Int64 {
        let (nanoseconds, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : nanoseconds.addingReportingOverflow(Int64(time.tv_nsec)).partialValue
    }
}

extension FileStatus {
    /// Nil if the file does not exist, or this user may not see it.
    package static func ifPresent(_ path: String, followsLinks: Bool = true) -> FileStatus? {
        do {
            return try FileStatus(of: path, followsLinks: followsLinks)
        } catch {
            return nil
        }
    }
}
