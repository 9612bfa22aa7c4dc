import SyncCore

/// How many existing rows a migration changed, and how (the table `migration_counts`).
package struct MigrationCount: Sendable, Equatable {
    package var migration: String
    /// A description for people.
    package var subject: String
    package var rows: Int

    /// The counts of these migrations. A count of zero rows is left out.
    package static func ofRows(_ session: any Session, in migrations: [String]) throws -> [MigrationCount] {
        try session.rows(
            """
            SELECT migration, subject, rows FROM migration_counts
            WHERE migration IN \(in: migrations) AND rows > 0 ORDER BY migration, subject
            """
        ) { columns in MigrationCount(migration: try columns.next(), subject: try columns.next(), rows: try columns.next()) }
    }
}
