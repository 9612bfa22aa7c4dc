import SyncCore

/// The columns of `link_state` of one link.
struct StoredRecord: RowRecord {
    var record = LinkRecord()
    /// It was stored in the columns of an earlier version.
    var isFormer = false
    var acknowledgedAt: Instant?
    var seenAt: Instant?
    var verdicts: JSONObject = [:]
    var isBraked = false
    var isBrakeReleased = false
    var unknownUser: String?
    /// The row that a person or retention discarded; nil once the difference is due again or gone.
    var discardedRow: Int64?
    /// That row is about members that the remote refuses: whatever else is to be sent is due all the same.
    var isRefusalDiscarded = false

    static let columns: SQL = """
        \(LinkColumns.columns), s.verdicts, s.braked_at IS NOT NULL, coalesce(s.is_brake_released, 0), s.unknown_user, s.discarded_row,
        coalesce((SELECT d.refused_members IS NOT NULL FROM outbox d WHERE d.id = s.discarded_row), 0)
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
        isRefusalDiscarded = try columns.next()
    }
}

/// The columns of `link_state` with the link's record, as they are stored.
package struct LinkColumns: RowRecord, KnownLink {
    private var fields: String?
    private var record: String?
    private var former: Former
    var acknowledgedAt: Instant?
    package var seenAt: Instant?

    /// The columns that an earlier version used instead of ``fields`` and ``record``.
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

    /// All values known of the conversation, for removing them from error texts.
    package var values: [JSONValue] {
        let record = linkRecord
        var values = record.fields.values.flatMap { [$0.ours, $0.theirs, $0.held].compactMap(\.value) + $0.doubt + $0.lost }
        if case .values(let former) = record.former { values += former.values.compactMap(\.value) }
        return values + record.probing.values
    }
}

extension StandingRow: RowRecord {
    /// Of `outbox o`.
    package static let columns: SQL =
        "o.id, o.state, o.path, o.body, o.last_error, o.is_refused, CASE o.state WHEN 'held' THEN o.held_by END"

    package init(_ columns: inout Columns) throws {
        self.init(
            id: try columns.next(), state: try columns.next(), path: try columns.next(), body: try columns.next(),
            error: try columns.next(), isRefused: try columns.next(), holder: try columns.next(String?.self).flatMap(Holder.init(rawValue:))
        )
    }
}
