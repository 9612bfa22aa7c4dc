import CSQLite
import SyncCore
import SyncStore

/// A connection over the C interface of libsqlite3. One thread at a time.
///
/// Every statement is prepared once and cached. A statement is reset before control returns to the caller, so none keeps a read transaction
/// open.
final class SQLiteSession: Session {
    enum Access {
        case readOnly
        case readWrite
        case creating
    }

    private let connection: OpaquePointer
    private let path: String
    private(set) var statements: [String: SQLiteStatement] = [:]
    private var savepoints = 0
    /// Receives the text of every statement before it runs, to find out which statements an operation uses.
    var trace: (@Sendable (String) -> Void)?

    /// The most cached statements; queries with lists of different lengths would otherwise accumulate.
    private static let statementLimit = 400

    /// The library counts its allocations under a lock unless that is disabled before its first use ("SQLITE_CONFIG_MEMSTATUS",
    /// https://sqlite.org/c3ref/c_config_covering_index_scan.html). If another user of the library in the process initialised it first, it
    /// keeps counting.
    private static let isConfigured: Bool = convosync_sqlite_without_memory_statistics() == SQLITE_OK

    /// - Parameters:
    ///   - path: of the file; `:memory:` for none.
    ///   - busyTimeout: how long a statement waits for the locks of other connections.
    ///   - vfs: the name of the registered VFS that has the file; nil for that of the operating system.
    init(path: String, access: Access, busyTimeout: Duration, vfs: String? = nil) throws(SQLiteError) {
        _ = SQLiteSession.isConfigured
        let flags =
            switch access {
            case .readOnly: SQLITE_OPEN_READONLY
            case .readWrite: SQLITE_OPEN_READWRITE
            case .creating: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            }
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs)
        guard let opened else { throw SQLiteError(code: code, message: "out of memory") }
        connection = opened
        self.path = path
        do throws(SQLiteError) {
            try check(code)
            try check(sqlite3_busy_timeout(opened, Int32(clamping: busyTimeout.milliseconds)))
            try check(convosync_sqlite_strict_quotes(opened))
        } catch {
            sqlite3_close_v2(opened)
            throw error
        }
    }

    deinit {
        statements.removeAll()
        sqlite3_close_v2(connection)
    }

    func storeError(_ error: any Error) -> StoreError { StoreError(error, path: path) }

    // MARK: Statements

    var lastInsertedKey: Int64 { sqlite3_last_insert_rowid(connection) }

    @discardableResult
    func run(_ sql: SQL) throws -> Int {
        let statement = try statement(sql)
        defer { statement.reset() }
        while try statement.step() {}
        return Int(sqlite3_changes(connection))
    }

    func each(_ sql: SQL, _ body: (inout Columns) throws -> RowStep) throws {
        let statement = try statement(sql)
        defer { statement.reset() }
        while try statement.step() {
            var columns = Columns(statement)
            if try body(&columns) == .stop { break }
        }
    }

    /// Runs several statements without parameters, such as a migration.
    func script(_ text: String) throws(SQLiteError) {
        try check(sqlite3_exec(connection, text, nil, nil, nil))
    }

    /// Returns a statement that is not in use, with its values bound.
    private func statement(_ sql: SQL) throws(SQLiteError) -> SQLiteStatement {
        trace?(sql.text)
        if let kept = statements[sql.text], !kept.isInUse {
            try kept.bind(sql.values)
            return kept
        }
        let prepared = try SQLiteStatement(sql.text, connection)
        if statements[sql.text] == nil {
            if statements.count >= SQLiteSession.statementLimit { statements.removeAll() }
            statements[sql.text] = prepared
        }
        try prepared.bind(sql.values)
        return prepared
    }

    // MARK: Transactions

    /// Whether a transaction is open. Some errors end it: the disk is full, a file cannot be read, a trigger rolls back.
    private var isInTransaction: Bool { sqlite3_get_autocommit(connection) == 0 }

    func transaction<Value>(_ mode: TransactionMode, _ body: () throws -> Value) throws -> Value {
        if isInTransaction { return try savepoint(body) }
        try run(mode == .writing ? "BEGIN IMMEDIATE" : "BEGIN DEFERRED")
        do {
            let value = try body()
            try run("COMMIT")
            return value
        } catch {
            // If the rollback fails as well, SQLite has already ended the transaction. The original error is more informative.
            if isInTransaction { _ = try? run("ROLLBACK") }
            throw error
        }
    }

    private func savepoint<Value>(_ body: () throws -> Value) throws -> Value {
        savepoints += 1
        defer { savepoints -= 1 }
        let name = SQL(stringLiteral: "level_\(savepoints)")
        try run("SAVEPOINT \(name)")
        do {
            let value = try body()
            try run("RELEASE \(name)")
            return value
        } catch {
            guard isInTransaction else { throw ended(by: error) }
            // A savepoint remains after a rollback to it. If either statement fails, the surrounding transaction fails as well.
            _ = try? run("ROLLBACK TO \(name)")
            _ = try? run("RELEASE \(name)")
            throw error
        }
    }

    /// The surrounding transaction is gone: whoever catches an error that concerns rows would go on without one, and commit each statement
    /// by itself.
    private func ended(by error: any Error) -> any Error {
        let problem = storeError(error)
        guard problem.concernsRows else { return error }
        return StoreError.rolledBack(detail: problem.description)
    }

    // MARK: The connection

    /// The version of the library in use, `3.40.1`.
    static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    /// The numbers that `PRAGMA wal_checkpoint(PASSIVE)` returns: frames in the log, and those that are in the database file now.
    func checkpoint() throws -> (log: Int, checkpointed: Int)? {
        try row("PRAGMA wal_checkpoint(PASSIVE)") { columns in
            // Whether it was blocked: the numbers show how far it got.
            _ = try columns.next(Int.self)
            return (try columns.next(), try columns.next())
        }
    }

    /// Copies the whole database into a new file, page by page ("SQLite Backup API", https://sqlite.org/backup.html).
    func copy(to path: String) throws {
        let target = try SQLiteSession(path: path, access: .creating, busyTimeout: .zero)
        guard let backup = sqlite3_backup_init(target.connection, "main", connection, "main") else {
            throw SQLiteError(target.connection)
        }
        let code = sqlite3_backup_step(backup, -1)
        sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE else { throw SQLiteError(code: code, message: String(cString: sqlite3_errstr(code))) }
    }

    private func check(_ code: Int32) throws(SQLiteError) {
        guard code == SQLITE_OK else { throw SQLiteError(connection) }
    }
}

/// The report of libsqlite3 about a failed call.
struct SQLiteError: Error, CustomStringConvertible {
    /// The extended result code.
    var code: Int32
    var message: String

    init(code: Int32, message: String) {
        self.code = code
        self.message = message
    }

    init(_ connection: OpaquePointer) {
        self.init(code: sqlite3_extended_errcode(connection), message: String(cString: sqlite3_errmsg(connection)))
    }

    /// The store was closed.
    static let closed = SQLiteError(code: SQLITE_MISUSE, message: "the database is closed")

    /// `SQLITE_IOERR_SHMSIZE`, a macro that Swift does not import.
    static let sharedMemorySize = SQLITE_IOERR | 19 << 8

    /// The class of the error, without the details of the extended code.
    var primaryCode: Int32 { code & 0xFF }

    var description: String { "SQLite error \(code): \(message)" }
}
