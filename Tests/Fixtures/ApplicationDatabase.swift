import Dispatch
import GRDB

/// The application's own connection to the database file, through a library that the program does not use.
package final class ApplicationDatabase: Sendable {
    package let path: String
    /// For what the functions here do not offer.
    package let queue: DatabaseQueue

    /// - Parameters:
    ///   - path: of the file, which is created if it does not exist.
    ///   - foreignKeys: whether the connection enforces them, as SQLite leaves it to each connection.
    package init(path: String, foreignKeys: Bool = true) throws {
        self.path = path
        var configuration = GRDB.Configuration()
        configuration.foreignKeysEnabled = foreignKeys
        // Longer than anything holds the lock that works.
        configuration.busyMode = .timeout(20)
        // A test holds the lock from one call to the next.
        configuration.allowsUnsafeTransactions = true
        queue = try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Runs one or more statements in one transaction.
    /// - Returns: how many rows the last of them changed.
    @discardableResult
    package func write(_ sql: String, _ arguments: StatementArguments = []) throws -> Int {
        try queue.write { db in
            try db.execute(sql: sql, arguments: arguments)
            return db.changesCount
        }
    }

    /// Runs one or more statements as they are: each is a transaction of its own, unless they say otherwise.
    package func execute(_ sql: String, _ arguments: StatementArguments = []) throws {
        try queue.writeWithoutTransaction { try $0.execute(sql: sql, arguments: arguments) }
    }

    package func text(_ sql: String, _ arguments: StatementArguments = []) throws -> String? {
        try queue.read { try String.fetchOne($0, sql: sql, arguments: arguments) }
    }

    /// The first column of every row.
    package func texts(_ sql: String, _ arguments: StatementArguments = []) throws -> [String] {
        try queue.read { try String.fetchAll($0, sql: sql, arguments: arguments) }
    }

    /// The first column of the first row; 0 where there is none.
    package func number(_ sql: String, _ arguments: StatementArguments = []) throws -> Int {
        try queue.read { try Int.fetchOne($0, sql: sql, arguments: arguments) ?? 0 }
    }

    /// One row per line, columns joined by `|`, NULL as `-`.
    package func lines(_ sql: String, _ arguments: StatementArguments = []) throws -> [String] {
        try queue.read { db in
            try Row.fetchAll(db, sql: sql, arguments: arguments).map { row in
                row.databaseValues.map { $0.isNull ? "-" : String.fromDatabaseValue($0) ?? "\($0)" }.joined(separator: "|")
            }
        }
    }

    package func close() throws { try queue.close() }

    /// Calls `body` on a thread that may wait: for a lock, or for a slow disk. The threads of the tasks are as few as the cores.
    package func onThread<Value: Sendable>(_ body: @escaping @Sendable (ApplicationDatabase) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "application").async { [self] in continuation.resume(with: Result { try body(self) }) }
        }
    }
}
