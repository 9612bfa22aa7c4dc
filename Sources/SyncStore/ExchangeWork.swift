import SyncCore

/// The execution of one exchange. It is made within the transaction.
struct ExchangeWork {
    let exchange: Exchange
    let parties: Parties
    let inbound: InboundContext
    let session: any Session
    let timestampRuns: TimestampRegister.Runs
    let rolledBack: RolledBackParts
    /// The present time by the clock that the exchange was made with. A process may have been kept from running since it made the exchange, or
    /// waited for the write lock: what others have stored meanwhile does not lie in the future.
    let now: Instant
    var result = ExchangeResult()
    var run: RunRecord
    /// The lower half of the last fencing value.
    var leaseCounter: Int64

    init(
        _ exchange: Exchange, _ parties: Parties, _ timestampRuns: TimestampRegister.Runs, rolledBack: RolledBackParts = .init(),
        _ session: any Session
    ) {
        self.exchange = exchange
        self.parties = parties
        self.session = session
        self.timestampRuns = timestampRuns
        self.rolledBack = rolledBack
        now = exchange.now + max(.zero, (parties.uptime?() ?? exchange.uptime) - exchange.uptime)
        inbound = parties.inboundContext(now: now)
        run = RunRecord(exchange.run, processID: exchange.leases.processID)
        leaseCounter = exchange.leases.counter
    }

    func remote(_ name: String) -> RemoteParticipation? { parties.remotes.first { $0.name == name } }

    /// All parts, in an order in which each can rely on those before it.
    mutating func write() throws {
        result.hasWritten = true
        try Store.followClock(of: exchange, session)
        if let inFlight = exchange.recoversExcept {
            result.recovery = try Store.recover(now: now, except: inFlight, isGone: parties.isGone, session)
        }
        for request in exchange.lanes { try takeIn(request) }
        for events in exchange.events { try store(events) }
        for part in exchange.reads { try takeIn(part) }
        if exchange.processesInbox { try processInbox() }
        if let page = exchange.plan { try plan(page) }
        for request in exchange.lanes { try claim(request) }
        for part in exchange.reads { try respond(to: part) }
        try endRun()
    }

    /// Collects the requested results if nothing has to be written.
    /// - Returns: false if something has to be written.
    mutating func readOnly() throws -> Bool {
        guard try !hasWork() else { return false }
        if let page = exchange.plan { try planNothing(page) }
        for request in exchange.lanes {
            result.lanes[request.remote] = LaneResult()
            result.lanes[request.remote]?.orders = try Store.orders(of: request.remote, session)
            try findDue(request)
        }
        for part in exchange.reads { try respond(to: part) }
        result.runID = run.id
        result.hasEndedRun = try isRunOver()
        return true
    }

    private func hasWork() throws -> Bool {
        if try Store.clockStep(of: exchange, session) != nil { return true }
        if let inFlight = exchange.recoversExcept, try Store.hasStrayClaims(except: inFlight, session) { return true }
        if exchange.processesInbox, try Store.hasInboxWork(inbound, waiting: WaitingLimits(), session) { return true }
        if let page = exchange.plan, try hasWork(for: page) { return true }
        for request in exchange.lanes where try isClaimable(request) { return true }
        return try run.id != nil && isRunOver()
    }

    // MARK: Savepoints

    /// Carries out a part in a savepoint.
    /// - Parameter name: of the part, unique in the exchange: by it, a part that has rolled back the transaction is recognised in the next attempt.
    /// - Returns: the error that concerns the part's own rows, in which case the part was rolled back; nil on success.
    /// - Throws: errors that concern the database as a whole.
    mutating func attempt(as name: String, _ part: (inout ExchangeWork) throws -> Void) throws -> StoreError? {
        if let problem = rolledBack[name] { return problem }
        let before = self
        do {
            try session.transaction(.writing) { try part(&self) }
            return nil
        } catch {
            let problem = session.storeError(error)
            rolledBack.note(problem, of: name)
            guard problem.concernsRows else { throw error }
            self = before
            return problem
        }
    }

    /// The same, and reports a part that was left out.
    /// - Parameter name: if several parts have the same subject.
    mutating func attempt(_ subject: String, as name: String? = nil, _ part: (inout ExchangeWork) throws -> Void) throws {
        if let problem = try attempt(as: name ?? subject, part) { result.add(problem, of: subject) }
    }

    // MARK: The run

    private mutating func endRun() throws {
        let isOver = try isRunOver()
        try run.add(result.plan?.batch ?? PlanBatch(), isOver: isOver, now: now, session)
        result.runID = run.id
        result.hasEndedRun = isOver
    }

    /// Whether the run ends with this exchange: nothing is left to plan, and nothing was claimed.
    private func isRunOver() throws -> Bool {
        if exchange.run.ends { return true }
        guard exchange.run.endsIfDone, result.lanes.values.allSatisfy(\.claimed.isEmpty) else { return false }
        let names = Store.feedTargets(parties.remotes)
        return try !Store.hasUnplanned(of: names, session)
            && !Store.hasReadyMessage(of: Store.messageTargets(parties.remotes), session)
            && !Store.isReplanning(parties.remotes, session)
    }
}
