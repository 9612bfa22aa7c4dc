import GRDB
import SyncCore

/// What opening a database did to its schema.
package struct SchemaChange: Sendable, Equatable {
    /// The file had nothing in it before.
    package var isCreated = false
    /// The migrations that were applied, in order.
    package var applied: [String] = []
    /// The copy that was made before; nil when there was nothing to copy or to change.
    package var backupPath: String?
    /// What became of rows that were there.
    package var counts: [MigrationCount] = []
}

extension Store {
    /// Where the copy is that was made before the schema was changed; nil when nothing had to be changed.
    package var backupPath: String? { schemaChange.backupPath }
    /// What bringing the schema up to date changed in rows that were there.
    package var migrationCounts: [MigrationCount] { schemaChange.counts }

    /// Brings the schema up to date. What fails leaves the file as it was, and no copy beside it.
    static func bringUpToDate(_ queue: DatabaseQueue, path: String) throws -> SchemaChange {
        let state = try queue.read { db in try SchemaState(db, path: path) }
        guard let first = state.missing.first else { return SchemaChange() }
        let backup = state.isNew ? nil : try SchemaBackup.make(of: queue, path: path, before: first)
        var change = SchemaChange(backupPath: backup)
        do {
            change.applied = try SchemaMigrations.migrate(queue, path: path)
            change.isCreated = state.isNew && !change.applied.isEmpty
        } catch {
            if let backup { SchemaBackup.remove(backup) }
            throw error
        }
        SchemaBackup.removeOld(of: path)
        change.counts = try queue.read { [applied = change.applied] db in try MigrationCount.ofRows(db, in: applied) }
        return change
    }

    /// The migrations that the file has, in order.
    package func appliedMigrations() async throws(StoreError) -> [String] {
        try await read { db in try SchemaMigrations.applied(db) }
    }
}
