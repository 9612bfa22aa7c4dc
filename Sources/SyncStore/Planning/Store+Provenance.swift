import SyncCore

extension Store {
    /// Rows of a chain that are followed back at most.
    private static let chainLimit = 1000

    /// The local changes that a row carries: its own, and those of the rows that it replaced, and of the ones that those replaced.
    /// Rows that retention has deleted are missing.
    package func carriedChanges(of id: Int64) async throws(StoreError) -> [CarriedChange] {
        try await read { session in
            let links = try session.rows(
                """
                WITH RECURSIVE chain(id) AS (
                    SELECT \(id) UNION SELECT o.id FROM chain JOIN outbox o ON o.superseded_by = chain.id LIMIT \(Store.chainLimit))
                SELECT o.id, o.created_at, o.delta FROM chain JOIN outbox o ON o.id = chain.id
                WHERE o.delta IS NOT NULL ORDER BY o.id
                """
            ) { columns in
                CarriedChange.Link(
                    outboxID: try columns.next(), plannedAt: try columns.next(), delta: JSONValue.object(column: try columns.next()))
            }
            return CarriedChange.steps(of: links)
        }
    }
}
