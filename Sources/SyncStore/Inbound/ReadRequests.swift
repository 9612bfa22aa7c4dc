import SyncCore

/// Queries of a reader: which objects have to be read, and what is known about them.
extension Store {
    /// Objects named by a hook or a list, in the order in which they were first requested. An empty id stands for the whole list. What
    /// waits after a failed read is left out; without a time nothing is.
    ///
    /// Objects with a call in flight are left out: what a read shows meanwhile is not used, so that the next exchange after the call is early enough.
    /// So are those that were linked to another conversation when the call was made.
    static func readRequests(
        of remote: RemoteParticipation, limit: Int, now: Instant? = nil, _ session: any Session
    ) throws -> [ReadRequest] {
        let waits: SQL = now.map { Store.isWaiting(at: $0) } ?? "0"
        let calls: SQL =
            remote.needsLink
            ? """
            links l JOIN outbox o ON o.conversation_id = l.conversation_id AND o.remote = l.remote
                WHERE l.remote = r.remote AND l.remote_id = r.remote_id
            """ : "outbox o WHERE o.conversation_id = r.remote_id AND o.remote = r.remote"
        return try session.rows(
            """
            SELECT remote_id, agent_id FROM read_requests r
            WHERE remote = \(remote.name) AND NOT (\(waits))
                AND NOT EXISTS (SELECT 1 FROM \(calls) AND o.state = 'sending' AND o.payload = 'state')
                AND NOT EXISTS (
                    SELECT 1 FROM outbox o
                    WHERE o.target_id = r.remote_id AND o.remote = r.remote AND o.state = 'sending' AND o.payload = 'state')
            ORDER BY min(requested_at, coalesce(asked_again_at, requested_at)) LIMIT \(limit)
            """
        ) { columns in
            let (id, agent): (String, String) = (try columns.next(), try columns.next())
            return ReadRequest(remoteID: id, agentID: agent.isEmpty ? nil : agent)
        }
    }

    /// When the first request is due that waits after a failed read.
    static func nextRequest(of remote: String, after now: Instant, _ session: any Session) throws -> Instant? {
        try session.value(
            "SELECT requested_at FROM read_requests WHERE remote = \(remote) AND \(isWaiting(at: now)) ORDER BY requested_at LIMIT 1",
            as: Instant.self)
    }

    /// Whether a request waits after a failed read (``postponeRequests(_:of:now:_:)``). It does not if it was made again, nor if its time
    /// is further ahead than any such wait: then it was stored before the clock was set back.
    private static func isWaiting(at now: Instant) -> SQL {
        "asked_again_at IS NULL AND requested_at > \(now) AND requested_at <= \(now + FailedRead.longestRest)"
    }

    private static let longestWait = Duration.minutes(1)

    /// Removes requests that have been read. A request that was repeated after its read began stays, and moves behind everything requested before
    /// that read.
    ///
    /// A stored time later than `now` was written before the clock was set back, and so before the read. A request made while the transaction waits
    /// for the write lock is later than `now` as well, by less than ``longestWait``.
    static func endReadRequests(
        _ reads: [CompletedRead], of remote: String, now: Instant? = nil, _ session: any Session
    ) throws {
        for read in reads {
            let request = rows(read.request, of: remote)
            let ended = try session.run(
                "DELETE FROM read_requests WHERE \(request) AND NOT (\(wasRepeated(since: read.beganAt, now: now)))")
            if ended == 0 { try moveBehind(request, requestedBefore: read.beganAt, session) }
        }
    }

    /// Lets requests wait whose object could not be read: others are read first. A request that was repeated after its read began is due at
    /// once, and moves as after a read that succeeded.
    static func postponeRequests(_ reads: [FailedRead], of remote: String, now: Instant, _ session: any Session) throws {
        for read in reads {
            let request = rows(read.request, of: remote)
            let postponed = try session.run(
                """
                UPDATE read_requests SET requested_at = \(now + read.rest), asked_again_at = NULL
                WHERE \(request) AND NOT (\(wasRepeated(since: read.beganAt, now: now)))
                """)
            if postponed == 0 { try moveBehind(request, requestedBefore: read.beganAt, session) }
        }
    }

    private static func rows(_ request: ReadRequest, of remote: String) -> SQL {
        "remote = \(remote) AND remote_id = \(request.remoteID) AND agent_id = \(request.agentID ?? "")"
    }

    private static func wasRepeated(since began: Instant, now: Instant?) -> SQL {
        let latest = now.map { $0 + longestWait } ?? Instant(milliseconds: .max)
        return "coalesce(asked_again_at, requested_at) BETWEEN \(began) AND \(max(latest, began))"
    }

    private static func moveBehind(_ request: SQL, requestedBefore began: Instant, _ session: any Session) throws {
        try session.run("UPDATE read_requests SET requested_at = \(began) WHERE \(request) AND requested_at < \(began)")
    }

    /// The next linked objects of the rotation, and where the one after that continues; nil: from the beginning. Does not store the new position.
    static func nextInRotation(
        _ remote: RemoteParticipation, limit: Int, _ session: any Session
    ) throws -> (objects: [ReadRequest], cursor: RotationCursor?) {
        let stored = try session.row(
            "SELECT coalesce(read_cursor, ''), coalesce(read_cursor_agent, '') FROM remotes WHERE name = \(remote.name)"
        ) { columns in RotationCursor(id: try columns.next(), agent: try columns.next()) }
        let cursor = stored ?? RotationCursor(id: StoredKey(""), agent: StoredKey(""))
        guard limit > 0 else { return ([], cursor) }
        // Only links for which the remote has acknowledged or reported something: before that there is nothing to compare with.
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

    /// The objects acknowledged most recently, newest first: for a kind without a list.
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

    /// The records of those objects that are linked.
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

    /// The agents named by links of a remote, and the configured one.
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

    /// Clears the read failures of remotes that are no longer read.
    static func forgetReads(of remotes: [String], _ session: any Session) throws {
        guard !remotes.isEmpty else { return }
        try session.run(
            """
            UPDATE remotes SET read_failing_since = NULL, read_error = NULL, read_failures = 0
            WHERE read_failing_since IS NOT NULL AND name IN \(in: remotes)
            """)
    }
}

/// The object that a link points to.
extension ReadRequest: RowRecord {
    /// Of `link_state`.
    package static let columns: SQL = "target_id, target_agent"

    package init(_ columns: inout Columns) throws {
        self.init(remoteID: try columns.next(), agentID: try columns.next())
    }
}

extension StoredKey {
    /// Includes NUL characters; U+FFFD replaces bytes that are not UTF-8.
    fileprivate var readableText: String { String(decoding: bytes, as: UTF8.self) }
}
