import SyncCore

/// Reading the remote through the same gate as deliveries: its rate, concurrency and holds count for both.
///
/// How a read ends has no say over deliveries, except that it may throttle the remote: a token may have the right to do the one and not the
/// other, and a list may fail where single conversations are taken.
extension Lane {
    enum ReadAnswer: Sendable {
        case body(JSONValue)
        /// The remote says that there is no such object.
        case gone
        /// What answered does not speak the API.
        case noRoute(reason: String)
        /// The remote refuses this very call; others may go well.
        case refused(reason: String)
        /// The remote as a whole does not answer as it should.
        case failed(reason: String)
        /// The gate is closed; nil: until somebody acts.
        case held(until: Instant?)
    }

    /// How long a wait goes on without a look at whether the lane stops.
    private static let longestSleep = Duration.milliseconds(200)

    /// - Parameters:
    ///   - longest: a gate that opens later than this is not waited for.
    ///   - leavesCalls: false for a read that the rows at hand wait for: it takes its turn before them.
    func read(_ call: OutboundCall, waitingAtMost longest: Duration = Lane.shortHold, leavesCalls: Bool = true) async -> ReadAnswer {
        let deadline = now() + longest
        while !isStopping {
            let claimed = buffer.count + (isExchanging ? claims.askedFor : 0)
            let others = leavesCalls ? readTurn.callsLeft(claimed: claimed, rowsWait: claims.mayHaveDue) : 0
            guard let opensAt = gate.opensAt(leaving: others, now: now()) else { return .held(until: nil) }
            guard opensAt <= max(deadline, now()) else { return .held(until: opensAt) }
            // Deliveries come first; their slots become free within a call's time.
            var pause = Duration.milliseconds(20)
            if opensAt <= now() {
                switch gate.admitRead(now: now()) {
                case .admitted:
                    readTurn.readAdmitted()
                    return await answer(to: call)
                case .paused:
                    return .held(until: nil)
                case .wait, .noRetry, .full:
                    break
                }
            } else {
                pause = min(max(opensAt - now(), .milliseconds(1)), Lane.longestSleep)
            }
            do {
                try await Task.sleep(for: pause)
            } catch {
                return .held(until: nil)
            }
        }
        return .held(until: nil)
    }

    private func answer(to call: OutboundCall) async -> ReadAnswer {
        let credential = credentials[remote.name] ?? Credential(token: "")
        let startedAt = now()
        let (outcome, body) = await courier.read(call, credential: credential)
        for change in gate.readFinished(outcome, startedAt: startedAt, now: now()) { report(change) }
        // A slot is free, and what changed about the gate has to be stored.
        wakeSignal.wake()
        if gateChanged { start(run: run) }
        if let body { return .body(body) }
        // A call that the stop cut off says nothing about the remote.
        if isStopping { return .held(until: nil) }
        let reason = outcome.error ?? outcome.outcome.rawValue
        if outcome.absence == .route { return .noRoute(reason: reason) }
        switch outcome.outcome {
        case .gone: return .gone
        case .dead, .delivered: return .refused(reason: reason)
        case .retry, .throttled, .park, .interrupted: return .failed(reason: reason)
        }
    }
}
