import SyncCore

/// The connection of a store: a session, the thread that it belongs to, and the database behind it.
package protocol StoreConnection: Sendable {
    /// The database's path, as used in messages.
    var path: String { get }
    /// What opening the database did to its schema.
    var schemaChange: SchemaChange { get }
    /// The files in which a write hints at commits of other connections.
    var watchedFiles: [String] { get }
    /// False if the database is no longer at its path, so that what is written now would be lost. Queries the file system each time.
    var isInPlace: Bool { get }
    /// Nil as long as all commits are visible to other connections.
    var loss: Store.Loss? { get }

    /// Calls `tell` when the database is lost, or at once if it is already.
    func whenLost(_ tell: @escaping @Sendable (Store.Loss) -> Void)

    /// Runs the work on the session's thread, outside of any transaction.
    /// - Throws: a ``StoreError``. If the database is lost, the loss is the cause.
    func perform<Value: Sendable>(_ work: @escaping @Sendable (any Session) throws -> Value) async throws(StoreError) -> Value

    /// Checks the database before and after everything that is acknowledged, on the session's thread and outside of any transaction.
    /// - Throws: a ``StoreError`` if the database is lost.
    func verify() throws

    /// A number that changes whenever another connection has committed; own commits do not count.
    func commitsOfOthers() async throws(StoreError) -> Int64

    /// The migrations that have been applied, in order.
    func appliedMigrations() async throws(StoreError) -> [String]

    /// The settings that keep commits safe, as the database reports them.
    func durability() async throws(StoreError) -> (synchronous: Int, journalMode: String)

    /// Runs on the session's thread, like the functions below.
    func size() throws -> StoreSize

    /// Gives at most this many free pages back to the file system, in one short transaction.
    func shrink(by pages: Int) throws

    /// Copies committed pages from the log into the database file, as far as no reader prevents it; does not wait.
    func checkpoint() throws

    /// Closes the connection, which must not be used afterwards.
    func close()
}
