import SyncCore

/// One connection to the database, used by one thread at a time. Synchronous.
package protocol Session: AnyObject {
    /// Runs the body in a transaction, which is rolled back if it throws. Within another transaction it is a savepoint.
    func transaction<Value>(_ mode: TransactionMode, _ body: () throws -> Value) throws -> Value

    /// Steps through the rows of a query until the body returns ``RowStep/stop``.
    ///
    /// Values read from the columns are copies; the columns themselves are valid only during the call of the body.
    func each(_ sql: SQL, _ body: (inout Columns) throws -> RowStep) throws

    /// Runs a statement to its end.
    /// - Returns: the number of rows that it inserted, changed or deleted itself; changes by triggers do not count.
    @discardableResult func run(_ sql: SQL) throws -> Int

    /// Converts an error thrown by one of these calls.
    func storeError(_ error: any Error) -> StoreError

    /// The key of the row that the last INSERT added.
    var lastInsertedKey: Int64 { get }
}

package enum TransactionMode: Sendable {
    /// Only reads. All reads see the same state.
    case reading
    /// Takes the write lock at the beginning, so that the transaction does not fail halfway because another connection has written in between.
    case writing
}

/// Whether to continue with the next row of a query.
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

    /// The first row; nil if there is none.
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

    /// The first column of the first row; nil if there is no row, or if it is NULL.
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

/// A type that is read from a row, with its columns in the order in which the initializer reads them.
package protocol RowRecord {
    /// The columns of the query, without SELECT and FROM.
    static var columns: SQL { get }

    init(_ columns: inout Columns) throws
}
