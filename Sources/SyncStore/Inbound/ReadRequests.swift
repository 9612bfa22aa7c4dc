import SyncCore

/// What a reader needs to know: what has to be read, and what is known about it.
extension Store {
    /// Objects that a hook or a list named, in the order in which they were first asked for; the empty id stands for the list.
    static func readRequests(of remote: String, limit: Int, _ session: any Session) throws -> [ReadRequest] {
        try session.rows(
            "SELECT remote_id, agent_id FROM read_requests WHERE remote = \(remote) ORDER BY requested_at LIMIT \(limit)"
        ) { columns in
            let (id, agent): (String, String) = (try columns.next(), try columns.next())
            return ReadRequest(remoteID: id, agentID: agent.isEmpty ? nil : agent)
        }
    }

    private static let longestWait = Duration.minutes(1)

    /// Takes requests off that have been read. What was asked for again since its read began stays, with a place behind everything that
    /// was asked for until then.
    ///
    /// A time of ours that lies ahead of `now` is from before the clock was set back, and so before the read. What is asked for while the
    /// transaction waits for its turn lies ahead as well, by less than ``longestWait``.
    static func endReadRequests(
        _ reads: [CompletedRead], of remote: String, now: Instant? = nil, _ session: any Session
    ) throws {
        let latest = now.map { $0 + longestWait } ?? Instant(milliseconds: .max)
        for read in reads {
            let request: SQL =
                "remote = \(remote) AND remote_id = \(read.request.remoteID) AND agent_id = \(read.request.agentID ?? "")"
            let ended = try session.run(
                """
                DELETE FROM read_requests WHERE \(request)
                    AND coalesce(asked_again_at, requested_at) NOT BETWEEN \(read.beganAt) AND \(max(latest, read.beganAt))
                """)
            guard ended == 0 else { continue }
            try session.run(
                "UPDATE read_requests SET requested_at = \(read.beganAt) WHERE \(request) AND requested_at < \(read.beganAt)")
        }
    }

    /// The next linked objects of the rotation, and where it goes on; nil: from the beginning. Moving it on is another matter.
    static func nextInRotation(
        _ remote: RemoteParticipation, limit: Int, _ session: any Session
    ) throws -> (objects: [ReadRequest], cursor: RotationCursor?) {
        let stored = try session.row(
            "SELECT coalesce(read_cursor, ''), coalesce(read_cursor_agent, '') FROM remotes WHERE name = \(remote.name)"
        ) { columns in RotationCursor(id: try columns.next(), agent: try columns.next()) }
        let cursor = stored ?? RotationCursor(id: StoredKey(""), agent: StoredKey(""))
        guard limit > 0 else { return ([], cursor) }
        // Only links that the remote has acknowledged something for: before that there is nothing to compare with.
        let objects = try session.rows(
            """
            SELECT DISTINCT \(ReadRequest.columns) FROM link_state
            WHERE remote = \(remote.name) AND (target_id, coalesce(target_agent, '')) > (\(cursor.id), \(cursor.agent))
                AND gone_at IS NULL AND (acknowledged_at IS NOT NULL OR seen_at IS NOT NULL)
            ORDER BY target_id, coalesce(target_agent, '') LIMIT \(limit)
            """
        ) { columns in (id: try columns.next() as StoredKey, agent: try columns.next() as StoredKey?) }
        let last = objects.count < limit ? nil : objects.last
        return (
            objects.map { ReadRequest(remoteID: $0.id.readableText, agentID: $0.agent?.readableText) },
            last.map { RotationCursor(id: $0.id, agent: $0.agent ?? StoredKey("")) }
        )
    }

    static func storeRotation(_ cursor: RotationCursor?, of remote: String, _ session: any Session) throws {
        try session.run(
            "UPDATE remotes SET read_cursor = \(cursor?.id), read_cursor_agent = \(cursor?.agent) WHERE name = \(remote)")
    }

    /// The objects that were last written to, newest first: for a kind without a list.
    package func recentlyAcknowledged(_ remote: String, limit: Int) async throws(StoreError) -> [ReadRequest] {
        try await read { session in try Store.recentlyAcknowledged(remote, limit: limit, session) }
    }

    static func recentlyAcknowledged(_ remote: String, limit: Int, _ session: any Session) throws -> [ReadRequest] {
        try session.rows(
            """
            SELECT \(ReadRequest.columns) FROM link_state
            WHERE remote = \(remote) AND acknowledged_at IS NOT NULL AND gone_at IS NULL ORDER BY acknowledged_at DESC LIMIT \(limit)
            """)
    }

    /// What is known about those of the objects that are linked.
    static func records(of ids: [String], at remote: String, _ session: any Session) throws -> [ReadRequest: LinkRecord] {
        let list = JSONValue.array(ids.map(JSONValue.string)).text
        var known: [ReadRequest: LinkRecord] = [:]
        try session.each(
            """
            SELECT \(ReadRequest.columns), \(LinkColumns.columns) FROM link_state s
            WHERE s.remote = \(remote) AND s.target_id IN (SELECT value FROM json_each(\(list))) AND s.gone_at IS NULL
            """
        ) { columns in
            let object = try ReadRequest(&columns)
            known[object] = try LinkColumns(&columns).linkRecord
            return .next
        }
        return known
    }

    /// The agents that links of a remote name, with the configured one.
    static func agents(of remote: RemoteParticipation, _ session: any Session) throws -> [String?] {
        let named: [String] = try session.values(
            "SELECT DISTINCT agent_id FROM links WHERE remote = \(remote.name) AND agent_id IS NOT NULL ORDER BY 1 LIMIT 100")
        guard let standard = remote.defaultAgent else { return named.isEmpty ? [nil] : named }
        return [standard] + named.filter { !$0.hasSameBytes(as: standard) }
    }

    // MARK: Health

    /// The remote was read from beginning to end.
    static func noteRead(_ remote: String, now: Instant, _ session: any Session) throws {
        try session.run(
            """
            UPDATE remotes SET last_read_at = \(now), read_failing_since = NULL, read_error = NULL, read_failures = 0
            WHERE name = \(remote)
            """)
    }

    /// The remote could not be read.
    static func noteReadFailure(_ remote: String, error: String, now: Instant, _ session: any Session) throws {
        try session.run(
            """
            UPDATE remotes SET read_failing_since = coalesce(read_failing_since, \(now)), read_error = \(error),
                read_failures = read_failures + 1
            WHERE name = \(remote)
            """)
    }

    /// Remotes that are not read any more have no failing reads either.
    static func forgetReads(of remotes: [String], _ session: any Session) throws {
        guard !remotes.isEmpty else { return }
        try session.run(
            """
            UPDATE remotes SET read_failing_since = NULL, read_error = NULL, read_failures = 0
            WHERE read_failing_since IS NOT NULL AND name IN \(in: remotes)
            """)
    }
}

/// An object that a link names.
extension ReadRequest: RowRecord {
    /// Of `link_state`.
    package static let columns: SQL = "target_id, target_agent"

    package init(_ columns: inout Columns) throws {
        self.init(remoteID: try columns.next(), agentID: try columns.next())
    }
}

extension StoredKey {
    /// With NUL characters; U+FFFD stands for what is not UTF-8.
    fileprivate var readableText: String { String(decoding: bytes, as: UTF8.self) }
}
