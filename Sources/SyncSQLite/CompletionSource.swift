import Glibc
import SyncStore

/// What a shell completes from the database: ids that begin with what was typed.
///
/// Between two key strokes: each query reads a bounded number of rows along an index, and waits for nobody's lock. It reads only, creates
/// no file, and whatever fails means that there is nothing to offer: a message would land in the middle of the line that is being typed.
package enum CompletionSource {
    /// How many ids are offered at most.
    package static let limit = 100

    /// How many rows of the outbox are compared with what was typed: the newest, or those that are not over.
    private static let rowLimit = 1000

    /// How long a query waits for the lock of another connection.
    private static let busyTimeout: Duration = .milliseconds(50)

    /// Ids of conversations, in order.
    package static func conversations(in path: String, beginningWith prefix: String) -> [String] {
        // The last code point of all: what begins with the prefix lies between the two.
        let ids = texts(
            path, "SELECT id FROM conversations WHERE id >= \(prefix) AND id < \(prefix) || char(1114111) ORDER BY id LIMIT \(limit)")
        return ids.filter { id in !id.unicodeScalars.contains { $0.properties.generalCategory == .control } }
    }

    /// Numbers of outbox rows, newest first.
    /// - Parameter unfinishedOnly: those that `outbox retry`, `discard` and `release` are about.
    package static func outboxRows(in path: String, beginningWith prefix: String, unfinishedOnly: Bool) -> [String] {
        // SQLite takes the partial index for its own condition only, and by itself not even then.
        let unfinished: SQL = """
            SELECT id FROM outbox INDEXED BY outbox_unfinished
            WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND state <> 'sending' LIMIT \(rowLimit)
            """
        let rows: SQL = unfinishedOnly ? unfinished : "SELECT id FROM outbox ORDER BY id DESC LIMIT \(rowLimit)"
        let numbers = texts(path, "SELECT CAST(id AS TEXT) FROM (\(rows)) ORDER BY id DESC")
        return Array(numbers.lazy.filter { $0.hasPrefix(prefix) }.prefix(limit))
    }

    private static func texts(_ path: String, _ sql: SQL) -> [String] {
        // A pipe in its place would keep the shell waiting.
        var status = stat()
        guard lstat(StoreFiles.resolve(path), &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return [] }
        do {
            return try SQLiteSession(path: path, access: .readOnly, busyTimeout: busyTimeout).values(sql)
        } catch {
            return []
        }
    }
}
