import SyncCore

// When the wall clock is set, values that are not stored yet are shifted like the stored ones.

extension ClaimedRow {
    func moved(by span: Duration) -> ClaimedRow {
        var moved = self
        moved.row = row.moved(by: span)
        moved.leaseUntil = leaseUntil + span
        moved.plannedAt = plannedAt + span
        return moved
    }
}

extension FinishedCall {
    func moved(by span: Duration) -> FinishedCall {
        var moved = self
        moved.claimed = claimed.moved(by: span)
        moved.row = row.moved(by: span)
        return moved
    }
}

extension OutboxRow {
    fileprivate func moved(by span: Duration) -> OutboxRow {
        var moved = self
        moved.dueAt = dueAt + span
        moved.countedSince = countedSince.map { $0 + span }
        moved.inDoubtSince = inDoubtSince.map { $0 + span }
        return moved
    }
}
