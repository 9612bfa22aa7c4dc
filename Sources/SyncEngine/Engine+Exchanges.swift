import SyncCore

/// Builds exchanges, and processes their results.
extension Engine {
    /// The largest number of feed entries in a page.
    private static let pageSize = 500
    /// A planning transaction processes no further entry after this time: the application's own commits wait for it.
    private static let planningTime = Duration.milliseconds(20)

    // MARK: Whether an exchange is needed

    /// How long planning waits for lists that are being read; during a drain it waits for the length of a stall.
    private static let readPatience = Duration.milliseconds(500)

    /// Whether a page may be planned now.
    private func mayPlan(_ context: Context) -> Bool {
        !context.isStopping && survey == nil && drain?.mayPlan(context.time) != false && planningWaitsUntil(context.time) == nil
    }

    /// Whether planning waits for nothing but lists that are being read.
    private func isPlanningPostponed(_ context: Context) -> Bool {
        !context.isStopping && survey == nil && drain?.mayPlan(context.time) != false && planningWaitsUntil(context.time) != nil
    }

    /// The time until which planning waits for lists that are being read: no longer than that after it fell due, however many lists are read
    /// one after the other.
    func planningWaitsUntil(_ time: EventTime) -> Instant? {
        let patience = drain == nil ? Engine.readPatience : settings.stall
        guard let end = remotes.compactMap({ $0.reader?.planningWaitsUntil(patience, time) }).max() else { return nil }
        let limit = (schedule.dueSince(time) ?? time.steady) + patience
        return time.steady < limit ? min(end, limit) : nil
    }

    /// No delivery is in flight at any remote: outcomes need not wait to be stored together.
    private var isQuiet: Bool { !remotes.contains { !$0.lane.inFlight.isEmpty } }

    func wantsExchange(_ context: Context) -> Bool {
        if !events.isEmpty || clockStep != nil || turn?.mustBeStored == true { return true }
        if context.isStopping, turn?.id != nil, !isCalling { return true }
        if !context.isStopping, hasInbox || survey != nil { return true }
        if mayPlan(context), schedule.dueCause(context.time) != nil { return true }
        let (isQuiet, retriesDueBy) = (isQuiet, drain?.retriesDueBy(context.time))
        return remotes.contains {
            $0.lane.wantsExchange(isQuiet: isQuiet, context, retriesDueBy: retriesDueBy) || $0.reader?.wantsExchange(context.time) == true
        }
    }

    mutating func exchangeIfWanted(_ context: inout Context) {
        guard exchange.mayBegin(context.time) else { return }
        let isWanted = wantsExchange(context)
        let prunes = stopAt == nil && drain?.isPruning != false && upkeep.isDue(isQuiet: !isWanted, isLast: drain != nil, context.time)
        guard isWanted || prunes else { return }
        let next = makeExchange(prunes: prunes, &context)
        context.actions.append(.exchange(next))
    }

    // MARK: Building an exchange

    private mutating func makeExchange(prunes: Bool, _ context: inout Context) -> Exchange {
        let time = context.time
        let cause = mayPlan(context) ? schedule.dueCause(time) : nil
        let retriesDueBy = drain?.retriesDueBy(time)
        let bringsReports = !events.isEmpty || remotes.contains { $0.reader?.hasReports == true }
        let doesSomething = cause != nil || bringsReports || remotes.contains { !$0.lane.finished.isEmpty }
        var counts = RunCounts()
        var requests: [LaneRequest] = []
        let isEverythingQuiet = isEverythingQuiet
        for index in remotes.indices {
            for call in remotes[index].lane.finished { counts.count(call) }
            requests.append(remotes[index].lane.request(context, retriesDueBy: retriesDueBy, mayFreeRows: doesSomething))
        }
        if turn == nil { turn = Turn(cause ?? (events.isEmpty ? .retry : .request), settings.brake, time) }
        let interval = settings.interval
        let part = turn?.part(counts, isQuiet: isEverythingQuiet, interval: interval, isStopping: context.isStopping, time)
        var next = Exchange(
            now: time.wall, uptime: clock.uptime(of: time.steady), run: part ?? RunPart(cause: .retry, startedAt: time.wall), leases: leases
        )
        next.lanes = requests
        leases.counter += Int64(requests.count)
        next.clockStep = clockStep
        next.events = events
        for index in remotes.indices {
            if let part = remotes[index].reader?.request(context) { next.reads.append(part) }
        }
        next.processesInbox = !context.isStopping && (hasInbox || !events.isEmpty || cause != nil)
        next.survey = survey
        if cause != nil || (doesSomething && mayPlan(context)) {
            next.plan = page(&context)
        } else if bringsReports, isPlanningPostponed(context) {
            schedule.pagePostponed(time)
        }
        if next.plan?.isFirst == true, recovery.isDue(cause, interval: settings.interval, time) {
            next.recoversExcept = ownRows
            recovery.begins(time)
        }
        if prunes {
            upkeep.stepBegins()
            next.retention = upkeep.retention
        }
        if next.plan != nil { schedule.pageBegins(time) }
        (clockStep, events) = (nil, [])
        exchange.begins(next, cause: cause, time)
        next.checkRequest()
        return next
    }

    private func page(_ context: inout Context) -> PlanPage {
        PlanPage(
            limit: Engine.pageSize, timeLimit: Engine.planningTime, brake: turn?.brake ?? Brake(settings.brake),
            delivering: Set(remotes.filter { $0.lane.isDelivering(context.time) }.map(\.lane.remote.name)),
            stall: drain?.endsWaits == true ? .zero : settings.stall,
            isFirst: schedule.isFirstPage, keySeed: context.random.next())
    }

    /// The rows that this process has claimed.
    package var ownRows: Set<Int64> { remotes.reduce(into: []) { $0.formUnion($1.lane.ownRows) } }

    /// Nothing is in flight, buffered or being surveyed, apart from the exchange that is being built.
    private var isEverythingQuiet: Bool {
        survey == nil && !remotes.contains { $0.lane.isBusy }
    }

    // MARK: Processing the result

    mutating func exchanged(_ result: ExchangeResult, _ context: inout Context) {
        guard let since = exchange.since else { preconditionFailure("an exchange ended that was never made") }
        let time = context.time
        let (events, cause) = (exchange.tickets, exchange.cause)
        if exchange.ended(hasEffect: hasEffect(result), time) { context.report(.storeAvailable) }
        for event in events { context.actions.append(.respond(event.ticket, result.events[event.ticket])) }
        for problem in result.problems { context.report(.exchangeProblem(problem)) }
        if let recovery = result.recovery {
            if recovery.rows > 0 { context.report(.recovered(recovery.rows)) }
            self.recovery.ended(claimedUntil: recovery.claimedUntil, time)
        }
        hasInbox = result.hasMoreInbox
        if result.inbox != InboxResult() { context.report(.inbox(result.inbox)) }
        var counts = RunCounts()
        for index in remotes.indices {
            let name = remotes[index].lane.remote.name
            // A remote that was added by a reload during the exchange has no result.
            if let lane = result.lanes[name] { counts.add(remotes[index].lane.take(lane, &context)) }
            if let reads = result.reads[name] { remotes[index].reader?.take(reads, &context) }
        }
        if let plan = result.plan {
            planned(plan, taken: time.steady - since, result, &context)
        } else if hasFreedPlanning(result) {
            schedule.pagePostponed(time)
        }
        if let found = result.survey { surveyed(found, &context) }
        finishTurn(result, counts, cause, &context)
        upkeep.take(result, &context)
    }

    private func hasEffect(_ result: ExchangeResult) -> Bool {
        result.hasWritten || result.survey != nil || result.hasMoreRetention || remotes.contains { $0.reader?.isReading == true }
            || result.lanes.values.contains { !$0.claimed.isEmpty }
    }

    /// Whether the exchange has put something on the feed, or made ready what waited there. A commit of our own is not noticed as a change.
    private func hasFreedPlanning(_ result: ExchangeResult) -> Bool {
        if result.lanes.values.contains(where: { $0.hasFreedPlanning || $0.takenBack > 0 }) { return true }
        let reconciled = result.lanes.values.flatMap(\.reconciled) + result.inbox.reconciled
        return reconciled.contains { $0.verdict.mustPlan || !$0.verdict.changes.isEmpty }
    }

    private mutating func planned(_ plan: PlanResult, taken: Duration, _ result: ExchangeResult, _ context: inout Context) {
        let batch = plan.batch
        turn?.brake = plan.brake
        context.report(.planned(batch))
        if !batch.adopted.isEmpty { context.report(.reconciled(batch.adopted)) }
        if !plan.strayRemotes.isEmpty { context.report(.strayRemotes(plan.strayRemotes)) }
        if let shared = plan.shared { context.report(.shared(shared)) }
        if let engagement = plan.engagement { turn?.engagement = engagement }
        // A page that removes nothing from the feed would be repeated for ever.
        let isStalled = batch.examined > 0 && batch.takenOff == 0
        if isStalled {
            context.report(.planStalled(entries: batch.examined))
            turn?.error = "planning took nothing off the change feed"
        }
        if plan.needsSurvey, survey == nil { survey = FeedSurvey(rememberedRows: settings.brake.touchMinimum) }
        schedule.pageEnded(
            hasMore: plan.hasMore && !isStalled && !plan.needsSurvey, waitingAt: plan.nextPlanAt.map { context.time.steady(of: $0) },
            taken: taken, context.time)
        if !plan.hasMore, !plan.needsSurvey, plan.nextPlanAt == nil { drain?.feedIsEmpty(context.time) }
    }

    private mutating func surveyed(_ found: FeedSurvey, _ context: inout Context) {
        guard survey != nil else { return }
        guard found.isComplete else {
            survey = found
            return
        }
        survey = nil
        if let engagement = turn?.brake.survey(found.reach, entries: found.entries, conversations: found.conversations) {
            turn?.engagement = engagement
        }
        schedule.request(turn?.cause ?? .change, context.time)
    }

    private mutating func finishTurn(_ result: ExchangeResult, _ counts: RunCounts, _ cause: RunCause?, _ context: inout Context) {
        var drained = counts
        if let batch = result.plan?.batch { drained.add(RunCounts(of: batch)) }
        drain?.counts.add(drained)
        guard var present = turn else { return }
        let hasEnded = present.take(result, counts, &context)
        turn = present
        if hasEnded {
            drain?.runs += 1
            if let error = present.error { drain?.error = error }
        }
        // A turn that has done nothing is discarded.
        if hasEnded || (present.id == nil && survey == nil && result.survey == nil && !present.mustBeStored) {
            if present.id == nil, cause != nil { present.reportNothing(&context) }
            turn = nil
            schedule.turnEnded()
        }
    }

    mutating func exchangeFailed(_ error: StoreError, _ context: inout Context) {
        let (cause, tickets, step, hasPlan) = (exchange.cause, exchange.tickets, exchange.carriesClockStep, exchange.hasPlan)
        let isFirst = exchange.failed(error, context.time)
        if isFirst { context.report(.storeUnavailable(error.description)) }
        // Their senders will send them again.
        for event in tickets { context.actions.append(.respond(event.ticket, nil)) }
        for index in remotes.indices {
            remotes[index].lane.exchangeFailed()
            remotes[index].reader?.exchangeFailed()
        }
        clockStep = step.map { $0 + (clockStep ?? .zero) } ?? clockStep
        recovery.failed()
        upkeep.stepFailed(context.time)
        if hasPlan { schedule.pageFailed(cause, context.time) }
        if !error.isTransient {
            if turn == nil { turn = Turn(cause ?? .retry, settings.brake, context.time) }
            turn?.error = error.description
        }
        drain?.failed(error, since: exchange.failingSince ?? context.time.steady, context.time)
    }
}
