import SyncCore
import SyncStore

/// Handing outcomes to the commit queue, and claiming the next rows with the same commit.
extension Lane {
    func isDone(_ hold: Hold) -> Bool {
        gate.inFlight == 0 && !isExchanging && finished.isEmpty && buffer.isEmpty && !gateChanged && (!mayBeSteered || isStopping)
            && (!claims.mayHaveDue || isStopping || hold == .long)
    }

    /// Starts an exchange when rows are wanted, or when enough outcomes wait, or when they have waited long enough.
    func exchangeIfNeeded(_ group: inout TaskGroup<Event>, isHeld: Bool) {
        guard !isExchanging else { return }
        let claim = claims.wanted(buffered: buffer.count, isHeld: isHeld || isStopping, isProbing: gate.concurrency == 1)
        if (claims.mayHaveDue && claim > 0) || (mayBeSteered && !isStopping) { return exchange(&group, claim: claim) }
        guard let oldest = finished.first else {
            if gateChanged, gate.inFlight == 0 { exchange(&group, claim: 0) }
            return
        }
        let deadline = oldest.finishedAt + Lane.linger
        if finished.count >= Lane.uncommittedLimit / 2 || gate.inFlight == 0 || gateChanged || now() >= deadline {
            exchange(&group, claim: claim)
        } else {
            startTimer(&group, until: deadline)
        }
    }

    func exchange(_ group: inout TaskGroup<Event>, claim: Int) {
        isExchanging = true
        movedAt = now()
        claims.asked(for: claim)
        mayBeSteered = false
        committing = finished
        finished = []
        let request = ExchangeRequest(
            remote: remote.name, finished: committing, claim: claim, leaseDuration: remote.leaseDuration,
            gate: gateChanged ? gate.stored : nil)
        gateChanged = false
        let commits = commits
        group.addTask {
            do {
                return .exchanged(.success(try await commits.exchange(request)))
            } catch {
                return .exchanged(.failure(error))
            }
        }
    }

    func take(_ reply: ExchangeReply) {
        for call in committing where !reply.fenced.contains(call.claimed.id) {
            count(call)
            reporter.report(call, remote: remote)
        }
        for id in reply.fenced { reporter.reportFenced(id, remote: remote) }
        if reply.isPaused != (gate.pausedAt != nil) {
            if reply.isPaused { gate.pause(now: now()) } else { gate.resume(now: now()) }
        }
        inboundReporter.report(reply.reconciled)
        let hasNews = reply.reconciled.contains { !$0.verdict.changes.isEmpty || $0.verdict.mustPlan }
        if reply.hasFreedPlanning || hasNews { onPlanningFreed() }
        claims.brought(reply.claimed.count)
        committing = []
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
