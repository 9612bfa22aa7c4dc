import Foundation
import SyncStore

/// Copies the database before its schema is changed: `convosync.session.before-0005_name-20261121T093000Z`, beside the file.
///
/// The copy is exact, page by page (sqlite3_backup_init(), "SQLite Backup API"); VACUUM INTO would be smaller and number rows anew. It
/// gets its name when it is complete. The newest ``kept`` stay; those of migrations that failed go.
enum SchemaBackup {
    static let kept = 3

    /// - Returns: the path of the copy.
    /// - Throws: where there is no room for it. Then the schema is not changed.
    static func make(of session: SQLiteSession, path: String, before migration: String) throws -> String {
        let moment = Date().formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
        let copy = "\(path).before-\(migration)-\(moment)"
        let partial = "\(copy).partial"
        try? FileManager.default.removeItem(atPath: partial)
        do {
            try createFile(partial, like: path)
            try session.copy(to: partial)
            guard rename(partial, copy) == 0 else { throw StoreError.cannotOpen(path: copy, detail: "error \(errno)") }
        } catch {
            for ending in ["", "-journal", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: partial + ending) }
            throw error
        }
        return copy
    }

    /// Who may read the database may read its copy, and nobody else, from the beginning.
    private static func createFile(_ copy: String, like path: String) throws {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        let mode = attributes[.posixPermissions] ?? 0o600
        guard FileManager.default.createFile(atPath: copy, contents: nil, attributes: [.posixPermissions: mode]) else {
            throw StoreError.cannotOpen(path: copy, detail: "the copy that is made before the schema changes cannot be created")
        }
        let owner = attributes.filter { $0.key == .ownerAccountID || $0.key == .groupOwnerAccountID }
        // Only root can, and only root has to.
        try? FileManager.default.setAttributes(owner, ofItemAtPath: copy)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: copy)
    }

    /// After a migration that failed: the file is as it was, and needs no copy.
    static func remove(_ copy: String) {
        // The migration's own failure is what the caller has to say.
        unlink(copy)
    }

    /// The names end with the time, so the newest are the last by it.
    static func removeOld(of path: String) {
        let folder = (path as NSString).deletingLastPathComponent
        let prefix = (path as NSString).lastPathComponent + ".before-"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
        let copies = names.filter { $0.hasPrefix(prefix) && !$0.hasSuffix(".partial") }.sorted { $0.suffix(16) < $1.suffix(16) }
        for name in copies.dropLast(kept) { try? FileManager.default.removeItem(atPath: folder.isEmpty ? name : "\(folder)/\(name)") }
    }
}
