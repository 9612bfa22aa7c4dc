import SyncCore

extension StoredKey: SQLConvertible, ColumnValue {
    package var sqlValue: SQLValue { .bytes(bytes) }

    package init?(_ source: any ColumnSource, _ index: Int) {
        guard let bytes = source.withBytes(index, { Array($0) }) else { return nil }
        self.init(bytes: bytes)
    }
}
