import SyncCore

/// Lanes: outcomes first, claims last.
extension ExchangeWork {
    /// Records what a lane has finished. It is first attempted as a whole; if it fails because of its rows, then call by call, leaving out those that
    /// fail.
    mutating func takeIn(_ request: LaneRequest) throws {
        let name = request.remote
        result.lanes[name] = LaneResult()
        if !request.onlyAsks {
            let problem = try attempt { work in
                for finished in request.finished { try work.takeIn(finished) }
                for absence in request.absences { try work.takeIn(absence, of: name) }
                try Store.recordHealth(request, work.session)
            }
            if problem != nil {
                for finished in request.finished {
                    try attempt("outcome of row \(finished.claimed.id)") { try $0.takeIn(finished) }
                }
                for absence in request.absences { try attempt("missing objects of \(name)") { try $0.takeIn(absence, of: name) } }
                try attempt("health of \(name)") { try Store.recordHealth(request, $0.session) }
            }
        }
        // Read before the lane's own state overwrites it: `resume --now` may have ended the pause.
        result.lanes[name]?.orders = try Store.orders(of: name, session)
        if let gate = request.gate { try attempt("gate of \(name)") { try Store.storeGate(gate, of: name, $0.session) } }
    }

    private mutating func takeIn(_ finished: FinishedCall) throws {
        try Store.takeIn(finished, inbound, into: &result.lanes[finished.claimed.remote, default: LaneResult()], session)
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
        let nextDueAt = try Store.nextDue(request.remote, after: now, session)
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
