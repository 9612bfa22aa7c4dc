import Fixtures
import GRDB
import GRDBSQLite
import Synchronization

/// A disk that is slow to make a log durable: the commits of one connection become visible that much later than they were written.
///
/// SQLite writes a commit to the -wal file, makes it durable (`xSync`), and publishes it then ("Write-Ahead Logging").
enum SlowDisk {
    private struct State: Sendable {
        nonisolated(unsafe) var original: UnsafePointer<sqlite3_io_methods>?
        var delay = Duration.zero
    }

    private static let state = Mutex(State())

    /// The delay in milliseconds before the log of a slowed connection is durable.
    static func setDelay(milliseconds: UInt32) { state.withLock { $0.delay = .milliseconds(milliseconds) } }

    /// From now on the log of the connection is on that disk.
    static func slow(_ db: Database) throws {
        try db.execute(sql: "PRAGMA synchronous = FULL")
        _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema")
        var file: UnsafeMutablePointer<sqlite3_file>?
        let code = withUnsafeMutablePointer(to: &file) {
            sqlite3_file_control(db.sqliteConnection, "main", SQLITE_FCNTL_JOURNAL_POINTER, $0)
        }
        guard code == SQLITE_OK, let file, let methods = file.pointee.pMethods else { throw HarnessError("no log: error \(code)") }
        state.withLock { $0.original = $0.original ?? methods }
        // Lives as long as the process: connections point to it.
        let slowed = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        slowed.initialize(to: methods.pointee)
        slowed.pointee.xSync = { file, flags in
            let (original, delay) = SlowDisk.state.withLock { ($0.original, $0.delay) }
            Delay.blocking(for: delay)
            return original?.pointee.xSync(file, flags) ?? SQLITE_IOERR
        }
        file.pointee.pMethods = UnsafePointer(slowed)
    }
}
