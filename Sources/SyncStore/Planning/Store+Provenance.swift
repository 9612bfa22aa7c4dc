import GRDB
import SyncCore

extension Store {
    /// Rows of a chain that are followed back at most.
    private static let chainLimit = 1000

    /// The local changes that a row carries: its own, and those of the rows that it replaced, and of the ones that those replaced.
    /// Rows that retention has deleted are missing.
    package func carriedChanges(of id: Int64) async throws(StoreError) -> [CarriedChange] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    WITH RECURSIVE chain(id) AS (
                        SELECT ?1 UNION SELECT o.id FROM chain JOIN outbox o ON o.superseded_by = chain.id LIMIT \(Store.chainLimit))
                    SELECT o.id, o.created_at, o.delta FROM chain JOIN outbox o ON o.id = chain.id
                    WHERE o.delta IS NOT NULL ORDER BY o.id
                    """, arguments: [id])
            return CarriedChange.steps(
                of: rows.map { CarriedChange.Link(outboxID: $0[0], plannedAt: $0[1], delta: JSONValue.object(column: $0[2])) })
        }
    }
}
