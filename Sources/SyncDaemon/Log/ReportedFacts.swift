import SyncCore

/// Facts that are written to the log once until the program starts again, such as a status value that is not mapped: `explain` and `status`
/// show the rest.
struct ReportedFacts: Sendable {
    /// How many are remembered. More are not written: what reports that many new facts would fill the log with them.
    private let limit: Int
    private var facts: Set<[ExactText]> = []

    init(limit: Int) {
        self.limit = limit
    }

    /// - Returns: whether the fact is to be written.
    mutating func insert(_ fact: String...) -> Bool {
        facts.count < limit && facts.insert(fact.map(ExactText.init)).inserted
    }
}
