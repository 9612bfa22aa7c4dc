import GRDB
import SyncCore

/// How many rows that were there a migration changed, and what became of them (the table `migration_counts`).
package struct MigrationCount: Sendable, Equatable {
    package var migration: String
    /// For people.
    package var subject: String
    package var rows: Int

    /// Of these migrations; what concerned no row is left out.
    static func ofRows(_ db: Database, in migrations: [String]) throws -> [MigrationCount] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT migration, subject, rows FROM migration_counts
                WHERE migration IN (SELECT value FROM json_each(?)) AND rows > 0 ORDER BY migration, subject
                """, arguments: [JSONValue.array(migrations.map(JSONValue.string)).text]
        ).map { MigrationCount(migration: $0[0], subject: $0[1], rows: $0[2]) }
    }
}
