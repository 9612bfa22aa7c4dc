import SyncCore
import SyncStore

/// How a file stands to the schema of this program. Looking changes nothing in the file, not even its journal mode.
struct SchemaState {
    /// The migrations that it has, in order.
    var applied: [String]
    /// Those that it lacks, in order.
    var missing: [String]
    /// Nothing at all is in it: the tables are the first ones.
    var isNew: Bool

    /// In the caller's transaction: another process may create the tables at this moment.
    ///
    /// - Throws: a ``StoreError`` where this program must leave the file alone: its schema is newer, or it has objects of somebody else
    ///   with the names of those that the missing migrations create.
    init(_ session: any Session, path: String) throws {
        let present = try SchemaObject.all(session)
        isNew = present.isEmpty
        let known = SchemaMigrations.identifiers
        if present.contains(SchemaMigrations.bookkeeping), try !SchemaState.hasOwnBookkeeping(session) {
            throw StoreError.foreignSchema(path: path, names: [SchemaMigrations.table])
        }
        let recorded = try SchemaMigrations.recorded(session)
        applied = known.filter(recorded.contains)
        missing = known.filter { !recorded.contains($0) }
        let unknown = recorded.filter { !known.contains($0) }
        guard unknown.isEmpty else {
            // Another program keeps its own migrations in a table of this name.
            if applied.isEmpty { throw StoreError.foreignSchema(path: path, names: [SchemaMigrations.table]) }
            throw StoreError.newerSchema(applied: unknown)
        }
        guard !isNew, !missing.isEmpty else { return }
        let taken = try SchemaMigrations.objects(createdBy: missing).intersection(present)
        guard taken.isEmpty else { throw StoreError.foreignSchema(path: path, names: Set(taken.map(\.name)).sorted()) }
    }

    /// Of a connection that has no transaction yet.
    static func read(_ session: any Session, path: String) throws -> SchemaState {
        try session.transaction(.reading) { try SchemaState(session, path: path) }
    }

    private static func hasOwnBookkeeping(_ session: any Session) throws -> Bool {
        try session.values("SELECT name FROM pragma_table_info(\(SchemaMigrations.table))") == ["identifier"]
    }
}
