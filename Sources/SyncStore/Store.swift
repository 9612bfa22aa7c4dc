import SyncCore

/// The database: the application's tables and the daemon's own, with all queries on them.
package final class Store: Sendable {
    /// How a command uses the database.
    package enum Access: Sendable {
        /// Creates the file and brings the schema up to date.
        case migrating
        /// The same, for the service: no second service may use the file at the same time.
        case serving
        /// Reads and writes an existing, current schema.
        case existing
        /// Reads only.
        case reading

        /// Whether the schema may be changed.
        package var migrates: Bool { self == .migrating || self == .serving }
    }

    /// Why a store can no longer be used: what its connection writes would be lost or do damage.
    package struct Loss: Equatable, Sendable {
        package var error: StoreError
        /// Where a log that belonged to the former content was moved; nil if none was moved.
        package var logAside: String?
        /// False if commits that were not in the database file yet were moved with the log.
        package var hasKeptCommits = true

        package init(error: StoreError) {
            self.error = error
        }
    }

    /// How long a statement waits for the application's write lock before it gives up.
    package static let busyTimeout = Duration.seconds(5)

    package let connection: any StoreConnection
    let timestampRuns = TimestampRegister.Runs()

    package init(_ connection: any StoreConnection) {
        self.connection = connection
    }

    /// Runs one write transaction. When it returns, the changes are visible to other connections (``StoreConnection/loss``).
    package func write<Value: Sendable>(_ updates: @escaping @Sendable (any Session) throws -> Value) async throws(StoreError) -> Value {
        try await connection.perform { [connection] session in
            try connection.verify()
            let value = try session.transaction(.writing) { try updates(session) }
            try connection.verify()
            return value
        }
    }

    /// Runs one read transaction. Keep it short: a long one keeps the log from being reset.
    package func read<Value: Sendable>(_ value: @escaping @Sendable (any Session) throws -> Value) async throws(StoreError) -> Value {
        if let loss = connection.loss { throw loss.error }
        return try await connection.perform { session in try session.transaction(.reading) { try value(session) } }
    }

    // MARK: The connection

    package var path: String { connection.path }
    package var schemaChange: SchemaChange { connection.schemaChange }
    package var watchedFiles: [String] { connection.watchedFiles }
    package var isInPlace: Bool { connection.isInPlace }
    package var loss: Loss? { connection.loss }

    package func whenLost(_ tell: @escaping @Sendable (Loss) -> Void) { connection.whenLost(tell) }

    /// Changes whenever another connection has committed; own commits do not count. Also checks the files (``loss``).
    package func dataVersion() async throws(StoreError) -> Int64 { try await connection.commitsOfOthers() }

    package func appliedMigrations() async throws(StoreError) -> [String] { try await connection.appliedMigrations() }

    package func durability() async throws(StoreError) -> (synchronous: Int, journalMode: String) { try await connection.durability() }

    package func size() async throws(StoreError) -> StoreSize {
        try await connection.perform { [connection] _ in try connection.size() }
    }

    /// Closes the connection; the store must not be used afterwards.
    package func close() { connection.close() }
}
