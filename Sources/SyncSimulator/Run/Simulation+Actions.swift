import SandboxModel
import SyncCore
import SyncEngine
import SyncStore

/// Carries out the actions of the engine.
extension Simulation {
    func perform(_ action: Engine.Action) async throws {
        switch action {
        case .exchange(var exchange):
            // Transactions take real time, which is not measured: pages end by their number of entries only.
            exchange.plan?.timeLimit = .hours(1)
            note("exchange \(TraceText.of(exchange))")
            if let problem = clockSteps.problem(with: exchange.clockStep) { fail(problem) }
            mutateChecks { $0.exchangeBegan(exchange, isInProgress: self.exchange != nil, at: clock.uptime) }
            self.exchange = (exchange, parties, false)
            let isSlow = !isCalm && chance(3)
            after(isSlow ? span(100...3000) : span(1...12), .exchange(exchange, parties, generation: generation))
        case .call(let id, let remote, let purpose): try begin(id, remote, purpose)
        case .cancel(let id):
            note("cancel \(id.number)")
            guard calls[id] != nil else { return }
            try settleArrival(of: id)
            calls[id]?.result = .failure(TransportFailure(.cancelled, detail: "the service stops"))
            after(.milliseconds(1), .callEnds(id))
        case .respond(let ticket, let new): respond(ticket, new)
        case .setAlarm(let moment):
            alarm += 1
            note("alarm \(moment.map { "\($0.milliseconds)" } ?? "-")")
            if let moment { queue.enter(.alarm(alarm), at: max(moment, clock.uptime) + span(0...2)) }
        case .report(let report):
            note("report \(TraceText.of(report))")
            mutateChecks { $0.reported(report, at: clock.uptime) }
        case .drained(let summary):
            note("drained \(summary.counts)")
            drained = summary
            after(.milliseconds(1), .engine(.stopRequested(within: .seconds(5)), generation: generation))
        case .stopped: try await stopped()
        }
    }

    // MARK: Exchanges

    func carryOut(_ exchange: SyncCore.Exchange, _ parties: Parties) async throws {
        guard let store else { return }
        let waited = disk.waited
        if !isCalm, plan.killShare > 0, number(0...9999) < plan.killShare { mount?.changesToLive = number(0...40) }
        let result: Result<ExchangeResult, StoreError>
        if !isCalm, chance(plan.storeFaultShare) {
            count("exchanges that failed")
            result = .failure(chance(70) ? .locked : .sqlite(code: 1, detail: "simulated"))
        } else {
            do throws(StoreError) {
                let brought = try await store.exchange(exchange, for: parties)
                clockSteps.stored(exchange.clockStep)
                recorded(exchange, brought)
                mutateChecks { $0.exchanged(exchange, brought, at: clock.uptime) }
                result = .success(brought)
            } catch {
                if !isExpected(error), mount?.isDead == false { fail("an exchange failed: \(error)") }
                result = .failure(error)
            }
        }
        mount?.changesToLive = nil
        if mount?.isDead == true {
            count("kills")
            note("process \(generation) is killed while it writes: \(TraceText.of(result))")
            return try await died()
        }
        note("exchanged \(TraceText.of(result))")
        self.exchange = (exchange, parties, true)
        after(span(0...5) + (disk.waited - waited), .engine(.exchanged(result), generation: generation))
    }

    func recorded(_ exchange: SyncCore.Exchange, _ result: ExchangeResult) {
        for lane in exchange.lanes { remotes.recorded(lane.finished, fenced: result.lanes[lane.remote]?.fenced ?? []) }
        for read in result.reads.values { remotes.reconciled(read.reconciled) }
    }

    // MARK: Calls

    private func begin(_ id: Engine.CallID, _ name: String, _ purpose: Engine.CallPurpose) throws {
        guard let remote = configured.first(where: { $0.name == name }) else { return fail("a call to \(name), which is not configured") }
        let call = SimulatedCall(id: id, remote: remote, purpose: purpose, startedAt: clock.uptime, generation: generation)
        note("call \(id.number) \(call.text)")
        calls[id] = call
        remotes.sent(call)
        mutateChecks { $0.called(call, all: calls, at: clock.uptime) }
        after(span(1...30), .callArrives(id))
    }

    func arrive(_ id: Engine.CallID) throws {
        guard let call = calls[id], call.exchange == nil, call.result == nil else { return }
        let mishap = isCalm ? nil : remotes.mishap(call.remote.name, mayDate: !plan.stepsClock, &random)
        switch mishap {
        case .refused?:
            count("calls that did not arrive")
            calls[id]?.result = .failure(TransportFailure(.connectionRefused, detail: "simulated"))
            after(span(0...5), .callEnds(id))
        case .fault(let rule)?:
            count("calls with a fault")
            try apply(id, rule)
        case .misreported(let status)?:
            count("calls with a fault")
            try apply(id, nil, misreportedAs: status)
        case nil: try apply(id, nil)
        }
    }

    /// The call arrives at the remote.
    private func apply(_ id: Engine.CallID, _ fault: FaultRule?, misreportedAs status: Int? = nil) throws {
        guard var call = calls[id] else { return }
        // A former title that a copy shows, as if people had set it, may be adopted, and is sent to the others then.
        if let problem = try remotes.problem(with: call), plan.options.laggingReads == 0 { fail(problem) }
        let exchange = remotes.receive(call, fault, now: clock.truth)
        note("arrived \(id.number)\(fault.map { " \($0.kind) \($0.status)" } ?? "")\(status.map { " misreported as \($0)" } ?? "")")
        let wait = call.arrived(exchange)
        remotes.throughCache(&call, isOld: call.isList && !isCalm && chance(plan.options.oldLists))
        if let status { call.result = .success(HTTPReply(status: status)) }
        calls[id] = call
        after(wait + span(1...120), .callEnds(id))
        for hook in exchange.webhookCalls {
            if call.remote.name == "fin", let conversation = call.conversation { remotes.finReplied(conversation) }
            send(hook, call.remote.name)
        }
    }

    /// Decides whether a call whose process has ended still arrives.
    func settleArrival(of id: Engine.CallID) throws {
        guard let call = calls[id], call.exchange == nil, call.result == nil, chance(50) else { return }
        try apply(id, nil)
    }

    func end(_ id: Engine.CallID) async throws {
        guard let call = calls.removeValue(forKey: id) else { return }
        let isHeard = call.generation == generation && engine != nil
        remotes.ended(call, isHeard: isHeard, now: clock.truth)
        guard isHeard else { return }
        try await handle(.callEnded(id, call.end(now: clock.wall)))
    }
}
