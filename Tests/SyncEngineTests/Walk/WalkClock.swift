import CSQLite
import Glibc
import SyncCore
import Synchronization

/// The time of a walk: it moves only when the walk moves it.
///
/// SQLite's `'now'` in triggers and defaults follows the wall clock of the walk: connections that are opened by ``opening(_:)`` use a VFS of
/// its own, the default one with another clock ("OS Interface Object", https://sqlite.org/c3ref/vfs.html).
final class WalkClock {
    /// The time at which a walk begins, by all clocks.
    static let start = Instant(milliseconds: 1_772_443_800_000)

    /// The time since the walk began; never goes back.
    private(set) var uptime = Duration.zero
    /// The offset by which the wall clock of the machine was set.
    private(set) var offset = Duration.zero
    private let storage: UnsafeMutableRawPointer
    private let vfs: UnsafeMutablePointer<sqlite3_vfs>

    private static let count = Mutex(0)
    /// The wall clock in milliseconds since 1970, stored behind the VFS in its memory.
    private static let momentOffset = MemoryLayout<sqlite3_vfs>.stride
    /// 1970-01-01 as SQLite counts: in milliseconds since noon of 24 November 4714 BC.
    private static let epoch: Int64 = 210_866_760_000_000

    init() {
        guard let standard = sqlite3_vfs_find(nil) else { preconditionFailure("SQLite has a VFS") }
        storage = .allocate(byteCount: WalkClock.momentOffset + 8, alignment: 16)
        vfs = storage.bindMemory(to: sqlite3_vfs.self, capacity: 1)
        vfs.initialize(to: standard.pointee)
        let number = WalkClock.count.withLock { count in
            count += 1
            return count
        }
        // SQLite keeps the name for as long as the VFS is registered; it is a few bytes for each walk.
        vfs.pointee.zName = UnsafePointer(strdup("walk-\(number)"))
        vfs.pointee.pNext = nil
        vfs.pointee.xCurrentTimeInt64 = { vfs, moment in
            guard let vfs, let moment else { return SQLITE_ERROR }
            moment.pointee = WalkClock.epoch + UnsafeRawPointer(vfs).load(fromByteOffset: WalkClock.momentOffset, as: Int64.self)
            return SQLITE_OK
        }
        store()
        sqlite3_vfs_register(vfs, 0)
    }

    var now: Now { Now(wall: wall, uptime: uptime) }
    /// The wall clock of the machine that the service runs on.
    var wall: Instant { WalkClock.start + uptime + offset }
    /// The correct time, which everybody else uses.
    var truth: Instant { WalkClock.start + uptime }

    func advance(to moment: Duration) {
        precondition(moment >= uptime, "time does not go back")
        uptime = moment
        store()
    }

    func set(by step: Duration) {
        offset += step
        store()
    }

    private func store() {
        storage.storeBytes(of: wall.milliseconds, toByteOffset: WalkClock.momentOffset, as: Int64.self)
    }

    /// Connections that the body opens have this clock.
    func opening<Value>(_ body: () throws -> Value) rethrows -> Value {
        try WalkClock.count.withLock { _ in
            let standard = sqlite3_vfs_find(nil)
            sqlite3_vfs_register(vfs, 1)
            defer { sqlite3_vfs_register(standard, 1) }
            return try body()
        }
    }
}
