import GRDB
import SyncCore

/// What the store remembers about a remote from before a restart.
package struct StoredRemote: Sendable, Equatable {
    package var gate: RemoteGate.Stored
    package var lastSuccessAt: String?
}

extension Store {
    /// Enters the configured remotes, and finds out which of them have to be planned from scratch: new ones, re-enabled ones, and
    /// those that project differently than before.
    /// - Returns: the names of the latter.
    package func reconcileRemotes(_ remotes: [RemoteParticipation], now: Instant) async throws(StoreError) -> [String] {
        try await write { db in
            var replanned: [String] = []
            for remote in remotes {
                try db.execute(
                    sql: "INSERT OR IGNORE INTO remotes (name, kind) VALUES (?, ?)", arguments: [remote.name, remote.kind])
                let wanted: String? = remote.isEnabled ? remote.fingerprint : nil
                let known = try String.fetchOne(
                    db, sql: "SELECT fingerprint FROM remotes WHERE name = ?", arguments: [remote.name])
                guard known != wanted else { continue }
                let everything: String? = remote.isEnabled && !remote.receivesMessages ? "" : nil
                if everything != nil { replanned.append(remote.name) }
                try db.execute(
                    sql: "UPDATE remotes SET kind = ?, fingerprint = ?, replan_cursor = ? WHERE name = ?",
                    arguments: [remote.kind, wanted, everything, remote.name])
            }
            return replanned
        }
    }

    /// Enters remotes that the database does not know yet, without planning anything.
    package func enterRemotes(_ remotes: [RemoteParticipation]) async throws(StoreError) {
        try await write { db in
            for remote in remotes {
                try db.execute(
                    sql: "INSERT OR IGNORE INTO remotes (name, kind) VALUES (?, ?)", arguments: [remote.name, remote.kind])
            }
        }
    }

    /// Feeds the next page of conversations of remotes that are being planned from scratch.
    /// - Returns: how many were fed; 0 when nothing is left to feed.
    package func feedReplan(_ remotes: [RemoteParticipation], pageSize: Int = 2000, now: Instant) async throws(StoreError) -> Int {
        try await write { db in
            for remote in remotes where remote.isEnabled {
                guard
                    let cursor = try String.fetchOne(
                        db, sql: "SELECT replan_cursor FROM remotes WHERE name = ?", arguments: [remote.name])
                else { continue }
                let source =
                    remote.needsLink
                    ? "SELECT conversation_id AS id FROM links WHERE remote = ?2 AND conversation_id > ?1"
                    : "SELECT id FROM conversations WHERE id > ?1 AND ?2 <> ''"
                let page = try String.fetchAll(
                    db, sql: "\(source) ORDER BY id LIMIT \(pageSize)", arguments: [cursor, remote.name])
                for id in page {
                    try db.cachedStatement(
                        sql: """
                            INSERT INTO change_feed (conversation_id, remote, changed_at) VALUES (?, ?, ?)
                            ON CONFLICT (conversation_id, remote) DO NOTHING
                            """
                    ).execute(arguments: [id, remote.name, now.iso8601])
                }
                try db.execute(
                    sql: "UPDATE remotes SET replan_cursor = ? WHERE name = ?",
                    arguments: [page.count < pageSize ? nil : page.last, remote.name])
                if !page.isEmpty { return page.count }
            }
            return 0
        }
    }

    /// Takes feed entries off that name a remote which is not configured or not enabled. When it is, everything is planned anyway.
    /// - Returns: the names that were found.
    package func dropStrayFeed(_ remotes: [RemoteParticipation]) async throws(StoreError) -> [String] {
        let known = [""] + remotes.filter { $0.isEnabled && !$0.receivesMessages }.map(\.name)
        let list = JSONValue.array(known.map(JSONValue.string)).text
        return try await write { db in
            let names = try String.fetchAll(
                db.cachedStatement(
                    sql: "SELECT DISTINCT remote FROM change_feed WHERE deferred = 0 AND remote NOT IN (SELECT value FROM json_each(?))"),
                arguments: [list])
            guard !names.isEmpty else { return [] }
            try db.execute(
                sql: "DELETE FROM change_feed WHERE remote NOT IN (SELECT value FROM json_each(?))", arguments: [list])
            return names
        }
    }

    package func storedRemotes() async throws(StoreError) -> [String: StoredRemote] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT name, paused_at, parked_at, park_reason, throttled_until, breaker_open_until, breaker_openings,
                        last_success_at, concurrency FROM remotes
                    """)
            return Dictionary(
                uniqueKeysWithValues: rows.map { row in
                    let name: String = row[0]
                    let gate = RemoteGate.Stored(
                        pausedAt: .column(row[1]), parkedAt: .column(row[2]), parkReason: row[3], throttledUntil: .column(row[4]),
                        breakerOpenUntil: .column(row[5]), breakerOpenings: row[6], concurrency: row[8])
                    return (name, StoredRemote(gate: gate, lastSuccessAt: row[7]))
                })
        }
    }

    /// When a pending row of the remote falls due after the given moment; nil when none does.
    package func nextDue(_ remote: String, after moment: Instant) async throws(StoreError) -> Instant? {
        try await read { db in
            .column(
                try String.fetchOne(
                    db, sql: "SELECT min(due_at) FROM outbox WHERE remote = ? AND state = 'pending' AND due_at > ?",
                    arguments: [remote, moment.iso8601]))
        }
    }

    package func hasPending(_ remote: String) async throws(StoreError) -> Bool {
        try await read { db in
            try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM outbox WHERE remote = ? AND state = 'pending')", arguments: [remote]) ?? false
        }
    }
}
