import GRDB
import SyncCore

/// What the poller needs to know: what has to be read, and what is known about it.
extension Store {
    /// Objects that a hook or a list named; the empty id stands for the list.
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

    /// Takes requests off that were made before `readAt`; what was asked for since stays.
    package func endReadRequests(_ requests: [ReadRequest], of remote: String, readAt: Instant) async throws(StoreError) {
        guard !requests.isEmpty else { return }
        try await write { db in
            for request in requests {
                try db.cachedStatement(
                    sql: "DELETE FROM read_requests WHERE remote = ? AND remote_id = ? AND agent_id = ? AND requested_at < ?"
                ).execute(arguments: [remote, request.remoteID, request.agentID ?? "", readAt.iso8601])
            }
        }
    }

    /// The next linked objects of the rotation; moves the rotation on, and begins anew at its end.
    package func nextInRotation(_ remote: RemoteParticipation, limit: Int) async throws(StoreError) -> [ReadRequest] {
        guard limit > 0 else { return [] }
        return try await write { db in
            let cursor =
                try StoredRow.fetchOne(
                    db, sql: "SELECT coalesce(read_cursor, '') FROM remotes WHERE name = ?", arguments: [remote.name])?.key(0)
                ?? StoredKey("")
            // Only links that the remote has acknowledged something for: before that there is nothing to compare with.
            let rows = try StoredRow.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT target_id, target_agent FROM link_state
                        WHERE remote = ? AND target_id > CAST(? AS TEXT) AND gone_at IS NULL AND (acknowledged_at IS NOT NULL OR seen_at IS NOT NULL)
                        ORDER BY target_id LIMIT ?
                        """),
                arguments: [remote.name, cursor.databaseValue, limit])
            let last = rows.count < limit ? nil : rows.last?.key(0).databaseValue
            try db.execute(sql: "UPDATE remotes SET read_cursor = CAST(? AS TEXT) WHERE name = ?", arguments: [last, remote.name])
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
    package func knowledge(of ids: [String], at remote: String) async throws(StoreError) -> [ReadRequest: RemoteKnowledge] {
        let list = JSONValue.array(ids.map(JSONValue.string)).text
        return try await read { db in
            var known: [ReadRequest: RemoteKnowledge] = [:]
            let rows = try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT target_id, target_agent, base, seen FROM link_state
                        WHERE remote = ? AND target_id IN (SELECT value FROM json_each(?)) AND gone_at IS NULL
                        """),
                arguments: [remote, list])
            for row in rows {
                known[ReadRequest(remoteID: row[0], agentID: row[1])] = RemoteKnowledge(
                    base: JSONValue.object(column: row[2]), seen: JSONValue.object(column: row[3]))
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

    /// The remote says that an object is gone: the link is tombstoned as after a call that was answered so.
    /// - Returns: the conversations that are linked to it.
    package func noteGone(_ object: ReadRequest, at remote: RemoteParticipation, now: Instant) async throws(StoreError) -> [String] {
        try await write { db in
            try String.fetchAll(
                db.cachedStatement(
                    sql: """
                        UPDATE link_state SET gone_at = ? WHERE remote = ? AND target_id = ? AND target_agent IS ? AND gone_at IS NULL
                        RETURNING conversation_id
                        """),
                arguments: [now.iso8601, remote.name, object.remoteID, object.agentID ?? remote.defaultAgent])
        }
    }

    /// When the remote was last read with success.
    package func noteRead(_ remote: String, now: Instant) async throws(StoreError) {
        try await write { db in
            try db.execute(sql: "UPDATE remotes SET last_read_at = ? WHERE name = ?", arguments: [now.iso8601, remote])
        }
    }
}
