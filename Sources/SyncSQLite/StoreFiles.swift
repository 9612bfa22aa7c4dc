import Glibc
import SyncSystem
import Synchronization

/// The three files of an open database: which ones our connection has open, and whether other processes still find these at the path.
///
/// Two processes with different files under one name write two databases: commits of one are never seen by the other, and when a log is
/// deleted, its commits are lost ("How To Corrupt An SQLite Database File", https://sqlite.org/howtocorrupt.html, section 1).
///
/// None of the files that the connection has open is opened here: closing it again would release the locks of our own connection (the same
/// page, section 2.2).
final class StoreFiles: Sendable {
    /// One of the files.
    private struct File: Sendable {
        var path: String
        /// The connection's own descriptor; nil if /proc is not available.
        var descriptor: Int32?
        var identity: FileIdentity

        /// - Parameter name: the path under which the connection has opened it, after links.
        init?(_ path: String, isOpenAs name: String) {
            self.path = path
            descriptor = File.descriptor(of: name)
            do {
                let status = if let descriptor { try FileStatus(ofDescriptor: descriptor) } else { try FileStatus(of: path) }
                identity = status.identity
            } catch {
                return nil
            }
        }

        /// The descriptor with which this process has a file open (proc(5), /proc/pid/fd).
        static func descriptor(of path: String) -> Int32? {
            guard let folder = opendir("/proc/self/fd") else { return nil }
            defer { closedir(folder) }
            let wanted = path.utf8.map { CChar(bitPattern: $0) }
            var found: Int32?
            var target = [CChar](repeating: 0, count: Int(PATH_MAX))
            while let entry = readdir(folder) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                guard let number = Int32(name), number > STDERR_FILENO else { continue }
                let count = readlink("/proc/self/fd/\(name)", &target, target.count)
                if count == wanted.count, target[..<count].elementsEqual(wanted) { found = max(found ?? number, number) }
            }
            return found
        }

        /// The file that is at the path now.
        func present() -> Result<FileIdentity, SystemError> {
            do {
                return .success(try FileStatus(of: path).identity)
            } catch {
                return .failure(error)
            }
        }

        /// The connection's own file, whatever is at the path. Nil if the descriptor no longer refers to it.
        func openStatus() -> FileStatus? {
            guard let descriptor else { return nil }
            do {
                let status = try FileStatus(ofDescriptor: descriptor)
                return status.identity == identity ? status : nil
            } catch {
                return nil
            }
        }

        func bytes(_ count: Int) -> [UInt8]? {
            guard let descriptor, openStatus() != nil else { return nil }
            var bytes = [UInt8](repeating: 0, count: count)
            return pread(descriptor, &bytes, count, 0) == count ? bytes : nil
        }

        /// A hash of the first block and of others at even distances; of all blocks if there are few.
        func contentHash(size: Int64) -> Int? {
            guard let descriptor else { return nil }
            let blocks = (size + StoreFiles.blockSize - 1) / StoreFiles.blockSize
            let step = max((blocks + StoreFiles.blockLimit - 1) / StoreFiles.blockLimit, 1)
            var hasher = Hasher()
            var block = [UInt8](repeating: 0, count: Int(StoreFiles.blockSize))
            for number in stride(from: 0, to: blocks, by: Int64.Stride(step)) {
                let count = pread(descriptor, &block, block.count, off_t(number * StoreFiles.blockSize))
                guard count >= 0 else { return nil }
                block.withUnsafeBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            }
            return hasher.finalize()
        }
    }

    /// The path after following links: the -wal file is beside it.
    let realPath: String
    private let database: File?
    private let log: File?
    private let index: File?
    private let watch = Mutex(Watched())

    private struct Watched {
        var overwrites = OverwriteWatch()
        /// The content is read again only if the file's time or size has changed.
        var content: (modifiedNanoseconds: Int64, size: Int64, hash: Int)?
    }

    /// The hash of the content covers at most this many blocks of this size.
    private static let (blockSize, blockLimit): (Int64, Int64) = (4096, 512)

    /// Takes the lock that one service at a time holds, as long as the connection exists: flock(2) on the connection's own descriptor,
    /// which the kernel releases however the process ends, and which is independent of SQLite's own locks (fcntl(2)).
    /// - Returns: false if another process holds it. Also true if such locks are not available.
    static func lock(_ path: String) -> Bool {
        guard let descriptor = File.descriptor(of: path) else { return true }
        return flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
    }

    /// To be called after the first read transaction: before it, SQLite has not opened the log.
    /// - Parameter withLog: whether this connection writes. For a connection that only reads, others may create and delete the log.
    init(_ path: String, withLog: Bool) {
        let real = StoreFiles.resolve(path)
        realPath = real
        database = File(path, isOpenAs: real)
        log = withLog ? File("\(real)-wal", isOpenAs: "\(real)-wal") : nil
        index = withLog ? File("\(real)-shm", isOpenAs: "\(real)-shm") : nil
        _ = watch.withLock { $0.overwrites.checked(snapshot(&$0)) }
    }

    /// SQLite follows all links before it opens a file, and derives the names of the others from the result.
    static func resolve(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// What happened to the files; nil if they are in place.
    func loss() -> StoreLoss? {
        if let database {
            switch database.present() {
            case .failure(let failure):
                return failure.code == ENOENT ? .databaseGone : .unreachable(failure.description)
            case .success(let identity) where identity != database.identity: return .databaseReplaced
            case .success: break
            }
        }
        for file in [log, index].compactMap({ $0 }) {
            switch file.present() {
            case .failure(let failure): return failure.code == ENOENT ? .logGone : .unreachable(failure.description)
            case .success(let identity) where identity != file.identity: return .logReplaced
            case .success: break
            }
        }
        return watch.withLock { $0.overwrites.checked(snapshot(&$0)) } ? .overwritten : nil
    }

    /// Whether the traces of checkpoints are usable; false from an interrupted checkpoint until the next complete one.
    var isSettled: Bool { logState()?.isSettled != false }

    private func logState() -> OverwriteWatch.LogState? {
        index?.bytes(OverwriteWatch.LogState.length).flatMap { OverwriteWatch.LogState($0) }
    }

    private func snapshot(_ watched: inout Watched) -> OverwriteWatch.Snapshot? {
        guard let before = logState(), before.isSettled, let database, let status = database.openStatus() else { return nil }
        let (modified, size) = (status.modified, status.size)
        var hash = watched.content.flatMap { $0.modifiedNanoseconds == modified && $0.size == size ? $0.hash : nil }
        if hash == nil {
            hash = database.contentHash(size: size)
            watched.content = hash.map { (modified, size, $0) }
        }
        // A checkpoint between the two reads changes the second one.
        guard let hash, logState() == before else { return nil }
        return .init(file: .init(size: size, content: hash), log: before)
    }

    // MARK: After a loss

    /// Whether the commits in a deleted log can still be written to the database file: no other process has started another log.
    func canStillCheckpoint(after loss: StoreLoss) -> Bool {
        guard loss == .logGone, let log, case .failure(let failure) = log.present() else { return false }
        return failure.code == ENOENT
    }

    /// Renames a log that belongs to the former content of the database: SQLite would write its pages into the present one.
    ///
    /// Not while another process has one of the two open: it would keep writing to the renamed log.
    /// - Returns: the new path; nil if the log stays where it is.
    func setStaleLogAside(after loss: StoreLoss) -> String? {
        guard loss == .overwritten || loss == .databaseReplaced, let log, let database, !isUsedByOthers(database.descriptor) else {
            return nil
        }
        guard case .success(let identity) = log.present(), identity == log.identity else { return nil }
        if loss == .overwritten {
            // A log that was copied together with the file has other salts than the wal-index.
            guard let salts = logState()?.salts, let header = log.bytes(24), salts == StoreFiles.salts(header) else { return nil }
        } else {
            // This is not the file that our connection has open, so none of our locks depend on it.
            let descriptor = open(database.path, O_RDWR | O_CLOEXEC)
            guard descriptor >= 0 else { return nil }
            defer { close(descriptor) }
            guard !isUsedByOthers(descriptor) else { return nil }
        }
        let aside = "\(log.path).stale-\(log.identity.inode)"
        guard rename(log.path, aside) == 0 else { return nil }
        if let index { unlink(index.path) }
        return aside
    }

    /// The salts in the form of the wal-index: its numbers have this machine's byte order, but the salts are copied unchanged.
    private static func salts(_ header: [UInt8]) -> UInt64 {
        header.withUnsafeBytes { bytes in
            UInt64(bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)) << 32
                | UInt64(bytes.loadUnaligned(fromByteOffset: 20, as: UInt32.self))
        }
    }

    /// Every connection in WAL mode holds a lock on these bytes ("File Locking And Concurrency In SQLite Version 3", SHARED).
    private func isUsedByOthers(_ descriptor: Int32?) -> Bool {
        guard let descriptor else { return true }
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = 0x4000_0002
        lock.l_len = 510
        return fcntl(descriptor, F_GETLK, &lock) != 0 || lock.l_type != Int16(F_UNLCK)
    }
}

/// What happened to the files of an open database.
package enum StoreLoss: Equatable, Sendable {
    case databaseGone
    case databaseReplaced
    case logGone
    case logReplaced
    case overwritten
    /// The file's status can no longer be read.
    case unreachable(String)

    /// A clause about the file at that path.
    func text(_ path: String) -> String {
        switch self {
        case .databaseGone: "\(path) was deleted while it was open"
        case .databaseReplaced: "\(path) was replaced by another file while it was open"
        case .logGone: "\(path)-wal or \(path)-shm was deleted while the database was open"
        case .logReplaced: "\(path)-wal or \(path)-shm was replaced while the database was open"
        case .overwritten: "\(path) was overwritten by something other than SQLite while it was open"
        case .unreachable(let reason): "\(path) can no longer be reached: \(reason)"
        }
    }
}
