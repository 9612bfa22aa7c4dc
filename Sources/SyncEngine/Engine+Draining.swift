import SyncCore

extension Engine {
    /// Ends the drain when everything that was due has been attempted, or is on hold.
    mutating func proceedDraining(_ context: inout Context) {
        guard let drain, stopAt == nil else { return }
        let time = context.time
        for index in remotes.indices where drain.putsOff(remotes[index].lane, time) { remotes[index].lane.isPutOff = true }
        if !drain.endsWaits, schedule.isWaitingOnly, hasNothingToDo(drain, context) {
            self.drain?.endsWaits = true
            schedule.request(.request, time)
            return exchangeIfWanted(&context)
        }
        guard drain.hasGivenUp || isDrained(drain, context) else { return }
        if !drain.hasGivenUp, self.drain?.mayPrune(hasStep: upkeep.hasStep, time) == true {
            return exchangeIfWanted(&context)
        }
        endDrain(&context)
    }

    /// After the deadline, rows that are at hand for another attempt are put back.
    mutating func leaveRetries(_ time: EventTime) {
        guard let drain, drain.isOver(time), let dueBy = drain.retriesDueBy(time) else { return }
        for index in remotes.indices { remotes[index].lane.putBackRetries(dueAfter: dueBy, time) }
    }

    /// Reports the result; also when the engine stops before the drain is over.
    mutating func endDrain(_ context: inout Context) {
        guard let drain else { return }
        self.drain = nil
        for index in remotes.indices { remotes[index].lane.isPutOff = false }
        let summary = DrainSummary(
            runs: max(drain.runs, 1), counts: drain.counts, nextDue: nextDue(context.time), error: drain.error)
        context.actions.append(.drained(summary))
    }

    private func isDrained(_ drain: Drain, _ context: Context) -> Bool {
        if drain.mayPlan(context.time), !schedule.isAtRest { return false }
        return hasNothingToDo(drain, context)
    }

    /// Whether nothing is in flight, and every remote has attempted what was due or is on hold. The feeds are not considered.
    private func hasNothingToDo(_ drain: Drain, _ context: Context) -> Bool {
        guard !exchange.isInProgress, !isCalling, !wantsExchange(context) else { return false }
        return remotes.allSatisfy { ($0.lane.isRetired || drain.isDone($0.lane, context.time)) && $0.isReadIdle }
    }

    /// By the wall clock: when a row falls due, or a gate opens for rows that are due; nil if nothing waits.
    private func nextDue(_ time: EventTime) -> Instant? {
        let times = remotes.lazy.map(\.lane).compactMap { lane -> Instant? in
            guard let opensAt = lane.opensAt(time) else { return nil }
            if lane.claims.mayHaveDue || lane.hasDueRows { return opensAt }
            return lane.nextDueAt.map { max($0, opensAt) }
        }
        return times.min().map { time.wall(of: $0) }
    }

    // MARK: Health

    /// How long a part may be late before it is reported.
    private static let patience = Duration.seconds(30)

    /// The state for the watchdog and the status line. Changes nothing.
    package func health(now: Now) -> Health {
        var clock = clock
        let (time, _) = clock.read(now)
        var overdue: [String] = []
        if let since = exchange.since, time.steady - since > Engine.patience {
            overdue.append("the database has not answered for \(seconds(time.steady - since))")
        }
        if let alarmAt, time.steady - alarmAt > Engine.patience {
            overdue.append("the alarm is overdue by \(seconds(time.steady - alarmAt))")
        }
        if exchange.isSpinning(time) { overdue.append("the engine makes no progress") }
        for lane in remotes.lazy.map(\.lane) {
            let longest = lane.remote.limits.connectTimeout + lane.remote.limits.totalTimeout + Engine.patience
            if let oldest = lane.inFlight.values.map(\.startedAt).min(), time.steady - oldest > longest {
                overdue.append("a call to \(lane.remote.name) has not ended for \(seconds(time.steady - oldest))")
            }
        }
        return Health(
            overdue: overdue, inFlight: remotes.reduce(0) { $0 + $1.lane.inFlight.count },
            isQuiet: !isCalling && !exchange.isInProgress && remotes.allSatisfy(\.lane.isIdle) && !schedule.isPlanning,
            delivered: remotes.reduce(0) { $0 + $1.lane.delivered })
    }

    private func seconds(_ span: Duration) -> String { "\(span.milliseconds / 1000) s" }
}
