import SyncCore

extension Store {
    /// Enters a process that is about to work with the database, with its configuration, and puts back what ended processes have left.
    /// - Parameter inFlight: rows that the process is at work on already, with a former configuration.
    /// - Returns: the upper half of the fencing values, what is remembered of each remote, and how many rows were put back.
    package func start(
        _ process: ProcessIdentity, for parties: Parties, except inFlight: Set<Int64> = [], now: Instant
    ) async throws(StoreError) -> (processID: Int64, remotes: [String: StoredRemote], recovered: Int) {
        try await write { session in
            let processID = try Store.register(process, now: now, session)
            _ = try Store.reconcileRemotes(parties.remotes, now: now, session)
            // What the brake holds goes on where there is none any more.
            if !parties.brake.isEnabled { try Store.releaseEnds(OutboxFilter(), now: now, session) }
            try Store.forgetReads(of: parties.remotes.filter { !$0.isRead }.map(\.name), session)
            let recovered = try Store.recover(now: now, except: inFlight, isGone: parties.isGone, session)
            return (processID, try Store.storedRemotes(session), recovered)
        }
    }
}
