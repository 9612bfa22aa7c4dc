import SyncCore
import SyncStore

/// Keeps the file from growing without bound, in steps so short that nobody notices: prunes finished rows, then gives free pages back.
package actor Housekeeper {
    /// Free pages that are kept for the next rows: what is given back only to be taken again costs twice.
    private static let reservedPages = 1000
    private static let pagesPerStep = 200

    private let store: Store
    private let log: EventLog
    private var retention: Retention
    /// Rows deleted since the process started.
    package private(set) var prunedRows = 0

    package init(store: Store, log: EventLog, settings: Retention.Settings) {
        self.store = store
        self.log = log
        retention = Retention(settings)
    }

    /// Puts other settings in force; the sweep in progress begins anew.
    package func configure(_ settings: Retention.Settings) {
        if settings != retention.settings { retention = Retention(settings) }
    }

    /// Works until there is nothing left to do, the time is over, or somebody needs the database.
    /// - Parameter isWanted: asked before every step.
    package func work(
        within budget: Duration, now: @Sendable () -> Instant, isWanted: @Sendable () async -> Bool
    ) async throws(StoreError) {
        let deadline = now() + budget
        var hasPruned = false
        while now() < deadline, await isWanted(), let cut = retention.next(now: now(), newestRow: try await store.newestRow()) {
            let page = try await store.prune(cut)
            retention.swept(through: page.last, removed: page.removed)
            prunedRows += page.removed
            hasPruned = hasPruned || page.removed > 0
            if !retention.isSweeping {
                let age = retention.settings.maximumAge
                while now() < deadline, await isWanted(), try await store.pruneInbound(before: now() - age) > 0 { hasPruned = true }
                if retention.removed > 0 { log.write(LogEvent("retention.pruned").with("rows", retention.removed)) }
                break
            }
        }
        guard hasPruned || !retention.isSweeping else { return }
        try await shrink(until: deadline, now: now, isWanted: isWanted)
        if hasPruned { try await store.checkpoint() }
    }

    private func shrink(
        until deadline: Instant, now: @Sendable () -> Instant, isWanted: @Sendable () async -> Bool
    ) async throws(StoreError) {
        while now() < deadline, await isWanted() {
            let size = try await store.size()
            let surplus = size.freePages - max(Housekeeper.reservedPages, size.pages / 10)
            guard size.shrinks, surplus > 0 else { return }
            try await store.shrink(by: min(surplus, Housekeeper.pagesPerStep))
        }
    }
}
