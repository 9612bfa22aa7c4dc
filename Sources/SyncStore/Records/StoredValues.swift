import SyncCore

// The raw values of these types are the values of the schema's columns.

extension OutboxState: SQLConvertible, ColumnValue {}
extension PayloadKind: SQLConvertible, ColumnValue {}
extension Holder: SQLConvertible, ColumnValue {}
extension OutcomeClass: SQLConvertible, ColumnValue {}
extension RemoteGate.ParkCause: SQLConvertible, ColumnValue {}
