import SyncCore

/// What opening a database did to its schema.
package struct SchemaChange: Sendable, Equatable {
    /// The file was empty or did not exist before.
    package var isCreated = false
    /// The migrations that were applied, in order.
    package var applied: [String] = []
    /// The copy of the database that was made before; nil if there was nothing to copy or to change.
    package var backupPath: String?
    /// How existing rows were changed.
    package var counts: [MigrationCount] = []

    package init(isCreated: Bool = false, applied: [String] = [], backupPath: String? = nil, counts: [MigrationCount] = []) {
        self.isCreated = isCreated
        self.applied = applied
        self.backupPath = backupPath
        self.counts = counts
    }
}

extension Store {
    /// The copy of the database made before the schema was changed; nil if nothing had to be changed.
    package var backupPath: String? { schemaChange.backupPath }
    /// How the migrations changed existing rows.
    package var migrationCounts: [MigrationCount] { schemaChange.counts }
}
