import Sandbox

extension Stage {
    /// Ends the faults, waits until everything has been delivered and adopted, and takes the history, without kills.
    /// - Returns: the history, and how long that took.
    func rest(_ application: Application, within limit: Duration) async throws -> (History, Duration) {
        for remote in Self.remotes { try world.setFaults([], on: remote) }
        let begin = ContinuousClock.now
        let hasSettled = try await settles(within: limit) { await isEverythingAdopted(by: application) }
        let drain = ContinuousClock.now - begin
        let before = writeCount
        // Several polls of every remote.
        try await Task.sleep(for: .seconds(4))
        var history = History(journal: await application.journal)
        history.calls = world.requests().compactMap(Call.init)
        for remote in ["helpdesk", "voicebot", "vg"] { history.held[remote] = world.states(of: remote) }
        history.tables = try await tables(expecting: await application.ownRows)
        history.callsAtRest = writeCount - before
        if !hasSettled { history.failures.append("it did not come to rest within \(limit.components.seconds) s") }
        return (history, drain)
    }

    private func isEverythingAdopted(by application: Application) async -> Bool {
        let ends = await application.journal.ends
        // A database that cannot be read is reported by what follows.
        let rows = try? await self.application.onThread { try $0.lines("SELECT id, status FROM conversations") }
        return Set(ends.map { "\($0)|\($1)" }).isSubset(of: rows ?? [])
    }
}
