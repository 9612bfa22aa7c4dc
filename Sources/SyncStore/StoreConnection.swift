import SyncCore

/// What a store stands on: a session, the thread that it belongs to, and the database behind it.
package protocol StoreConnection: Sendable {
    /// The database as messages name it.
    var path: String { get }
    /// What opening it did to its schema.
    var schemaChange: SchemaChange { get }
    /// The files whose writes announce commits of others, as a hint.
    var watchedFiles: [String] { get }
    /// False when the database is not where it was any more: what is written now would be lost. Asks the system each time.
    var isInPlace: Bool { get }
    /// Nil as long as everything that is committed is where others find it.
    var loss: Store.Loss? { get }

    /// Calls back when the database is lost, at once where it is already.
    func whenLost(_ tell: @escaping @Sendable (Store.Loss) -> Void)

    /// Runs the work on the session's thread, outside of any transaction.
    /// - Throws: a ``StoreError``, of which a loss is the cause where there is one.
    func perform<Value: Sendable>(_ work: @escaping @Sendable (any Session) throws -> Value) async throws(StoreError) -> Value

    /// Before and after everything that is acknowledged, on the session's thread and outside of any transaction.
    /// - Throws: a ``StoreError`` when the database is lost.
    func verify() throws

    /// A number that changes whenever another connection has committed; own commits do not count.
    func commitsOfOthers() async throws(StoreError) -> Int64

    /// The migrations that the database has, in order.
    func appliedMigrations() async throws(StoreError) -> [String]

    /// What keeps commits safe, as the database says it.
    func durability() async throws(StoreError) -> (synchronous: Int, journalMode: String)

    /// On the session's thread, as what follows.
    func size() throws -> StoreSize

    /// Gives free pages back to the file system, at most so many: one short transaction.
    func shrink(by pages: Int) throws

    /// Brings committed pages from the log to their place, as far as no reader is in the way; waits for nobody.
    func checkpoint() throws

    /// Nothing can be done with it afterwards.
    func close()
}
