import SyncCore

/// The columns of a gate in the table `remotes`.
extension RemoteGate.Stored: RowRecord {
    package static let columns: SQL = """
        paused_at, parked_at, park_reason, park_cause, throttled_until, breaker_open_until, breaker_openings, concurrency
        """

    package init(_ columns: inout Columns) throws {
        let pausedAt: String? = try columns.next()
        let parkedAt: String? = try columns.next()
        let parkReason: String? = try columns.next()
        let parkCause: String? = try columns.next()
        let throttledUntil: String? = try columns.next()
        let breakerOpenUntil: String? = try columns.next()
        self.init(
            pausedAt: .column(pausedAt), parkedAt: .column(parkedAt), parkReason: parkReason,
            parkCause: parkCause.flatMap(RemoteGate.ParkCause.init(rawValue:)), throttledUntil: .column(throttledUntil),
            breakerOpenUntil: .column(breakerOpenUntil), breakerOpenings: try columns.next(), concurrency: try columns.next())
    }
}

extension Store {
    /// Removes feed entries that no planning takes: those that name a remote which is not configured or not enabled, and those that name one which
    /// takes no states. When a remote is enabled, everything is planned anyway, also if another process has enabled it meanwhile.
    /// - Returns: the names of the remotes that are not configured or not enabled.
    static func dropStrayFeed(_ remotes: [RemoteParticipation], _ session: any Session) throws -> [String] {
        let names = try strayFeedNames(remotes, session)
        guard !names.isEmpty else { return [] }
        try session.run("DELETE FROM change_feed WHERE remote NOT IN \(in: feedTargets(remotes))")
        // A remote that takes no states may be named as well, such as in the id map.
        let enabled = Set(remotes.filter(\.isEnabled).map { ExactText($0.name) })
        let unknown = names.filter { !enabled.contains(ExactText($0)) }
        try markForeign(unknown, session)
        return unknown
    }

    static func strayFeedNames(_ remotes: [RemoteParticipation], _ session: any Session) throws -> [String] {
        try session.values(
            "SELECT DISTINCT remote FROM change_feed WHERE deferred = 0 AND remote NOT IN \(in: feedTargets(remotes))")
    }

    package func storedRemotes() async throws(StoreError) -> [String: StoredRemote] {
        try await read { session in try Store.storedRemotes(session) }
    }

    static func storedRemotes(_ session: any Session) throws -> [String: StoredRemote] {
        let suspects = try suspects(session)
        let remotes: [(name: String, value: StoredRemote)] = try session.rows(
            "SELECT name, \(RemoteGate.Stored.columns), last_success_at, read_failures FROM remotes"
        ) { columns in
            let name: String = try columns.next()
            let remote = StoredRemote(
                gate: try RemoteGate.Stored(&columns), lastSuccessAt: try columns.next(), suspects: suspects[name] ?? [],
                readFailures: try columns.next())
            return (name, remote)
        }
        return byName(remotes)
    }

    /// Names that the table distinguishes by their bytes may be equal as strings, such as a former spelling in another Unicode form: the
    /// first one counts.
    private static func byName<Value>(_ rows: [(name: String, value: Value)]) -> [String: Value] {
        Dictionary(rows.map { ($0.name, $0.value) }) { first, _ in first }
    }

    /// The remotes in the database with their kinds, including those that are no longer configured.
    package func knownRemotes() async throws(StoreError) -> [String: String] {
        try await read { session in
            let remotes: [(name: String, value: String)] = try session.rows("SELECT name, kind FROM remotes") { columns in
                (try columns.next(), try columns.next())
            }
            return Store.byName(remotes)
        }
    }

    /// Nil for a remote that is not in the database.
    static func storedGate(of remote: String, _ session: any Session) throws -> RemoteGate.Stored? {
        try session.row("SELECT \(RemoteGate.Stored.columns) FROM remotes WHERE name = \(remote)")
    }

    /// When the next pending row of the remote falls due after the given time; nil if there is none. Rows behind others do not count.
    static func nextDue(_ remote: String, after timestamp: Instant, _ session: any Session) throws -> Instant? {
        .column(
            try session.value(
                "SELECT min(due_at) FROM outbox WHERE remote = \(remote) AND state = 'pending' AND behind = 0 AND due_at > \(timestamp)"))
    }

    /// Whether a row that may be sent is due. Only a claim finds out whether it can be sent.
    /// - Parameter retriesBy: rows that have failed before count if they fall due by this time.
    static func isSomethingDue(
        _ remote: String, by timestamp: Instant, retriesBy: Instant? = nil, _ session: any Session
    ) throws -> Bool {
        try session.exists(
            """
            SELECT 1 FROM outbox
            WHERE remote = \(remote) AND state = 'pending' AND behind = 0 AND due_at <= \(timestamp)
                AND (attempts = 0 OR due_at <= \(retriesBy ?? timestamp))
            """)
    }
}
