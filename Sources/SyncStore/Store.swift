import Foundation
import GRDB
import SyncCore
import Synchronization

/// The database: the application's tables and the daemon's own, in one file.
///
/// One connection on a queue of its own. WAL with `synchronous=FULL`: what was committed survives a power cut (with NORMAL, the
/// commits since the last checkpoint do not). Writers take the lock at once (`BEGIN IMMEDIATE`), so that a transaction never fails
/// halfway because the application wrote in between.
package final class Store: Sendable {
    /// How a command uses the database.
    package enum Access: Sendable {
        /// Creates the file and brings the schema up to date.
        case migrating
        /// The same, for the service: no second one may work with the file at the same time.
        case serving
        /// Reads and writes an existing, current schema.
        case existing
        /// Reads only.
        case reading

        /// Whether the schema may be changed.
        var migrates: Bool { self == .migrating || self == .serving }
    }

    /// How long a statement waits for the application's write lock before it gives up.
    package static let busyTimeout = Duration.seconds(5)

    /// What the WAL keeps of its size, in bytes; SQLite checkpoints it after every 4 MiB of commits.
    private static let walSizeLimit = 16 * 1024 * 1024

    let queue: DatabaseQueue
    let timestampRuns = TimestampRegister.Runs()
    package let path: String
    let files: StoreFiles
    let lossState = Mutex<(loss: Loss?, tell: (@Sendable (Loss) -> Void)?)>((nil, nil))
    /// What opening the file did to its schema.
    package let schemaChange: SchemaChange

    package init(path: String, access: Access) throws(StoreError) {
        self.path = path
        if !access.migrates, !FileManager.default.fileExists(atPath: path) { throw .missing(path: path) }
        var configuration = Configuration()
        configuration.label = "convosync.store"
        configuration.readonly = access == .reading
        configuration.busyMode = .timeout(Store.busyTimeout.seconds)
        // The application decides whether it enforces its foreign keys; ours are few and kept by the code.
        configuration.foreignKeysEnabled = false
        configuration.maximumReaderCount = 1
        configuration.prepareDatabase { db in
            // Before anything else: a file that is somebody else's is left as it is, down to its journal mode.
            let state = try SchemaState.read(db, path: path)
            guard access.migrates || state.missing.isEmpty else { throw StoreError.olderSchema(missing: state.missing) }
            guard access != .reading else { return }
            // Only a file without pages can be told to give freed ones back in small steps; later it takes a VACUUM (docs/schema.md).
            if access.migrates, try Int.fetchOne(db, sql: "PRAGMA page_count") == 0 {
                try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
            }
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
        }
        if access.migrates { Store.createFile(path) }
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            // Before the schema is changed under a service that is at work.
            if access == .serving, !StoreFiles.lock(StoreFiles.resolve(path)) { throw StoreError.inUse(by: Store.serviceText(queue)) }
            schemaChange = access.migrates ? try Store.bringUpToDate(queue, path: path) : SchemaChange()
            if access != .reading { try queue.writeWithoutTransaction(Store.useLog) }
        } catch {
            throw StoreError(error, path: path)
        }
        files = StoreFiles(path, withLog: access != .reading)
        // A checkpoint that a crash interrupted would hide what else is written to the file.
        if access.migrates, !files.isSettled { try checkpoint() }
    }

    /// After the migrations: a file that cannot be migrated keeps its journal mode.
    private static func useLog(_ db: Database) throws {
        try db.execute(sql: "PRAGMA journal_mode = WAL")
        // A WAL that grew behind a long reader is cut back when it begins anew.
        try db.execute(sql: "PRAGMA journal_size_limit = \(Store.walSizeLimit)")
        // Only with the first transaction does SQLite open the log, which ``StoreFiles`` has to find open.
        _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema")
    }

    private func checkpoint() throws(StoreError) {
        do {
            try queue.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA wal_checkpoint(PASSIVE)") }
        } catch {
            throw StoreError(error, path: path)
        }
    }

    /// SQLite makes new files with mode 0644 at most, but the application writes as a member of the group: 0660, as far as the umask
    /// allows. The -wal and -shm files get the mode of this one. What goes wrong shows when the file is opened.
    private static func createFile(_ path: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o660)
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    /// False when the file was deleted or another one put in its place: what is written now would be lost.
    package var isInPlace: Bool { files.loss() == nil }

    /// Where the database is when all links are followed; its -wal file is beside it.
    package var realPath: String { files.realPath }

    /// The version of the SQLite library in use, `3.40.1`.
    package static var libraryVersion: String {
        (try? DatabaseQueue().read { db in try String.fetchOne(db, sql: "SELECT sqlite_version()") }) ?? "unknown"
    }

    /// One write transaction. When it returns, others find what was written at the path (``loss``).
    func write<Value: Sendable>(_ updates: @escaping @Sendable (Database) throws -> Value) async throws(StoreError) -> Value {
        do {
            return try await queue.writeWithoutTransaction { db in
                try self.verifyFiles(db)
                var value: Value?
                try db.inTransaction(.immediate) {
                    value = try updates(db)
                    return .commit
                }
                try self.verifyFiles(db)
                guard let value else { preconditionFailure("a transaction that was committed has a value") }
                return value
            }
        } catch {
            throw await explained(error)
        }
    }

    /// One read transaction: keep it short, a long one keeps the WAL from being reset.
    func read<Value: Sendable>(_ value: @escaping @Sendable (Database) throws -> Value) async throws(StoreError) -> Value {
        if let loss { throw loss.error }
        do {
            return try await queue.read(value)
        } catch {
            throw await explained(error)
        }
    }

    /// Changes whenever another connection has committed; our own commits do not count. Looks at the files as well (``loss``).
    package func dataVersion() async throws(StoreError) -> Int64 {
        try await unisolated { db in
            try self.verifyFiles(db)
            return try Int64.fetchOne(db, sql: "PRAGMA data_version") ?? 0
        }
    }

    /// What `PRAGMA synchronous` and `PRAGMA journal_mode` say is in force.
    package func durability() async throws(StoreError) -> (synchronous: Int, journalMode: String) {
        try await unisolated { db in
            (try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? -1, try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? "")
        }
    }

    /// Access to the connection outside of any transaction: `PRAGMA data_version` sees no change inside of one.
    func unisolated<Value: Sendable>(
        _ value: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await queue.writeWithoutTransaction(value)
        } catch {
            throw StoreError(error, path: path)
        }
    }

    /// Closes the connection; the store must not be used afterwards.
    package func close() throws {
        guard loss == nil else { return }
        try queue.close()
    }
}
