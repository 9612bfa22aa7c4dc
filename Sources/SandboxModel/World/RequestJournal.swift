/// All requests in the order of arrival, up to a limit; further ones are only counted.
struct RequestJournal: Sendable {
    /// A larger body is counted but not kept.
    private static let maximumKeptBody = 64 * 1024

    /// The most bytes of all kept bodies together.
    private static let maximumKeptBodies = 256 * 1024 * 1024

    private let limit: Int
    private var records: [RequestRecord] = []
    private var keptBodyBytes = 0
    /// The sequence number of the first record, if there is one. Records are contiguous: one per number.
    private var firstSequence = 1
    private(set) var lastSequence = 0
    private(set) var notRecorded = 0

    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { records.count }

    mutating func nextSequence() -> Int {
        lastSequence += 1
        return lastSequence
    }

    /// - Parameter body: kept with the record unless it is too large.
    mutating func append(_ record: RequestRecord, body: [UInt8]) {
        guard records.count < limit, record.sequence == firstSequence + records.count else {
            notRecorded += 1
            return
        }
        records.append(record)
        guard !body.isEmpty, body.count <= Self.maximumKeptBody, keptBodyBytes + body.count <= Self.maximumKeptBodies else { return }
        keptBodyBytes += body.count
        records[records.count - 1].body = body
    }

    /// Marks a request as finished; returns its record if it was kept.
    mutating func finish(_ sequence: Int, at now: SandboxInstant, isAnswered: Bool) -> RequestRecord? {
        let index = sequence - firstSequence
        guard records.indices.contains(index) else { return nil }
        records[index].finishedAt = now
        records[index].isAnswered = isAnswered
        return records[index]
    }

    /// Forgets the records; the numbering continues.
    mutating func clear() {
        records = []
        keptBodyBytes = 0
        firstSequence = lastSequence + 1
        notRecorded = 0
    }

    /// At most `limit` records after a sequence number that match the filters.
    func select(instance: String?, conversation: String?, after sequence: Int, limit: Int) -> [RequestRecord] {
        var selected: [RequestRecord] = []
        let start = max(0, min(records.count, sequence - firstSequence + 1))
        for record in records[start...] {
            if let instance, record.instance != instance { continue }
            if let conversation, record.conversation != conversation, "\(record.agent ?? "")/\(record.conversation ?? "")" != conversation {
                continue
            }
            selected.append(record)
            if selected.count == limit { break }
        }
        return selected
    }
}
