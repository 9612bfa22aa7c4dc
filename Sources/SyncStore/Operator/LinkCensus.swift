import SyncCore

/// Counts of links of a remote that cannot be sent.
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

    /// The remotes named by links.
    package func linkedRemotes() async throws(StoreError) -> Set<String> {
        try await read { session in Set(try session.values("SELECT DISTINCT remote FROM links")) }
    }
}
