import FoundationEssentials
import Glibc
import SyncCore
import SyncStore
import SyncSystem

/// Copies the database before its schema is changed: `convosync.db.before-0005_name-20261121T093000Z`, beside the file.
///
/// The copy is exact, page by page (sqlite3_backup_init(), "SQLite Backup API"); VACUUM INTO would be smaller, but may renumber rows. It
/// gets its name when it is complete. The newest ``kept`` copies stay; those of failed migrations are deleted.
enum SchemaBackup {
    static let kept = 3

    /// - Returns: the path of the copy.
    /// - Throws: if there is no room for it. Then the schema is not changed.
    static func make(of session: SQLiteSession, path: String, before migration: String) throws -> String {
        let timestamp = Date().formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
        let copy = "\(path).before-\(migration)-\(timestamp)"
        let partial = "\(copy).partial"
        // Left by a process that was killed during the copy.
        unlink(partial)
        do {
            try createFile(partial, like: path)
            try session.copy(to: partial)
            guard rename(partial, copy) == 0 else { throw StoreError.cannotOpen(path: copy, detail: "error \(errno)") }
        } catch {
            for ending in ["", "-journal", "-wal", "-shm"] { unlink(partial + ending) }
            throw error
        }
        return copy
    }

    /// Creates the file such that from the beginning only users who may read the database may read its copy.
    private static func createFile(_ copy: String, like path: String) throws {
        do {
            let original = try FileStatus(of: path)
            // Only this user may read it before it has its owner.
            let file = try NewFile(copy, permissions: 0o600)
            // Only root can do this, and only root needs to: a copy made by another user belongs to that user.
            try? file.setOwner(original.owner, group: original.group)
            try file.setPermissions(original.permissions)
        } catch {
            throw StoreError.cannotOpen(
                path: copy, detail: "the copy that is made before the schema changes cannot be created (\(error))")
        }
    }

    /// After a failed migration: the file is unchanged, and needs no copy.
    static func remove(_ copy: String) {
        // A failure here is ignored: the caller has to report that of the migration.
        unlink(copy)
    }

    /// The names end with the time, so the last ones in that order are the newest.
    static func removeOld(of path: String) {
        let folder = FilePath.folder(of: path)
        let prefix = FilePath.name(of: path) + ".before-"
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)
        } catch {
            // This user may not read the folder: the copies stay.
            return
        }
        let copies = names.filter { $0.hasPrefix(prefix) && !$0.hasSuffix(".partial") }.sorted { $0.suffix(16) < $1.suffix(16) }
        for name in copies.dropLast(kept) { unlink(folder.isEmpty ? name : "\(folder)/\(name)") }
    }
}
