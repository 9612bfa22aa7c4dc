import SandboxModel
import SyncCore
import SyncEngine
import SyncStore

/// Carries out the actions of the engine.
extension Simulation {
    func perform(_ action: Engine.Action, _ process: ServiceProcess) async throws {
        switch action {
        case .exchange(var exchange):
            if let page = exchange.plan { expectSmallPage(page) }
            // Transactions take real time, which is not measured: pages end by their number of entries only.
            exchange.plan?.timeLimit = .hours(1)
            if let size = exchange.plan?.limit { exchange.plan?.limit = min(size, plan.pageSize) }
            note("\(process) exchange \(TraceText.of(exchange))")
            if let problem = process.clockSteps.problem(with: exchange.clockStep) { fail(problem) }
            mutateChecks { $0.exchangeBegan(exchange, process.number, isInProgress: process.exchange != nil, at: clock.uptime) }
            process.exchange = (exchange, process.parties, false)
            let isSlow = !isCalm && chance(3)
            after(isSlow ? span(100...3000) : span(1...12), .exchange(exchange, process.parties, process: process.number))
        case .call(let id, let remote, let purpose):
            try begin(CallKey(process: process.number, id: id), remote, purpose, process)
            if !isCalm, plan.suspendsProcesses, number(0...199) == 0 { try await suspend(process) }
        case .cancel(let id):
            note("\(process) cancel \(id.number)")
            let key = CallKey(process: process.number, id: id)
            guard calls[key] != nil else { return }
            try settleArrival(of: key)
            calls[key]?.result = .failure(TransportFailure(.cancelled, detail: "the service stops"))
            after(.milliseconds(1), .callEnds(key))
        case .respond(let ticket, let new): respond(ticket, new, process)
        case .setAlarm(let moment):
            process.alarm += 1
            note("\(process) alarm \(moment.map { "\($0.milliseconds)" } ?? "-")")
            if let moment { queue.enter(.alarm(process.alarm, process: process.number), at: max(moment, clock.uptime) + span(0...2)) }
        case .report(let report):
            note("\(process) report \(TraceText.of(report))")
            mutateChecks { $0.reported(report, process.number, at: clock.uptime) }
        case .drained(let summary):
            note("\(process) drained \(summary.counts)")
            expectNothingCut(process, summary)
            (process.drain, process.drained) = (nil, summary)
            after(.milliseconds(1), .engine(.stopRequested(within: .seconds(5)), process: process.number))
        case .stopped: try await stopped(process)
        }
    }

    // MARK: Exchanges

    func carryOut(_ exchange: SyncCore.Exchange, _ parties: Parties, _ process: ServiceProcess) async throws {
        let (waited, changes) = (disk.waited, process.mount.changeCount)
        if !isCalm, plan.killShare > 0, number(0...9999) < plan.killShare { process.mount.changesToLive = number(0...40) }
        if !isCalm, plan.storeFaultShare > 0, chance(4) { process.mount.changesToFault = number(0...60) }
        let result: Result<ExchangeResult, StoreError>
        if !isCalm, chance(plan.storeFaultShare) {
            count("exchanges that failed")
            result = .failure(chance(70) ? .locked : .sqlite(code: 1, detail: "simulated"))
        } else {
            let tables = try await tables(before: exchange)
            do throws(StoreError) {
                let brought = try await process.store.exchange(exchange, for: parties)
                process.clockSteps.stored(exchange.clockStep)
                recorded(exchange, brought)
                mutateChecks { $0.exchanged(exchange, brought, process.number, at: clock.uptime) }
                if brought.hasWritten { committed(by: process) }
                expectSmallTransaction(process.mount.changeCount - changes)
                result = .success(brought)
            } catch {
                if process.mount.hasFaulted { count("exchanges during which the disk failed") }
                if !isExpected(error), !process.mount.isDead, !process.mount.hasFaulted { fail("an exchange failed: \(error)") }
                result = .failure(error)
            }
            if let tables, case .success(let brought) = result { try await expectLimits(tables, exchange, brought) }
        }
        (process.mount.changesToLive, process.mount.changesToFault, process.mount.hasFaulted) = (nil, nil, false)
        if process.mount.isDead {
            count("kills")
            tell("The \(process) is killed while it writes.")
            return try await died(process)
        }
        note("\(process) exchanged \(TraceText.of(result))")
        if exchange.clockStep != nil, case .success = result, process.clockSteps.areStored { try await expectMovedTimes() }
        process.exchange = (exchange, parties, true)
        after(span(0...5) + (disk.waited - waited), .engine(.exchanged(result), process: process.number))
    }

    func recorded(_ exchange: SyncCore.Exchange, _ result: ExchangeResult) {
        for call in exchange.lanes.flatMap(\.finished) where call.row.payload == .message && call.row.state == .dead {
            count("messages that were given up")
            if let text = try? JSONValue(text: call.claimed.body)["message"]?["body"]?.stringValue {
                givenUpMessages.insert(Messages.id(of: text))
            }
        }
        for lane in exchange.lanes {
            let fenced = result.lanes[lane.remote]?.fenced ?? []
            remotes.recorded(lane.finished, fenced: fenced)
            mutateChecks { $0.recorded(lane.finished, fenced: fenced) }
        }
        for read in result.reads.values { remotes.reconciled(read.reconciled) }
    }

    // MARK: Calls

    private func begin(_ key: CallKey, _ name: String, _ purpose: Engine.CallPurpose, _ process: ServiceProcess) throws {
        guard let remote = process.configured.first(where: { $0.name == name }) else {
            return fail("a call to \(name), which is not configured")
        }
        let call = SimulatedCall(id: key.id, remote: remote, purpose: purpose, startedAt: clock.uptime, process: process.number)
        tell("Call \(key.process)/\(key.id.number): \(call.text)")
        expectDueInDrain(purpose, process)
        calls[key] = call
        remotes.sent(call)
        mutateChecks { $0.called(call, all: calls, isStopping: process.stopBy != nil, wall: clock.wall, at: clock.uptime) }
        after(span(1...30), .callArrives(key))
    }

    /// The process is suspended until then: its call may not have left it yet.
    /// - Returns: whether the call arrives when the process goes on.
    func delay(_ id: CallKey, until end: Duration) -> Bool {
        guard clock.uptime < end, let call = calls[id], call.exchange == nil, call.result == nil, chance(50) else { return false }
        // Another process may make it again as soon as the lease is over. The remote cannot tell which of the two is the older one.
        if end - call.startedAt > call.remote.leaseDuration {
            count("calls that were overtaken")
            calls[id]?.isOver = true
            remotes.overtaken(call)
        }
        queue.enter(.callArrives(id), at: end + .milliseconds(1))
        return true
    }

    func arrive(_ id: CallKey) throws {
        guard let call = calls[id], call.exchange == nil, call.result == nil else { return }
        let mishap = remotes.mishap(with: call, mayDate: !plan.stepsClock, &random)
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
    private func apply(_ id: CallKey, _ fault: FaultRule?, misreportedAs status: Int? = nil) throws {
        guard var call = calls[id] else { return }
        // A former title that a copy shows, as if people had set it, may be adopted, and is sent to the others then.
        if let problem = try remotes.problem(with: call), plan.options.laggingReads == 0, !wasRestored, !call.isOver { fail(problem) }
        if plan.options.laggingReads == 0, !plan.stepsClock, !call.isOver,
            let problem = remotes.guardProblem(with: call, begun: clock.truth - (clock.uptime - call.startedAt))
        {
            fail(problem)
        }
        if plan.options.otherResponses > 0, call.remote.kind.receivesMessages {
            let isOther = !isCalm && chance(plan.options.otherResponses)
            try remotes.finResponds(isOther ? RemoteSystems.wordsOfFin.randomElement(using: &random) : nil)
        }
        let exchange = remotes.receive(call, fault, now: clock.truth)
        tell(
            "Call \(id.process)/\(id.id.number) arrives\(fault.map { " \($0.kind) \($0.status)" } ?? "")\(status.map { " misreported as \($0)" } ?? "")"
        )
        let wait = call.arrived(exchange)
        if plan.isHostile { call.addNumbers() }
        remotes.throughCache(&call, isOld: call.isList && !isCalm && chance(plan.options.oldLists))
        if let status { call.result = .success(HTTPReply(status: status)) }
        call.isGarbled = fault.map { [.garbage, .wrongType, .errorInside].contains($0.kind) } ?? false
        calls[id] = call
        after(wait + span(1...120), .callEnds(id))
        for hook in exchange.webhookCalls {
            if call.remote.name == "fin", let conversation = call.conversation { remotes.finReplied(conversation) }
            send(hook, call.remote.name)
        }
        // To Fin it would be another message.
        guard fault == nil, call.isWrite, call.remote.kind.carriesState, !isCalm, chance(plan.repetitions) else { return }
        count("calls that arrived twice")
        tell("It arrives again.")
        for hook in remotes.receive(call, nil, now: clock.truth).webhookCalls { send(hook, call.remote.name) }
    }

    /// Decides whether a call whose process has ended still arrives.
    func settleArrival(of id: CallKey) throws {
        guard let call = calls[id], call.exchange == nil, call.result == nil, chance(50) else { return }
        try apply(id, nil)
    }

    func end(_ id: CallKey) async throws {
        guard let call = calls.removeValue(forKey: id) else { return }
        let process = processes[id.process]
        remotes.ended(call, isHeard: process != nil, now: clock.truth)
        guard let process else { return }
        let end = call.end(now: clock.wall)
        mutateChecks { $0.ended(call, end, wall: clock.wall, at: clock.uptime) }
        try await handle(.callEnded(id.id, end), process)
    }
}
