import GRDB
import SyncCore

/// What `status` shows about one remote.
package struct RemoteStatus: Sendable, Equatable {
    package var name: String
    package var pending = 0
    /// Since when the remote differs from what is wanted, of everything that waits to be planned, waits to be sent or is on its way. A newer
    /// row for the same conversation does not begin anew.
    package var oldestPendingAt: String?
    package var inFlight = 0
    package var retrying = 0
    package var held = 0
    package var dead = 0
    package var uncertain = 0
    /// Conversations that differ although nothing is due, because a person discarded their row.
    package var discarded = 0
    /// Why the row failed that failed last, of those that are tried again; nil where nobody has asked (``Store/retryError(of:)``).
    package var retryError: String?
    package var gate = RemoteGate.Stored()
    package var lastSuccessAt: String?
    package var lastFailureAt: String?
    package var lastError: String?
    package var reads = ReadHealth()

    package init(name: String) {
        self.name = name
    }

    /// What `last_error` says is true of the present: nothing was acknowledged since.
    package var presentError: String? {
        guard let lastFailureAt, lastSuccessAt.map({ $0 < lastFailureAt }) ?? true else { return nil }
        return lastError
    }
}

/// How reading a remote goes.
package struct ReadHealth: Sendable, Equatable {
    /// When it was last read from beginning to end.
    package var lastReadAt: String?
    /// Since when, and why, and how often in a row it fails; nil while it does not.
    package var failingSince: String?
    package var error: String?
    package var failures = 0

    package init() {}
}

/// The newest run as it is stored.
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
    /// Who runs, or did last; nil where no service has worked with the database yet.
    package var service: StoredService?
    /// Rows that the brake holds, and since when.
    package var heldByBrake = 0
    package var heldByBrakeSince: String?
    /// Members that remotes refuse, and of how many conversations.
    package struct RefusedMembers: Sendable, Equatable {
        package var remote: String
        package var members: [String]
        package var rows: Int
    }

    package var refused: [RefusedMembers] = []
    /// Ends that remotes report and that wait for somebody to look, because there are so many of them; and the remotes.
    package var heldEnds = 0
    package var heldEndsAt: [String] = []
    /// Entries of the feeds that were put aside because a key cannot be used, and the first of these keys.
    package var putAside = 0
    package var unreadable: [UnreadableKey] = []
    /// Objects that several conversations link to.
    package var shared: [SharedObject] = []
}

extension Store {
    /// Counts over unfinished rows and feeds only: the cost does not depend on how much has been delivered.
    /// - Parameter participations: remotes that are shown even where there is nothing to say about them.
    package func status(of participations: [RemoteParticipation]) async throws(StoreError) -> StoreStatus {
        try await read { db in
            var byName = Dictionary(uniqueKeysWithValues: participations.map { ($0.name, RemoteStatus(name: $0.name)) })
            try Store.addRows(to: &byName, db)
            try Store.addRemotes(to: &byName, db)
            for (name, since) in try Store.unplannedSince(participations, db) { byName[name]?.waits(since: since) }
            var status = StoreStatus(remotes: byName.values.sorted { $0.name < $1.name }, lastRun: try Store.lastRun(db), unplanned: 0)
            status.service = try Store.service(db)
            try Store.addChanges(to: &status, db)
            try Store.addHolds(to: &status, db)
            (status.putAside, status.unreadable) = try Store.putAside(db)
            return status
        }
    }

    private static func addRows(to byName: inout [String: RemoteStatus], _ db: Database) throws {
        let counts = try Row.fetchAll(
            db,
            sql: """
                SELECT remote, state, count(*), min(coalesce(differs_since, created_at)), sum(attempts > 0) FROM outbox
                WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain') GROUP BY remote, state
                """)
        for row in counts {
            let name: String = row[0]
            byName[name, default: RemoteStatus(name: name)].take(state: row[1], count: row[2], oldest: row[3], tried: row[4])
        }
        let discarded = try Row.fetchAll(
            db, sql: "SELECT remote, count(*) FROM link_state WHERE discarded_row IS NOT NULL GROUP BY remote")
        for row in discarded { byName[row[0]]?.discarded = row[1] }
    }

    private static func addRemotes(to byName: inout [String: RemoteStatus], _ db: Database) throws {
        let remotes = try Row.fetchAll(
            db,
            sql: """
                SELECT \(gateColumns), name, last_success_at, last_failure_at, last_error, last_read_at, read_failing_since, read_error,
                    read_failures
                FROM remotes
                """)
        for row in remotes {
            guard var status = byName[row[8]] else { continue }
            status.gate = gate(row)
            (status.lastSuccessAt, status.lastFailureAt, status.lastError) = (row[9], row[10], row[11])
            (status.reads.lastReadAt, status.reads.failingSince, status.reads.error) = (row[12], row[13], row[14])
            status.reads.failures = row[15]
            byName[row[8]] = status
        }
    }

    /// Since when something waits to be planned, by remote. What concerns every remote concerns one with links where there is a link.
    private static func unplannedSince(_ participations: [RemoteParticipation], _ db: Database) throws -> [String: String] {
        var waiting: [String: [String]] = [:]
        func take(_ sql: String) throws {
            for row in try Row.fetchAll(db, sql: sql) { waiting[row[0], default: []].append(row[1]) }
        }
        try take("SELECT remote, min(since) FROM change_feed WHERE deferred <> 2 AND remote <> '' GROUP BY remote")
        try take("SELECT remote, min(since) FROM message_feed WHERE remote NOT IN ('', '-', '!') GROUP BY remote")
        if participations.contains(where: \.needsLink) {
            try take(
                """
                SELECT l.remote, min(f.since) FROM change_feed f JOIN links l ON l.conversation_id = f.conversation_id
                WHERE f.remote = '' AND f.deferred <> 2 GROUP BY l.remote
                """)
        }
        let changes = try String.fetchOne(db, sql: "SELECT min(since) FROM change_feed WHERE remote = '' AND deferred <> 2")
        let messages = try String.fetchOne(db, sql: "SELECT min(since) FROM message_feed WHERE remote = ''")
        for remote in participations where !remote.needsLink {
            waiting[remote.name, default: []] += [remote.receivesMessages ? messages : changes].compactMap { $0 }
        }
        return waiting.compactMapValues { $0.min() }
    }

    private static func addChanges(to status: inout StoreStatus, _ db: Database) throws {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT count(*), min(since) FROM (
                    SELECT since FROM change_feed WHERE deferred <> 2 UNION ALL SELECT since FROM message_feed WHERE remote = '')
                """)
        status.unplanned = row?[0] ?? 0
        status.unplannedSince = row?[1]
    }

    private static func addHolds(to status: inout StoreStatus, _ db: Database) throws {
        let braked = try Row.fetchOne(
            db,
            sql: """
                SELECT count(*), min(created_at) FROM outbox
                WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND state = 'held' AND held_by = 'brake'
                """)
        status.heldByBrake = braked?[0] ?? 0
        status.heldByBrakeSince = braked?[1]
        let ends = try Row.fetchAll(
            db, sql: "SELECT remote, count(*) FROM link_state WHERE braked_at IS NOT NULL GROUP BY remote ORDER BY remote")
        status.heldEnds = ends.reduce(0) { $0 + ($1[1] as Int) }
        status.heldEndsAt = ends.map { $0[0] }
        status.refused = try Row.fetchAll(
            db,
            sql: """
                SELECT remote, refused_members, count(*) FROM outbox
                WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND state = 'dead' AND refused_members IS NOT NULL
                GROUP BY remote, refused_members ORDER BY remote, refused_members
                """
        ).map { row in
            let members = (try? JSONValue(stored: row[1] as String))?.arrayValue?.compactMap(\.stringValue) ?? []
            return StoreStatus.RefusedMembers(remote: row[0], members: members, rows: row[2])
        }
    }

    /// Why the row failed that failed last, of those of a remote that are tried again. Reads all of them.
    package func retryError(of remote: String) async throws(StoreError) -> String? {
        try await read { db in
            try String.fetchOne(
                db,
                sql: """
                    SELECT last_error FROM outbox
                    WHERE remote = ? AND state = 'pending' AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND attempts > 0
                    ORDER BY updated_at DESC LIMIT 1
                    """, arguments: [remote])
        }
    }

    /// Keys that `status` names at most.
    private static let namedKeys = 10

    private static func putAside(_ db: Database) throws -> (Int, [UnreadableKey]) {
        let count =
            try Int.fetchOne(
                db,
                sql: """
                    SELECT (SELECT count(DISTINCT conversation_id) FROM change_feed WHERE deferred = 2)
                        + (SELECT count(*) FROM message_feed WHERE remote = '!')
                    """) ?? 0
        guard count > 0 else { return (0, []) }
        let conversations = try StoredRow.fetchAll(
            db, sql: "SELECT DISTINCT conversation_id FROM change_feed WHERE deferred = 2 ORDER BY 1 LIMIT \(namedKeys)")
        let messages = try StoredRow.fetchAll(
            db,
            sql: "SELECT message_id, conversation_id FROM message_feed WHERE remote = '!' ORDER BY sequence LIMIT \(namedKeys)")
        let keys =
            conversations.map { UnreadableKey(conversation: $0.key(0)) }
            + messages.map { UnreadableKey(message: $0.key(0), of: $0.key(1)) }
        return (count, Array(keys.prefix(namedKeys)))
    }

    private static func lastRun(_ db: Database) throws -> StoredRun? {
        guard
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT id, cause, started_at, finished_at, examined, planned, delivered, put_back, dead, error
                    FROM runs ORDER BY id DESC LIMIT 1
                    """)
        else { return nil }
        var counts = RunCounts()
        counts.examined = row[4]
        counts.planned = row[5]
        counts.delivered = row[6]
        counts.putBack = row[7]
        counts.dead = row[8]
        return StoredRun(id: row[0], cause: row[1], startedAt: row[2], finishedAt: row[3], counts: counts, error: row[9])
    }

    /// How many rows of these remotes wait for another try, are held, and need a person.
    package func remainder(of remotes: [String]) async throws(StoreError) -> (waiting: Int, held: Int, dead: Int) {
        let list = JSONValue.array(remotes.map(JSONValue.string)).text
        return try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT sum(state IN ('pending', 'sending')), sum(state = 'held'), sum(state IN ('dead', 'uncertain')) FROM outbox
                    WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain')
                        AND remote IN (SELECT value FROM json_each(?))
                    """, arguments: [list])
            return (row?[0] ?? 0, row?[1] ?? 0, row?[2] ?? 0)
        }
    }
}

extension RemoteStatus {
    fileprivate mutating func waits(since moment: String?) {
        oldestPendingAt = [oldestPendingAt, moment].compactMap { $0 }.min()
    }

    fileprivate mutating func take(state: String, count: Int, oldest: String?, tried: Int) {
        switch OutboxState(rawValue: state) {
        case .pending:
            pending = count
            waits(since: oldest)
            retrying = tried
        case .sending:
            inFlight = count
            waits(since: oldest)
        case .held: held = count
        case .dead: dead = count
        case .uncertain: uncertain = count
        default: break
        }
    }
}
