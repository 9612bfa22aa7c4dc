import SyncCore

/// An object of a remote that several conversations link to.
///
/// Whose state it has to hold, and whom its reports are about, cannot be told: none of the links is planned, sent or reconciled until only
/// one is left (``Store/load(_:_:at:reported:storing:now:)`` and the claims see to that).
package struct SharedObject: Hashable, Sendable {
    package var remote: String
    package var remoteID: String
    /// The agent in force; nil where there is none.
    package var agentID: String?
    /// At least two, in order.
    package var conversations: [String]

    package init(remote: String, remoteID: String, agentID: String?, conversations: [String]) {
        self.remote = remote
        self.remoteID = remoteID
        self.agentID = agentID
        self.conversations = conversations
    }

    package static func == (left: SharedObject, right: SharedObject) -> Bool { left.key == right.key }

    package func hash(into hasher: inout Hasher) { hasher.combine(key) }

    /// For people.
    package var text: String {
        let agent = agentID.map { " of agent \($0)" } ?? ""
        return "\(conversations.joined(separator: " and ")) link to one object of \(remote), \(remoteID)\(agent): nothing is sent for them "
            + "or adopted until one row in links is left"
    }

    /// Texts are the same if their bytes are.
    private var key: [ExactText?] { ([remote, remoteID, agentID] + conversations).map { $0.map(ExactText.init) } }
}

extension Store {
    /// Of a link `l`: whether another conversation links to the same object.
    /// - Parameter defaultAgent: the agent of links that name none.
    static func isShared(defaultAgent: String?) -> SQL {
        """
        EXISTS (SELECT 1 FROM links o
            WHERE o.remote = l.remote AND o.remote_id = l.remote_id AND o.conversation_id <> l.conversation_id
                AND coalesce(o.agent_id, \(defaultAgent)) IS coalesce(l.agent_id, \(defaultAgent)))
        """
    }

    /// Everything that several conversations of these remotes link to. Costs what may be shared, not what is linked.
    package func sharedObjects(at remotes: [RemoteParticipation]) async throws(StoreError) -> [SharedObject] {
        try await read { session in try remotes.filter { $0.isEnabled && $0.needsLink }.flatMap { try Store.sharedObjects(session, at: $0) }
        }
    }

    private static func sharedObjects(_ session: any Session, at remote: RemoteParticipation) throws -> [SharedObject] {
        var objects: [SharedObject] = []
        var open: (id: StoredKey, agent: StoredKey?)?
        try session.each(
            """
            SELECT l.remote_id, coalesce(l.agent_id, \(remote.defaultAgent)), l.conversation_id
            FROM shared_objects s CROSS JOIN links l ON l.remote = s.remote AND l.remote_id = s.remote_id
            WHERE s.remote = \(remote.name) ORDER BY 1, 2, 3
            """
        ) { columns in
            let (id, agent): (StoredKey, StoredKey?) = (try columns.next(), try columns.next())
            let conversation = try columns.next(StoredKey.self).repaired
            if let present = open, present.id == id, present.agent == agent {
                objects[objects.count - 1].conversations.append(conversation)
            } else {
                open = (id, agent)
                objects.append(
                    SharedObject(remote: remote.name, remoteID: id.repaired, agentID: agent?.repaired, conversations: [conversation]))
            }
            return .next
        }
        return objects.filter { $0.conversations.count > 1 }
    }

    /// The other conversations that link to the object of this one; empty in a sound table.
    static func sharers(_ session: any Session, of conversationID: String, at remote: RemoteParticipation) throws -> [String] {
        guard remote.needsLink else { return [] }
        return try session.values(
            """
            SELECT o.conversation_id FROM links l JOIN links o ON o.remote = l.remote AND o.remote_id = l.remote_id
            WHERE l.conversation_id = \(conversationID) AND l.remote = \(remote.name) AND o.conversation_id <> l.conversation_id
                AND coalesce(o.agent_id, \(remote.defaultAgent)) IS coalesce(l.agent_id, \(remote.defaultAgent))
            ORDER BY 1 LIMIT 10
            """, as: StoredKey.self
        ).map(\.repaired)
    }
}
