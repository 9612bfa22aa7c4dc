import ArgumentParser
import SyncCore
import SyncDaemon
import SyncSQLite
import SyncStore

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create the database or bring its schema up to date.",
        discussion: """
            `run` and `sync` do this, too. All migrations that are missing are applied in one transaction: what fails changes nothing. \
            An existing file is copied first. Exits with 69 when the file has tables of another program under names that convosync needs.
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await reportingErrors {
            let path = try options.load().databasePath
            let store = try Store(path: path, access: .migrating)
            defer { store.close() }
            let change = store.schemaChange
            if output.json {
                print(change.json(of: path, has: try await store.appliedMigrations()).printableText)
            } else {
                Terminal.print(change.lines(of: path, has: try await store.appliedMigrations()))
            }
        }
    }
}

extension SchemaChange {
    /// - Parameter present: the migrations that the file has now.
    fileprivate func lines(of path: String, has present: [String]) -> [String] {
        guard !applied.isEmpty else { return ["\(path) is up to date: \(present.joined(separator: ", "))"] }
        var lines: [String] = []
        if let backupPath { lines.append("the file as it was before is \(backupPath)") }
        lines += counts.map { "\($0.subject): \($0.rows)" }
        return lines + ["\(path) \(isCreated ? "created" : "migrated"): \(applied.joined(separator: ", "))"]
    }

    fileprivate func json(of path: String, has present: [String]) -> JSONValue {
        [
            "database": .string(path), "created": .bool(isCreated), "applied": .array(applied.map(JSONValue.string)),
            "migrations": .array(present.map(JSONValue.string)), "backup": .nullable(backupPath),
            "counts": .array(
                counts.map {
                    ["migration": .string($0.migration), "subject": .string($0.subject), "rows": .integer(Int64($0.rows))]
                }),
        ]
    }
}
