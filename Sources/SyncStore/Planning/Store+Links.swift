import SyncCore

/// Reading what is known about one conversation at one remote; shared by planning and by its preview.
extension Store {
    /// The link with the agent in force, or nil where the conversation does not take part: it has no link, or another conversation has one
    /// to the same object (``SharedObject``).
    static func link(_ session: any Session, _ conversationID: String, _ remote: RemoteParticipation) throws -> Link? {
        try checkedLink(session, conversationID, remote)?.0
    }

    /// As ``link(_:_:_:)``, and why nothing can be sent along it. Then the ids hold U+FFFD for what cannot be stored.
    static func checkedLink(_ session: any Session, _ conversationID: String, _ remote: RemoteParticipation) throws -> (Link, Refusal?)? {
        guard remote.needsLink else { return (Link(remoteID: conversationID), nil) }
        let row = try session.row(
            """
            SELECT remote_id, agent_id, \(isShared(defaultAgent: remote.defaultAgent)) FROM links l
            WHERE conversation_id = \(conversationID) AND remote = \(remote.name)
            """
        ) { columns in
            (
                remoteID: try columns.next(StoredKey.self), agentID: try columns.next(StoredKey?.self),
                isShared: try columns.next(Bool.self)
            )
        }
        guard let row, !row.isShared else { return nil }
        let link = Link(remoteID: row.remoteID.repaired, agentID: row.agentID?.repaired ?? remote.defaultAgent)
        for (column, key) in [("remote_id", row.remoteID), ("agent_id", row.agentID)] {
            guard let problem = key?.problem else { continue }
            return (link, Refusal("links.\(column) of \"\(conversationID)\" for \(remote.name) \(problem); write the link again"))
        }
        return (link, nil)
    }

    static func isInFlight(_ session: any Session, _ conversationID: String, _ remote: String) throws -> Bool {
        try session.exists(
            """
            SELECT 1 FROM outbox
            WHERE conversation_id = \(conversationID) AND remote = \(remote) AND state = 'sending' AND payload = 'state' LIMIT 1
            """)
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

    /// What is known of a link; nil for a link whose object is gone.
    ///
    /// A link that points to another object than before starts from nothing.
    /// - Parameters:
    ///   - storing: whether the row is made where there is none yet.
    ///   - evenIfGone: whether what is known of an object that is gone is of interest.
    static func record(
        _ session: any Session, _ conversationID: String, _ remote: RemoteParticipation, _ link: Link, storing: Bool = true,
        evenIfGone: Bool = false
    ) throws -> StoredRecord? {
        let row = try session.row(
            """
            SELECT s.target_id, s.target_agent, s.gone_at IS NOT NULL, \(StoredRecord.columns)
            FROM link_state s WHERE s.conversation_id = \(conversationID) AND s.remote = \(remote.name)
            """
        ) { columns in
            (
                targetID: try columns.next(String.self), targetAgent: try columns.next(String?.self), isGone: try columns.next(Bool.self),
                stored: try StoredRecord(&columns)
            )
        }
        if let row, row.targetID.hasSameBytes(as: link.remoteID), row.targetAgent.hasSameBytes(as: link.agentID) {
            return row.isGone && !evenIfGone ? nil : row.stored
        }
        if storing {
            try session.run(
                """
                INSERT OR REPLACE INTO link_state (conversation_id, remote, target_id, target_agent, fields, record)
                VALUES (\(conversationID), \(remote.name), \(link.remoteID), \(link.agentID), '{}', '{}')
                """)
        }
        return StoredRecord()
    }

    /// Everything that a decision depends on; nil for a link whose object is gone.
    ///
    /// - Parameters:
    ///   - reported: whom the remote names in a report that is about to be compared.
    ///   - storing: whether the row of the link is made where there is none yet.
    ///   - evenIfGone: whether an object that is gone is decided about as well.
    static func snapshot(
        _ session: any Session, _ local: LocalConversation, _ remote: RemoteParticipation, _ link: Link, problem: Refusal? = nil,
        reported: Observation.Assignee = .unknown, storing: Bool = true, evenIfGone: Bool = false, now: Instant
    ) throws -> (snapshot: LinkSnapshot, stored: StoredRecord)? {
        let id = local.conversation.id
        guard let stored = try record(session, id, remote, link, storing: storing, evenIfGone: evenIfGone) else { return nil }
        var row = local.row
        row.customerWroteAt = try lastUserMessage(session, id).map { min($0, now) }
        let snapshot = LinkSnapshot(
            conversationID: id, remote: remote.name, link: link, linkProblem: problem, conversation: local.conversation, local: row,
            record: stored.record, seats: try seats(session, remote, stored.record, reported, assigneeID: local.conversation.assigneeID),
            standing: try standingRow(session, id, remote.name),
            areEndsHeld: try areEndsHeld(session, remote.name) && !stored.isBrakeReleased,
            now: now)
        return (snapshot, stored)
    }

    /// The rows of the id map that matter: of the present assignee, of those whom the program itself assigns, and of whoever the remote
    /// names.
    private static func seats(
        _ session: any Session, _ remote: RemoteParticipation, _ record: LinkRecord, _ reported: Observation.Assignee, assigneeID: String?
    ) throws -> [Seat] {
        var users: [String] = []
        if case .somebody(let id) = reported { users.append(id) }
        if let field = remote.userField, let held = record[field].held.value, held != .null {
            users.append(held.stringValue ?? held.text)
        }
        let assignees = [assigneeID].compactMap { $0 } + remote.ownAssignees
        guard !users.isEmpty || assigneeID != nil else { return [] }
        let seats = try session.rows(
            """
            SELECT assignee_id, remote_user_id FROM assignees
            WHERE remote = \(remote.name) AND assignee_id IN \(in: assignees)
            UNION
            SELECT assignee_id, remote_user_id FROM assignees
            WHERE remote = \(remote.name) AND remote_user_id IN \(in: users)
            """
        ) { columns -> Seat? in
            let (assignee, remoteUserID): (StoredKey, String) = (try columns.next(), try columns.next())
            return assignee.text.map { Seat(assigneeID: $0, remoteUserID: remoteUserID) }
        }
        return seats.compactMap { $0 }
    }

    private static func lastUserMessage(_ session: any Session, _ conversationID: String) throws -> Instant? {
        .column(try session.value("SELECT max(created_at) FROM messages WHERE conversation_id = \(conversationID) AND author = 'user'"))
    }

    static func areEndsHeld(_ session: any Session, _ remote: String) throws -> Bool {
        try session.value("SELECT ends_held_at IS NOT NULL FROM remotes WHERE name = \(remote)") ?? false
    }

    /// Keeps what is known of a link, where it has changed.
    static func keep(_ record: LinkRecord, in stored: StoredRecord, _ conversationID: String, _ remote: String, _ session: any Session)
        throws
    {
        guard record != stored.record || stored.isFormer else { return }
        try session.run(
            """
            UPDATE link_state
            SET fields = \(record.fieldsColumn), record = \(record.recordColumn), base = '{}', seen = '{}', in_doubt = NULL
            WHERE conversation_id = \(conversationID) AND remote = \(remote)
            """)
    }

    static func standingRow(_ session: any Session, _ conversationID: String, _ remote: String) throws -> StandingRow? {
        try session.row(
            """
            SELECT \(StandingRow.columns) FROM outbox
            WHERE conversation_id = \(conversationID) AND remote = \(remote) AND payload = 'state' AND state IN ('pending', 'held', 'dead')
                AND refused_members IS NULL
            ORDER BY id DESC LIMIT 1
            """)
    }
}

/// What `link_state` holds of a link.
struct StoredRecord: RowRecord {
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

    static let columns: SQL = """
        \(LinkColumns.columns), s.verdicts, s.braked_at IS NOT NULL, s.is_brake_released, s.unknown_user, s.discarded_row
        """

    init() {}

    init(_ columns: inout Columns) throws {
        let link = try LinkColumns(&columns)
        acknowledgedAt = link.acknowledgedAt
        seenAt = link.seenAt
        isFormer = link.isFormer
        record = link.linkRecord
        verdicts = JSONValue.object(column: try columns.next())
        isBraked = try columns.next()
        isBrakeReleased = try columns.next()
        unknownUser = try columns.next()
        discardedRow = try columns.next()
    }
}

/// The columns of `link_state` that say what is known of a link, as they are stored.
package struct LinkColumns: RowRecord, Sendable {
    private var fields: String?
    private var record: String?
    private var former: Former
    var acknowledgedAt: Instant?
    package var seenAt: Instant?

    /// What a former version kept instead of ``fields`` and ``record``.
    private struct Former: Sendable {
        var base: String?
        var seen: String?
        var inDoubt: String?
        var version: Int64?
    }

    /// Of `link_state s`.
    package static let columns: SQL = "s.fields, s.record, s.base, s.seen, s.in_doubt, s.seen_version, s.acknowledged_at, s.seen_at"

    package init(_ columns: inout Columns) throws {
        fields = try columns.next()
        record = try columns.next()
        former = Former(
            base: try columns.next(), seen: try columns.next(), inDoubt: try columns.next(), version: try columns.next())
        acknowledgedAt = .column(try columns.next())
        seenAt = .column(try columns.next())
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

extension StandingRow: RowRecord {
    package static let columns: SQL = "id, state, path, body, last_error, is_refused, CASE state WHEN 'held' THEN held_by END"

    package init(_ columns: inout Columns) throws {
        self.init(
            id: try columns.next(), state: try columns.next(), path: try columns.next(), body: try columns.next(),
            error: try columns.next(), isRefused: try columns.next(), holder: try columns.next(String?.self).flatMap(Holder.init(rawValue:))
        )
    }
}

/// Counts over the links of a remote that cannot be sent.
package struct LinkCensus: Sendable, Equatable {
    package var notInteger = 0
    package var withoutAgent = 0
}

extension Store {
    package func linkCensus(of remote: String) async throws(StoreError) -> LinkCensus {
        try await read { session in
            let census = try session.row(
                """
                SELECT sum(CAST(CAST(remote_id AS INTEGER) AS TEXT) <> remote_id), sum(agent_id IS NULL) FROM links
                WHERE remote = \(remote)
                """
            ) { columns in LinkCensus(notInteger: try columns.next() ?? 0, withoutAgent: try columns.next() ?? 0) }
            return census ?? LinkCensus()
        }
    }

    /// The remotes that links name.
    package func linkedRemotes() async throws(StoreError) -> Set<String> {
        try await read { session in Set(try session.values("SELECT DISTINCT remote FROM links")) }
    }
}
