import GRDB
import Migrations

/// The history of the schema, and what a file has of it.
///
/// The bookkeeping is a table of the form that GRDB's migrator uses, and earlier versions wrote with it. All that is missing is applied
/// in **one** transaction, the bookkeeping included: a file has the schema that it had, or the present one, whatever fails in between.
/// Foreign keys are not checked over the whole file: the application may keep rows that violate them, and that is its business.
enum SchemaMigrations {
    static let table = "grdb_migrations"

    static var bookkeeping: SchemaObject { SchemaObject(name: table, isTrigger: false) }

    static var identifiers: [String] { EmbeddedMigrations.all.map(\.identifier) }

    /// Applies what is missing, in one transaction that takes the write lock at once.
    ///
    /// - Parameter last: the last one to be applied; nil for all.
    /// - Returns: what was applied now, in order; empty when another process was faster.
    @discardableResult
    static func migrate(_ queue: DatabaseQueue, path: String, upTo last: String? = nil) throws -> [String] {
        try queue.writeWithoutTransaction { db in
            var applied: [String] = []
            try db.inTransaction(.immediate) {
                let state = try SchemaState(db, path: path)
                applied = Array(state.missing.prefix { last == nil || $0 <= last ?? "" })
                try apply(applied, to: db)
                return .commit
            }
            return applied
        }
    }

    /// In the caller's transaction.
    static func apply(_ identifiers: [String], to db: Database) throws {
        guard !identifiers.isEmpty else { return }
        try db.execute(sql: "CREATE TABLE IF NOT EXISTS \(table) (identifier TEXT NOT NULL PRIMARY KEY)")
        for (identifier, sql) in EmbeddedMigrations.all where identifiers.contains(identifier) {
            try db.execute(sql: sql)
            try db.execute(sql: "INSERT INTO \(table) (identifier) VALUES (?)", arguments: [identifier])
        }
    }

    /// The migrations that the file has, in order.
    static func applied(_ db: Database) throws -> [String] {
        let recorded = Set(try recorded(db))
        return identifiers.filter(recorded.contains)
    }

    /// What the bookkeeping holds, whoever wrote it.
    static func recorded(_ db: Database) throws -> [String] {
        // Not db.tableExists(): its cache does not see what other processes create.
        guard try SchemaObject.all(db).contains(bookkeeping) else { return [] }
        return try String.fetchAll(db, sql: "SELECT identifier FROM \(table) ORDER BY identifier")
    }

    /// What these migrations create under names that are new then, each in a database that has the ones before it.
    static func objects(createdBy missing: [String]) throws -> Set<SchemaObject> {
        try DatabaseQueue().write { db in
            var created: Set<SchemaObject> = []
            var before: Set<SchemaObject> = []
            for identifier in identifiers {
                try apply([identifier], to: db)
                let after = try SchemaObject.all(db)
                if missing.contains(identifier) { created.formUnion(after.subtracting(before)) }
                before = after
            }
            // The bookkeeping has no migration of its own.
            return created.subtracting([bookkeeping])
        }
    }
}

/// A name in a schema. Tables, views and indexes share their names; triggers have names of their own.
struct SchemaObject: Hashable {
    var name: String
    var isTrigger: Bool

    /// Without those that SQLite makes by itself. SQLite compares names without regard to the case of ASCII letters.
    static func all(_ db: Database) throws -> Set<SchemaObject> {
        let rows = try Row.fetchAll(
            db, sql: "SELECT lower(name), type = 'trigger' FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
        return Set(rows.map { SchemaObject(name: $0[0], isTrigger: $0[1]) })
    }
}
