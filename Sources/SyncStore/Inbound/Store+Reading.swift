import GRDB
import SyncCore

/// A read that was answered, whatever the response said.
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
        try await read { db in
            try Row.fetchAll(
                db.cachedStatement(sql: "SELECT remote_id, agent_id FROM read_requests WHERE remote = ? ORDER BY requested_at LIMIT ?"),
                arguments: [remote, limit]
            ).map { row in
                let agent: String = row[1]
                return ReadRequest(remoteID: row[0], agentID: agent.isEmpty ? nil : agent)
            }
        }
    }

    /// Takes requests off that have been read. What was asked for again since its read began stays, with a place behind everything that
    /// was asked for until then.
    package func endReadRequests(_ reads: [CompletedRead], of remote: String) async throws(StoreError) {
        guard !reads.isEmpty else { return }
        try await write { db in
            let end = try db.cachedStatement(
                sql: """
                    DELETE FROM read_requests
                    WHERE remote = ? AND remote_id = ? AND agent_id = ? AND coalesce(asked_again_at, requested_at) < ?
                    """)
            let putBack = try db.cachedStatement(
                sql: """
                    UPDATE read_requests SET requested_at = ?4
                    WHERE remote = ?1 AND remote_id = ?2 AND agent_id = ?3 AND requested_at < ?4
                    """)
            for read in reads {
                let arguments: StatementArguments = [
                    remote, read.request.remoteID, read.request.agentID ?? "", read.beganAt.iso8601,
                ]
                try end.execute(arguments: arguments)
                if db.changesCount == 0 { try putBack.execute(arguments: arguments) }
            }
        }
    }

    /// The next linked objects of the rotation; moves the rotation on, and begins anew at its end.
    package func nextInRotation(_ remote: RemoteParticipation, limit: Int) async throws(StoreError) -> [ReadRequest] {
        guard limit > 0 else { return [] }
        return try await write { db in
            let row = try StoredRow.fetchOne(
                db, sql: "SELECT coalesce(read_cursor, ''), coalesce(read_cursor_agent, '') FROM remotes WHERE name = ?",
                arguments: [remote.name])
            let cursor = (id: row?.key(0) ?? StoredKey(""), agent: row?.key(1) ?? StoredKey(""))
            // Only links that the remote has acknowledged something for: before that there is nothing to compare with.
            let rows = try StoredRow.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT DISTINCT target_id, target_agent FROM link_state
                        WHERE remote = ?1 AND (target_id, coalesce(target_agent, '')) > (CAST(?2 AS TEXT), CAST(?3 AS TEXT))
                            AND gone_at IS NULL AND (acknowledged_at IS NOT NULL OR seen_at IS NOT NULL)
                        ORDER BY target_id, coalesce(target_agent, '') LIMIT ?4
                        """),
                arguments: [remote.name, cursor.id.databaseValue, cursor.agent.databaseValue, limit])
            let last = rows.count < limit ? nil : rows.last
            try db.execute(
                sql: "UPDATE remotes SET read_cursor = CAST(? AS TEXT), read_cursor_agent = CAST(? AS TEXT) WHERE name = ?",
                arguments: [last?.key(0).databaseValue, last?.optionalKey(1)?.databaseValue, remote.name])
            return rows.map { ReadRequest(remoteID: $0[0], agentID: $0[1]) }
        }
    }

    /// The objects that were last written to, newest first: for a kind without a list.
    package func recentlyAcknowledged(_ remote: String, limit: Int) async throws(StoreError) -> [ReadRequest] {
        try await read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT target_id, target_agent FROM link_state
                        WHERE remote = ? AND acknowledged_at IS NOT NULL AND gone_at IS NULL ORDER BY acknowledged_at DESC LIMIT ?
                        """),
                arguments: [remote, limit]
            ).map { ReadRequest(remoteID: $0[0], agentID: $0[1]) }
        }
    }

    /// What is known about those of the objects that are linked.
    package func records(of ids: [String], at remote: String) async throws(StoreError) -> [ReadRequest: LinkRecord] {
        let list = JSONValue.array(ids.map(JSONValue.string)).text
        return try await read { db in
            var known: [ReadRequest: LinkRecord] = [:]
            let rows = try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT s.target_id, s.target_agent, \(LinkColumns.names) FROM link_state s
                        WHERE s.remote = ? AND s.target_id IN (SELECT value FROM json_each(?)) AND s.gone_at IS NULL
                        """),
                arguments: [remote, list])
            for row in rows {
                known[ReadRequest(remoteID: row[0], agentID: row[1])] = LinkColumns(row, at: 2).linkRecord
            }
            return known
        }
    }

    /// The agents that links of a remote name, with the configured one.
    package func agents(of remote: RemoteParticipation) async throws(StoreError) -> [String?] {
        try await read { db in
            let named = try String.fetchAll(
                db.cachedStatement(
                    sql: "SELECT DISTINCT agent_id FROM links WHERE remote = ? AND agent_id IS NOT NULL ORDER BY 1 LIMIT 100"),
                arguments: [remote.name])
            guard let standard = remote.defaultAgent else { return named.isEmpty ? [nil] : named }
            return [standard] + named.filter { !$0.hasSameBytes(as: standard) }
        }
    }

    /// The remote was read from beginning to end.
    package func noteRead(_ remote: String, now: Instant) async throws(StoreError) {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE remotes SET last_read_at = ?, read_failing_since = NULL, read_error = NULL, read_failures = 0 WHERE name = ?
                    """, arguments: [now.iso8601, remote])
        }
    }

    /// Remotes that are not read any more have no failing reads either.
    package func forgetReads(of remotes: [String]) async throws(StoreError) {
        guard !remotes.isEmpty else { return }
        let names = JSONValue.array(remotes.map(JSONValue.string)).text
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE remotes SET read_failing_since = NULL, read_error = NULL, read_failures = 0
                    WHERE read_failing_since IS NOT NULL AND name IN (SELECT value FROM json_each(?))
                    """, arguments: [names])
        }
    }

    /// The remote could not be read.
    package func noteReadFailure(_ remote: String, error: String, now: Instant) async throws(StoreError) {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE remotes SET read_failing_since = coalesce(read_failing_since, ?), read_error = ?, read_failures = read_failures + 1
                    WHERE name = ?
                    """, arguments: [now.iso8601, error, remote])
        }
    }
}
