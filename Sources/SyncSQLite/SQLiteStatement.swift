import CSQLite
import SyncStore

/// A prepared statement with its current row.
final class SQLiteStatement: ColumnSource {
    let query: String
    private let connection: OpaquePointer
    private let statement: OpaquePointer
    /// Whether it is between the first step and the reset.
    private(set) var isInUse = false

    /// SQLite copies bound values before the call returns.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    init(_ text: String, _ connection: OpaquePointer) throws(SQLiteError) {
        query = text
        self.connection = connection
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK, let prepared else { throw SQLiteError(connection) }
        statement = prepared
    }

    deinit { sqlite3_finalize(statement) }

    func bind(_ values: [SQLValue]) throws(SQLiteError) {
        precondition(Int(sqlite3_bind_parameter_count(statement)) == values.count, "a statement gets as many values as it has parameters")
        for (offset, value) in values.enumerated() {
            let index = Int32(offset + 1)
            let code =
                switch value {
                case .null: sqlite3_bind_null(statement, index)
                case .integer(let number): sqlite3_bind_int64(statement, index, number)
                case .text(var text): text.withUTF8 { bind($0, index) }
                case .bytes(let bytes): bytes.withUnsafeBufferPointer { bind($0, index) }
                }
            guard code == SQLITE_OK else { throw SQLiteError(connection) }
        }
    }

    /// Binds a text with its length: a NUL character does not end it.
    private func bind(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int32) -> Int32 {
        guard let base = bytes.baseAddress else { return sqlite3_bind_text(statement, index, "", 0, SQLiteStatement.transient) }
        return base.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
            sqlite3_bind_text64(statement, index, $0, UInt64(bytes.count), SQLiteStatement.transient, UInt8(SQLITE_UTF8))
        }
    }

    /// - Returns: whether there is a row.
    func step() throws(SQLiteError) -> Bool {
        isInUse = true
        switch sqlite3_step(statement) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw SQLiteError(connection)
        }
    }

    /// The error of a failed step is returned here again, so the result is ignored.
    func reset() {
        sqlite3_reset(statement)
        sqlite3_clear_bindings(statement)
        isInUse = false
    }

    // MARK: ColumnSource

    func isNull(_ index: Int) -> Bool { type(index) == SQLITE_NULL }

    func integer(_ index: Int) -> Int64? {
        switch type(index) {
        case SQLITE_INTEGER: sqlite3_column_int64(statement, Int32(index))
        case SQLITE_FLOAT: Int64(exactly: sqlite3_column_double(statement, Int32(index)))
        case SQLITE_TEXT: withBytes(index) { Int64(String(decoding: $0, as: UTF8.self)) } ?? nil
        default: nil
        }
    }

    func withBytes<Value>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Value) -> Value? {
        guard type(index) != SQLITE_NULL else { return nil }
        // First the text, then its length: the first call converts a number to text ("Result Values From A Query",
        // https://sqlite.org/c3ref/column_blob.html).
        let text = sqlite3_column_text(statement, Int32(index))
        let count = Int(sqlite3_column_bytes(statement, Int32(index)))
        return body(UnsafeRawBufferPointer(start: text, count: text == nil ? 0 : count))
    }

    private func type(_ index: Int) -> Int32 {
        precondition(index < Int(sqlite3_data_count(statement)), "a row is read within its columns")
        return sqlite3_column_type(statement, Int32(index))
    }
}
