import SyncCore

/// The inbox: events that remotes sent, kept until they have been processed.
extension Store {
    /// Stores events, so that their sender can get its response.
    ///
    /// An event that was received before is recognised by its key and not stored again.
    /// - Returns: how many were new.
    static func receive(_ notices: [Notice], from remote: String, now: Instant, _ session: any Session) throws -> Int {
        var new = 0
        for notice in notices {
            guard notice.namesKeys else { continue }
            switch notice {
            case .status(let conversationID, let word, let at, let key):
                new += try enter(session, remote, "status", conversationID, key: key, at: at, payload: ["word": .string(word)], now: now)
            case .message(let conversationID, let id, let body, let at, let key):
                new += try enter(
                    session, remote, "message", conversationID, key: key, at: at, payload: ["id": .string(id), "body": .string(body)],
                    now: now)
            case .changed(let remoteID, let agentID):
                // Objects that are not linked here, or to which nothing was ever sent, need not be read.
                for agent in try agents(session, of: remoteID, at: remote) where agentID == nil || agent.hasSameBytes(as: agentID) {
                    new += try requestReading(session, ReadRequest(remoteID: remoteID, agentID: agent), of: remote, now: now)
                }
            case .somethingChanged:
                new += try requestReading(session, ReadRequest(remoteID: ""), of: remote, now: now)
            }
        }
        return new
    }

    private static func enter(
        _ session: any Session, _ remote: String, _ kind: String, _ conversationID: String, key: String, at: Instant, payload: JSONObject,
        now: Instant
    ) throws -> Int {
        try session.run(
            """
            INSERT OR IGNORE INTO inbox (remote, kind, conversation_id, event_key, occurred_at, received_at, payload)
            VALUES (\(remote), \(kind), \(conversationID), \(key), \(at.milliseconds), \(now), \(JSONValue.object(payload).text))
            """)
    }

    /// The agents under which an object with that id is linked. A hook may name the id alone, and the same id under two agents is two objects.
    private static func agents(_ session: any Session, of remoteID: String, at remote: String) throws -> [String?] {
        try session.rows(
            "SELECT DISTINCT target_agent FROM link_state WHERE remote = \(remote) AND target_id = \(remoteID) AND gone_at IS NULL"
        ) { columns in try columns.next() }
    }

    /// An existing request keeps its place, so an object that is named all the time is read no later than one that was named once.
    static func requestReading(_ session: any Session, _ request: ReadRequest, of remote: String, now: Instant) throws -> Int {
        try session.run(
            """
            INSERT INTO read_requests (remote, remote_id, agent_id, requested_at)
            VALUES (\(remote), \(request.remoteID), \(request.agentID ?? ""), \(now))
            ON CONFLICT (remote, remote_id, agent_id) DO UPDATE SET asked_again_at = excluded.requested_at
            """)
        return 1
    }
}

extension Notice {
    /// No key in the database contains a NUL character, so an event whose keys do matches nothing.
    fileprivate var namesKeys: Bool {
        switch self {
        case .status(let conversationID, _, _, _): conversationID.isUsableKey
        case .message(let conversationID, _, _, _, _): conversationID.isUsableKey
        case .changed(let remoteID, let agentID): remoteID.isUsableKey && agentID?.isUsableKey != false
        case .somethingChanged: true
        }
    }
}
