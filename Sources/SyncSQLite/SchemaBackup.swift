import FoundationEssentials
import Glibc
import SyncCore
import SyncStore
import SyncSystem

/// Copies the database before its schema is changed: `convosync.db.before-0005_name-20261121T093000Z`, beside the file.
///
/// The copy is exact, page by page (sqlite3_backup_init(), "SQLite Backup API"); VACUUM INTO would be smaller, but may renumber rows. It
/// gets its name when it is complete; until then it is `convosync.db.before.partial`, a name that the next attempt finds again. The newest
/// ``kept`` copies stay; those of failed migrations are deleted. Of the copies that interrupted attempts at one migration have left, the
/// first and the last stay, so that attempts that are repeated again and again neither fill the disk nor push out copies of earlier states.
enum SchemaBackup {
    static let kept = 3

    /// The bytes of the time at the end of a copy's name.
    private static let timeLength = 16

    /// - Returns: the path of the copy.
    /// - Throws: if there is no room for it, or another process is making one. Then the schema is not changed.
    static func make(of session: SQLiteSession, path: String, before migration: String) throws -> String {
        let timestamp = Date().formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
        let copy = "\(path).before-\(migration)-\(timestamp)"
        let partial = "\(path).before.partial"
        removeRepeated(of: path, before: migration)
        try removePartial(partial, of: path)
        let file = try createFile(partial, like: path)
        do {
            try session.copy(to: partial)
            // Otherwise another process has taken the file for one that was left, in the moment before it had its lock.
            guard try file.status().identity == FileStatus.ifPresent(partial)?.identity else { throw StoreError.locked }
            guard rename(partial, copy) == 0 else { throw StoreError.cannotOpen(path: copy, detail: "error \(errno)") }
        } catch {
            unlinkAll(partial)
            throw error
        }
        return copy
    }

    /// Creates the file such that from the beginning only users who may read the database may read its copy.
    /// - Returns: the file with its lock, which tells other processes that the copy is being made.
    private static func createFile(_ copy: String, like path: String) throws(StoreError) -> NewFile {
        do throws(SystemError) {
            let original = try FileStatus(of: path)
            // Only this user may read it before it has its owner.
            let file = try NewFile(copy, permissions: 0o600)
            guard file.lock() else { throw SystemError(code: EEXIST) }
            // Only root can do this, and only root needs to: a copy made by another user belongs to that user.
            try? file.setOwner(original.owner, group: original.group)
            try file.setPermissions(original.permissions)
            return file
        } catch {
            // Another process began at the same time.
            if error.code == EEXIST { throw .locked }
            throw .cannotOpen(path: copy, detail: "the copy that is made before the schema changes cannot be created (\(error))")
        }
    }

    /// Deletes what a process that was killed during the copy has left. SQLite would take a journal beside it for that of the new copy.
    /// - Throws: ``StoreError/locked`` if the process that makes it is still at it.
    private static func removePartial(_ partial: String, of path: String) throws(StoreError) {
        let descriptor = open(partial, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor < 0 || flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else { throw .locked }
        unlinkAll(partial)
        // Earlier versions leave the name of the copy, which nobody uses again.
        for left in files(of: path) where left.hasSuffix(".partial") || left.hasSuffix(".partial-journal") { unlink(left) }
    }

    private static func unlinkAll(_ partial: String) {
        for ending in ["", "-journal", "-wal", "-shm"] { unlink(partial + ending) }
    }

    /// After a failed migration: the file is unchanged, and needs no copy.
    static func remove(_ copy: String) {
        // A failure here is ignored: the caller has to report that of the migration.
        unlink(copy)
    }

    /// After the migrations from this one on.
    static func removeOld(of path: String, before migration: String) {
        removeRepeated(of: path, before: migration)
        for copy in copies(of: path).dropLast(kept) { unlink(copy) }
    }

    /// Of the copies made before one migration, deletes those between the first and the last.
    private static func removeRepeated(of path: String, before migration: String) {
        let repeated = copies(of: path).filter { $0.dropLast(timeLength).hasSuffix(".before-\(migration)-") }
        for copy in repeated.dropFirst().dropLast() { unlink(copy) }
    }

    /// The complete copies, the oldest first: their names end with the time. What SQLite creates beside a copy that somebody opens ends otherwise.
    private static func copies(of path: String) -> [String] {
        files(of: path).filter { $0.hasSuffix("Z") }.sorted { $0.suffix(timeLength) < $1.suffix(timeLength) }
    }

    /// The paths of all files whose names begin like that of a copy. None if this user may not read the folder: they stay.
    private static func files(of path: String) -> [String] {
        let folder = FilePath.folder(of: path)
        let prefix = FilePath.name(of: path) + ".before-"
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)
        } catch {
            return []
        }
        return names.filter { $0.hasPrefix(prefix) }.map { folder.isEmpty ? $0 : "\(folder)/\($0)" }
    }
}
