import SyncCore

/// A read that got a response, whatever it said.
package struct CompletedRead: Sendable, Equatable {
    package var request: ReadRequest
    /// What was asked for before that has been read.
    package var beganAt: Instant

    package init(_ request: ReadRequest, beganAt: Instant) {
        self.request = request
        self.beganAt = beganAt
    }
}

/// What the poller needs to know: what has to be read, and what is known about it.
extension Store {
    /// Objects that a hook or a list named, in the order in which they were first asked for; the empty id stands for the list.
    package func readRequests(of remote: String, limit: Int) async throws(StoreError) -> [ReadRequest] {
        try await read { session in
            try session.rows(
                "SELECT remote_id, agent_id FROM read_requests WHERE remote = \(remote) ORDER BY requested_at LIMIT \(limit)"
            ) { columns in
                let (id, agent): (String, String) = (try columns.next(), try columns.next())
                return ReadRequest(remoteID: id, agentID: agent.isEmpty ? nil : agent)
            }
        }
    }

    /// Takes requests off that have been read. What was asked for again since its read began stays, with a place behind everything that
    /// was asked for until then.
    package func endReadRequests(_ reads: [CompletedRead], of remote: String) async throws(StoreError) {
        guard !reads.isEmpty else { return }
        try await write { session in
            for read in reads {
                let request: SQL =
                    "remote = \(remote) AND remote_id = \(read.request.remoteID) AND agent_id = \(read.request.agentID ?? "")"
                let ended = try session.run(
                    "DELETE FROM read_requests WHERE \(request) AND coalesce(asked_again_at, requested_at) < \(read.beganAt)")
                guard ended == 0 else { continue }
                try session.run(
                    "UPDATE read_requests SET requested_at = \(read.beganAt) WHERE \(request) AND requested_at < \(read.beganAt)")
            }
        }
    }

    /// The next linked objects of the rotation; moves the rotation on, and begins anew at its end.
    package func nextInRotation(_ remote: RemoteParticipation, limit: Int) async throws(StoreError) -> [ReadRequest] {
        guard limit > 0 else { return [] }
        return try await write { session in
            let stored = try session.row(
                "SELECT coalesce(read_cursor, ''), coalesce(read_cursor_agent, '') FROM remotes WHERE name = \(remote.name)"
            ) { columns in (id: try columns.next() as StoredKey, agent: try columns.next() as StoredKey) }
            let cursor = stored ?? (id: StoredKey(""), agent: StoredKey(""))
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
            try session.run(
                "UPDATE remotes SET read_cursor = \(last?.id), read_cursor_agent = \(last?.agent) WHERE name = \(remote.name)")
            return objects.map { ReadRequest(remoteID: $0.id.readableText, agentID: $0.agent?.readableText) }
        }
    }

    /// The objects that were last written to, newest first: for a kind without a list.
    package func recentlyAcknowledged(_ remote: String, limit: Int) async throws(StoreError) -> [ReadRequest] {
        try await read { session in
            try session.rows(
                """
                SELECT \(ReadRequest.columns) FROM link_state
                WHERE remote = \(remote) AND acknowledged_at IS NOT NULL AND gone_at IS NULL ORDER BY acknowledged_at DESC LIMIT \(limit)
                """)
        }
    }

    /// What is known about those of the objects that are linked.
    package func records(of ids: [String], at remote: String) async throws(StoreError) -> [ReadRequest: LinkRecord] {
        let list = JSONValue.array(ids.map(JSONValue.string)).text
        return try await read { session in
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
    }

    /// The agents that links of a remote name, with the configured one.
    package func agents(of remote: RemoteParticipation) async throws(StoreError) -> [String?] {
        try await read { session in
            let named: [String] = try session.values(
                "SELECT DISTINCT agent_id FROM links WHERE remote = \(remote.name) AND agent_id IS NOT NULL ORDER BY 1 LIMIT 100")
            guard let standard = remote.defaultAgent else { return named.isEmpty ? [nil] : named }
            return [standard] + named.filter { !$0.hasSameBytes(as: standard) }
        }
    }

    /// The remote was read from beginning to end.
    package func noteRead(_ remote: String, now: Instant) async throws(StoreError) {
        try await write { session in
            _ = try session.run(
                """
                UPDATE remotes SET last_read_at = \(now), read_failing_since = NULL, read_error = NULL, read_failures = 0
                WHERE name = \(remote)
                """)
        }
    }

    /// Remotes that are not read any more have no failing reads either.
    package func forgetReads(of remotes: [String]) async throws(StoreError) {
        guard !remotes.isEmpty else { return }
        try await write { session in
            _ = try session.run(
                """
                UPDATE remotes SET read_failing_since = NULL, read_error = NULL, read_failures = 0
                WHERE read_failing_since IS NOT NULL AND name IN \(in: remotes)
                """)
        }
    }

    /// The remote could not be read.
    package func noteReadFailure(_ remote: String, error: String, now: Instant) async throws(StoreError) {
        try await write { session in
            _ = try session.run(
                """
                UPDATE remotes SET read_failing_since = coalesce(read_failing_since, \(now)), read_error = \(error),
                    read_failures = read_failures + 1
                WHERE name = \(remote)
                """)
        }
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
