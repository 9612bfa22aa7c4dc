import Glibc

/// What the system says of a file (stat(2)). A file whose status is the same as before is the same file with the same content, as far as
/// that can be told without reading it: every write sets `changed`.
package struct FileStatus: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        case regular, directory, symbolicLink, socket, other
    }

    package var identity: FileIdentity
    package var kind: Kind
    /// What owner, group and others may do: `0o640`.
    package var permissions: UInt32
    /// Numbers of the user and the group (`chown(2)`).
    package var owner: UInt32
    package var group: UInt32
    /// In bytes.
    package var size: Int64
    /// When its content was last written, in nanoseconds since 1970.
    package var modified: Int64
    /// When its content, or what is said of it here, was last changed, in nanoseconds since 1970.
    package var changed: Int64

    /// - Parameter followsLinks: whether a symbolic link stands for the file that it leads to.
    /// - Throws: `ENOENT` where there is no such file.
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

    /// A timestamp beyond the year 2262 counts as that year: no file system that is in use keeps it more exactly than seconds.
    private static func nanoseconds(_ time: timespec) -> Int64 {
        let (nanoseconds, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : nanoseconds.addingReportingOverflow(Int64(time.tv_nsec)).partialValue
    }
}

extension FileStatus {
    /// Nil where the file is not there, or this user may not know of it.
    package static func ifPresent(_ path: String, followsLinks: Bool = true) -> FileStatus? {
        do {
            return try FileStatus(of: path, followsLinks: followsLinks)
        } catch {
            return nil
        }
    }
}
