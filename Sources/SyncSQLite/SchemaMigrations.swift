import Migrations
import SyncStore

/// The migrations of the schema, and which of them a file has.
///
/// The bookkeeping is a table in the form of GRDB's migrator, which earlier versions used. All missing migrations are applied in **one**
/// transaction together with the bookkeeping: a file has its former schema or the present one, whatever fails in between. Foreign keys are
/// not checked over the whole file: the application may keep rows that violate them.
enum SchemaMigrations {
    static let table = "grdb_migrations"
    private static let name = SQL(stringLiteral: table)

    static var bookkeeping: SchemaObject { SchemaObject(name: table, isTrigger: false) }

    static var identifiers: [String] { EmbeddedMigrations.all.map(\.identifier) }

    /// Applies the missing migrations, in one transaction that takes the write lock at once.
    ///
    /// - Parameter last: the last migration to apply; nil for all.
    /// - Returns: the migrations applied now, in order; empty if another process was faster.
    @discardableResult
    static func migrate(_ session: SQLiteSession, path: String, upTo last: String? = nil) throws -> [String] {
        try session.transaction(.writing) {
            let state = try SchemaState(session, path: path)
            let applied = Array(state.missing.prefix { last == nil || $0 <= last ?? "" })
            try apply(applied, to: session)
            return applied
        }
    }

    /// Brings the schema up to date. A failure leaves the file unchanged, and no copy.
    static func bringUpToDate(_ session: SQLiteSession, path: String) throws -> SchemaChange {
        let state = try SchemaState.read(session, path: path)
        guard let first = state.missing.first else { return SchemaChange() }
        let backup = state.isNew ? nil : try SchemaBackup.make(of: session, path: path, before: first)
        var change = SchemaChange(backupPath: backup)
        do {
            change.applied = try migrate(session, path: path)
            change.isCreated = state.isNew && !change.applied.isEmpty
        } catch {
            if let backup { SchemaBackup.remove(backup) }
            throw error
        }
        SchemaBackup.removeOld(of: path, before: first)
        change.counts = try MigrationCount.ofRows(session, in: change.applied)
        return change
    }

    /// Applies migrations in the caller's transaction.
    static func apply(_ identifiers: [String], to session: SQLiteSession) throws {
        guard !identifiers.isEmpty else { return }
        try session.run("CREATE TABLE IF NOT EXISTS \(name) (identifier TEXT NOT NULL PRIMARY KEY)")
        for (identifier, sql) in EmbeddedMigrations.all where identifiers.contains(identifier) {
            try session.script(sql)
            try session.run("INSERT INTO \(name) (identifier) VALUES (\(identifier))")
        }
    }

    /// The migrations that the file has, in order.
    static func applied(_ session: any Session) throws -> [String] {
        let recorded = Set(try recorded(session))
        return identifiers.filter(recorded.contains)
    }

    /// The recorded migrations, including those of other programs.
    static func recorded(_ session: any Session) throws -> [String] {
        guard try SchemaObject.all(session).contains(bookkeeping) else { return [] }
        return try session.values("SELECT identifier FROM \(name) ORDER BY identifier")
    }

    /// The objects that these migrations create, each in a database with the preceding ones.
    static func objects(createdBy missing: [String]) throws -> Set<SchemaObject> {
        let session = try SQLiteSession(path: ":memory:", access: .creating, busyTimeout: .zero)
        var created: Set<SchemaObject> = []
        var before: Set<SchemaObject> = []
        for identifier in identifiers {
            try apply([identifier], to: session)
            let after = try SchemaObject.all(session)
            if missing.contains(identifier) { created.formUnion(after.subtracting(before)) }
            before = after
        }
        // The bookkeeping table is not created by a migration.
        return created.subtracting([bookkeeping])
    }
}

/// A name in a schema. Tables, views and indexes share one namespace; triggers have their own.
struct SchemaObject: Hashable {
    var name: String
    var isTrigger: Bool

    /// Without those that SQLite creates itself. SQLite compares names without regard to the case of ASCII letters.
    static func all(_ session: any Session) throws -> Set<SchemaObject> {
        let objects = try session.rows(
            "SELECT lower(name), type = 'trigger' FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ) { columns in SchemaObject(name: try columns.next(), isTrigger: try columns.next()) }
        return Set(objects)
    }
}
