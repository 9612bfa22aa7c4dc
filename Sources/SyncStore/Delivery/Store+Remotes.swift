import SyncCore

/// What the store remembers about a remote from before a restart.
package struct StoredRemote: Sendable, Equatable {
    package var gate: RemoteGate.Stored
    package var lastSuccessAt: String?
    /// Conversations that it said it does not know, where nothing has confirmed it.
    package var suspects: Set<String> = []
    /// How often in a row it could not be read.
    package var readFailures = 0
}

/// What the table `remotes` keeps of a gate.
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
    /// Takes feed entries off that name a remote which is not configured or not enabled. When it is, everything is planned anyway.
    /// - Returns: the names that were found.
    package func dropStrayFeed(_ remotes: [RemoteParticipation]) async throws(StoreError) -> [String] {
        let known = [""] + remotes.filter { $0.isEnabled && !$0.receivesMessages }.map(\.name)
        return try await write { session in
            let names: [String] = try session.values(
                "SELECT DISTINCT remote FROM change_feed WHERE deferred = 0 AND remote NOT IN \(in: known)")
            guard !names.isEmpty else { return [] }
            try session.run("DELETE FROM change_feed WHERE remote NOT IN \(in: known)")
            return names
        }
    }

    package func storedRemotes() async throws(StoreError) -> [String: StoredRemote] {
        try await read { session in
            let suspects = try Store.suspects(session)
            let remotes = try session.rows("SELECT name, \(RemoteGate.Stored.columns), last_success_at, read_failures FROM remotes") {
                columns in
                let name: String = try columns.next()
                let remote = StoredRemote(
                    gate: try RemoteGate.Stored(&columns), lastSuccessAt: try columns.next(), suspects: suspects[name] ?? [],
                    readFailures: try columns.next())
                return (name, remote)
            }
            return Dictionary(uniqueKeysWithValues: remotes)
        }
    }

    /// The remotes that the database knows, also those that are not configured any more, with their kinds.
    package func knownRemotes() async throws(StoreError) -> [String: String] {
        try await read { session in
            let remotes: [(String, String)] = try session.rows("SELECT name, kind FROM remotes") { columns in
                (try columns.next(), try columns.next())
            }
            return Dictionary(uniqueKeysWithValues: remotes)
        }
    }

    /// Nil for a remote that the database does not know.
    static func storedGate(of remote: String, _ session: any Session) throws -> RemoteGate.Stored? {
        try session.row("SELECT \(RemoteGate.Stored.columns) FROM remotes WHERE name = \(remote)")
    }

    /// When a pending row of the remote falls due after the given moment; nil when none does. Rows behind others do not count.
    package func nextDue(_ remote: String, after moment: Instant) async throws(StoreError) -> Instant? {
        try await read { session in
            .column(
                try session.value(
                    "SELECT min(due_at) FROM outbox WHERE remote = \(remote) AND state = 'pending' AND behind = 0 AND due_at > \(moment)"))
        }
    }

    package func hasPending(_ remote: String) async throws(StoreError) -> Bool {
        try await read { session in
            try session.exists("SELECT 1 FROM outbox WHERE remote = \(remote) AND state = 'pending' AND behind = 0")
        }
    }
}
