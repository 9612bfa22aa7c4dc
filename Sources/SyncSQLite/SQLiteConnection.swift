import Glibc
import SyncCore
import SyncStore
import Synchronization

/// The database in one file: one connection on a thread of its own.
///
/// WAL with `synchronous=FULL`: commits survive a power cut (with NORMAL, the commits since the last checkpoint do not). Writers take the
/// lock at once (`BEGIN IMMEDIATE`), so that a transaction never fails halfway because the application wrote in between.
final class SQLiteConnection: StoreConnection {
    /// The size to which the WAL is truncated, in bytes; SQLite checkpoints it after every 4 MiB of commits.
    private static let walSizeLimit: SQL = "16777216"

    /// The queues of connections to lost files: these stay open until the process ends.
    private static let abandoned = Mutex<[SessionQueue]>([])

    let path: String
    let schemaChange: SchemaChange
    let queue: SessionQueue
    /// Nil for a database that is not in files of the operating system.
    let files: StoreFiles?
    private let lossState = Mutex<(loss: Store.Loss?, tell: (@Sendable (Store.Loss) -> Void)?)>((nil, nil))

    /// - Parameter vfs: the name of the registered VFS that has the database; nil for the files of the operating system. Work on another
    ///   one runs on the caller's thread, one piece at a time.
    init(path: String, access: Store.Access, vfs: String? = nil) throws(StoreError) {
        self.path = path
        var status = stat()
        if vfs == nil, !access.migrates, stat(path, &status) != 0 { throw .missing(path: path) }
        if vfs == nil, access.migrates { SQLiteConnection.createFile(path) }
        do {
            let session = try SQLiteSession(
                path: path, access: access == .reading ? .readOnly : access.migrates ? .creating : .readWrite,
                busyTimeout: Store.busyTimeout, vfs: vfs)
            // Before anything else: a file of another program is left unchanged, including its journal mode.
            let state = try SchemaState.read(session, path: path)
            guard access.migrates || state.missing.isEmpty else { throw StoreError.olderSchema(missing: state.missing) }
            if access != .reading { try SQLiteConnection.prepare(session, access) }
            // Before the schema is changed under a running service.
            if vfs == nil, access == .serving, !StoreFiles.lock(StoreFiles.resolve(path)) {
                throw StoreError.inUse(by: Store.serviceText(session))
            }
            schemaChange = access.migrates ? try SchemaMigrations.bringUpToDate(session, path: path) : SchemaChange()
            if access != .reading { try SQLiteConnection.useLog(session) }
            queue = SessionQueue(session, hasThread: vfs == nil)
            files = vfs == nil ? StoreFiles(path, withLog: access != .reading) : nil
            // An interrupted checkpoint would hide other writes to the file.
            if access.migrates, files?.isSettled == false { _ = try session.checkpoint() }
        } catch {
            throw StoreError(error, path: path)
        }
    }

    private static func prepare(_ session: SQLiteSession, _ access: Store.Access) throws {
        // Freed pages can be returned in small steps only if this is set in a file without pages; later it takes a VACUUM (docs/schema.md).
        if access.migrates, try session.value("PRAGMA page_count", as: Int.self) == 0 {
            try session.run("PRAGMA auto_vacuum = INCREMENTAL")
        }
        try session.run("PRAGMA synchronous = FULL")
        try session.run("PRAGMA temp_store = MEMORY")
        // The application decides whether it enforces its foreign keys; ours are few and maintained by the code.
        try session.run("PRAGMA foreign_keys = OFF")
    }

    /// After the migrations: a file that cannot be migrated keeps its journal mode.
    private static func useLog(_ session: SQLiteSession) throws {
        try session.run("PRAGMA journal_mode = WAL")
        // A WAL that grew because of a long read is truncated when it starts again.
        try session.run("PRAGMA journal_size_limit = \(walSizeLimit)")
        // SQLite opens the log only with the first transaction, and ``StoreFiles`` has to find it open.
        _ = try session.value("SELECT count(*) FROM sqlite_schema", as: Int.self)
    }

    /// SQLite creates files with mode 0644 at most, but the application writes as a member of the group: 0660, as far as the umask allows.
    /// The -wal and -shm files get the mode of this one. A failure is reported when the file is opened.
    private static func createFile(_ path: String) {
        var descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o660)
        if descriptor < 0, errno == EEXIST {
            var status = stat()
            // A symbolic link to a file that does not exist yet: O_EXCL refuses it, and SQLite follows it.
            if stat(path, &status) != 0, errno == ENOENT { descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o660) }
        }
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    // MARK: Work

    func perform<Value: Sendable>(_ work: @escaping @Sendable (any Session) throws -> Value) async throws(StoreError) -> Value {
        try await withSession(work)
    }

    func withSession<Value: Sendable>(_ work: @escaping @Sendable (SQLiteSession) throws -> Value) async throws(StoreError) -> Value {
        do {
            return try await queue.perform(work)
        } catch {
            throw await explained(error)
        }
    }

    /// An error that may be caused by lost files is replaced by the loss.
    private func explained(_ error: any Error) async -> StoreError {
        // If this detects a loss, it is recorded.
        try? await queue.perform { session in try self.verify(session) }
        return loss?.error ?? StoreError(error, path: path)
    }

    func close() {
        guard loss == nil else { return }
        queue.close()
    }

    // MARK: Files

    var watchedFiles: [String] { files.map { [path, "\($0.realPath)-wal"] } ?? [] }

    var isInPlace: Bool { files?.loss() == nil }

    var loss: Store.Loss? { lossState.withLock { $0.loss } }

    func whenLost(_ tell: @escaping @Sendable (Store.Loss) -> Void) {
        let loss = lossState.withLock { state in
            if state.loss == nil { state.tell = tell }
            return state.loss
        }
        if let loss { tell(loss) }
    }

    func verify() throws { try verify(queue.presentSession()) }

    private func verify(_ session: SQLiteSession) throws {
        if let loss { throw loss.error }
        guard let files, let found = files.loss() else { return }
        throw lose(found, files, session).error
    }

    /// Nothing is written any more, and the connection stays open until the process ends: closing it would write the log's pages to the
    /// file that is there now, and delete the log that is there now.
    private func lose(_ found: StoreLoss, _ files: StoreFiles, _ session: SQLiteSession) -> Store.Loss {
        var loss = Store.Loss(error: .replaced(path: path, detail: found.text(path)))
        if files.canStillCheckpoint(after: found) {
            // The commits of all processes that have this database open are in a file without a name: this is the last chance to keep them.
            do {
                loss.hasKeptCommits = try session.checkpoint().map { $0.log == $0.checkpointed } ?? false
            } catch {
                loss.hasKeptCommits = false
            }
        } else {
            loss.logAside = files.setStaleLogAside(after: found)
            loss.hasKeptCommits = found != .logReplaced
        }
        SQLiteConnection.abandoned.withLock { $0.append(queue) }
        let end = loss
        let tell = lossState.withLock { state in
            state.loss = end
            defer { state.tell = nil }
            return state.tell
        }
        tell?(end)
        return end
    }

    // MARK: Specific to SQLite

    func commitsOfOthers() async throws(StoreError) -> Int64 {
        try await withSession { session in
            try self.verify(session)
            return try session.value("PRAGMA data_version") ?? 0
        }
    }

    func appliedMigrations() async throws(StoreError) -> [String] {
        try await withSession { session in try SchemaMigrations.applied(session) }
    }

    func durability() async throws(StoreError) -> (synchronous: Int, journalMode: String) {
        try await withSession { session in
            (try session.value("PRAGMA synchronous") ?? -1, try session.value("PRAGMA journal_mode") ?? "")
        }
    }

    func size() throws -> StoreSize {
        let session = try queue.presentSession()
        func number(_ pragma: SQL) throws -> Int { try session.value("PRAGMA \(pragma)") ?? 0 }
        return StoreSize(
            pages: try number("page_count"), freePages: try number("freelist_count"), pageSize: try number("page_size"),
            shrinks: try number("auto_vacuum") == 2)
    }

    func shrink(by pages: Int) throws {
        // Every step of the statement frees one page; it must be stepped to its end. A PRAGMA takes no parameters.
        try queue.presentSession().run("PRAGMA incremental_vacuum(\(SQL(stringLiteral: String(pages))))")
    }

    func checkpoint() throws { _ = try queue.presentSession().checkpoint() }
}

extension Store {
    /// Opens the database in a file.
    /// - Parameter vfs: the name of the registered VFS that has the file ("OS Interface Object", https://sqlite.org/c3ref/vfs.html); nil for
    ///   that of the operating system. What happens to the files behind another one is not watched, and work on it runs on the caller's thread:
    ///   the caller sees to it that there is one piece at a time.
    package convenience init(path: String, access: Access, vfs: String? = nil) throws(StoreError) {
        self.init(try SQLiteConnection(path: path, access: access, vfs: vfs))
    }

    /// The version of the SQLite library in use, `3.40.1`.
    package static var libraryVersion: String { SQLiteSession.libraryVersion }
}
