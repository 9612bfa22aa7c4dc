import GRDB
import SyncCore

/// Reading what is known about one conversation at one remote; shared by planning and by its preview.
extension Store {
    /// The link with the agent in force, or nil where the conversation does not take part.
    static func link(_ db: Database, _ conversationID: String, _ remote: RemoteParticipation) throws -> Link? {
        try checkedLink(db, conversationID, remote)?.0
    }

    /// As ``link(_:_:_:)``, and why nothing can be sent along it. Then the ids hold U+FFFD for what cannot be stored.
    static func checkedLink(_ db: Database, _ conversationID: String, _ remote: RemoteParticipation) throws -> (Link, Refusal?)? {
        guard remote.needsLink else { return (Link(remoteID: conversationID), nil) }
        let statement = try db.cachedStatement(
            sql: "SELECT remote_id, agent_id FROM links WHERE conversation_id = ? AND remote = ?")
        guard let row = try StoredRow.fetchOne(statement, arguments: [conversationID, remote.name]) else { return nil }
        let (remoteID, agentID) = (row.key(0), row.optionalKey(1))
        let link = Link(remoteID: remoteID.repaired, agentID: agentID?.repaired ?? remote.defaultAgent)
        for (column, key) in [("remote_id", remoteID), ("agent_id", agentID)] {
            guard let problem = key?.problem else { continue }
            return (link, Refusal("links.\(column) of \"\(conversationID)\" for \(remote.name) \(problem); write the link again"))
        }
        return (link, nil)
    }

    /// A conversation that the remote is known to have; nil where none is.
    package func acknowledgedConversation(at remote: String) async throws(StoreError) -> String? {
        try await read { db in
            try String.fetchOne(
                db, sql: "SELECT conversation_id FROM link_state WHERE remote = ? AND gone_at IS NULL AND base <> '{}' LIMIT 1",
                arguments: [remote])
        }
    }

    static func isInFlight(_ db: Database, _ conversationID: String, _ remote: String) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: "SELECT 1 FROM outbox WHERE conversation_id = ? AND remote = ? AND state = 'sending' AND payload = 'state' LIMIT 1")
        return try Int.fetchOne(statement, arguments: [conversationID, remote]) != nil
    }

    /// Looked at by the next run, whatever it waited for.
    static func requestPlanning(_ db: Database, _ conversationID: String, _ remote: String, now: Instant) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO change_feed (conversation_id, remote, changed_at) VALUES (?, ?, ?)
                ON CONFLICT (conversation_id, remote) DO UPDATE SET deferred = 0
                """
        ).execute(arguments: [conversationID, remote, now.iso8601])
    }

    /// Looked at again when the call in flight has ended.
    static func deferPlanning(_ db: Database, _ conversationID: String, _ remote: String, now: Instant) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO change_feed (conversation_id, remote, changed_at, deferred) VALUES (?, ?, ?, 1)
                ON CONFLICT (conversation_id, remote) DO UPDATE SET deferred = 1
                """
        ).execute(arguments: [conversationID, remote, now.iso8601])
    }

    /// Base, doubts and last report of a link; nil for a link whose object is gone.
    ///
    /// A link that points to another object than before starts from nothing.
    static func knowledge(
        _ db: Database, _ conversationID: String, _ remote: RemoteParticipation, _ link: Link, assigneeID: String?,
        storing: Bool = true
    ) throws -> RemoteKnowledge? {
        var knowledge = RemoteKnowledge()
        let statement = try db.cachedStatement(
            sql: "SELECT target_id, target_agent, base, in_doubt, seen, gone_at FROM link_state WHERE conversation_id = ? AND remote = ?")
        let row = try Row.fetchOne(statement, arguments: [conversationID, remote.name])
        if let row, (row[0] as String).hasSameBytes(as: link.remoteID), (row[1] as String?).hasSameBytes(as: link.agentID) {
            let gone: String? = row[5]
            guard gone == nil else { return nil }
            knowledge.base = JSONValue.object(column: row[2])
            knowledge.attempted = JSONValue.object(column: row[3])
            knowledge.inDoubt = Set(knowledge.attempted.keys)
            knowledge.seen = JSONValue.object(column: row[4])
        } else if storing {
            try db.cachedStatement(
                sql: "INSERT OR REPLACE INTO link_state (conversation_id, remote, target_id, target_agent) VALUES (?, ?, ?, ?)"
            ).execute(arguments: [conversationID, remote.name, link.remoteID, link.agentID])
        }
        if let assigneeID {
            knowledge.remoteAssigneeID = try String.fetchOne(
                db.cachedStatement(sql: "SELECT remote_user_id FROM assignees WHERE assignee_id = CAST(? AS TEXT) AND remote = ?"),
                arguments: [assigneeID.stored, remote.name])
        }
        return knowledge
    }

    static func standingRow(_ db: Database, _ conversationID: String, _ remote: String) throws -> StandingRow? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT id, state, path, body, last_error, held_by FROM outbox
                WHERE conversation_id = ? AND remote = ? AND payload = 'state' AND state IN ('pending', 'held', 'dead')
                ORDER BY id DESC LIMIT 1
                """)
        guard let row = try Row.fetchOne(statement, arguments: [conversationID, remote]),
            let state = OutboxState(rawValue: row[1])
        else { return nil }
        let holder: String? = state == .held ? row[5] : nil
        return StandingRow(
            id: row[0], state: state, path: row[2], body: row[3], error: row[4], holder: holder.flatMap(Holder.init(rawValue:)))
    }
}

/// Counts over the links of a remote that cannot be sent.
package struct LinkCensus: Sendable, Equatable {
    package var notInteger = 0
    package var withoutAgent = 0
}

extension Store {
    package func linkCensus(of remote: String) async throws(StoreError) -> LinkCensus {
        try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT sum(CAST(CAST(remote_id AS INTEGER) AS TEXT) <> remote_id), sum(agent_id IS NULL) FROM links WHERE remote = ?
                    """, arguments: [remote])
            return LinkCensus(notInteger: row?[0] ?? 0, withoutAgent: row?[1] ?? 0)
        }
    }

    /// The remotes that links name.
    package func linkedRemotes() async throws(StoreError) -> Set<String> {
        try await read { db in Set(try String.fetchAll(db, sql: "SELECT DISTINCT remote FROM links")) }
    }
}
