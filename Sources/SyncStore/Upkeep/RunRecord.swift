import SyncCore

/// The row of `runs` that an exchange belongs to. It is inserted once something was done, and its counts are sums over the exchanges.
struct RunRecord {
    /// The number of newest runs that are kept. A daemon that plans something every minute adds half a million a year.
    private static let kept: Int64 = 10_000

    private let part: RunPart
    private let processID: Int64
    /// Nil as long as nothing was done.
    private(set) var id: Int64?

    init(_ part: RunPart, processID: Int64) {
        self.part = part
        self.processID = processID
        id = part.id
    }

    /// The run's id; inserts the run if it has none.
    mutating func requireID(_ session: any Session) throws -> Int64 {
        if let id { return id }
        try session.run(
            "INSERT INTO runs (cause, process_id, started_at) VALUES (\(part.cause.rawValue), \(processID), \(part.startedAt))")
        let entered = session.lastInsertedKey
        id = entered
        try session.run("DELETE FROM runs WHERE id <= \(entered - RunRecord.kept)")
        return entered
    }

    /// Adds the results of an exchange to the row.
    /// - Parameters:
    ///   - planned: what the exchange itself has planned.
    ///   - isOver: whether the run ends with it.
    mutating func add(_ planned: PlanBatch, isOver: Bool, now: Instant, _ session: any Session) throws {
        var counts = part.counts
        counts.examined += planned.examined
        counts.planned += planned.planned + planned.refused.count
        counts.dead += planned.refused.count
        if id == nil, counts == RunCounts(), part.error == nil { return }
        let id = try requireID(session)
        let finishedAt = isOver ? now : nil
        guard counts != RunCounts() || part.error != nil || isOver else { return }
        try session.run(
            """
            UPDATE runs SET examined = examined + \(counts.examined), planned = planned + \(counts.planned),
                delivered = delivered + \(counts.delivered), put_back = put_back + \(counts.putBack), dead = dead + \(counts.dead),
                error = coalesce(\(part.error), error), finished_at = coalesce(\(finishedAt), finished_at)
            WHERE id = \(id)
            """)
    }
}
