import SyncCore
import SyncStore

/// How a file's schema compares with that of this program. Reading it changes nothing in the file, not even its journal mode.
struct SchemaState {
    /// The migrations that the file has, in order.
    var applied: [String]
    /// The missing ones, in order.
    var missing: [String]
    /// The file is empty: the migrations create its first tables.
    var isNew: Bool

    /// Runs in the caller's transaction: another process may create the tables at the same time.
    ///
    /// - Throws: a ``StoreError`` if this program must not change the file: its schema is newer, it has objects of another program with
    ///   the names of those that the missing migrations create, or its texts are not in UTF-8.
    init(_ session: any Session, path: String) throws {
        let present = try SchemaObject.all(session)
        isNew = present.isEmpty
        // The triggers compare the bytes of keys: in UTF-16 every key has a NUL among them. An empty file has none yet, and gets UTF-8.
        if let encoding = try session.value("PRAGMA encoding", as: String.self), encoding != "UTF-8" {
            throw StoreError.otherEncoding(path: path, encoding: encoding)
        }
        let known = SchemaMigrations.identifiers
        if present.contains(SchemaMigrations.bookkeeping), try !SchemaState.hasOwnBookkeeping(session) {
            throw StoreError.foreignSchema(path: path, names: [SchemaMigrations.table])
        }
        let recorded = try SchemaMigrations.recorded(session)
        applied = known.filter(recorded.contains)
        missing = known.filter { !recorded.contains($0) }
        let unknown = recorded.filter { !known.contains($0) }
        guard unknown.isEmpty else {
            // Another program has its own migrations in a table of this name.
            if applied.isEmpty { throw StoreError.foreignSchema(path: path, names: [SchemaMigrations.table]) }
            throw StoreError.newerSchema(applied: unknown)
        }
        guard !isNew, !missing.isEmpty else { return }
        let taken = try SchemaMigrations.objects(createdBy: missing).intersection(present)
        guard taken.isEmpty else { throw StoreError.foreignSchema(path: path, names: Set(taken.map(\.name)).sorted()) }
    }

    /// For a connection without an open transaction.
    static func read(_ session: any Session, path: String) throws -> SchemaState {
        try session.transaction(.reading) { try SchemaState(session, path: path) }
    }

    private static func hasOwnBookkeeping(_ session: any Session) throws -> Bool {
        try session.values("SELECT name FROM pragma_table_info(\(SchemaMigrations.table))") == ["identifier"]
    }
}
