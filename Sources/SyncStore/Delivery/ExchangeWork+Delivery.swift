import SyncCore

/// Lanes: outcomes first, claims last.
extension ExchangeWork {
    /// Records what a lane has finished. It is first attempted as a whole; if it fails because of its rows, then call by call, leaving out those that
    /// fail.
    mutating func takeIn(_ request: LaneRequest) throws {
        let name = request.remote
        result.lanes[name] = LaneResult()
        if !request.onlyAsks {
            let problem = try attempt(as: "lane \(name)") { work in
                for finished in request.finished { try work.takeIn(finished) }
                for read in request.reads { try work.takeIn(read) }
                for absence in request.absences { try work.takeIn(absence, of: name) }
                try Store.recordHealth(request, work.session)
            }
            if problem != nil {
                for finished in request.finished { try takeInAlone(finished) }
                for read in request.reads { try takeInAlone(read) }
                for (number, absence) in request.absences.enumerated() {
                    let subject = "missing objects of \(name)"
                    try attempt(subject, as: "\(subject) \(number)") { try $0.takeIn(absence, of: name) }
                }
                try attempt("health of \(name)") { try Store.recordHealth(request, $0.session) }
            }
        }
        // Read before the lane's own state overwrites it: `resume --now` may have ended the pause.
        result.lanes[name]?.orders = try Store.orders(of: name, session)
        if let gate = request.gate { try attempt("gate of \(name)") { try Store.storeGate(gate, of: name, $0.session) } }
    }

    /// Records the end of one call. If what its response shows cannot be adopted, the acknowledgement is recorded without that:
    /// otherwise the call would be repeated whenever its lease ends.
    private mutating func takeInAlone(_ finished: FinishedCall) throws {
        let id = finished.claimed.id
        guard let problem = try attempt(as: "outcome of row \(id)", { try $0.takeIn(finished) }) else { return }
        guard let bare = finished.withoutReport else { return result.add(problem, of: "outcome of row \(id)") }
        let remaining = try attempt(as: "outcome of row \(id) alone") { work in
            try work.takeIn(bare)
            try work.requestReading(after: bare)
        }
        result.add(problem, of: remaining == nil ? "response to row \(id)" : "outcome of row \(id)")
    }

    /// What the response showed is found out by a read. Messages have no object that can be read.
    private func requestReading(after finished: FinishedCall) throws {
        let claimed = finished.claimed
        guard claimed.row.payload == .state, remote(claimed.remote)?.isReadable == true else { return }
        let object = ReadRequest(remoteID: claimed.targetID, agentID: claimed.agent)
        _ = try Store.requestReading(session, object, of: claimed.remote, now: now)
    }

    private mutating func takeIn(_ finished: FinishedCall) throws {
        try Store.takeIn(finished, inbound, into: &result.lanes[finished.claimed.remote, default: LaneResult()], session)
    }

    private mutating func takeIn(_ read: ReadBeforeWrite) throws {
        try Store.takeIn(read, inbound, into: &result.lanes[read.claimed.remote, default: LaneResult()], session)
    }

    /// A row whose read cannot be taken in is not sent.
    private mutating func takeInAlone(_ read: ReadBeforeWrite) throws {
        let subject = "the read before row \(read.claimed.id)"
        guard let problem = try attempt(as: subject, { try $0.takeIn(read) }) else { return }
        result.add(problem, of: subject)
        try attempt("\(subject), which is put off") { [now] in
            try Store.postpone(read, because: "\(subject): \(problem)", now: now, $0.session)
        }
    }

    private mutating func takeIn(_ absence: AbsenceRecord, of name: String) throws {
        result.lanes[name, default: LaneResult()].takenBack += try Store.record(absence, of: name, now: now, session)
    }

    // MARK: Claims

    /// Claims rows, and finds out when the next ones fall due.
    ///
    /// A claim is a lease with a fencing value: every update of a claimed row names the value it holds, so a process that has lost its lease changes
    /// nothing. The fencing value is unique in the file: process id in the upper half, a counter in the lower half.
    mutating func claim(_ request: LaneRequest) throws {
        if let claim = request.claim, claim.rows > 0, mayClaim(request) {
            leaseCounter += 1
            try Store.claim(
                claim, of: request.remote, at: remote(request.remote), lease: exchange.leases.processID << 32 | leaseCounter, now: now,
                into: &result.lanes[request.remote, default: LaneResult()], session)
        }
        try findDue(request)
    }

    mutating func findDue(_ request: LaneRequest) throws {
        let isAsked = request.claim.map { $0.rows > 0 } ?? false
        // Retries that fell due after the claim was wanted were not claimed. Those that a drain leaves are not due for it.
        let claimedBy = request.retriesDueBy == nil ? request.claim?.retriesDueBy : nil
        let nextDueAt = try Store.nextDue(request.remote, after: min(now, claimedBy ?? now), session)
        let isSomethingDue =
            try !isAsked && mayClaim(request)
            && Store.isSomethingDue(request.remote, by: now, retriesBy: request.retriesDueBy.map { min(now, $0) }, session)
        result.lanes[request.remote]?.nextDueAt = nextDueAt
        result.lanes[request.remote]?.isSomethingDue = isSomethingDue
    }

    /// Rows from before the remote was disabled or its configuration changed wait until every conversation is on the feed. After that, rows of
    /// conversations that are waiting to be planned are skipped.
    private func mayClaim(_ request: LaneRequest) -> Bool {
        guard let orders = result.lanes[request.remote]?.orders else { return false }
        return !orders.isPaused && !orders.isBeingFed
    }

    /// Whether a claim would find a row, to decide whether anything has to be written.
    func isClaimable(_ request: LaneRequest) throws -> Bool {
        guard let claim = request.claim, claim.rows > 0 else { return false }
        let orders = try Store.orders(of: request.remote, session)
        guard !orders.isPaused, !orders.isBeingFed else { return false }
        return try Store.isSomethingDue(request.remote, by: now, retriesBy: min(now, claim.retriesDueBy), session)
    }
}

extension FinishedCall {
    /// The same acknowledgement as if its response had shown no values; nil if there is nothing to leave out. The date stays: it is that of
    /// our own call.
    fileprivate var withoutReport: FinishedCall? {
        guard outcome?.outcome == .delivered, outcome?.observation != nil || news != nil else { return nil }
        var bare = self
        bare.outcome?.observation = outcome?.observation.map { Observation(changedAt: $0.changedAt) }
        bare.news = nil
        return bare
    }
}
