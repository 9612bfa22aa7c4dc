import SyncCore

extension Store {
    /// Registers a process that is about to work with the database, with its configuration, and returns rows to pending that ended processes have
    /// left.
    /// - Parameter inFlight: rows that the process is already working on, with a previous configuration.
    /// - Returns: the upper half of the fencing values, the stored state of each remote, and how many rows were returned to pending.
    package func start(
        _ process: ProcessIdentity, for parties: Parties, except inFlight: Set<Int64> = [], _ time: Now
    ) async throws(StoreError) -> (processID: Int64, remotes: [String: StoredRemote], recovered: Int) {
        let now = time.wall
        return try await write { session in
            try Store.enter(time, boot: process.bootID, session)
            let processID = try Store.register(process, now: now, session)
            _ = try Store.reconcileRemotes(parties.remotes, now: now, session)
            let inService = parties.remotes.filter(\.isEnabled).map(\.name)
            try Store.withdrawReleases(except: inService, session)
            // Without a brake, finished statuses that it holds back are released.
            if !parties.brake.isEnabled { try Store.releaseEnds(OutboxFilter(), at: inService, now: now, session) }
            // The next read that a call of ours makes necessary shows whether it fails as well.
            try Store.forgetReads(of: parties.remotes.filter { !$0.isRead }.map(\.name), session)
            let recovered = try Store.recover(now: now, except: inFlight, isGone: parties.isGone, session).rows
            return (processID, try Store.storedRemotes(session), recovered)
        }
    }
}
