import SyncCore

/// One connection to the database, used by one thread at a time. Synchronous.
package protocol Session: AnyObject {
    /// Runs the body in a transaction, which is rolled back when it throws. Within another transaction it is a savepoint of that one.
    func transaction<Value>(_ mode: TransactionMode, _ body: () throws -> Value) throws -> Value

    /// Steps through the rows of a query until the body wants no more of them.
    ///
    /// What the columns hand out is copied; the columns themselves are valid for the call of the body only.
    func each(_ sql: SQL, _ body: (inout Columns) throws -> RowStep) throws

    /// Runs a statement to its end.
    /// - Returns: the number of rows that it inserted, changed or deleted itself; triggers do not count.
    @discardableResult func run(_ sql: SQL) throws -> Int

    /// What an error says that one of these calls has thrown.
    func storeError(_ error: any Error) -> StoreError

    /// The key of the row that the last INSERT made.
    var lastInsertedKey: Int64 { get }
}

package enum TransactionMode: Sendable {
    /// Only reads. All reads of it see the same state.
    case reading
    /// Takes the write lock at once, so that the transaction does not fail halfway because another connection wrote in between.
    case writing
}

/// Whether a query is stepped further.
package enum RowStep: Sendable {
    case next
    case stop
}

extension Session {
    /// All rows.
    package func rows<Record>(_ sql: SQL, _ read: (inout Columns) throws -> Record) throws -> [Record] {
        var records: [Record] = []
        try each(sql) { columns in
            records.append(try read(&columns))
            return .next
        }
        return records
    }

    /// The first row; nil where there is none.
    package func row<Record>(_ sql: SQL, _ read: (inout Columns) throws -> Record) throws -> Record? {
        var record: Record?
        try each(sql) { columns in
            record = try read(&columns)
            return .stop
        }
        return record
    }

    /// The rows as records.
    package func rows<Record: RowRecord>(_ sql: SQL, as type: Record.Type = Record.self) throws -> [Record] {
        try rows(sql) { columns in try Record(&columns) }
    }

    /// The first row as a record.
    package func row<Record: RowRecord>(_ sql: SQL, as type: Record.Type = Record.self) throws -> Record? {
        try row(sql) { columns in try Record(&columns) }
    }

    /// The first column of every row.
    package func values<Value: ColumnValue>(_ sql: SQL, as type: Value.Type = Value.self) throws -> [Value] {
        try rows(sql) { columns in try columns.next() }
    }

    /// The first column of the first row; nil where there is no row, or NULL in it.
    package func value<Value: ColumnValue>(_ sql: SQL, as type: Value.Type = Value.self) throws -> Value? {
        try row(sql) { columns in try columns.next() as Value? } ?? nil
    }

    /// Whether the query has a row.
    package func exists(_ sql: SQL) throws -> Bool {
        var found = false
        try each(sql) { _ in
            found = true
            return .stop
        }
        return found
    }
}

/// A row that is read as a whole, with its columns in the order in which the initializer reads them.
package protocol RowRecord {
    /// The columns of the query, without SELECT and FROM.
    static var columns: SQL { get }

    init(_ columns: inout Columns) throws
}
