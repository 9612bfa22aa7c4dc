import SyncCore
import SyncStore

/// Handing outcomes to the commit queue, and claiming the next rows with the same commit.
extension Lane {
    func isDone(_ hold: Hold) -> Bool {
        gate.inFlight == 0 && !isExchanging && !absences.isReading && absenceRecords.isEmpty && finished.isEmpty && buffer.isEmpty
            && gate.stored == storedGate
            && (!mayBeSteered || isStopping)
            && (!claims.mayHaveDue || isStopping || hold == .long)
    }

    /// Starts an exchange when rows are wanted, or when enough outcomes wait, or when they have waited long enough.
    func exchangeIfNeeded(_ group: inout TaskGroup<Event>, isHeld: Bool) {
        guard !isExchanging else { return }
        let claim = claims.wanted(
            buffered: buffer.count, concurrency: gate.concurrency, isHeld: isHeld || isStopping || absences.isReading,
            isProbing: gate.isProbing,
            admitted: gate.callsAvailable(within: Lane.rateLead, now: now()))
        if (claims.mayHaveDue && claim > 0) || (mayBeSteered && !isStopping) { return exchange(&group, claim: claim, isHeld: isHeld) }
        guard let oldest = finished.first else {
            if gate.stored != storedGate || !absenceRecords.isEmpty, gate.inFlight == 0 { exchange(&group, claim: 0, isHeld: isHeld) }
            return
        }
        let deadline = oldest.finishedAt + Lane.linger
        if finished.count >= Lane.uncommittedLimit / 2 || gate.inFlight == 0 || gateChanged || now() >= deadline {
            exchange(&group, claim: claim, isHeld: isHeld)
        } else {
            startTimer(&group, until: deadline)
        }
    }

    func exchange(_ group: inout TaskGroup<Event>, claim: Int, isHeld: Bool) {
        isExchanging = true
        movedAt = now()
        claims.asked(for: claim)
        if claim > 0 {
            lookedAt = now()
        } else if !finished.isEmpty {
            // These outcomes may free rows that waited behind theirs; nobody asks for those while the gate is held.
            claims.mayBeDue()
        }
        mayBeSteered = false
        committing = finished
        finished = []
        committingAbsences = absenceRecords
        absenceRecords = []
        storingGate = gate.stored
        gateChanged = false
        let request = ExchangeRequest(
            remote: remote.name, finished: committing, claim: claim, retries: retriesAllowed(), leaseDuration: remote.leaseDuration,
            gate: storingGate == storedGate ? nil : storingGate, absences: committingAbsences,
            // A gate that is closed is waited for only when something waits behind it.
            asksForDue: claim == 0 && isHeld && !isStopping)
        let commits = commits
        group.addTask {
            do {
                return .exchanged(.success(try await commits.exchange(request)))
            } catch {
                return .exchanged(.failure(error))
            }
        }
    }

    /// How many more retries may be claimed; nil for as many as there are.
    private func retriesAllowed() -> Int? {
        gate.retriesAvailable(now: now()).map { max($0 - buffer.count(where: \.isRetry), 0) }
    }

    /// Retries that waited for the budget are asked for when there is nothing else to send, so that each claim brings some.
    func askForRetries() {
        if retriesWait, buffer.isEmpty, gate.retriesOpenAt(now: now()) <= now() { claims.mayBeDue() }
    }

    func take(_ reply: ExchangeReply) {
        if !committing.isEmpty || !reply.claimed.isEmpty { worksAfterRun = true }
        claimed.subtract(committing.map(\.claimed.id))
        for var call in committing where !reply.fenced.contains(call.claimed.id) {
            if reply.split.contains(call.claimed.id) { call.row.state = .discarded }
            if let revived = reply.revived[call.claimed.id] {
                call.claimed.id = revived.whole
                counts.dead -= revived.parts
            }
            count(call)
            reporter.report(call, remote: remote)
        }
        counts.dead += reply.convicted.count
        reporter.reportRefused(reply.convicted)
        if reply.takenBack > 0 {
            counts.dead -= min(counts.dead, reply.takenBack)
            reporter.reportTakenBack(reply.takenBack, remote: remote)
            claims.mayBeDue()
            onWork()
        }
        for id in reply.fenced { reporter.reportFenced(id, remote: remote) }
        storedGate = storingGate
        if reply.isPaused {
            gate.pause(now: now())
        } else if gate.pausedAt != nil || (resumedAt ?? reply.resumedAt) != reply.resumedAt {
            gate.resume()
            resumptions += 1
            // What rests because of failures or a hold is read again by the next run.
            onWork()
            if let until = reply.breakerOpenUntil, until <= now() { gate.endBreakerPause(now: now()) }
        }
        inboundReporter.report(reply.reconciled)
        let hasNews = reply.reconciled.contains { !$0.verdict.changes.isEmpty || $0.verdict.mustPlan || $0.verdict.mustRead }
        if reply.hasFreedPlanning || hasNews { onWork() }
        resumedAt = .some(reply.resumedAt)
        if claims.hasAsked { retriesWait = reply.hasLeftRetries }
        claims.brought(reply.claimed.count)
        if reply.mayHaveMore { claims.mayBeDue() }
        if let isSomethingDue = reply.isSomethingDue { claims.found(isSomethingDue: isSomethingDue) }
        committing = []
        committingAbsences = []
        claimed.formUnion(reply.claimed.map(\.id))
        buffer += reply.claimed
    }

    func count(_ call: FinishedCall) {
        switch call.row.state {
        case .delivered:
            counts.delivered += 1
            delivered += 1
        case .pending: counts.putBack += call.outcome == nil ? 0 : 1
        case .dead, .uncertain: counts.dead += 1
        default: break
        }
    }
}
