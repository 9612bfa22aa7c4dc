import SyncStore

/// Log events for what opening the database changed in it.
extension EventLog {
    func writeMigration(of store: Store) {
        if let backup = store.backupPath {
            write(LogEvent("store.migrated", level: .notice).with("path", store.path).with("backup", backup))
        }
        for count in store.migrationCounts {
            write(
                LogEvent("store.rows_migrated", level: .notice).with("migration", count.migration).with("subject", count.subject)
                    .with("rows", count.rows))
        }
    }
}
