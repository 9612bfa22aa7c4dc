import Glibc
import SyncSystem
import Synchronization

/// The three files of an open database: which ones our connection has open, and whether they still are what others find at the path.
///
/// Two processes that have different files under one name write two databases: what the one acknowledges, the other never sees, and a
/// log that is gone takes its commits along ("How To Corrupt An SQLite Database File", https://sqlite.org/howtocorrupt.html, section 1).
///
/// None of the files is ever opened here: closing it again would take away the locks of our own connection (the same page, section 2.2).
final class StoreFiles: Sendable {
    /// One of the files.
    private struct File: Sendable {
        var path: String
        /// The connection's own; nil where /proc is not to be had.
        var descriptor: Int32?
        var identity: FileIdentity

        /// - Parameter otherName: where to look for it when it is opened by another name, as a link.
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

        /// The number under which this process has a file open (proc(5), /proc/pid/fd).
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

        /// What is at the path now.
        func present() -> Result<FileIdentity, SystemError> {
            do {
                return .success(try FileStatus(of: path).identity)
            } catch {
                return .failure(error)
            }
        }

        /// The connection's own file, whatever is at the path. Nil where its descriptor does not lead to it any more.
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

        /// Of the first block and of others that are spread evenly; of all blocks where there are few.
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

    /// Where the -wal file is: beside the file that links lead to.
    let realPath: String
    private let database: File?
    private let log: File?
    private let index: File?
    private let watch = Mutex(Watched())

    private struct Watched {
        var overwrites = OverwriteWatch()
        /// The content is read again when the file's time or size has changed, and not with every look.
        var content: (modifiedNanoseconds: Int64, size: Int64, hash: Int)?
    }

    /// What the content is told apart by: blocks of this size, and so many of them.
    private static let (blockSize, blockLimit): (Int64, Int64) = (4096, 512)

    /// Takes the lock that one service at a time holds, for as long as the connection lives: flock(2) on the connection's own descriptor,
    /// which the kernel gives back whatever ends the process, and which SQLite's own locks (fcntl(2)) know nothing of.
    /// - Returns: false when another process holds it. True as well where such a lock is not to be had.
    static func lock(_ path: String) -> Bool {
        guard let descriptor = File.descriptor(of: path) else { return true }
        return flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
    }

    /// After the first read transaction: before it, SQLite has not opened the log.
    /// - Parameter withLog: whether this connection writes. The log of one that only reads may come and go with others.
    init(_ path: String, withLog: Bool) {
        let real = StoreFiles.resolve(path)
        realPath = real
        database = File(path, isOpenAs: real)
        log = withLog ? File("\(real)-wal", isOpenAs: "\(real)-wal") : nil
        index = withLog ? File("\(real)-shm", isOpenAs: "\(real)-shm") : nil
        _ = watch.withLock { $0.overwrites.looked(look(&$0)) }
    }

    /// SQLite follows all links before it opens a file, and names the others after what it has found.
    static func resolve(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// What happened to the files; nil: they are in place.
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
        return watch.withLock { $0.overwrites.looked(look(&$0)) } ? .overwritten : nil
    }

    /// Whether checkpoints leave a trace that can be read; not while one that was interrupted has not been made good.
    var isSettled: Bool { logState()?.isSettled != false }

    private func logState() -> OverwriteWatch.LogState? {
        index?.bytes(OverwriteWatch.LogState.length).flatMap { OverwriteWatch.LogState($0) }
    }

    private func look(_ watched: inout Watched) -> OverwriteWatch.Look? {
        guard let before = logState(), before.isSettled, let database, let status = database.openStatus() else { return nil }
        let (modified, size) = (status.modified, status.size)
        var hash = watched.content.flatMap { $0.modifiedNanoseconds == modified && $0.size == size ? $0.hash : nil }
        if hash == nil {
            hash = database.contentHash(size: size)
            watched.content = hash.map { (modified, size, $0) }
        }
        // A checkpoint between the two readings shows in the second one.
        guard let hash, logState() == before else { return nil }
        return .init(file: .init(size: size, content: hash), log: before)
    }

    // MARK: After a loss

    /// Whether the commits that the log holds have lost their place, and can be brought to the database file: nobody has begun another log.
    func canStillCheckpoint(after loss: StoreLoss) -> Bool {
        guard loss == .logGone, let log, case .failure(let failure) = log.present() else { return false }
        return failure.code == ENOENT
    }

    /// Takes a log away that belongs to the former content of the database: SQLite would put its pages into the present one.
    ///
    /// Not while another process has one of the two open: it would go on writing to the log under its new name.
    /// - Returns: where it is now; nil when it stays where it is.
    func setStaleLogAside(after loss: StoreLoss) -> String? {
        guard loss == .overwritten || loss == .databaseReplaced, let log, let database, !isUsedByOthers(database.descriptor) else {
            return nil
        }
        guard case .success(let identity) = log.present(), identity == log.identity else { return nil }
        if loss == .overwritten {
            // A log that was copied along with the file has other salts than the wal-index.
            guard let salts = logState()?.salts, let header = log.bytes(24), salts == StoreFiles.salts(header) else { return nil }
        } else {
            // Another file than the one our connection has open, so nothing of ours depends on its locks.
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

    /// As they stand in the wal-index: its numbers have this machine's byte order, but the salts are copied as they are.
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
    /// The folder cannot be looked into any more.
    case unreachable(String)

    /// Half a sentence about the file at that path.
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
