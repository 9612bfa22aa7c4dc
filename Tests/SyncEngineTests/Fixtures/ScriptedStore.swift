import SyncCore

/// A store made of a few lists: it carries out an exchange by the rules that the engine relies on.
struct ScriptedStore {
    /// Something to plan: a conversation at a remote.
    struct Entry: Equatable {
        var conversation: String
        var remote: String
        var since: Instant
    }

    struct Row {
        var conversation: String
        var remote: String
        var row: OutboxRow
    }

    /// Remotes that are planned when nothing of the conversation is about to be sent elsewhere.
    var pushedLast: Set<String> = []
    var feed: [Entry] = []
    var rows: [Int64: Row] = [:]
    /// Requested objects, by remote.
    var requests: [String: [ReadRequest]] = [:]
    /// When those are due again whose read failed, by remote.
    private var waits: [String: [ReadRequest: Instant]] = [:]
    /// What the rotation of a poll cycle reads, by remote.
    var rotation: [String: [ReadRequest]] = [:]
    var orders: [String: RemoteOrders] = [:]
    var inbox = 0
    /// When the claims of other processes end.
    var claimsOfOthers: [Instant] = []
    /// The number of entries in a page of planning.
    var pageSize = 500
    private(set) var runs = 0
    private(set) var isRunOpen = false
    private var lastRow: Int64 = 0

    mutating func change(_ conversation: String, at remotes: [String], now: Instant) {
        feed += remotes.map { Entry(conversation: conversation, remote: $0, since: now) }
    }

    /// A row as planning leaves it, or a failed attempt.
    @discardableResult
    mutating func addRow(_ conversation: String, at remote: String, attempts: Int = 0, dueAt: Instant) -> Int64 {
        lastRow += 1
        rows[lastRow] = Row(
            conversation: conversation, remote: remote, row: OutboxRow(payload: .state, attempts: attempts, dueAt: dueAt))
        return lastRow
    }

    func states(at remote: String? = nil) -> [OutboxState: Int] {
        rows.values.reduce(into: [:]) { if remote == nil || $1.remote == remote { $0[$1.row.state, default: 0] += 1 } }
    }

    // MARK: One transaction

    mutating func carryOut(_ exchange: Exchange) -> ExchangeResult {
        let now = exchange.now
        var result = ExchangeResult()
        if let step = exchange.clockStep { for id in rows.keys { move(id, by: step) } }
        if exchange.recoversExcept != nil, !claimsOfOthers.isEmpty {
            var recovery = RecoveredClaims()
            recovery.rows = claimsOfOthers.count { $0 <= now }
            claimsOfOthers.removeAll { $0 <= now }
            recovery.claimedUntil = claimsOfOthers.min()
            result.recovery = recovery
        }
        for request in exchange.lanes { result.lanes[request.remote] = record(request) }
        for received in exchange.events { result.events[received.ticket] = receive(received) }
        for part in exchange.reads { result.reads[part.remote] = read(part, now: now) }
        if exchange.processesInbox, inbox > 0 {
            inbox -= min(inbox, 200)
            result.hasMoreInbox = inbox > 0
        }
        if let page = exchange.plan { result.plan = plan(page, now: now) }
        for request in exchange.lanes { claim(request, now: now, &result) }
        for part in exchange.reads {
            let waiting = (waits[part.remote] ?? [:]).filter { $0.value > now }
            let due = (requests[part.remote] ?? []).filter { waiting[$0] == nil }
            result.reads[part.remote]?.hasRequests = !due.isEmpty
            result.reads[part.remote]?.nextRequestAt = waiting.values.min()
            result.reads[part.remote]?.requests = Array(due.prefix(part.requests))
        }
        closeRun(exchange.run, &result)
        result.retention = exchange.retention
        let hasClaimed = result.lanes.values.contains { !$0.claimed.isEmpty }
        result.hasWritten = !exchange.mayOnlyRead || hasClaimed || (result.plan?.batch.takenOff ?? 0) > 0
        return result
    }

    private mutating func move(_ id: Int64, by step: Duration) {
        guard var row = rows[id], !row.row.state.isFinished else { return }
        row.row.dueAt = row.row.dueAt + step
        rows[id] = row
    }

    private mutating func record(_ request: LaneRequest) -> LaneResult {
        var result = LaneResult()
        result.orders = orders[request.remote] ?? .init()
        for call in request.finished {
            guard rows[call.claimed.id]?.row.state == .sending else {
                result.fenced.append(call.claimed.id)
                continue
            }
            rows[call.claimed.id]?.row = call.row
        }
        return result
    }

    /// - Returns: the number of new events.
    private mutating func receive(_ received: ReceivedEvents) -> Int {
        for notice in received.notices {
            switch notice {
            case .changed(let id, let agent):
                let request = ReadRequest(remoteID: id, agentID: agent)
                requests[received.remote, default: []].append(request)
                waits[received.remote]?[request] = nil
            case .somethingChanged: requests[received.remote, default: []].append(ReadRequest(remoteID: ""))
            case .status, .message: inbox += 1
            }
        }
        return received.notices.count
    }

    /// No object that is read has changed.
    private mutating func read(_ part: ReadRequestsPart, now: Instant) -> ReadResult {
        var result = ReadResult()
        for read in part.completed {
            requests[part.remote]?.removeAll { $0 == read.request }
            waits[part.remote]?[read.request] = nil
        }
        for read in part.failed where requests[part.remote]?.contains(read.request) == true {
            requests[part.remote]?.removeAll { $0 == read.request }
            requests[part.remote]?.append(read.request)
            waits[part.remote, default: [:]][read.request] = now + read.rest
        }
        result.reconciled = part.reports.map { report in
            var object: ReadRequest?
            if case .object(let request) = report.subject { object = request }
            return Reconciled(
                conversationID: object?.remoteID ?? "", remote: part.remote, verdict: Verdict(kind: .unchanged, rule: ""), isNew: false,
                object: object)
        }
        if case .cycle? = part.question { (result.agents, result.rotation) = ([nil], rotation[part.remote] ?? []) }
        return result
    }

    private mutating func plan(_ page: PlanPage, now: Instant) -> PlanResult {
        var result = PlanResult(brake: page.brake)
        for entry in feed.sorted(by: { !pushedLast.contains($0.remote) && pushedLast.contains($1.remote) }) {
            if pushedLast.contains(entry.remote), isAwaited(entry, page), now - entry.since < page.stall {
                result.nextPlanAt = min(result.nextPlanAt ?? entry.since + page.stall, entry.since + page.stall)
                continue
            }
            guard result.batch.examined < pageSize else {
                result.hasMore = true
                break
            }
            feed.removeAll { $0 == entry }
            addRow(entry.conversation, at: entry.remote, dueAt: now)
            result.batch.examined += 1
            result.batch.takenOff += 1
            result.batch.planned += 1
        }
        return result
    }

    /// Whether something of the conversation is about to be sent to another remote.
    private func isAwaited(_ entry: Entry, _ page: PlanPage) -> Bool {
        rows.values.contains { row in
            row.conversation == entry.conversation && row.remote != entry.remote
                && (row.row.state == .sending
                    || row.row.state == .pending && row.row.attempts == 0 && page.delivering.contains(row.remote))
        }
    }

    private mutating func claim(_ request: LaneRequest, now: Instant, _ result: inout ExchangeResult) {
        let waiting = rows.filter { $0.value.remote == request.remote && $0.value.row.state == .pending }
        let due = waiting.filter { $0.value.row.dueAt <= now }.sorted { ($0.value.row.dueAt, $0.key) < ($1.value.row.dueAt, $1.key) }
        var lane = result.lanes[request.remote] ?? .init()
        lane.nextDueAt = waiting.values.map(\.row.dueAt).filter { $0 > now }.min()
        if let claim = request.claim {
            let failed = due.filter { $0.value.row.attempts > 0 && $0.value.row.dueAt <= claim.retriesDueBy }
            let fresh = due.filter { $0.value.row.attempts == 0 }
            let retries = failed.prefix(fresh.isEmpty ? claim.rows : claim.retries)
            lane.hasLeftRetries = retries.count < failed.count
            for (id, row) in (fresh + retries).prefix(claim.rows) {
                rows[id]?.row.state = .sending
                var claimed = MadeUp.claimedRow(
                    id, row.conversation, at: row.remote, attempts: row.row.attempts, leaseUntil: now + claim.leaseDuration)
                claimed.row = row.row
                claimed.row.state = .sending
                lane.claimed.append(claimed)
            }
        } else {
            lane.isSomethingDue = !due.isEmpty
        }
        result.lanes[request.remote] = lane
    }

    private mutating func closeRun(_ part: RunPart, _ result: inout ExchangeResult) {
        guard part.mustBeWritten || (result.plan?.batch.planned ?? 0) > 0 || part.id != nil else { return }
        if part.id == nil {
            runs += 1
            isRunOpen = true
        }
        result.runID = part.id ?? Int64(runs)
        let isDone = part.endsIfDone && feed.isEmpty && !rows.values.contains { $0.row.state == .sending }
        if part.ends || isDone {
            result.hasEndedRun = true
            isRunOpen = false
        }
    }
}
