import Fixtures
import SyncCore

/// How calls end in the model.
extension DeliveryModel {
    /// Its timestamps are those of the wall clock.
    mutating func randomOutcome() -> DeliveryOutcome {
        let later = now + .milliseconds(Int64.random(in: -1000...40_000, using: &random))
        if Int.random(in: 0..<100, using: &random) < failureShare {
            guard Bool.random(using: &random) else { return DeliveryOutcome(.retry, fate: .unknown, error: "timeout") }
            return DeliveryOutcome(.retry, error: "HTTP 500", notBefore: Bool.random(using: &random) ? later : nil)
        }
        switch Int.random(in: 0..<(hasHolds ? 100 : 80), using: &random) {
        case 0..<65: return DeliveryOutcome(.delivered)
        case 65..<70: return DeliveryOutcome(.gone)
        case 70..<75: return DeliveryOutcome(.dead, fate: Bool.random(using: &random) ? .unknown : .notApplied)
        case 75..<80: return DeliveryOutcome(.interrupted, fate: Bool.random(using: &random) ? .unknown : .notApplied)
        case 80..<84: return DeliveryOutcome(.delivered, quotaResetsAt: max(later, now + .milliseconds(1)))
        case 84..<92: return DeliveryOutcome(.throttled, notBefore: Bool.random(using: &random) ? later : nil)
        case 92..<93: return DeliveryOutcome(.throttled, notBefore: now + .hours(.random(in: 1...24, using: &random)))
        default: return DeliveryOutcome(.park, error: "HTTP 401")
        }
    }

    mutating func endCall(_ outcome: DeliveryOutcome) {
        guard let position = calls.indices.randomElement(using: &random) else { return }
        let call = calls.remove(at: position)
        let before = gate
        let hadPresentCredential = call.credential == credential
        let changes = gate.finished(
            bySteadyClock(outcome), startedAt: call.began, hadPresentCredential: hadPresentCredential, now: steady)
        noted("\(outcome.outcome)")
        for change in changes { check(change, after: before) }
        keepBooks(of: outcome, before: before)
        if outcome.outcome == .park, !hadPresentCredential {
            expect(gate.parkedAt == before.parkedAt, "a former credential that was refused parks the remote")
            noted("former credential")
        }
        finishRow(call, outcome)
    }

    private func bySteadyClock(_ outcome: DeliveryOutcome) -> DeliveryOutcome {
        var moved = outcome
        moved.notBefore = outcome.notBefore.map { steady + ($0 - now) }
        moved.quotaResetsAt = outcome.quotaResetsAt.map { steady + ($0 - now) }
        return moved
    }

    private mutating func check(_ change: RemoteGate.Change, after before: RemoteGate) {
        switch change {
        case .parked: expect(before.parkedAt == nil && gate.parkedAt != nil, "parked is said twice")
        case .resumed: expect(before.parkedAt != nil && gate.parkedAt == nil, "resumed is said of a remote that was not parked")
        case .throttled(let until, _): expect(until > steady && gate.throttledUntil == until, "throttled until \(until)")
        case .breaker(let transition):
            expect(before.breaker.state != gate.breaker.state, "\(transition) is said, and nothing changed")
            noted("breaker \(transition)")
        }
    }

    private mutating func keepBooks(of outcome: DeliveryOutcome, before: RemoteGate) {
        var wish = outcome.quotaResetsAt
        // Without a time at least a second; with a time in the past no wait at all.
        if outcome.outcome == .throttled { wish = max(outcome.notBefore ?? now + settings.throttlePause, wish ?? now) }
        if let wish { patience = max(patience, elapsed + (wish - now)) }
        if outcome.loadSign != .overloaded {
            expect(
                gate.adaptive.limit >= before.adaptive.limit / 2, "the limit fell from \(before.adaptive.limit) to \(gate.adaptive.limit)")
        }
        if gate.adaptive.limit < before.adaptive.limit { noted("limit lowered") }
        if gate.adaptive.limit > before.adaptive.limit { noted("limit raised") }
    }

    private mutating func finishRow(_ call: Call, _ outcome: DeliveryOutcome) {
        var row = rows[call.index].row
        let attempts = row.attempts
        let reason = row.finish(
            outcome, startedAt: call.startedAt, now: now, policy: policy, timeout: DeliveryModel.timeout, using: &random)
        if outcome.fate == .unknown { rows[call.index].noteDoubtfulSend(at: call.startedAt) }
        rows[call.index].row = row
        let counts = [OutcomeClass.delivered, .retry, .gone, .dead].contains(outcome.outcome)
        expect(row.attempts == attempts + (counts ? 1 : 0), "\(outcome.outcome) made \(attempts) attempts \(row.attempts)")
        expect(row.attempts <= policy.maximumAttempts, "\(row.attempts) attempts")
        expect((reason == nil) == [.pending, .delivered].contains(row.state) || outcome.error == nil, "given up without a reason")
        expect(row.payload == .message || row.state != .uncertain, "a state is uncertain")
        if row.state == .pending {
            expect(
                row.dueAt >= outcome.notBefore ?? row.dueAt || outcome.outcome == .park || outcome.outcome == .interrupted, "due too early")
            if outcome.outcome == .retry {
                expect(row.dueAt - (row.countedSince ?? now) <= policy.maximumAge, "due when it is older than it may become")
                expect(row.dueAt <= max(now + policy.cap, outcome.notBefore ?? now), "due later than the longest pause")
            }
            if row.payload == .message, let since = row.inDoubtSince {
                expect(row.dueAt + DeliveryModel.timeout < since + OutboxRow.messageWindow, "due when its window is over")
            }
        }
    }

    /// The disturbances end: every call is acknowledged. Everything that waits has to be finished.
    mutating func settle() {
        if isPaused { setPaused(false) }
        while !calls.isEmpty { endCall(DeliveryOutcome(.delivered)) }
        // A day for the longest Retry-After; one row at a time.
        for _ in 0..<20_000 {
            step += 1
            guard let index = rows.indices.filter({ rows[$0].row.state == .pending }).min(by: { rows[$0].row.dueAt < rows[$1].row.dueAt })
            else { return noted("settled") }
            let wait = max((gate.opensAt(now: steady) ?? steady) - steady, rows[index].row.dueAt - now)
            if wait > .zero { pass(wait) }
            tryCall(index)
            if calls.isEmpty { pass(.milliseconds(50)) } else { endCall(DeliveryOutcome(.delivered)) }
        }
        expect(false, "rows wait for ever: \(rows.count { $0.row.state == .pending }), \(gate)")
    }
}
