import SyncCore
import SyncStore

/// Groups what all lanes want written into few commits: whatever arrives while one commit is on its way goes into the next.
///
/// A commit that fails for a reason that may pass (locked, full, read-only) is tried again: outcomes of calls that were made must
/// not be lost. Leases outlive that by far; when they do not, the rows are fenced and sent again with the same key.
package actor CommitQueue {
    private struct Waiting {
        var request: ExchangeRequest
        var continuation: CheckedContinuation<ExchangeReply, any Error>
    }

    private let store: Store
    private let processID: Int64
    private let log: EventLog
    private let now: @Sendable () -> Instant
    private let inbound: @Sendable (Instant) -> InboundContext
    private var waiting: [Waiting] = []
    private var isCommitting = false
    private var leaseCounter: Int64 = 0
    /// How long a commit is tried again before its error reaches the lanes.
    private var patience: Duration
    /// When the store last answered, well or not, or was first asked.
    private var answeredAt: Instant

    package init(
        store: Store, processID: Int64, log: EventLog, patience: Duration, now: @escaping @Sendable () -> Instant,
        inbound: @escaping @Sendable (Instant) -> InboundContext
    ) {
        self.store = store
        self.processID = processID
        self.log = log
        self.patience = patience
        self.now = now
        self.inbound = inbound
        answeredAt = now()
    }

    /// - Throws: `StoreError` when the database stays unusable for longer than the patience.
    package func exchange(_ request: ExchangeRequest) async throws -> ExchangeReply {
        try await withCheckedThrowingContinuation { continuation in
            waiting.append(Waiting(request: request, continuation: continuation))
            if !isCommitting {
                isCommitting = true
                answeredAt = now()
                Task { await commitAll() }
            }
        }
    }

    /// When the store last answered, while somebody waits for it; else nil.
    var waitsSince: Instant? { isCommitting ? answeredAt : nil }

    /// From now on a failing commit is tried for that long at most.
    package func limitPatience(to span: Duration) {
        patience = min(patience, span)
    }

    private func commitAll() async {
        while !waiting.isEmpty {
            let batch = waiting
            waiting = []
            do {
                let replies = try await commit(batch.map(\.request))
                for (waiting, reply) in zip(batch, replies) { waiting.continuation.resume(returning: reply) }
            } catch {
                for waiting in batch { waiting.continuation.resume(throwing: error) }
            }
        }
        isCommitting = false
    }

    private func commit(_ requests: [ExchangeRequest]) async throws(StoreError) -> [ExchangeReply] {
        let startedAt = now()
        var pause = Duration.milliseconds(50)
        var hasFailed = false
        while true {
            do {
                defer { answeredAt = now() }
                let replies = try await store.exchange(requests, processID: processID, leaseCounter: leaseCounter, inbound(now()))
                leaseCounter += Int64(requests.count)
                if hasFailed { log.write(LogEvent("store.available", level: .notice)) }
                return replies
            } catch {
                guard error.isTransient, now() - startedAt < patience else { throw error }
                if !hasFailed { log.write(LogEvent("store.unavailable", level: .error).with("error", error.description)) }
                hasFailed = true
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(2))
            }
        }
    }
}
