import SyncCore

/// Putting conversations on the change feed.
extension Store {
    /// Planned by the next run, whatever it waited for.
    static func requestPlanning(_ session: any Session, _ conversationID: String, _ remote: String, now: Instant) throws {
        try session.run(
            """
            INSERT INTO change_feed (conversation_id, remote, changed_at) VALUES (\(conversationID), \(remote), \(now))
            ON CONFLICT (conversation_id, remote) DO UPDATE SET deferred = 0
            """)
    }

    /// Planned again when the call in flight has ended.
    static func deferPlanning(_ session: any Session, _ conversationID: String, _ remote: String, now: Instant) throws {
        try session.run(
            """
            INSERT INTO change_feed (conversation_id, remote, changed_at, deferred, since)
                VALUES (\(conversationID), \(remote), \(now), 1,
                    coalesce((SELECT since FROM change_feed WHERE conversation_id = \(conversationID) AND remote = ''), \(now)))
            ON CONFLICT (conversation_id, remote) DO UPDATE SET deferred = 1, since = min(since, excluded.since)
            """)
    }
}
