import SyncCore

/// Which of the buffered rows may be sent, and how the ends of their calls are processed.
extension Lane {
    /// Returns a result for a claimed row that must not be sent: its lease is too short, its window as a message is over, or its remote
    /// takes no messages now.
    func unsendable(_ claimed: ClaimedRow, _ time: EventTime) -> FinishedCall? {
        var row = claimed.row
        if !row.mayBeSent(now: time.wall, timeout: remote.limits.totalTimeout) {
            row.expire()
            return FinishedCall(
                claimed: claimed, row: row, startedAt: time.wall, finishedAt: time.wall, outcome: nil, error: OutboxRow.uncertainReason)
        }
        if let held = held(claimed, time) { return held }
        // It is due, and needs a new lease.
        return claimed.leaseUntil - time.wall < remote.limits.totalTimeout + .seconds(5) ? putBack(claimed, time) : nil
    }

    /// Returns a result for a message that the remote does not take now.
    private func held(_ claimed: ClaimedRow, _ time: EventTime) -> FinishedCall? {
        guard remote.kind.receivesMessages, !claimed.isReleased else { return nil }
        let known = claimed.known.linkRecord
        let word = known.events?.last?.word ?? known["status"].held.value?.stringValue
        guard let hold = remote.adapter.hold(after: word, since: claimed.known.seenAt, now: time.wall) else { return nil }
        var row = claimed.row
        let reason: String
        switch hold {
        case .until(let until, let text):
            row.state = .pending
            row.dueAt = until
            reason = text
        case .indefinitely(let text):
            row.state = .held
            reason = text
        }
        return FinishedCall(
            claimed: claimed, row: row, startedAt: time.wall, finishedAt: time.wall, outcome: nil, error: reason,
            heldBy: Holder.receiver.rawValue)
    }

    /// Processes the end of a call. The outcome may have to wait until it is known whether the URL is right.
    mutating func ended(
        _ id: Engine.CallID, _ outcome: DeliveryOutcome, hadPresentCredential: Bool, _ context: inout Context
    ) {
        guard let call = inFlight.removeValue(forKey: id) else { preconditionFailure("a call ended that never began") }
        let finished = finish(call.claimed, outcome, startedAt: context.time.wall(of: call.startedAt), &context)
        switch decision(about: finished, call.startedAt, context.time) {
        case .accept(let isSuspect):
            conclude(finished, call, hadPresentCredential, &context)
            append(marked(finished, isSuspect: isSuspect), context.time)
        case .wait(let startsRead):
            // Its slot is free; what the outcome says about the remote is not known yet.
            var unknown = finished
            unknown.outcome = DeliveryOutcome(.interrupted)
            conclude(unknown, call, hadPresentCredential, &context)
            undecided.append(finished)
            if startsRead { wantedRead = call.claimed }
            // No read goes out any more, and the outcome must not be lost.
            if wantedRead != nil, isRetired || context.isStopping { decided(by: .inconclusive, &context) }
        case .putBack, .again:
            let parked = parked(finished, &context)
            conclude(parked, call, hadPresentCredential, &context)
            append(parked, context.time)
            takeBack(&context) { lane, call, context in lane.parked(call, &context) }
        }
    }

    func finish(
        _ claimed: ClaimedRow, _ outcome: DeliveryOutcome, startedAt: Instant, finishedAt: Instant? = nil, _ context: inout Context
    ) -> FinishedCall {
        let finishedAt = finishedAt ?? context.time.wall
        var row = claimed.row
        let reason = row.finish(
            outcome, startedAt: startedAt, now: finishedAt, policy: context.retry, timeout: remote.limits.totalTimeout,
            using: &context.random)
        // The status in Fin's response to a message decides whether it takes the next one, so it is recorded each time.
        let news = outcome.outcome == .delivered && claimed.delta == nil && outcome.observation?.word != nil ? outcome.observation : nil
        return FinishedCall(
            claimed: claimed, row: row, startedAt: startedAt, finishedAt: finishedAt, outcome: outcome, error: reason ?? outcome.error,
            news: news)
    }

    private mutating func conclude(
        _ call: FinishedCall, _ inFlight: CallInFlight, _ hadPresentCredential: Bool, _ context: inout Context
    ) {
        let outcome = (call.outcome ?? DeliveryOutcome(.interrupted)).moved(by: .zero - context.time.offset)
        let changes = gate.finished(
            outcome, startedAt: inFlight.startedAt, hadPresentCredential: hadPresentCredential, now: context.time.steady)
        for change in changes { note(change, &context) }
        if outcome.outcome == .delivered { noteDelivered() }
        // The former token was refused: the row is due, and the remote is not held.
        if outcome.outcome == .park, !hadPresentCredential { claims.mayBeDue() }
    }

    // MARK: Missing objects

    private mutating func decision(about call: FinishedCall, _ startedAt: Instant, _ time: EventTime) -> AbsenceWatch.Decision {
        guard let outcome = call.outcome else { return .accept(isSuspect: false) }
        if outcome.outcome == .delivered, absences.acknowledged(startedAt: startedAt, now: time.steady) { confirm() }
        let isParked = gate.parkCause == .url
        switch outcome.absence {
        case nil: return .accept(isSuspect: false)
        case .route?: return absences.noRoute(isLast: call.row.state != .pending, isParked: isParked)
        case .object?:
            return absences.missing(
                call.claimed.conversationID, missingSince: call.claimed.missingSince.map { time.steady(of: $0) }, isParked: isParked,
                now: time.steady)
        }
    }

    /// Starts the read that decides about missing objects, if one is wanted: before the buffered rows, which wait for it.
    mutating func startAbsenceRead(_ context: inout Context) {
        guard let claimed = wantedRead, !context.isStopping else { return }
        guard let call = remote.adapter.listCall(agent: claimed.agent, after: nil), let opensAt = opensAt(context.time),
            opensAt - context.time.steady <= Lane.readPatience
        else { return decided(by: .inconclusive, &context) }
        guard admitRead(beforeDeliveries: true, context) == .admitted else { return }
        wantedRead = nil
        absenceRead = (context.call(remote.name, .read(call)), context.time.steady)
    }

    /// How long that read may wait for the gate.
    private static let readPatience = Duration.seconds(10)

    /// - Returns: whether the call was this lane's read.
    mutating func absenceReadEnded(_ id: Engine.CallID, _ outcome: DeliveryOutcome, _ body: JSONValue?, _ context: inout Context) -> Bool {
        guard let read = absenceRead, read.id == id else { return false }
        absenceRead = nil
        readEnded(outcome, startedAt: read.startedAt, &context)
        decided(by: result(outcome, body), &context)
        return true
    }

    private func result(_ outcome: DeliveryOutcome, _ body: JSONValue?) -> AbsenceWatch.ReadResult {
        guard let body else { return outcome.absence != nil || outcome.outcome == .gone ? .absent : .inconclusive }
        do {
            _ = try remote.adapter.page(in: body)
            return .succeeded
        } catch {
            return .inconclusive
        }
    }

    /// The read has ended: outcomes that waited for it are recorded unchanged, or put back.
    mutating func decided(by result: AbsenceWatch.ReadResult, _ context: inout Context) {
        wantedRead = nil
        let decision = absences.read(result, isParked: gate.parkCause == .url, now: context.time.steady)
        let calls = undecided
        undecided = []
        switch decision {
        case .accept(let isSuspect):
            for call in calls { append(marked(call, isSuspect: isSuspect), context.time) }
            guard !isSuspect else { return }
            confirm()
            note(gate.respondedProperly(), &context)
        case .again:
            for call in calls { append(postponed(call, &context), context.time) }
            takeBack(&context) { lane, call, context in lane.postponed(call, &context) }
            note(gate.respondedProperly(), &context)
            claims.mayBeDue()
        case .putBack, .wait:
            for call in calls { append(parked(call, &context), context.time) }
            if let call = calls.last { note(gate.park(for: .url, reason: parkReason(call), now: context.time.steady), &context) }
            takeBack(&context) { lane, call, context in lane.parked(call, &context) }
        }
    }

    /// The same call treated as if it had not been made, because the URL may be wrong: the row is pending again, and no attempt is used.
    private func parked(_ call: FinishedCall, _ context: inout Context) -> FinishedCall {
        asIfUnsent(call, .park, reason: parkReason(call), &context)
    }

    /// The same for a URL that is right: the row is sent once more.
    private func postponed(_ call: FinishedCall, _ context: inout Context) -> FinishedCall {
        asIfUnsent(
            call, .interrupted, reason: "asked once more, now that the URL is known to be right: \(call.outcome?.error ?? "HTTP 404")",
            &context)
    }

    private func asIfUnsent(
        _ call: FinishedCall, _ outcomeClass: OutcomeClass, reason: String, _ context: inout Context
    ) -> FinishedCall {
        guard var outcome = call.outcome else { return call }
        outcome.outcome = outcomeClass
        outcome.error = reason
        var unsent = finish(call.claimed, outcome, startedAt: call.startedAt, finishedAt: call.finishedAt, &context)
        unsent.isMissing = outcome.absence == .object
        return unsent
    }

    private func parkReason(_ call: FinishedCall) -> String {
        "URL wrong? Nothing that was asked for is known there, last: \(call.outcome?.error ?? "HTTP 404")"
    }

    private func marked(_ call: FinishedCall, isSuspect: Bool) -> FinishedCall {
        var call = call
        call.isMissing = isSuspect
        return call
    }

    /// Objects reported as missing so far are final: they are not taken back.
    private mutating func confirm() {
        for index in finished.indices where finished[index].row.state.isFinished { finished[index].isMissing = false }
        if absenceRecords.last != .confirm { absenceRecords.append(.confirm) }
    }

    /// Makes suspects due again: those not stored yet at once, as if they had not been sent, the others by the next exchange.
    private mutating func takeBack(_ context: inout Context, _ asIfUnsent: (Lane, FinishedCall, inout Context) -> FinishedCall) {
        for index in finished.indices where finished[index].isMissing && finished[index].row.state == .dead {
            finished[index] = asIfUnsent(self, finished[index], &context)
        }
        if absenceRecords.last != .takeBack { absenceRecords.append(.takeBack) }
    }
}
