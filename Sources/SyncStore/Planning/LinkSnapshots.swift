import SyncCore

/// One conversation at one remote, with everything that a decision about it depends on. Planning, the brake's survey, previews, reports,
/// acknowledgements, `explain` and `diff` all decide from this.
struct LoadedLink {
    var link: Link
    /// Why nothing can be sent along the link. Its ids then contain U+FFFD for bytes that cannot be stored.
    var problem: Unsendable?
    /// A call that carries its state, or that of another conversation to the same object, is in flight.
    var isInFlight: Bool
    /// Nil for a link whose object is gone.
    var known: Known?

    struct Known {
        var snapshot: LinkSnapshot
        var stored: StoredRecord
    }
}

extension Store {
    /// Loads one conversation at one remote with one statement, and the rows of the id map with another.
    ///
    /// A link that points to a different object than before starts with an empty record.
    /// - Parameters:
    ///   - reported: the user named by the report that is about to be compared.
    ///   - began: when the read or call began whose response is about to be compared.
    ///   - clock: the current time, if it differs from the time of the decision.
    ///   - storing: whether to create the row of the link if there is none yet.
    ///   - evenIfGone: whether to load the decision's input for an object that is gone, too.
    /// - Returns: nil if the conversation is not synchronized with the remote: it has no link, or another conversation links to the same object
    ///   (``SharedObject``).
    static func load(
        _ session: any Session, _ local: LocalConversation, at remote: RemoteParticipation, reported: Observation.Assignee = .unknown,
        began: Instant? = nil, clock: Instant? = nil, storing: Bool = true, evenIfGone: Bool = false, now: Instant
    ) throws -> LoadedLink? {
        let id = local.conversation.id
        guard let row = try session.row(LinkRow.query(of: id, at: remote), as: LinkRow.self),
            let (link, problem) = row.link(of: id, at: remote)
        else { return nil }
        var loaded = LoadedLink(link: link, problem: problem, isInFlight: row.isInFlight)
        let isOfThisLink = row.targetID.hasSameBytes(as: link.remoteID) && row.targetAgent.hasSameBytes(as: link.agentID)
        guard evenIfGone || !isOfThisLink || !row.isGone else { return loaded }
        var stored = isOfThisLink ? row.stored : StoredRecord()
        if !isOfThisLink, storing {
            stored.record = try newRecord(session)
            try session.run(
                """
                INSERT OR REPLACE INTO link_state (conversation_id, remote, target_id, target_agent, fields, record)
                VALUES (\(id), \(remote.name), \(link.remoteID), \(link.agentID), '{}', \(stored.record.recordColumn))
                """)
        }
        var localRow = local.row
        let clock = clock ?? now
        if localRow.setBack(to: clock), storing { try store(localRow.changedAt, of: id, session) }
        var record = stored.record
        record.setBack(from: clock, to: min(began ?? clock, clock))
        let snapshot = LinkSnapshot(
            conversationID: id, remote: remote.name, link: link, linkProblem: problem, conversation: local.conversation, local: localRow,
            record: record, seats: try seats(session, remote, record, reported, assigneeID: local.conversation.assigneeID),
            standing: row.standing, areEndsHeld: row.areEndsHeld && !stored.isBrakeReleased, now: now)
        loaded.known = LoadedLink.Known(snapshot: snapshot, stored: stored)
        return loaded
    }

    /// The record of a link about which nothing is known. A call that is in flight was planned from another one.
    static func newRecord(_ session: any Session) throws -> LinkRecord {
        var record = LinkRecord()
        record.rowsBefore = try session.value("SELECT max(id) FROM outbox") ?? 0
        return record
    }

    /// Stores corrected times of local changes that were made before the clock was set back, so that they are ordered with later changes.
    private static func store(_ changedAt: ByAttribute<Instant>, of id: String, _ session: any Session) throws {
        try session.run(
            """
            UPDATE local_changes
            SET status_changed_at = \(changedAt.status), assignee_changed_at = \(changedAt.assignee), title_changed_at = \(changedAt.title)
            WHERE conversation_id = \(id)
            """)
    }

    /// The relevant rows of the id map: those of the current assignee, of the users that the program itself assigns, and of the user that the remote
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

    /// Stores what is known of a link, if it has changed.
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
}

/// The row of a conversation at a remote.
private struct LinkRow: RowRecord {
    /// Nil if there is no link.
    var remoteID: StoredKey?
    var agentID: StoredKey?
    /// Another conversation links to the same object.
    var isShared: Bool
    var isInFlight: Bool
    /// Whether ends are adopted only after a person has checked: the remote reported too many.
    var areEndsHeld: Bool
    /// The object that ``stored`` is about; nil if nothing is known.
    var targetID: String?
    var targetAgent: String?
    var isGone: Bool
    var stored: StoredRecord
    /// The newest state row that is neither acknowledged nor replaced.
    var standing: StandingRow?

    static func query(of id: String, at remote: RemoteParticipation) -> SQL {
        """
        SELECT l.remote_id, l.agent_id, l.remote_id IS NOT NULL AND \(Store.isShared(defaultAgent: remote.defaultAgent)),
            EXISTS (
                SELECT 1 FROM outbox f
                WHERE f.conversation_id = asked.id AND f.remote = \(remote.name) AND f.state = 'sending' AND f.payload = 'state')
            -- The link may have been moved to this conversation since the call was made.
            OR EXISTS (
                SELECT 1 FROM outbox f
                WHERE f.target_id = l.remote_id AND f.remote = \(remote.name) AND f.state = 'sending' AND f.payload = 'state'
                    AND f.target_agent IS coalesce(l.agent_id, \(remote.defaultAgent))),
            (SELECT r.ends_held_at IS NOT NULL FROM remotes r WHERE r.name = \(remote.name)),
            \(columns)
        FROM (SELECT \(id) AS id) asked
        LEFT JOIN links l ON \(remote.needsLink) AND l.conversation_id = asked.id AND l.remote = \(remote.name)
        LEFT JOIN link_state s ON s.conversation_id = asked.id AND s.remote = \(remote.name)
        LEFT JOIN outbox o ON o.id = (
            SELECT id FROM outbox
            WHERE conversation_id = asked.id AND remote = \(remote.name) AND payload = 'state' AND state IN ('pending', 'held', 'dead')
                AND refused_members IS NULL
            ORDER BY id DESC LIMIT 1)
        """
    }

    /// These follow the columns that ``query(of:at:)`` lists itself.
    static let columns: SQL = """
        s.target_id, s.target_agent, s.gone_at IS NOT NULL, \(StoredRecord.columns), o.id IS NOT NULL, \(StandingRow.columns)
        """

    init(_ columns: inout Columns) throws {
        remoteID = try columns.next()
        agentID = try columns.next()
        isShared = try columns.next()
        isInFlight = try columns.next()
        areEndsHeld = try columns.next() ?? false
        targetID = try columns.next()
        targetAgent = try columns.next()
        isGone = try columns.next()
        stored = try StoredRecord(&columns)
        standing = try columns.next() ? try StandingRow(&columns) : nil
    }

    /// The link with the agent in force, and why nothing can be sent along it; nil if the conversation is not synchronized with the remote.
    func link(of id: String, at remote: RemoteParticipation) -> (Link, Unsendable?)? {
        guard remote.needsLink else { return (Link(remoteID: id), nil) }
        guard let remoteID, !isShared else { return nil }
        let link = Link(remoteID: remoteID.repaired, agentID: agentID?.repaired ?? remote.defaultAgent)
        for (column, key) in [("remote_id", remoteID), ("agent_id", agentID)] {
            guard let problem = key?.problem else { continue }
            return (link, Unsendable("links.\(column) of \"\(id)\" for \(remote.name) \(problem); write the link again"))
        }
        return (link, nil)
    }
}
