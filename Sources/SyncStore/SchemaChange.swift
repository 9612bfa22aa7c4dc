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

    package init(isCreated: Bool = false, applied: [String] = [], backupPath: String? = nil, counts: [MigrationCount] = []) {
        self.isCreated = isCreated
        self.applied = applied
        self.backupPath = backupPath
        self.counts = counts
    }
}

extension Store {
    /// Where the copy is that was made before the schema was changed; nil when nothing had to be changed.
    package var backupPath: String? { schemaChange.backupPath }
    /// What bringing the schema up to date changed in rows that were there.
    package var migrationCounts: [MigrationCount] { schemaChange.counts }
}
