import SyncStore

/// The `store.replaced` event.
enum StoreLossEvent {
    static func event(_ loss: Store.Loss, path: String) -> LogEvent {
        LogEvent("store.replaced", level: .error).with("path", path).with("error", loss.error.description)
            .with("log_aside", loss.logAside).with("hint", hint(loss))
    }

    private static func hint(_ loss: Store.Loss) -> String {
        if loss.logAside != nil {
            return "the log of the former content was renamed, so that it does not get into the new one; delete it when you do not need it"
        }
        return loss.hasKeptCommits
            ? "put a database in place only while nobody has it open, and remove its -wal and -shm files with it"
            : "commits that were only in the -wal file may be lost; put files in place only while nobody has the database open"
    }
}
