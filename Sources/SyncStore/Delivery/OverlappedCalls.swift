import SyncCore

/// The fields of calls that had lost their lease and ended while another call of the conversation was in flight (`outbox.overlapped`).
///
/// Either call may have arrived last, so an acknowledgement of the later one does not end the doubt about these fields.
struct OverlappedCalls: Equatable {
    var fields: Fields
    /// The numbers of the local changes that the latest of them included.
    var numbers: ByAttribute<Int64>

    init(fields: Fields, numbers: ByAttribute<Int64>) {
        self.fields = fields
        self.numbers = numbers
    }

    /// Nil for NULL and for a value that this program did not write.
    init?(column text: String?) {
        let members = JSONValue.object(column: text)
        guard let fields = members["fields"]?.objectValue, let numbers = members["numbers"].flatMap(ByAttribute.init(column:)) else {
            return nil
        }
        self.init(fields: fields, numbers: numbers)
    }

    var column: String { JSONValue.object(["fields": .object(fields), "numbers": numbers.column]).text }

    /// These calls, and one that ended after them.
    func adding(_ fields: Fields, of numbers: ByAttribute<Int64>) -> OverlappedCalls {
        OverlappedCalls(fields: self.fields.merging(fields) { _, later in later }, numbers: numbers)
    }
}
