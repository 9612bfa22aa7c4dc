import SyncCore

/// A conversation on the feed of changes, and the remote that is planned; an empty one stands for every remote.
struct FeedEntry: RowRecord {
    var conversation: StoredKey
    var remote: String

    static let columns: SQL = "conversation_id, remote"

    init(conversation: StoredKey, remote: String) {
        self.conversation = conversation
        self.remote = remote
    }

    init(_ columns: inout Columns) throws {
        conversation = try columns.next()
        remote = try columns.next()
    }
}

/// An entry that can be planned, or waits for calls of its conversation at other remotes (`deferred = 3`).
struct WaitingEntry: RowRecord {
    var entry: FeedEntry
    var isWaiting: Bool
    /// When it was first found that it has to wait.
    var waitsSince: String?

    static let columns: SQL = "\(FeedEntry.columns), deferred = 3, waits_since"

    init(_ columns: inout Columns) throws {
        entry = try FeedEntry(&columns)
        isWaiting = try columns.next()
        waitsSince = try columns.next()
    }
}

/// The change feed: putting conversations on it, and finding them.
extension Store {
    /// The names under which the feed holds what can be planned.
    static func feedNames(_ remotes: [RemoteParticipation]) -> [String] { [""] + remotes.filter(\.takesStates).map(\.name) }

    /// The next entries.
    static func readyEntries(of names: [String], limit: Int, _ session: any Session) throws -> [FeedEntry] {
        try session.rows(
            "SELECT \(FeedEntry.columns) FROM change_feed WHERE deferred = 0 AND remote IN \(in: names) LIMIT \(limit)")
    }

    /// All entries of one conversation that can be planned or wait; one for every remote comes first.
    static func waitingEntries(of id: String, at names: [String], _ session: any Session) throws -> [WaitingEntry] {
        try session.rows(
            """
            SELECT \(WaitingEntry.columns) FROM change_feed
            WHERE conversation_id = \(id) AND remote IN \(in: names) AND deferred IN (0, 3) ORDER BY remote
            """)
    }

    static func hasReadyEntry(of names: [String], _ session: any Session) throws -> Bool {
        try session.exists("SELECT 1 FROM change_feed WHERE deferred = 0 AND remote IN \(in: names) LIMIT 1")
    }

    /// Whether something can be planned, or waits for calls of its conversation at other remotes.
    static func hasUnplanned(of names: [String], _ session: any Session) throws -> Bool {
        if try hasReadyEntry(of: names, session) { return true }
        return try session.exists("SELECT 1 FROM change_feed WHERE deferred = 3 LIMIT 1")
    }

    /// How many entries can be planned, counted up to `limit`.
    static func feedSize(of names: [String], limit: Int, _ session: any Session) throws -> Int {
        try session.value(
            "SELECT count(*) FROM (SELECT 1 FROM change_feed WHERE deferred = 0 AND remote IN \(in: names) LIMIT \(limit))") ?? 0
    }

    /// Since when the entry waits that has waited longest for calls of its conversation at other remotes; nil where none waits.
    static func longestWait(_ session: any Session) throws -> Instant? {
        .column(try session.value("SELECT min(waits_since) FROM change_feed WHERE deferred = 3"))
    }

    /// What has waited for so long is planned, whatever is in its way.
    static func endLongWaits(before timestamp: Instant, _ session: any Session) throws {
        try session.run("UPDATE change_feed SET deferred = 0 WHERE deferred = 3 AND waits_since <= \(timestamp)")
    }

    /// A call of the conversation has ended: what waits for it is examined again. True when something did.
    static func endWait(of id: String, _ session: any Session) throws -> Bool {
        try session.run("UPDATE change_feed SET deferred = 0 WHERE conversation_id = \(id) AND deferred = 3") > 0
    }

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

    /// What a person discarded is decided anew: it is due again, or does not differ any more.
    static func forgetDiscarded(_ conversationID: String, _ remote: String, _ session: any Session) throws {
        try session.run("UPDATE link_state SET discarded_row = NULL WHERE conversation_id = \(conversationID) AND remote = \(remote)")
    }
}
