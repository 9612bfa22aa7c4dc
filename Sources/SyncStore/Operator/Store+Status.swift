import SyncCore

/// What `status` shows about one remote.
package struct RemoteStatus: Sendable, Equatable {
    package var name: String
    package var pending = 0
    /// Since when the remote differs from the wanted state, over everything that is waiting to be planned, waiting to be sent or in flight. A newer
    /// row for the same conversation does not restart it.
    package var oldestPendingAt: String?
    package var inFlight = 0
    package var retrying = 0
    package var held = 0
    package var dead = 0
    package var uncertain = 0
    /// Conversations that differ although nothing is due, because a person or retention discarded their row.
    package var discarded = 0
    /// Changes and messages for it that cannot be planned. One for every remote counts at each of them.
    package var putAside = 0
    /// The error of the most recently failed row among those that will be retried; nil until it is loaded (``Store/retryError(of:)``).
    package var retryError: String?
    package var gate = RemoteGate.Stored()
    package var lastSuccessAt: String?
    package var lastFailureAt: String?
    package var lastError: String?
    package var reads = ReadHealth()

    package init(name: String) {
        self.name = name
    }

    /// `last_error`, if nothing has been acknowledged since.
    package var presentError: String? {
        guard let lastFailureAt, lastSuccessAt.map({ $0 < lastFailureAt }) ?? true else { return nil }
        return lastError
    }
}

/// The health of reading a remote.
package struct ReadHealth: Sendable, Equatable {
    /// When it was last read from beginning to end.
    package var lastReadAt: String?
    /// Since when reads have failed, why, and how many in a row; nil after a successful read.
    package var failingSince: String?
    package var error: String?
    package var failures = 0

    package init() {}
}

/// A row of `runs`.
package struct StoredRun: Sendable, Equatable {
    package var id: Int64
    package var cause: String
    package var startedAt: String
    package var finishedAt: String?
    package var counts: RunCounts
    package var error: String?
}

package struct StoreStatus: Sendable, Equatable {
    package var remotes: [RemoteStatus]
    package var lastRun: StoredRun?
    /// Entries of the change feed and the message feed that no run has processed.
    package var unplanned: Int
    /// The first of them.
    package var unplannedSince: String?
    /// The service that runs, or the last one that did; nil if no service has used the database yet.
    package var service: StoredService?
    /// Rows that the brake holds, and since when.
    package var heldByBrake = 0
    package var heldByBrakeSince: String?
    /// Members that remotes refuse, and in how many rows.
    package struct RefusedMembers: Sendable, Equatable {
        package var remote: String
        package var members: [String]
        package var rows: Int
    }

    package var refused: [RefusedMembers] = []
    /// Finished statuses reported by remotes in service that the brake holds back until a person decides, and the remotes.
    package var heldEnds = 0
    package var heldEndsAt: [String] = []
    /// Entries of the feeds that were put aside because a key cannot be used, and the first of these keys.
    package var putAside = 0
    package var unreadable: [UnreadableKey] = []
    /// Entries of the feeds that were put aside because they cannot be planned, and the first of them.
    package var unplannable = 0
    package var unplannableRows: [PutAside] = []
    /// Objects that several conversations link to.
    package var shared: [SharedObject] = []
}

extension Store {
    /// Counts unfinished rows and the feeds only, so the cost does not depend on how much has been delivered.
    /// - Parameter participations: remotes that are included even if they have no rows.
    package func status(of participations: [RemoteParticipation]) async throws(StoreError) -> StoreStatus {
        try await read { session in
            var byName = Dictionary(participations.map { ($0.name, RemoteStatus(name: $0.name)) }) { first, _ in first }
            try Store.addRows(to: &byName, session)
            try Store.addRemotes(to: &byName, session)
            for (name, since) in try Store.unplannedSince(participations, session) { byName[name]?.waits(since: since) }
            for (name, count) in try Store.putAsideCounts(participations, session) { byName[name]?.putAside = count }
            var status = StoreStatus(remotes: byName.values.sorted { $0.name < $1.name }, lastRun: try Store.lastRun(session), unplanned: 0)
            status.service = try Store.service(session)
            try Store.addChanges(to: &status, session)
            try Store.addHolds(to: &status, participations, session)
            (status.putAside, status.unreadable) = try Store.unreadableKeys(session)
            (status.unplannable, status.unplannableRows) = try Store.unplannable(session)
            return status
        }
    }

    private static func addRows(to byName: inout [String: RemoteStatus], _ session: any Session) throws {
        let counts: [UnfinishedCount] = try session.rows(
            """
            SELECT \(UnfinishedCount.columns) FROM outbox
            WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain') GROUP BY remote, state
            """)
        for count in counts { byName[count.remote, default: RemoteStatus(name: count.remote)].add(count) }
        let discarded: [(remote: String, conversations: Int)] = try session.rows(
            "SELECT remote, count(*) FROM link_state WHERE discarded_row IS NOT NULL GROUP BY remote"
        ) { columns in (try columns.next(), try columns.next()) }
        for (remote, conversations) in discarded { byName[remote]?.discarded = conversations }
    }

    private static func addRemotes(to byName: inout [String: RemoteStatus], _ session: any Session) throws {
        for row: RemoteRow in try session.rows("SELECT \(RemoteRow.columns) FROM remotes") { byName[row.name]?.add(row) }
    }

    /// Since when something has been waiting to be planned, by remote. An entry for every remote concerns a remote with links only if there is a
    /// link.
    private static func unplannedSince(_ participations: [RemoteParticipation], _ session: any Session) throws -> [String: String] {
        var waiting: [String: [String]] = [:]
        func add(_ sql: SQL) throws {
            try session.each(sql) { columns in
                let remote: String = try columns.next()
                waiting[remote, default: []].append(try columns.next())
                return .next
            }
        }
        try add("SELECT remote, min(since) FROM change_feed WHERE deferred <> 2 AND remote <> \(FeedTarget.everyRemote) GROUP BY remote")
        try add(
            "SELECT remote, min(since) FROM message_feed WHERE remote NOT IN \(in: [FeedTarget.everyRemote, .conversationMissing, .putAside]) GROUP BY remote"
        )
        if participations.contains(where: \.needsLink) {
            try add(
                """
                SELECT l.remote, min(f.since) FROM change_feed f JOIN links l ON l.conversation_id = f.conversation_id
                WHERE f.remote = \(FeedTarget.everyRemote) AND f.deferred <> 2
                    AND l.remote NOT IN \(in: withoutLinks(participations)) GROUP BY l.remote
                """)
        }
        let changes: String? = try session.value(
            "SELECT min(since) FROM change_feed WHERE remote = \(FeedTarget.everyRemote) AND deferred <> 2")
        let messages: String? = try session.value("SELECT min(since) FROM message_feed WHERE remote = \(FeedTarget.everyRemote)")
        for remote in participations where !remote.needsLink {
            waiting[remote.name, default: []] += [remote.receivesMessages ? messages : changes].compactMap { $0 }
        }
        return waiting.compactMapValues { $0.min() }
    }

    /// The remotes that a row in `links` means nothing to.
    private static func withoutLinks(_ participations: [RemoteParticipation]) -> [String] {
        participations.filter { !$0.needsLink }.map(\.name)
    }

    /// How many entries that cannot be planned concern each remote.
    private static func putAsideCounts(_ participations: [RemoteParticipation], _ session: any Session) throws -> [String: Int] {
        let aside: SQL = "f.deferred = 2 AND f.problem IS NOT NULL"
        let named: [(remote: String, count: Int)] = try session.rows(
            "SELECT f.remote, count(*) FROM change_feed f WHERE \(aside) AND f.remote <> \(FeedTarget.everyRemote) GROUP BY f.remote"
        ) { columns in (try columns.next(), try columns.next()) }
        let linked: [(remote: String, count: Int)] = try session.rows(
            """
            SELECT l.remote, count(*) FROM change_feed f JOIN links l ON l.conversation_id = f.conversation_id
            WHERE \(aside) AND f.remote = \(FeedTarget.everyRemote) AND l.remote NOT IN \(in: withoutLinks(participations)) GROUP BY l.remote
            """
        ) { columns in (try columns.next(), try columns.next()) }
        var counts: [String: Int] = [:]
        for (remote, count) in named + linked { counts[remote, default: 0] += count }
        let changes: Int? = try session.value(
            "SELECT count(*) FROM change_feed f WHERE \(aside) AND f.remote = \(FeedTarget.everyRemote)")
        for remote in participations where !remote.needsLink {
            let count = try remote.receivesMessages ? putAsideMessages(for: remote.name, session) : changes
            counts[remote.name, default: 0] += count ?? 0
        }
        return counts
    }

    /// Entries that were put aside do not say for which remote they were; one that has its row did not wait for that remote.
    private static func putAsideMessages(for remote: String, _ session: any Session) throws -> Int? {
        try session.value(
            """
            SELECT count(*) FROM message_feed f WHERE f.remote = \(FeedTarget.putAside) AND f.problem IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM planned_messages p WHERE p.message_id = f.message_id AND p.remote = \(remote))
            """)
    }

    private static func addChanges(to status: inout StoreStatus, _ session: any Session) throws {
        let unplanned: (entries: Int, since: String?)? = try session.row(
            """
            SELECT count(*), min(since) FROM (
                SELECT since FROM change_feed WHERE deferred <> 2 UNION ALL SELECT since FROM message_feed WHERE remote = \(FeedTarget.everyRemote))
            """
        ) { columns in (try columns.next(), try columns.next()) }
        status.unplanned = unplanned?.entries ?? 0
        status.unplannedSince = unplanned?.since
    }

    private static func addHolds(to status: inout StoreStatus, _ participations: [RemoteParticipation], _ session: any Session) throws {
        let braked: (rows: Int, since: String?)? = try session.row(
            """
            SELECT count(*), min(created_at) FROM outbox
            WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND state = 'held' AND held_by = 'brake'
            """
        ) { columns in (try columns.next(), try columns.next()) }
        status.heldByBrake = braked?.rows ?? 0
        status.heldByBrakeSince = braked?.since
        // Elsewhere nothing is adopted, and a release would have no effect.
        let inService = participations.filter(\.isEnabled).map(\.name)
        let ends: [(remote: String, count: Int)] = try session.rows(
            "SELECT remote, count(*) FROM link_state WHERE braked_at IS NOT NULL AND remote IN \(in: inService) GROUP BY remote ORDER BY remote"
        ) { columns in (try columns.next(), try columns.next()) }
        status.heldEnds = ends.reduce(0) { $0 + $1.count }
        status.heldEndsAt = ends.map(\.remote)
        status.refused = try session.rows(
            """
            SELECT \(StoreStatus.RefusedMembers.columns) FROM outbox
            WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND state = 'dead' AND refused_members IS NOT NULL
            GROUP BY remote, refused_members ORDER BY remote, refused_members
            """)
    }

    /// The error of the most recently failed row among a remote's rows that will be retried. Reads all of these rows.
    package func retryError(of remote: String) async throws(StoreError) -> String? {
        try await read { session in
            try session.value(
                """
                SELECT last_error FROM outbox
                WHERE remote = \(remote) AND state = 'pending' AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                    AND attempts > 0
                ORDER BY updated_at DESC LIMIT 1
                """)
        }
    }

    /// The most keys, and rows that cannot be planned, that `status` names.
    private static let namedKeys = 10

    private static func unplannable(_ session: any Session) throws -> (Int, [PutAside]) {
        let count: Int? = try session.value(
            """
            SELECT (SELECT count(*) FROM change_feed WHERE deferred = 2 AND problem IS NOT NULL)
                + (SELECT count(*) FROM message_feed WHERE remote = \(FeedTarget.putAside) AND problem IS NOT NULL)
            """)
        guard let count, count > 0 else { return (0, []) }
        return (count, try putAsideRows(session, limit: namedKeys))
    }

    private static func unreadableKeys(_ session: any Session) throws -> (Int, [UnreadableKey]) {
        let count: Int? = try session.value(
            """
            SELECT (SELECT count(DISTINCT conversation_id) FROM change_feed WHERE deferred = 2 AND problem IS NULL)
                + (SELECT count(*) FROM message_feed WHERE remote = \(FeedTarget.putAside) AND problem IS NULL)
            """)
        guard let count, count > 0 else { return (0, []) }
        let conversations = try session.rows(
            "SELECT DISTINCT conversation_id FROM change_feed WHERE deferred = 2 AND problem IS NULL ORDER BY 1 LIMIT \(namedKeys)"
        ) { columns in UnreadableKey(conversation: try columns.next()) }
        let messages = try session.rows(
            "SELECT message_id, conversation_id FROM message_feed WHERE remote = \(FeedTarget.putAside) AND problem IS NULL ORDER BY sequence LIMIT \(namedKeys)"
        ) { columns in UnreadableKey(message: try columns.next(), of: try columns.next()) }
        return (count, Array((conversations + messages).prefix(namedKeys)))
    }

    private static func lastRun(_ session: any Session) throws -> StoredRun? {
        try session.row("SELECT \(StoredRun.columns) FROM runs ORDER BY id DESC LIMIT 1")
    }

    /// What is left to do at some remotes.
    package struct Remainder: Equatable, Sendable {
        /// Rows that wait for an attempt, rows that are held, and rows that need a person.
        package var waiting = 0
        package var held = 0
        package var dead = 0
        /// Changes and messages that no run has planned.
        package var unplanned = 0
        /// When the first of the waiting rows falls due, or has fallen due; nil if none waits, or only for remotes that are paused.
        package var dueAt: Instant?
    }

    /// All of it as of one time: what is planned meanwhile counts once.
    /// - Parameters:
    ///   - remotes: those that are not enabled do not count.
    ///   - countsUnplanned: whether the feeds are counted as well.
    package func remainder(of remotes: [RemoteParticipation], countsUnplanned: Bool = true) async throws(StoreError) -> Remainder {
        try await read { session in
            let remainder: Remainder? = try session.row(
                """
                SELECT sum(state IN ('pending', 'sending')), sum(state = 'held'), sum(state IN ('dead', 'uncertain')),
                    min(CASE WHEN state = 'pending' AND behind = 0 AND remote NOT IN (SELECT name FROM remotes WHERE paused_at IS NOT NULL)
                        THEN due_at END)
                FROM outbox
                WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                    AND remote IN \(in: remotes.filter(\.isEnabled).map(\.name))
                """
            ) { columns in
                // Sums over no rows are NULL.
                let (waiting, held, dead): (Int?, Int?, Int?) = (try columns.next(), try columns.next(), try columns.next())
                return Remainder(waiting: waiting ?? 0, held: held ?? 0, dead: dead ?? 0, dueAt: .column(try columns.next()))
            }
            var left = remainder ?? Remainder()
            if countsUnplanned { left.unplanned = try Store.unplannedCount(remotes, session) }
            return left
        }
    }

    /// How much a run has to plan. Not what rests on the feeds after a complete run: entries that are put aside, messages without their conversation,
    /// and what is for remotes that are disabled or not configured.
    private static func unplannedCount(_ remotes: [RemoteParticipation], _ session: any Session) throws -> Int {
        let entries: Int? = try session.value(
            """
            SELECT (SELECT count(*) FROM change_feed WHERE deferred <> 2 AND remote IN \(in: feedTargets(remotes)))
                + (SELECT count(*) FROM message_feed WHERE remote IN \(in: messageTargets(remotes)))
            """)
        return try (entries ?? 0) + unfedCount(remotes, session)
    }
}
