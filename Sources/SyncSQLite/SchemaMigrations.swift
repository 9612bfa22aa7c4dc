import Migrations
import SyncStore

/// The history of the schema, and what a file has of it.
///
/// The bookkeeping is a table of the form that GRDB's migrator uses, and earlier versions wrote with it. All that is missing is applied
/// in **one** transaction, the bookkeeping included: a file has the schema that it had, or the present one, whatever fails in between.
/// Foreign keys are not checked over the whole file: the application may keep rows that violate them, and that is its business.
enum SchemaMigrations {
    static let table = "grdb_migrations"
    private static let name = SQL(stringLiteral: table)

    static var bookkeeping: SchemaObject { SchemaObject(name: table, isTrigger: false) }

    static var identifiers: [String] { EmbeddedMigrations.all.map(\.identifier) }

    /// Applies what is missing, in one transaction that takes the write lock at once.
    ///
    /// - Parameter last: the last one to be applied; nil for all.
    /// - Returns: what was applied now, in order; empty when another process was faster.
    @discardableResult
    static func migrate(_ session: SQLiteSession, path: String, upTo last: String? = nil) throws -> [String] {
        try session.transaction(.writing) {
            let state = try SchemaState(session, path: path)
            let applied = Array(state.missing.prefix { last == nil || $0 <= last ?? "" })
            try apply(applied, to: session)
            return applied
        }
    }

    /// Brings the schema up to date. What fails leaves the file as it was, and no copy beside it.
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
        SchemaBackup.removeOld(of: path)
        change.counts = try MigrationCount.ofRows(session, in: change.applied)
        return change
    }

    /// In the caller's transaction.
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

    /// What the bookkeeping holds, whoever wrote it.
    static func recorded(_ session: any Session) throws -> [String] {
        guard try SchemaObject.all(session).contains(bookkeeping) else { return [] }
        return try session.values("SELECT identifier FROM \(name) ORDER BY identifier")
    }

    /// What these migrations create under names that are new then, each in a database that has the ones before it.
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
        // The bookkeeping has no migration of its own.
        return created.subtracting([bookkeeping])
    }
}

/// A name in a schema. Tables, views and indexes share their names; triggers have names of their own.
struct SchemaObject: Hashable {
    var name: String
    var isTrigger: Bool

    /// Without those that SQLite makes by itself. SQLite compares names without regard to the case of ASCII letters.
    static func all(_ session: any Session) throws -> Set<SchemaObject> {
        let objects = try session.rows(
            "SELECT lower(name), type = 'trigger' FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ) { columns in SchemaObject(name: try columns.next(), isTrigger: try columns.next()) }
        return Set(objects)
    }
}
