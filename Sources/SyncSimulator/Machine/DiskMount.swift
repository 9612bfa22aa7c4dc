import CSQLite
import Glibc
import SyncCore
import Synchronization

/// A ``SimulatedDisk`` as one process sees it: a VFS of SQLite ("OS Interface Object", https://sqlite.org/c3ref/vfs.html).
///
/// When the process is killed, its locks are gone and its handles do nothing any more, so that closing its connections changes no file.
final class DiskMount {
    let disk: SimulatedDisk
    /// The name under which SQLite finds it.
    let name: String
    private let vfs: UnsafeMutablePointer<sqlite3_vfs>
    private let nameText: UnsafeMutablePointer<CChar>
    fileprivate var handles: [ObjectIdentifier: DiskHandle] = [:]
    /// The process was killed.
    private(set) var isDead = false
    /// The number of further changes to the disk after which the process is killed, in the middle of what it does; nil: never.
    var changesToLive: Int?
    /// The number of further changes to the disk after which one fails; nil: none does.
    var changesToFault: Int?
    /// Whether one has failed.
    var hasFaulted = false
    /// The changes that were made to the disk.
    private(set) var changeCount = 0
    fileprivate var handleCount = 0

    private static let count = Atomic(0)

    init(_ disk: SimulatedDisk) {
        self.disk = disk
        name = "simulated-disk-\(DiskMount.count.wrappingAdd(1, ordering: .relaxed).newValue)"
        nameText = strdup(name)
        vfs = .allocate(capacity: 1)
        vfs.initialize(to: sqlite3_vfs())
        vfs.pointee.iVersion = 2
        vfs.pointee.szOsFile = Int32(MemoryLayout<OpenFile>.stride)
        vfs.pointee.mxPathname = 512
        vfs.pointee.zName = UnsafePointer(nameText)
        vfs.pointee.pAppData = Unmanaged.passUnretained(self).toOpaque()
        DiskMount.setFunctions(&vfs.pointee)
        sqlite3_vfs_register(vfs, 0)
    }

    /// No connection may be open any more.
    deinit {
        precondition(handles.isEmpty, "a file is still open")
        sqlite3_vfs_unregister(vfs)
        vfs.deallocate()
        free(nameText)
    }

    /// The process ends at once, whatever it is doing.
    func kill() {
        isDead = true
        for handle in handles.values { handle.drop() }
    }

    /// - Returns: whether the process lives to make this change.
    fileprivate func mayChange() -> Bool {
        guard !isDead else { return false }
        changeCount += 1
        guard let left = changesToLive else { return true }
        changesToLive = left - 1
        if left <= 0 { kill() }
        return left > 0
    }

    /// - Returns: whether the disk makes this change; otherwise it has an error of its own, or no room.
    fileprivate func mayMake() -> Bool {
        guard let left = changesToFault else { return true }
        changesToFault = left > 0 ? left - 1 : nil
        if left <= 0 { hasFaulted = true }
        return left > 0
    }

    fileprivate static func of(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> DiskMount? {
        vfs?.pointee.pAppData.map { Unmanaged<DiskMount>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func setFunctions(_ vfs: inout sqlite3_vfs) {
        vfs.xOpen = { vfs, name, file, flags, outFlags in
            guard let mount = DiskMount.of(vfs), !mount.isDead, let file else { return SQLITE_CANTOPEN }
            let isTemporary = name == nil
            let name = name.map { String(cString: $0) } ?? "temporary-\(mount.name)-\(mount.handleCount)"
            guard mount.disk.exists(name) || flags & SQLITE_OPEN_CREATE != 0 else { return SQLITE_CANTOPEN }
            mount.handleCount += 1
            let handle = DiskHandle(
                mount, mount.disk.file(name), number: mount.handleCount,
                isDeletedOnClose: isTemporary || flags & SQLITE_OPEN_DELETEONCLOSE != 0)
            mount.handles[ObjectIdentifier(handle)] = handle
            file.withMemoryRebound(to: OpenFile.self, capacity: 1) { open in
                open.initialize(to: OpenFile(methods: DiskHandle.methods, handle: Unmanaged.passUnretained(handle)))
            }
            outFlags?.pointee = flags
            return SQLITE_OK
        }
        vfs.xDelete = { vfs, name, _ in
            guard let mount = DiskMount.of(vfs), let name else { return SQLITE_ERROR }
            guard mount.mayChange() else { return DiskHandle.failure }
            let text = String(cString: name)
            guard mount.disk.exists(text) else { return SQLITE_IOERR | 23 << 8 }
            mount.disk.remove(text)
            return SQLITE_OK
        }
        vfs.xAccess = { vfs, name, _, result in
            guard let mount = DiskMount.of(vfs), let name else { return SQLITE_ERROR }
            result?.pointee = mount.disk.exists(String(cString: name)) ? 1 : 0
            return SQLITE_OK
        }
        vfs.xFullPathname = { _, name, size, result in
            guard let name, let result, strlen(name) < Int(size) else { return SQLITE_CANTOPEN }
            strcpy(result, name)
            return SQLITE_OK
        }
        vfs.xRandomness = { _, count, target in
            guard let target else { return 0 }
            memset(target, 7, Int(count))
            return count
        }
        vfs.xSleep = { vfs, microseconds in
            DiskMount.of(vfs)?.disk.wait(.microseconds(Int64(microseconds)))
            return microseconds
        }
        vfs.xGetLastError = { _, _, _ in 0 }
        vfs.xCurrentTimeInt64 = { vfs, moment in
            guard let mount = DiskMount.of(vfs), let moment else { return SQLITE_ERROR }
            // SQLite counts in milliseconds since noon of 24 November 4714 BC.
            moment.pointee = 210_866_760_000_000 + mount.disk.wall.milliseconds
            return SQLITE_OK
        }
    }
}

/// What SQLite has for an open file: its functions, and ours.
private struct OpenFile {
    var methods: UnsafePointer<sqlite3_io_methods>
    var handle: Unmanaged<DiskHandle>
}

/// A file that a connection has open.
final class DiskHandle {
    fileprivate unowned let mount: DiskMount
    fileprivate let file: DiskFile
    private let key: Int
    private let isDeletedOnClose: Bool
    private var isOpen = true

    fileprivate init(_ mount: DiskMount, _ file: DiskFile, number: Int, isDeletedOnClose: Bool) {
        self.mount = mount
        self.file = file
        self.isDeletedOnClose = isDeletedOnClose
        key = ObjectIdentifier(mount).hashValue &+ number
        file.openCount += 1
    }

    /// Gives its locks back. It does nothing any more.
    fileprivate func drop() {
        guard isOpen else { return }
        isOpen = false
        file.locks.unlockAll(key)
        file.openCount -= 1
        if file.openCount == 0 { file.forgetSharedMemory() }
    }

    private func close() {
        drop()
        if isDeletedOnClose, mount.disk.files[file.name] === file { mount.disk.remove(file.name) }
        mount.handles[ObjectIdentifier(self)] = nil
    }

    private static func of(_ file: UnsafeMutablePointer<sqlite3_file>?) -> DiskHandle? {
        guard let file else { return nil }
        return UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenFile.self).pointee.handle.takeUnretainedValue()
    }

    /// The error of everything that a killed process tries.
    fileprivate static let failure = SQLITE_IOERR
    /// `SQLITE_IOERR_SHORT_READ`, a macro that Swift does not import.
    private static let shortRead = SQLITE_IOERR | 2 << 8
    /// `SQLITE_IOERR_FSYNC`, another one.
    private static let syncFailure = SQLITE_IOERR | 4 << 8

    fileprivate nonisolated(unsafe) static let methods: UnsafePointer<sqlite3_io_methods> = {
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        methods.initialize(to: sqlite3_io_methods())
        methods.pointee.iVersion = 2
        setContentFunctions(&methods.pointee)
        setLockFunctions(&methods.pointee)
        setMemoryFunctions(&methods.pointee)
        return UnsafePointer(methods)
    }()

    private static func setContentFunctions(_ methods: inout sqlite3_io_methods) {
        methods.xClose = { file in
            DiskHandle.of(file)?.close()
            return SQLITE_OK
        }
        methods.xRead = { file, target, count, offset in
            guard let handle = DiskHandle.of(file), handle.isOpen, let target else { return DiskHandle.failure }
            let buffer = UnsafeMutableRawBufferPointer(start: target, count: Int(count))
            let read = handle.file.read(buffer, at: Int(offset))
            guard read < buffer.count else { return SQLITE_OK }
            UnsafeMutableRawBufferPointer(rebasing: buffer[read...]).initializeMemory(as: UInt8.self, repeating: 0)
            return DiskHandle.shortRead
        }
        methods.xWrite = { file, source, count, offset in
            guard let handle = DiskHandle.of(file), let source, handle.isOpen, handle.mount.mayChange() else { return DiskHandle.failure }
            guard handle.mount.mayMake() else { return SQLITE_FULL }
            let growth = max(0, Int(offset) + Int(count) - handle.file.size)
            guard handle.mount.disk.hasRoom(for: growth) else { return SQLITE_FULL }
            handle.file.write(UnsafeRawBufferPointer(start: source, count: Int(count)), at: Int(offset))
            return SQLITE_OK
        }
        methods.xTruncate = { file, size in
            guard let handle = DiskHandle.of(file), handle.isOpen, handle.mount.mayChange() else { return DiskHandle.failure }
            handle.file.truncate(to: Int(size))
            return SQLITE_OK
        }
        methods.xSync = { file, _ in
            guard let handle = DiskHandle.of(file), handle.isOpen, handle.mount.mayChange() else { return DiskHandle.failure }
            guard handle.mount.mayMake() else { return DiskHandle.syncFailure }
            handle.file.sync()
            return SQLITE_OK
        }
        methods.xFileSize = { file, size in
            guard let handle = DiskHandle.of(file), handle.isOpen else { return DiskHandle.failure }
            size?.pointee = sqlite3_int64(handle.file.size)
            return SQLITE_OK
        }
        methods.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
        methods.xSectorSize = { _ in Int32(SimulatedDisk.sectorSize) }
        // A write does not harm the bytes beside it when the power fails, as SQLite expects of disks on Unix.
        methods.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
    }

    private static func setLockFunctions(_ methods: inout sqlite3_io_methods) {
        methods.xLock = { file, level in
            guard let handle = DiskHandle.of(file), handle.isOpen else { return DiskHandle.failure }
            guard let level = FileLocks.Level(rawValue: level) else { return SQLITE_MISUSE }
            return handle.file.locks.lock(handle.key, level) ? SQLITE_OK : SQLITE_BUSY
        }
        methods.xUnlock = { file, level in
            guard let handle = DiskHandle.of(file), handle.isOpen else { return SQLITE_OK }
            handle.file.locks.unlock(handle.key, to: FileLocks.Level(rawValue: level) ?? .none)
            return SQLITE_OK
        }
        methods.xCheckReservedLock = { file, result in
            guard let handle = DiskHandle.of(file), handle.isOpen else { return DiskHandle.failure }
            result?.pointee = handle.file.locks.isReserved ? 1 : 0
            return SQLITE_OK
        }
    }

    private static func setMemoryFunctions(_ methods: inout sqlite3_io_methods) {
        methods.xShmMap = { file, index, size, extends, result in
            guard let handle = DiskHandle.of(file), handle.isOpen else { return DiskHandle.failure }
            result?.pointee = handle.file.region(Int(index), size: Int(size), extends: extends != 0)
            return SQLITE_OK
        }
        methods.xShmLock = { file, first, count, flags in
            guard let handle = DiskHandle.of(file), handle.isOpen else { return DiskHandle.failure }
            let slots = Int(first)..<Int(first + count)
            if flags & SQLITE_SHM_UNLOCK != 0 {
                handle.file.locks.unlockSlots(handle.key, slots)
                return SQLITE_OK
            }
            let isExclusive = flags & SQLITE_SHM_EXCLUSIVE != 0
            return handle.file.locks.lockSlots(handle.key, slots, exclusive: isExclusive) ? SQLITE_OK : SQLITE_BUSY
        }
        methods.xShmBarrier = { _ in }
        methods.xShmUnmap = { file, _ in
            guard let handle = DiskHandle.of(file), handle.isOpen else { return SQLITE_OK }
            handle.file.locks.unlockSlots(handle.key, 0..<FileLocks.slotCount)
            return SQLITE_OK
        }
    }
}
