import SyncCore

extension Store {
    /// For a link `l`: whether another conversation links to the same object.
    /// - Parameter defaultAgent: the agent of links that do not name one.
    static func isShared(defaultAgent: String?) -> SQL {
        """
        EXISTS (SELECT 1 FROM links o
            WHERE o.remote = l.remote AND o.remote_id = l.remote_id AND o.conversation_id <> l.conversation_id
                AND coalesce(o.agent_id, \(defaultAgent)) IS coalesce(l.agent_id, \(defaultAgent)))
        """
    }

    /// All objects that several conversations link to at these remotes. The cost depends on the number of candidates, not on the number of links.
    package func sharedObjects(at remotes: [RemoteParticipation]) async throws(StoreError) -> [SharedObject] {
        try await read { session in try Store.sharedObjects(session, at: remotes) }
    }

    static func sharedObjects(_ session: any Session, at remotes: [RemoteParticipation]) throws -> [SharedObject] {
        try remotes.filter { $0.isEnabled && $0.needsLink }.flatMap { try sharedObjects(session, at: $0) }
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

    /// The other conversations that link to the object of this one. Usually empty.
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
