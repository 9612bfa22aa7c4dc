import SyncCore

// What the tables hold by name: the raw values are the words of the schema.

extension OutboxState: SQLConvertible, ColumnValue {}
extension PayloadKind: SQLConvertible, ColumnValue {}
extension Holder: SQLConvertible, ColumnValue {}
extension OutcomeClass: SQLConvertible, ColumnValue {}
extension RemoteGate.ParkCause: SQLConvertible, ColumnValue {}
