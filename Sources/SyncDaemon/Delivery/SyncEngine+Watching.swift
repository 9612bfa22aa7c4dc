import SyncCore

/// What the watchdog wants to know.
extension SyncEngine {
    func progress() async -> ProgressWatch.Look {
        var look = ProgressWatch.Look(runStepAt: stepAt, commitAnsweredAt: await commits.waitsSince)
        for lane in lanes {
            if let lane = await lane.progress() { look.lanes.append(lane) }
        }
        return look
    }
}

extension Lane {
    /// Nil while there is nothing at hand.
    func progress() -> ProgressWatch.Lane? {
        guard isBusy else { return nil }
        return ProgressWatch.Lane(
            remote: remote.name, movedAt: movedAt, isCommitting: isExchanging, inFlight: inFlight,
            callTimeout: remote.limits.connectTimeout + remote.limits.totalTimeout)
    }
}
