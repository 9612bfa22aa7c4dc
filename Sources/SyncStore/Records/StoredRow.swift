import Foundation
import GRDB

/// A row whose texts are read by their bytes.
///
/// GRDB reads TEXT as a C string: what stands behind a NUL character is lost, and a key that was read so matches nothing, or another
/// row, when it is written back. Here a text is as long as the file says. Bytes that are not UTF-8 become U+FFFD; a key is read with
/// ``key(_:)``, which keeps them.
struct StoredRow: FetchableRecord {
    private let columns: [Data?]

    /// - Parameter row: a row of a statement that is being stepped, as records get it: a copied row has lost the bytes already.
    init(row: Row) {
        columns = (0..<row.count).map { row[$0] as Data? }
    }

    subscript(_ index: Int) -> String? { columns[index].map { String(decoding: $0, as: UTF8.self) } }

    subscript(_ index: Int) -> Int64? { self[index].flatMap { (text: String) in Int64(text) } }

    subscript(_ index: Int) -> Int? { self[index].flatMap { (text: String) in Int(text) } }

    /// For columns that are NOT NULL.
    subscript(_ index: Int) -> String { required(self[index], index) }

    /// For columns that are NOT NULL.
    subscript(_ index: Int) -> Int64 { required(self[index], index) }

    /// For columns that are NOT NULL.
    subscript(_ index: Int) -> Int { required(self[index], index) }

    /// For columns and expressions that are 0 or 1.
    subscript(_ index: Int) -> Bool { (self[index] as Int64) != 0 }

    /// For columns that are NOT NULL.
    func key(_ index: Int) -> StoredKey { StoredKey(bytes: required(columns[index], index)) }

    func optionalKey(_ index: Int) -> StoredKey? { columns[index].map(StoredKey.init(bytes:)) }

    private func required<Value>(_ value: Value?, _ index: Int) -> Value {
        guard let value else { preconditionFailure("column \(index) of a query is NULL or of another type than the query says") }
        return value
    }
}

/// A key of the application's, byte for byte as the file holds it.
///
/// In SQL it is written `CAST(? AS TEXT)`: bound as a text, it would end at its first NUL character.
package struct StoredKey: Hashable, Sendable {
    let bytes: Data

    /// An empty blob would be bound as NULL.
    var databaseValue: DatabaseValue { text?.databaseValue ?? bytes.databaseValue }

    init(bytes: Data) {
        self.bytes = bytes
    }

    package init(_ text: String) {
        self.init(bytes: Data(text.utf8))
    }

    /// Nil for a key that other clients and remotes would read as another one: such a row is put aside.
    package var text: String? {
        guard !bytes.contains(0) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// For people, and for columns of ours: U+FFFD stands for NUL characters and for what is not UTF-8.
    var repaired: String { text ?? String(decoding: bytes, as: UTF8.self).replacing("\0", with: "\u{FFFD}") }

    /// Why ``text`` is nil.
    package var problem: String? {
        if bytes.contains(0) { return "contains a NUL character" }
        return String(validating: bytes, as: UTF8.self) == nil ? "is not valid UTF-8" : nil
    }

    /// For people: `61 00 62` as `610062`, as SQLite's hex() writes it.
    package var hex: String {
        bytes.reduce(into: "") { text, byte in
            let digits = String(byte, radix: 16, uppercase: true)
            text += digits.count == 1 ? "0\(digits)" : digits
        }
    }
}

extension String {
    /// For `CAST(? AS TEXT)`: the whole text, also behind a NUL character.
    var stored: DatabaseValue { isUsableKey ? databaseValue : Data(utf8).databaseValue }

    /// Whether it can be a key (see ``StoredKey/text``): what contains a NUL character names nothing in the tables.
    var isUsableKey: Bool { !utf8.contains(0) }
}
