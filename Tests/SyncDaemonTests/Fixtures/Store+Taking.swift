import SyncCore
import SyncDaemon
import SyncStore

extension Store {
    /// Stores the events of a webhook call, as an exchange of the engine does.
    /// - Parameter processes: whether stored events are processed as well.
    /// - Returns: the number of new events.
    func take(
        _ notices: [Notice], from remote: String, now: Instant, for parties: Parties, processes: Bool = false
    ) async throws(StoreError) -> Int {
        var exchange = Exchange(
            now: now, uptime: SystemClock.uptime(), run: RunPart(cause: .request, startedAt: now),
            leases: LeaseValues(processID: 0, counter: 0))
        exchange.events = [ReceivedEvents(ticket: 1, remote: remote, notices: notices)]
        exchange.processesInbox = processes
        var result = try await self.exchange(exchange, for: parties)
        let first = result
        exchange.events = []
        while processes, result.hasMoreInbox { result = try await self.exchange(exchange, for: parties) }
        guard let new = first.events[1] else { throw .sqlite(code: 1, detail: first.problems.joined(separator: "; ")) }
        return new
    }
}
