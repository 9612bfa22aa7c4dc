import SyncCore

/// How many rows that were there a migration changed, and what became of them (the table `migration_counts`).
package struct MigrationCount: Sendable, Equatable {
    package var migration: String
    /// For people.
    package var subject: String
    package var rows: Int

    /// Of these migrations; what concerned no row is left out.
    package static func ofRows(_ session: any Session, in migrations: [String]) throws -> [MigrationCount] {
        try session.rows(
            """
            SELECT migration, subject, rows FROM migration_counts
            WHERE migration IN \(in: migrations) AND rows > 0 ORDER BY migration, subject
            """
        ) { columns in MigrationCount(migration: try columns.next(), subject: try columns.next(), rows: try columns.next()) }
    }
}
