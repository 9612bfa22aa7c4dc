import SyncCore

/// Why a pending row is not attempted although it is due: the column `outbox.behind`.
package enum RowObstacle: Equatable, Sendable {
    /// This row comes first: an older one of its conversation, or the call to its object for a conversation that was linked to it before. Nil for a row
    /// that is over by now.
    case row(Int64?)
    /// A newer state of its conversation is waiting to be planned.
    case planning
    /// Its link shares its object with another one.
    case sharedObject

    /// Nil for a row that may be attempted when it is due.
    init?(behind: Int, row: Int64?) {
        guard behind != 0 else { return nil }
        self =
            switch Store.Obstacle(rawValue: behind) {
            case .planning: .planning
            case .sharedObject: .sharedObject
            case .others, nil: .row(row)
            }
    }

    /// For ``read(_:)``: two columns of a row of `outbox`.
    /// - Parameter row: the name of the table in the statement.
    static func columns(of row: SQL) -> SQL {
        """
        CASE \(row).state WHEN 'pending' THEN \(row).behind ELSE 0 END,
        CASE WHEN \(row).state = 'pending' AND \(row).behind = 1 THEN coalesce(
            (SELECT e.id FROM outbox e WHERE e.conversation_id = \(row).conversation_id AND e.remote = \(row).remote
                AND e.state IN ('pending', 'sending', 'held') AND coalesce(e.place, e.id) < coalesce(\(row).place, \(row).id)
                ORDER BY coalesce(e.place, e.id) LIMIT 1),
            (SELECT min(e.id) FROM outbox e WHERE e.conversation_id = \(row).conversation_id AND e.remote = \(row).remote
                AND e.state = 'sending'),
            (SELECT min(e.id) FROM outbox e WHERE e.target_id = \(row).target_id AND e.remote = \(row).remote
                AND e.target_agent IS \(row).target_agent AND e.state = 'sending' AND e.payload = 'state')) END
        """
    }

    static func read(_ columns: inout Columns) throws -> RowObstacle? {
        let behind: Int = try columns.next()
        let row: Int64? = try columns.next()
        return RowObstacle(behind: behind, row: row)
    }
}
