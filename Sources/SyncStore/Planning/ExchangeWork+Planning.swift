import SyncCore

/// One page of planning.
extension ExchangeWork {
    /// Plans messages first, then the states of conversations, up to the limit of the brake.
    mutating func plan(_ page: PlanPage) throws {
        var planned = PlanResult(brake: page.brake)
        if page.isFirst { planned.strayRemotes = try Store.dropStrayFeed(parties.remotes, session) }
        try Store.endLongWaits(before: now - page.stall, session)
        let isFeeding = try Store.isReplanning(parties.remotes, session)
        // The whole feed is filled before the first entry is planned: the brake has to count all of it, and rows with an old state wait for it.
        if isFeeding { _ = try Store.feedReplan(parties.remotes, now: now, session) }
        let limit = isFeeding ? 0 : try statesLimit(page, &planned)
        let isDone = try carryOut(page, limit: limit, &planned)
        planned.engagement = planned.brake.planned(entries: planned.batch.examinedStates, planned.batch.reach) ?? planned.engagement
        let hasStates = try !planned.needsSurvey && Store.hasReadyEntry(of: Store.feedTargets(parties.remotes), session)
        // If no entry could be planned, planning is not repeated at once.
        let hasOthers = try hasStates || Store.hasReadyMessage(of: Store.messageTargets(parties.remotes), session)
        planned.hasMore = isFeeding || (isDone && hasOthers)
        planned.nextPlanAt = try Store.longestWait(session).map { $0 + page.stall }
        if page.isFirst || planned.batch.examined > 0 { planned.shared = try Store.sharedObjects(session, at: parties.remotes) }
        result.plan = planned
    }

    /// How many entries may be planned. A small number is only counted; for a large one, a survey first works out what the entries would do.
    private func statesLimit(_ page: PlanPage, _ planned: inout PlanResult) throws -> Int {
        if planned.brake.needsCount {
            let waiting = try Store.feedSize(
                of: Store.feedTargets(parties.remotes), limit: planned.brake.countLimit, session)
            planned.needsSurvey = planned.brake.counted(waiting: waiting)
            if planned.needsSurvey { return 0 }
        }
        let isFree = planned.brake.isEngaged || !planned.brake.settings.isEnabled
        return isFree ? page.limit : min(page.limit, planned.brake.allowance)
    }

    /// - Returns: false if not a single entry could be planned.
    private mutating func carryOut(_ page: PlanPage, limit: Int, _ planned: inout PlanResult) throws -> Bool {
        let context = parties.planContext(now: now, hold: planned.brake.engagement?.hold)
        var writer = PlanWriter(page, context, run: run, runs: timestampRuns, rolledBack: rolledBack, session)
        let fresh = writer
        if try attempt(as: "planning", { _ in try writer.plan(limit: limit) }) != nil {
            writer = fresh
            writer.isolates = true
            if let problem = try attempt(as: "planning entry by entry", { _ in try writer.plan(limit: limit) }) {
                result.add(problem, of: "planning")
                return false
            }
        }
        run = writer.run
        planned.batch = writer.batch
        return true
    }

    // MARK: Without writing

    /// Whether there is anything to plan, to add to the feed or to remove from it.
    func hasWork(for page: PlanPage) throws -> Bool {
        if try Store.hasReadyEntry(of: Store.feedTargets(parties.remotes), session) { return true }
        if try Store.hasReadyMessage(of: Store.messageTargets(parties.remotes), session) { return true }
        if let since = try Store.longestWait(session), since <= now - page.stall { return true }
        if try Store.isReplanning(parties.remotes, session) { return true }
        return try page.isFirst && !Store.strayFeedNames(parties.remotes, session).isEmpty
    }

    mutating func planNothing(_ page: PlanPage) throws {
        var planned = PlanResult(brake: page.brake)
        if page.isFirst { planned.shared = try Store.sharedObjects(session, at: parties.remotes) }
        planned.nextPlanAt = try Store.longestWait(session).map { $0 + page.stall }
        result.plan = planned
    }
}
