import GRDB
import SyncCore

/// Reading what is known about one conversation at one remote; shared by planning and by its preview.
extension Store {
    /// The link with the agent in force, or nil where the conversation does not take part: it has no link, or another conversation has one
    /// to the same object (``SharedObject``).
    static func link(_ db: Database, _ conversationID: String, _ remote: RemoteParticipation) throws -> Link? {
        try checkedLink(db, conversationID, remote)?.0
    }

    /// As ``link(_:_:_:)``, and why nothing can be sent along it. Then the ids hold U+FFFD for what cannot be stored.
    static func checkedLink(_ db: Database, _ conversationID: String, _ remote: RemoteParticipation) throws -> (Link, Refusal?)? {
        guard remote.needsLink else { return (Link(remoteID: conversationID), nil) }
        let statement = try db.cachedStatement(
            sql: "SELECT remote_id, agent_id, \(isShared) FROM links l WHERE conversation_id = ?1 AND remote = ?2")
        guard let row = try StoredRow.fetchOne(statement, arguments: [conversationID, remote.name, remote.defaultAgent]),
            !(row[2] as Bool)
        else { return nil }
        let (remoteID, agentID) = (row.key(0), row.optionalKey(1))
        let link = Link(remoteID: remoteID.repaired, agentID: agentID?.repaired ?? remote.defaultAgent)
        for (column, key) in [("remote_id", remoteID), ("agent_id", agentID)] {
            guard let problem = key?.problem else { continue }
            return (link, Refusal("links.\(column) of \"\(conversationID)\" for \(remote.name) \(problem); write the link again"))
        }
        return (link, nil)
    }

    static func isInFlight(_ db: Database, _ conversationID: String, _ remote: String) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: "SELECT 1 FROM outbox WHERE conversation_id = ? AND remote = ? AND state = 'sending' AND payload = 'state' LIMIT 1")
        return try Int.fetchOne(statement, arguments: [conversationID, remote]) != nil
    }

    /// Looked at by the next run, whatever it waited for.
    static func requestPlanning(_ db: Database, _ conversationID: String, _ remote: String, now: Instant) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO change_feed (conversation_id, remote, changed_at) VALUES (?, ?, ?)
                ON CONFLICT (conversation_id, remote) DO UPDATE SET deferred = 0
                """
        ).execute(arguments: [conversationID, remote, now.iso8601])
    }

    /// Looked at again when the call in flight has ended.
    static func deferPlanning(_ db: Database, _ conversationID: String, _ remote: String, now: Instant) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO change_feed (conversation_id, remote, changed_at, deferred, since)
                    VALUES (?1, ?2, ?3, 1, coalesce((SELECT since FROM change_feed WHERE conversation_id = ?1 AND remote = ''), ?3))
                ON CONFLICT (conversation_id, remote) DO UPDATE SET deferred = 1, since = min(since, excluded.since)
                """
        ).execute(arguments: [conversationID, remote, now.iso8601])
    }

    /// What is known of a link; nil for a link whose object is gone.
    ///
    /// A link that points to another object than before starts from nothing.
    /// - Parameter storing: whether the row is made where there is none yet.
    static func record(
        _ db: Database, _ conversationID: String, _ remote: RemoteParticipation, _ link: Link, storing: Bool = true
    ) throws -> StoredRecord? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT s.target_id, s.target_agent, s.gone_at, \(LinkColumns.names), s.verdicts, s.braked_at IS NOT NULL,
                    s.is_brake_released, s.unknown_user, s.discarded_row
                FROM link_state s WHERE s.conversation_id = ? AND s.remote = ?
                """)
        if let row = try Row.fetchOne(statement, arguments: [conversationID, remote.name]),
            (row[0] as String).hasSameBytes(as: link.remoteID), (row[1] as String?).hasSameBytes(as: link.agentID)
        {
            let gone: String? = row[2]
            return gone == nil ? StoredRecord(row) : nil
        }
        if storing {
            try db.cachedStatement(
                sql: """
                    INSERT OR REPLACE INTO link_state (conversation_id, remote, target_id, target_agent, fields, record)
                    VALUES (?, ?, ?, ?, '{}', '{}')
                    """
            ).execute(arguments: [conversationID, remote.name, link.remoteID, link.agentID])
        }
        return StoredRecord()
    }

    /// Everything that a decision depends on; nil for a link whose object is gone.
    ///
    /// - Parameters:
    ///   - reported: whom the remote names in a report that is about to be compared.
    ///   - storing: whether the row of the link is made where there is none yet.
    static func snapshot(
        _ db: Database, _ local: LocalConversation, _ remote: RemoteParticipation, _ link: Link, problem: Refusal? = nil,
        reported: Observation.Assignee = .unknown, storing: Bool = true, now: Instant
    ) throws -> (snapshot: LinkSnapshot, stored: StoredRecord)? {
        let id = local.conversation.id
        guard let stored = try record(db, id, remote, link, storing: storing) else { return nil }
        var row = local.row
        row.customerWroteAt = try lastUserMessage(db, id).map { min($0, now) }
        let snapshot = LinkSnapshot(
            conversationID: id, remote: remote.name, link: link, linkProblem: problem, conversation: local.conversation, local: row,
            record: stored.record, seats: try seats(db, remote, stored.record, reported, assigneeID: local.conversation.assigneeID),
            standing: try standingRow(db, id, remote.name), areEndsHeld: try areEndsHeld(db, remote.name) && !stored.isBrakeReleased,
            now: now)
        return (snapshot, stored)
    }

    /// The rows of the id map that matter: of the present assignee, of those whom the program itself assigns, and of whoever the remote names.
    private static func seats(
        _ db: Database, _ remote: RemoteParticipation, _ record: LinkRecord, _ reported: Observation.Assignee, assigneeID: String?
    ) throws -> [Seat] {
        var users: [JSONValue] = []
        if case .somebody(let id) = reported { users.append(.string(id)) }
        if let field = remote.userField, let held = record[field].held.value, held != .null {
            users.append(.string(held.stringValue ?? held.text))
        }
        let assignees = ([assigneeID].compactMap { $0 } + remote.ownAssignees).map(JSONValue.string)
        guard !users.isEmpty || assigneeID != nil else { return [] }
        return try StoredRow.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT assignee_id, remote_user_id FROM assignees
                    WHERE remote = ?1 AND assignee_id IN (SELECT value FROM json_each(?2))
                    UNION
                    SELECT assignee_id, remote_user_id FROM assignees
                    WHERE remote = ?1 AND remote_user_id IN (SELECT value FROM json_each(?3))
                    """),
            arguments: [remote.name, JSONValue.array(assignees).text, JSONValue.array(users).text]
        ).compactMap { row in row.key(0).text.map { Seat(assigneeID: $0, remoteUserID: row[1]) } }
    }

    private static func lastUserMessage(_ db: Database, _ conversationID: String) throws -> Instant? {
        .column(
            try String.fetchOne(
                db.cachedStatement(sql: "SELECT max(created_at) FROM messages WHERE conversation_id = ? AND author = 'user'"),
                arguments: [conversationID]))
    }

    static func areEndsHeld(_ db: Database, _ remote: String) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT ends_held_at IS NOT NULL FROM remotes WHERE name = ?"), arguments: [remote]) ?? false
    }

    /// Keeps what is known of a link, where it has changed.
    static func keep(_ record: LinkRecord, in stored: StoredRecord, _ conversationID: String, _ remote: String, _ db: Database) throws {
        guard record != stored.record || stored.isFormer else { return }
        try db.cachedStatement(
            sql: """
                UPDATE link_state SET fields = ?, record = ?, base = '{}', seen = '{}', in_doubt = NULL
                WHERE conversation_id = ? AND remote = ?
                """
        ).execute(arguments: [record.fieldsColumn, record.recordColumn, conversationID, remote])
    }

    static func standingRow(_ db: Database, _ conversationID: String, _ remote: String) throws -> StandingRow? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT id, state, path, body, last_error, held_by FROM outbox
                WHERE conversation_id = ? AND remote = ? AND payload = 'state' AND state IN ('pending', 'held', 'dead')
                    AND refused_members IS NULL
                ORDER BY id DESC LIMIT 1
                """)
        guard let row = try Row.fetchOne(statement, arguments: [conversationID, remote]),
            let state = OutboxState(rawValue: row[1])
        else { return nil }
        let holder: String? = state == .held ? row[5] : nil
        return StandingRow(
            id: row[0], state: state, path: row[2], body: row[3], error: row[4], holder: holder.flatMap(Holder.init(rawValue:)))
    }
}

/// What `link_state` holds of a link.
struct StoredRecord {
    var record = LinkRecord()
    /// It was kept in the columns of a former version.
    var isFormer = false
    var acknowledgedAt: Instant?
    var seenAt: Instant?
    var verdicts: JSONObject = [:]
    var isBraked = false
    var isBrakeReleased = false
    var unknownUser: String?
    /// The row that a person discarded, while nothing is due because of it.
    var discardedRow: Int64?

    init() {}

    /// The columns that ``Store/record(_:_:_:_:storing:)`` selects.
    fileprivate init(_ row: Row) {
        let columns = LinkColumns(row, at: 3)
        acknowledgedAt = columns.acknowledgedAt
        seenAt = columns.seenAt
        verdicts = JSONValue.object(column: row[11])
        isBraked = row[12]
        isBrakeReleased = row[13]
        unknownUser = row[14]
        discardedRow = row[15]
        isFormer = columns.isFormer
        record = columns.linkRecord
    }
}

/// The columns of `link_state` that say what is known of a link, as they are stored.
package struct LinkColumns: Sendable {
    static let names = "s.fields, s.record, s.base, s.seen, s.in_doubt, s.acknowledged_at, s.seen_at, s.seen_version"

    private var fields: String?
    private var record: String?
    private var former: (base: String?, seen: String?, inDoubt: String?, version: Int64?)
    var acknowledgedAt: Instant?
    package var seenAt: Instant?

    /// - Parameter first: where ``names`` begin in the row.
    init(_ row: Row, at first: Int) {
        fields = row[first]
        record = row[first + 1]
        former = (row[first + 2], row[first + 3], row[first + 4], row[first + 7])
        acknowledgedAt = .column(row[first + 5])
        seenAt = .column(row[first + 6])
    }

    var isFormer: Bool { fields == nil || record == nil }

    package var linkRecord: LinkRecord {
        if let fields, let record { return LinkRecord(fields: fields, record: record) }
        return LinkRecord(
            LinkRecord.FormerColumns(
                base: JSONValue.object(column: former.base), seen: JSONValue.object(column: former.seen),
                inDoubt: JSONValue.object(column: former.inDoubt), acknowledgedAt: acknowledgedAt, seenAt: seenAt,
                seenVersion: former.version.map(Instant.init(milliseconds:))))
    }

    /// All that was said about the conversation, for taking it out of error texts.
    package var values: [JSONValue] {
        let record = linkRecord
        var values = record.fields.values.flatMap { [$0.ours, $0.theirs, $0.held].compactMap(\.value) + $0.doubt }
        if case .values(let former) = record.former { values += former.values.compactMap(\.value) }
        return values + record.probing.values
    }
}

/// Counts over the links of a remote that cannot be sent.
package struct LinkCensus: Sendable, Equatable {
    package var notInteger = 0
    package var withoutAgent = 0
}

extension Store {
    package func linkCensus(of remote: String) async throws(StoreError) -> LinkCensus {
        try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT sum(CAST(CAST(remote_id AS INTEGER) AS TEXT) <> remote_id), sum(agent_id IS NULL) FROM links WHERE remote = ?
                    """, arguments: [remote])
            return LinkCensus(notInteger: row?[0] ?? 0, withoutAgent: row?[1] ?? 0)
        }
    }

    /// The remotes that links name.
    package func linkedRemotes() async throws(StoreError) -> Set<String> {
        try await read { db in Set(try String.fetchAll(db, sql: "SELECT DISTINCT remote FROM links")) }
    }
}
