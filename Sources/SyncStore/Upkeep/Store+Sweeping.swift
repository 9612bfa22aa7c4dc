import SyncCore

/// Keeps the file from growing without bound, in short steps: prunes finished rows, then gives free pages back.
extension Store {
    /// Free pages that are kept for the next rows, because giving pages back only to allocate them again costs twice.
    private static let reservedPages = 1000
    private static let pagesPerStep = 200

    /// Runs one step, outside of any transaction: a page of the outbox and a page of inbound data, each in a transaction of its own. The last page of
    /// a sweep is repeated until no inbound data is left to delete.
    func sweep(_ retention: Retention, now: Instant, into result: inout ExchangeResult, _ session: any Session) throws {
        var retention = retention
        let newest = try session.transaction(.reading) { try Store.newestRow(session) }
        let cut = retention.next(now: now, newestRow: newest)
        if let cut {
            let page = try session.transaction(.writing) { try Store.prune(cut, session) }
            let inbound = try session.transaction(.writing) {
                try Store.pruneInbound(before: now - retention.settings.maximumAge, session)
            }
            retention.swept(through: page.last ?? (inbound > 0 ? cut.after : nil), removed: page.removed)
            result.prunedRows = page.removed
            result.hasWritten = true
        }
        result.hasMoreRetention = retention.isSweeping
        result.retention = retention
        guard !retention.isSweeping else { return }
        let hasShrunk = try shrink(&result)
        if hasShrunk || retention.removed > 0 { try connection.checkpoint() }
    }

    /// - Returns: whether pages were given back to the file system.
    private func shrink(_ result: inout ExchangeResult) throws -> Bool {
        let size = try connection.size()
        let surplus = size.freePages - max(Store.reservedPages, size.pages / 10)
        guard size.shrinks, surplus > 0 else { return false }
        try connection.shrink(by: min(surplus, Store.pagesPerStep))
        result.hasWritten = true
        result.hasMoreRetention = surplus > Store.pagesPerStep
        return true
    }
}
