import Glibc
import SyncStore

/// Completion of arguments in a shell from the database: ids that begin with the typed text.
///
/// It runs between two key strokes: each query reads a bounded number of rows along an index, and hardly waits for locks. It only reads,
/// creates no file, and offers nothing if anything fails: a message would appear in the middle of the line that is being typed.
package enum CompletionSource {
    /// The most ids offered.
    package static let limit = 100

    /// The most rows of the outbox that are compared with the typed text: the newest, or the unfinished ones.
    private static let rowLimit = 1000

    /// How long a query waits for the lock of another connection.
    private static let busyTimeout: Duration = .milliseconds(50)

    /// Ids of conversations, in order.
    package static func conversations(in path: String, beginningWith prefix: String) -> [String] {
        // The last code point: every id with the prefix lies between the two.
        let ids = texts(
            path, "SELECT id FROM conversations WHERE id >= \(prefix) AND id < \(prefix) || char(1114111) ORDER BY id LIMIT \(limit)")
        return ids.filter { id in !id.unicodeScalars.contains { $0.properties.generalCategory == .control } }
    }

    /// Numbers of outbox rows, newest first.
    /// - Parameter unfinishedOnly: only rows that `outbox retry`, `discard` and `release` apply to.
    package static func outboxRows(in path: String, beginningWith prefix: String, unfinishedOnly: Bool) -> [String] {
        // SQLite uses a partial index only for a query with its condition, and even then not by itself.
        let unfinished: SQL = """
            SELECT id FROM outbox INDEXED BY outbox_unfinished
            WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND state <> 'sending' LIMIT \(rowLimit)
            """
        let rows: SQL = unfinishedOnly ? unfinished : "SELECT id FROM outbox ORDER BY id DESC LIMIT \(rowLimit)"
        let numbers = texts(path, "SELECT CAST(id AS TEXT) FROM (\(rows)) ORDER BY id DESC")
        return Array(numbers.lazy.filter { $0.hasPrefix(prefix) }.prefix(limit))
    }

    private static func texts(_ path: String, _ sql: SQL) -> [String] {
        // A pipe at the path would block the shell.
        var status = stat()
        guard lstat(StoreFiles.resolve(path), &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return [] }
        do {
            return try SQLiteSession(path: path, access: .readOnly, busyTimeout: busyTimeout).values(sql)
        } catch {
            return []
        }
    }
}
