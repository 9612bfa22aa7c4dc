import ArgumentParser
import SyncDaemon
import SyncStore

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create the database or bring its schema up to date.", discussion: "`run` and `sync` do this, too.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        try await reportingErrors {
            let configuration = try options.load()
            let store = try Store(path: configuration.databasePath, access: .migrating)
            let applied = try await store.appliedMigrations()
            if let backup = store.backupPath { Terminal.print("the file as it was before is \(backup)") }
            for count in store.migrationCounts { Terminal.print("\(count.subject): \(count.rows)") }
            Terminal.print("\(configuration.databasePath) is up to date: \(applied.joined(separator: ", "))")
        }
    }
}
