import SyncCore

/// A lane's part of exchanges with the store.
extension Lane {
    /// - Parameter isQuiet: whether no lane has a call in flight: then nothing is worth waiting for.
    func wantsExchange(isQuiet: Bool, _ context: Context, retriesDueBy: Instant?) -> Bool {
        if mustStoreGate || !shown.isEmpty || !absenceRecords.isEmpty || finished.count >= Lane.uncommittedLimit / 2 { return true }
        if let finishedSince, !finished.isEmpty, isQuiet || context.time.steady >= finishedSince + Lane.linger { return true }
        return claim(context, retriesDueBy: retriesDueBy) != nil
    }

    /// - Parameter isSure: only claim if rows may be due; otherwise whenever there is room for rows.
    func claim(_ context: Context, retriesDueBy: Instant?, isSure: Bool = true) -> LaneRequest.Claim? {
        let time = context.time
        guard claims.mayHaveDue || !isSure, !isRetired, !isPutOff, !context.holdsClaims, !context.isStopping, !absences.isReading,
            orders?.isPaused != true,
            orders?.isBeingFed != true
        else { return nil }
        var gate = gate
        let rows = claims.wanted(
            buffered: buffer.count, concurrency: gate.concurrency, isHeld: hold(time) != nil, isProbing: gate.isProbing,
            admitted: gate.callsAvailable(within: Lane.rateLead, now: time.steady))
        guard rows > 0 else { return nil }
        let retries = buffer.count(where: \.isRetry)
        // Single rows take turns.
        let fewest = rows == 1 && wasSingleRetry ? 0 : 1
        return LaneRequest.Claim(
            rows: rows, retries: max((rows + buffer.count) / 2 - retries, fewest), retriesDueBy: retriesDueBy ?? time.wall,
            leaseDuration: remote.leaseDuration)
    }

    /// The lane's part of the next exchange.
    /// - Parameter mayFreeRows: whether the exchange does something that may make other rows due.
    mutating func request(_ context: Context, retriesDueBy: Instant?, mayFreeRows: Bool) -> LaneRequest {
        precondition(committing.isEmpty && committingAbsences.isEmpty, "one exchange at a time")
        var request = LaneRequest(remote: remote.name)
        request.finished = finished
        request.reads = shown
        request.absences = absenceRecords
        let present = gate.stored
        if present != storedGate {
            request.gate = present.moved(by: context.time.offset)
            committingGate = present
        }
        request.claim = claim(context, retriesDueBy: retriesDueBy, isSure: !mayFreeRows)
        request.retriesDueBy = retriesDueBy
        leavesRetries = retriesDueBy != nil
        claims.asked(for: request.claim?.rows ?? 0)
        isCommittingClaim = request.claim != nil
        stepWhileCommitting = .zero
        committing = finished
        committingReads = shown
        committingAbsences = absenceRecords
        (finished, shown, absenceRecords, finishedSince, mustStoreGate) = ([], [], [], nil, false)
        return request
    }

    /// Nothing of the exchange was written.
    mutating func exchangeFailed() {
        finished = committing.map { $0.moved(by: stepWhileCommitting) } + finished
        if finishedSince == nil, !finished.isEmpty { finishedSince = finished.first.map { _ in Instant(milliseconds: 0) } }
        absenceRecords = committingAbsences + absenceRecords
        shown = committingReads.map { $0.moved(by: stepWhileCommitting) } + shown
        if committingGate != nil { mustStoreGate = true }
        if isCommittingClaim { claims.mayBeDue() }
        (committing, committingReads, committingAbsences, committingGate, isCommittingClaim) = ([], [], [], nil, false)
    }

    /// - Returns: what the run counts for these outcomes.
    mutating func take(_ result: LaneResult, _ context: inout Context) -> RunCounts {
        result.check(for: remote.name)
        var counts = RunCounts()
        for call in committing { claimed[ExactText(call.claimed.conversationID)] = nil }
        for var call in committing where !result.fenced.contains(call.claimed.id) {
            if result.split.contains(call.claimed.id) { call.row.state = .discarded }
            if let revived = result.revived[call.claimed.id] {
                call.claimed.id = revived.whole
                counts.dead -= revived.parts
            }
            counts.count(call)
            context.report(.attempted(call, remote))
        }
        counts.dead += result.convicted.count
        if !result.convicted.isEmpty { context.report(.refused(result.convicted)) }
        if result.takenBack > 0 {
            counts.dead -= result.takenBack
            context.report(.takenBack(result.takenBack, remote: remote.name))
            claims.mayBeDue()
        }
        confirm(result.confirmed)
        for id in result.fenced { context.report(.fenced(id, remote: remote.name)) }
        if let committingGate { storedGate = committingGate }
        take(result.orders, context.time)
        if !result.reconciled.isEmpty { context.report(.reconciled(result.reconciled)) }
        if isCommittingClaim {
            if claims.askedFor == 1, let row = result.claimed.first { wasSingleRetry = row.isRetry }
            claims.brought(result.claimed.count, isCutShort: result.isCutShort)
        } else if !committing.isEmpty || result.isSomethingDue {
            // These outcomes may have made rows available that waited for theirs.
            claims.mayBeDue()
        } else {
            claims.found(isSomethingDue: result.isSomethingDue)
        }
        if result.mayHaveMore || result.hasLeftRetries { claims.mayBeDue() }
        // Rows that a drain leaves are still due, although no claim returns them.
        hasDueRows = result.isSomethingDue || (leavesRetries && hasDueRows && result.claimed.isEmpty)
        // The times are of the clock as it was when the exchange was made.
        nextDueAt = result.nextDueAt.map { context.time.steady(of: $0 + stepWhileCommitting) }
        (committing, committingReads, committingAbsences, committingGate, isCommittingClaim) = ([], [], [], nil, false)
        takeIn(result.claimed.map { $0.moved(by: stepWhileCommitting) }, context.time)
        return counts
    }

    /// Rows of conversations that the lane still works on are not sent: theirs would be the second call in flight.
    private mutating func takeIn(_ rows: [ClaimedRow], _ time: EventTime) {
        for row in rows {
            let conversation = ExactText(row.conversationID)
            // Its lease was lost as well.
            claimedTwice.removeAll { ExactText($0.conversationID) == conversation }
            if claimed[conversation] == nil {
                claimed[conversation] = row.id
                buffer.append(row)
            } else {
                claimedTwice.append(row)
            }
        }
        let free = claimedTwice.filter { claimed[ExactText($0.conversationID)] == nil }
        for row in free {
            claimed[ExactText(row.conversationID)] = row.id
            append(putBack(row, time), time)
        }
        if !free.isEmpty { claimedTwice.removeAll { row in free.contains { $0.id == row.id } } }
    }

    /// Applies the state that the command line requires of the remote.
    private mutating func take(_ fresh: RemoteOrders, _ time: EventTime) {
        let former = orders
        orders = fresh
        if former?.isBeingFed == true, !fresh.isBeingFed { claims.mayBeDue() }
        if fresh.isPaused {
            gate.pause(now: time.steady)
        } else if gate.pausedAt != nil || (former != nil && former?.resumedAt != fresh.resumedAt) {
            gate.resume(at: fresh.resumedAt.flatMap(Instant.init(iso8601:)).map { time.steady(of: $0) })
            claims.mayBeDue()
            wasResumed = true
            if let until = fresh.breakerOpenUntil, until <= time.wall { gate.endBreakerPause(now: time.steady) }
        }
    }
}
