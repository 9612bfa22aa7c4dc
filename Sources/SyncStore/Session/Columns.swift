import SyncCore

/// The columns of the current row, read from left to right.
package struct Columns {
    private let source: any ColumnSource
    private var index = 0

    package init(_ source: any ColumnSource) {
        self.source = source
    }

    /// The next column.
    /// - Throws: ``StoreError/unexpectedColumn(index:query:expected:)`` if it is NULL or of another type.
    package mutating func next<Value: ColumnValue>(_ type: Value.Type = Value.self) throws -> Value {
        defer { index += 1 }
        guard let value = Value(source, index) else {
            throw StoreError.unexpectedColumn(index: index, query: source.query, expected: "\(Value.self)")
        }
        return value
    }

    /// The next column; nil for NULL.
    /// - Throws: ``StoreError/unexpectedColumn(index:query:expected:)`` if it is of another type.
    package mutating func next<Value: ColumnValue>(_ type: Value?.Type = Value?.self) throws -> Value? {
        guard !source.isNull(index) else {
            index += 1
            return nil
        }
        return try next(Value.self)
    }
}

/// The source of a row's columns.
package protocol ColumnSource: AnyObject {
    /// The text of the query, for errors.
    var query: String { get }
    func isNull(_ index: Int) -> Bool
    /// Nil for NULL and for a value that is not an integer.
    func integer(_ index: Int) -> Int64?
    /// The bytes of a text, in the length that the database reports, or the digits of a number. Nil for NULL.
    func withBytes<Value>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Value) -> Value?
}

/// A type that a column can be read as.
package protocol ColumnValue {
    /// Nil if the column holds a value of another type.
    init?(_ source: any ColumnSource, _ index: Int)
}

/// Bytes that are not UTF-8 become U+FFFD; a NUL character is part of the text. Keys are read as ``StoredKey``.
extension String: ColumnValue {
    package init?(_ source: any ColumnSource, _ index: Int) {
        guard let text = source.withBytes(index, { String(decoding: $0, as: UTF8.self) }) else { return nil }
        self = text
    }
}

extension Int64: ColumnValue {
    package init?(_ source: any ColumnSource, _ index: Int) {
        guard let value = source.integer(index) else { return nil }
        self = value
    }
}

extension Int: ColumnValue {
    package init?(_ source: any ColumnSource, _ index: Int) {
        guard let value = source.integer(index) else { return nil }
        self.init(exactly: value)
    }
}

/// Zero is false.
extension Bool: ColumnValue {
    package init?(_ source: any ColumnSource, _ index: Int) {
        guard let value = source.integer(index) else { return nil }
        self = value != 0
    }
}

/// ISO 8601.
extension Instant: ColumnValue {
    package init?(_ source: any ColumnSource, _ index: Int) {
        guard let text = String(source, index) else { return nil }
        self.init(iso8601: text)
    }
}

/// States, reasons and other columns that hold names.
extension RawRepresentable where Self: ColumnValue, RawValue == String {
    package init?(_ source: any ColumnSource, _ index: Int) {
        guard let text = String(source, index) else { return nil }
        self.init(rawValue: text)
    }
}
