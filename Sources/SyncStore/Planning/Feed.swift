import SyncCore

/// A conversation on the change feed.
struct FeedEntry: RowRecord {
    var conversation: StoredKey
    var target: FeedTarget

    static let columns: SQL = "conversation_id, remote"

    init(_ columns: inout Columns) throws {
        conversation = try columns.next()
        target = try columns.next()
    }
}

/// An entry that can be planned, or that waits for calls of its conversation to other remotes (`deferred = 3`).
struct WaitingEntry: RowRecord {
    var entry: FeedEntry
    var isWaiting: Bool
    /// When it was first found to have to wait.
    var waitsSince: String?

    static let columns: SQL = "\(FeedEntry.columns), deferred = 3, waits_since"

    init(_ columns: inout Columns) throws {
        entry = try FeedEntry(&columns)
        isWaiting = try columns.next()
        waitsSince = try columns.next()
    }
}

/// The change feed: adding conversations and finding them.
extension Store {
    /// The targets of feed entries that can be planned.
    static func feedTargets(_ remotes: [RemoteParticipation]) -> [FeedTarget] {
        [.everyRemote] + remotes.filter(\.takesStates).map { .remote($0.name) }
    }

    /// The next entries.
    static func readyEntries(of targets: [FeedTarget], limit: Int, _ session: any Session) throws -> [FeedEntry] {
        try session.rows(
            "SELECT \(FeedEntry.columns) FROM change_feed WHERE deferred = 0 AND remote IN \(in: targets) LIMIT \(limit)")
    }

    /// All entries of one conversation that can be planned or are waiting; an entry for every remote comes first.
    static func waitingEntries(of id: String, at targets: [FeedTarget], _ session: any Session) throws -> [WaitingEntry] {
        try session.rows(
            """
            SELECT \(WaitingEntry.columns) FROM change_feed
            WHERE conversation_id = \(id) AND remote IN \(in: targets) AND deferred IN (0, 3) ORDER BY remote
            """)
    }

    static func hasReadyEntry(of targets: [FeedTarget], _ session: any Session) throws -> Bool {
        try session.exists("SELECT 1 FROM change_feed WHERE deferred = 0 AND remote IN \(in: targets) LIMIT 1")
    }

    /// Whether anything can be planned, or waits for calls of its conversation to other remotes.
    static func hasUnplanned(of targets: [FeedTarget], _ session: any Session) throws -> Bool {
        if try hasReadyEntry(of: targets, session) { return true }
        return try session.exists("SELECT 1 FROM change_feed WHERE deferred = 3 LIMIT 1")
    }

    /// How many entries can be planned, counted up to `limit`.
    static func feedSize(of targets: [FeedTarget], limit: Int, _ session: any Session) throws -> Int {
        try session.value(
            "SELECT count(*) FROM (SELECT 1 FROM change_feed WHERE deferred = 0 AND remote IN \(in: targets) LIMIT \(limit))") ?? 0
    }

    /// The start of the longest current wait for calls of a conversation to other remotes; nil if no entry is waiting.
    static func longestWait(_ session: any Session) throws -> Instant? {
        .column(try session.value("SELECT min(waits_since) FROM change_feed WHERE deferred = 3"))
    }

    /// Entries that have waited this long are planned even if calls are still in flight.
    static func endLongWaits(before timestamp: Instant, _ session: any Session) throws {
        try session.run("UPDATE change_feed SET deferred = 0 WHERE deferred = 3 AND waits_since <= \(timestamp)")
    }

    /// A call of the conversation has ended: entries that wait for it are examined again. True if there were any.
    static func endWait(of id: String, _ session: any Session) throws -> Bool {
        try session.run("UPDATE change_feed SET deferred = 0 WHERE conversation_id = \(id) AND deferred = 3") > 0
    }

    /// Has the conversation planned by the next run, whatever its entry was waiting for.
    static func requestPlanning(_ session: any Session, _ conversationID: String, _ remote: String, now: Instant) throws {
        try session.run(
            """
            INSERT INTO change_feed (conversation_id, remote, changed_at) VALUES (\(conversationID), \(remote), \(now))
            ON CONFLICT (conversation_id, remote) DO UPDATE SET deferred = 0
            """)
    }

    /// Has the conversation planned again when the call in flight has ended.
    static func deferPlanning(_ session: any Session, _ conversationID: String, _ remote: String, now: Instant) throws {
        try session.run(
            """
            INSERT INTO change_feed (conversation_id, remote, changed_at, deferred, since)
                VALUES (\(conversationID), \(remote), \(now), 1,
                    coalesce((SELECT since FROM change_feed WHERE conversation_id = \(conversationID) AND remote = \(FeedTarget.everyRemote)),
                        \(now)))
            ON CONFLICT (conversation_id, remote) DO UPDATE SET deferred = 1, since = min(since, excluded.since)
            """)
    }
}
