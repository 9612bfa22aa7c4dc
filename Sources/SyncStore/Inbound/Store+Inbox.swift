import GRDB
import SyncCore

/// The inbox: what remotes told us by themselves, kept until it has been processed.
extension Store {
    /// Writes notices down, so that their sender can be answered.
    ///
    /// A notice that came before is taken for the repetition it is: its key is known.
    /// - Returns: how many were new.
    package func receive(_ notices: [Notice], from remote: String, now: Instant) async throws(StoreError) -> Int {
        try await write { db in
            var new = 0
            for notice in notices {
                guard notice.namesKeys else { continue }
                switch notice {
                case .status(let conversationID, let word, let at, let key):
                    new += try Store.enter(
                        db, remote, "status", conversationID, key: key, at: at, payload: ["word": .string(word)], now: now)
                case .message(let conversationID, let id, let body, let at, let key):
                    new += try Store.enter(
                        db, remote, "message", conversationID, key: key, at: at, payload: ["id": .string(id), "body": .string(body)],
                        now: now)
                case .changed(let remoteID, let agentID):
                    // What is not linked here, or was never told anything, need not be read.
                    for agent in try Store.agents(db, of: remoteID, at: remote) where agentID == nil || agent.hasSameBytes(as: agentID) {
                        new += try Store.requestReading(db, ReadRequest(remoteID: remoteID, agentID: agent), of: remote, now: now)
                    }
                case .somethingChanged:
                    new += try Store.requestReading(db, ReadRequest(remoteID: ""), of: remote, now: now)
                }
            }
            return new
        }
    }

    private static func enter(
        _ db: Database, _ remote: String, _ kind: String, _ conversationID: String, key: String, at: Instant, payload: JSONObject,
        now: Instant
    ) throws -> Int {
        try db.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO inbox (remote, kind, conversation_id, event_key, occurred_at, received_at, payload)
                VALUES (?, ?, ?, CAST(? AS TEXT), ?, ?, ?)
                """
        ).execute(arguments: [
            remote, kind, conversationID, key.stored, at.milliseconds, now.iso8601, JSONValue.object(payload).text,
        ])
        return db.changesCount
    }

    /// The agents under which an object with that id is linked: a hook may name the id alone, and one id under two agents is two objects.
    private static func agents(_ db: Database, of remoteID: String, at remote: String) throws -> [String?] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: "SELECT DISTINCT target_agent FROM link_state WHERE remote = ? AND target_id = ? AND gone_at IS NULL"),
            arguments: [remote, remoteID]
        ).map { $0[0] }
    }

    /// A request that stands keeps its place: what is named all the time is read as soon as what was named once.
    static func requestReading(_ db: Database, _ request: ReadRequest, of remote: String, now: Instant) throws -> Int {
        try db.cachedStatement(
            sql: """
                INSERT INTO read_requests (remote, remote_id, agent_id, requested_at) VALUES (?, ?, ?, ?)
                ON CONFLICT (remote, remote_id, agent_id) DO UPDATE SET asked_again_at = excluded.requested_at
                """
        ).execute(arguments: [remote, request.remoteID, request.agentID ?? "", now.iso8601])
        return 1
    }
}

extension Notice {
    /// No key here contains a NUL character: what names one with it is about nothing that there is.
    fileprivate var namesKeys: Bool {
        switch self {
        case .status(let conversationID, _, _, _): conversationID.isUsableKey
        case .message(let conversationID, _, _, _, _): conversationID.isUsableKey
        case .changed(let remoteID, let agentID): remoteID.isUsableKey && agentID?.isUsableKey != false
        case .somethingChanged: true
        }
    }
}
