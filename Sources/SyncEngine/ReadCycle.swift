import SyncCore

/// One poll cycle: the sequence of its calls, and the processing of their responses.
///
/// | phase     | next                                                                                          |
/// |-----------|-----------------------------------------------------------------------------------------------|
/// | preparing | the agents and the rotation are known: listing, or reading if there is no list                |
/// | listing   | a page came: its rows are compared with what is known; the next page, or reading               |
/// | reading   | an object came: its report waits for the batch; the batch is stored: some objects may be read again |
///
/// A list that fails says nothing about the objects: those that were named are read all the same, and the cycle has failed afterwards.
/// One object that fails says little about the others: it is requested again later. If no read of a batch gets a response, the cycle ends.
/// A remote without polls and webhook calls that allows no reads has responded: the request ends.
/// An object that cannot be understood is skipped as well. But if none can be, what responds may not be the remote, and all are requested
/// again.
/// A missing object is skipped: its link is given up only when a call that writes gets that response. But if all requested objects are
/// missing, the URL may be wrong, and nothing is concluded about any of them.
struct ReadCycle: Sendable {
    private enum Phase: Sendable {
        case preparing
        /// Reading the pages of one agent after the other.
        case listing(PageToken?, pagesLeft: Int)
        /// The rows of a page are being compared.
        case comparing(ListPage, pagesLeft: Int)
        case reading
    }

    struct End: Sendable {
        enum Kind: Sendable {
            case through
            case failed(String, of: PollSchedule.Failure)
            case held(until: Instant?)
        }

        var kind: Kind
        var completed: [CompletedRead] = []
        /// The requested objects that got no usable response.
        var failed: [CompletedRead] = []
        /// Whether they are all objects that got none.
        var hasOnlyRequestedFailed = true
    }

    private struct CallInFlight: Sendable {
        /// Nil for a page of the list.
        var read: CompletedRead?
        /// The clock was set since it began.
        var spansStep = false
    }

    var phaseName: String {
        switch phase {
        case .preparing: "preparing"
        case .listing: "listing"
        case .comparing: "comparing"
        case .reading: "reading"
        }
    }

    let scope: PollSchedule.Scope
    /// By the steady clock.
    let beganAt: Instant
    /// Requests for the list, which end with the cycle.
    private(set) var listRequests: [CompletedRead]
    /// Whether more objects were requested than the cycle takes.
    let hasMore: Bool
    private(set) var rotationCursor: RotationCursor?
    private var phase: Phase
    private var agents: [String?] = []
    private var queue: [ReadRequest]
    private var seen: Set<ReadRequest>
    private var inFlight: [Engine.CallID: CallInFlight] = [:]
    private var isAsking = false
    private var interruption: End.Kind?
    private var listFailure: String?
    /// They are read after everything that was named.
    private var rotated: [ReadRequest] = []

    // The batch that is being read.
    private var begunInBatch = 0
    private var reports: [Report] = []
    private var completed: [CompletedRead] = []
    private var missingInBatch: [CompletedRead] = []
    private var unreadableInBatch: [CompletedRead] = []
    private var hasFailedInBatch = false
    private var isStoringBatch = false
    private var storesEarly = false

    // The cycle as a whole.
    private var failed: [CompletedRead] = []
    /// Of the last one.
    private var failure = ""
    private var hasFailures = false
    /// Whether the remote has returned any object: then the URL is right.
    private var hasFound = false
    private var missing: [CompletedRead] = []
    private var understood = 0
    private var unreadable: [CompletedRead] = []
    /// Of the last one.
    private var unreadableReason = ""
    /// Objects with a possibly earlier state, which are read once more; after that the state is accepted.
    private var wasReadAgain: Set<ReadRequest> = []

    init(_ scope: PollSchedule.Scope, _ requests: [ReadRequest], hasMore: Bool, of remote: Remote, _ time: EventTime) {
        self.scope = scope
        beganAt = time.steady
        self.hasMore = hasMore
        // Requests for the list remain waiting if the cycle reads only objects.
        listRequests = scope == .requests ? [] : requests.filter(\.remoteID.isEmpty).map { CompletedRead($0, beganAt: time.wall) }
        var seen: Set<ReadRequest> = []
        queue = requests.filter { !$0.remoteID.isEmpty && seen.insert($0).inserted }
        self.seen = seen
        requested = seen
        phase = scope == .requests ? .reading : .preparing
        isAsking = scope != .requests
        rotation = scope == .list ? remote.poll?.rotate ?? 0 : 0
        includesRecent = scope == .list && !remote.kind.hasList
    }

    private let requested: Set<ReadRequest>
    private let rotation: Int
    private let includesRecent: Bool

    // MARK: Questions

    /// The question to the store that must be answered before the cycle continues.
    var question: ReadRequestsPart.Question? {
        guard isAsking else { return nil }
        switch phase {
        case .preparing: return .cycle(rotation: rotation, includesRecent: includesRecent)
        case .comparing(let page, _): return .known(page.rows.map(\.remoteID))
        case .listing, .reading: return nil
        }
    }

    mutating func take(_ result: ReadResult, of part: ReadRequestsPart, _ remote: Remote, _ context: inout Context) {
        if isStoringBatch, !part.reports.isEmpty || !part.completed.isEmpty { batchStored(result) }
        guard part.question != nil else { return }
        isAsking = false
        switch phase {
        case .preparing:
            agents = result.agents
            rotationCursor = result.rotationCursor ?? RotationCursor(id: StoredKey(""), agent: StoredKey(""))
            rotated = result.rotation
            nextAgent(remote)
        case .comparing(let page, let pagesLeft):
            let agent = agents.first ?? nil
            enqueue(
                page.rows.compactMap { row in
                    let request = ReadRequest(remoteID: row.remoteID, agentID: agent)
                    guard let record = result.known[request] ?? result.known[ReadRequest(remoteID: row.remoteID)],
                        !remote.adapter.news(in: row.observation, knowing: record).isEmpty
                    else { return nil }
                    return request
                })
            if let token = page.next, pagesLeft > 0 {
                phase = .listing(token, pagesLeft: pagesLeft)
            } else {
                agents.removeFirst()
                nextAgent(remote)
            }
        case .listing, .reading: break
        }
    }

    private mutating func nextAgent(_ remote: Remote) {
        while let agent = agents.first {
            if remote.adapter.listCall(agent: agent, after: nil) != nil {
                phase = .listing(nil, pagesLeft: remote.poll?.pages ?? 1)
                return
            }
            agents.removeFirst()
        }
        enqueue(rotated)
        phase = .reading
    }

    private mutating func enqueue(_ objects: [ReadRequest]) {
        queue += objects.filter { seen.insert($0).inserted }
    }

    // MARK: Calls

    var wantsCall: Bool {
        guard interruption == nil, !isStoringBatch, !isAsking else { return false }
        switch phase {
        case .preparing, .comparing: return false
        case .listing: return inFlight.isEmpty
        case .reading: return inFlight.count < Reader.width && !queue.isEmpty && begunInBatch < Reader.batch
        }
    }

    /// The next call, if one is wanted; it counts as made once ``began(_:_:)`` is called.
    mutating func nextCall(_ remote: Remote, _ time: EventTime) -> OutboundCall? {
        while wantsCall {
            switch phase {
            case .listing(let token, _):
                guard let call = remote.adapter.listCall(agent: agents.first ?? nil, after: token) else {
                    agents.removeFirst()
                    nextAgent(remote)
                    continue
                }
                return call
            case .reading:
                let object = queue[0]
                do {
                    return try remote.adapter.readCall(
                        conversationID: object.remoteID,
                        link: Link(remoteID: object.remoteID, agentID: object.agentID ?? remote.adapter.defaultAgent))
                } catch {
                    // A link that cannot be called is reported by planning.
                    completed.append(CompletedRead(object, beganAt: time.wall))
                    begunInBatch += 1
                    queue.removeFirst()
                }
            case .preparing, .comparing: return nil
            }
        }
        return nil
    }

    mutating func began(_ id: Engine.CallID, _ time: EventTime) {
        guard case .reading = phase else {
            inFlight[id] = CallInFlight(read: nil)
            return
        }
        inFlight[id] = CallInFlight(read: CompletedRead(queue.removeFirst(), beganAt: time.wall))
        begunInBatch += 1
    }

    /// The clock was set: the time at which a read began cannot be compared with those that others have stored meanwhile. Objects whose reports are
    /// not stored yet are read again.
    mutating func clockWasSet(by step: Duration) {
        for id in inFlight.keys { inFlight[id]?.spansStep = true }
        queue += (completed + missingInBatch + unreadableInBatch).map(\.request)
        (reports, completed, missingInBatch, unreadableInBatch) = ([], [], [], [])
        listRequests.setBack(by: step)
        missing.setBack(by: step)
        unreadable.setBack(by: step)
        failed.setBack(by: step)
    }

    /// The gate is closed for long; nil: until a person acts.
    mutating func hold(until: Instant?) {
        interruption = .held(until: until)
    }

    /// The rate limit admits the next call only after a while: what was read does not wait for the rest of the batch.
    mutating func storeEarly() { storesEarly = true }

    /// - Returns: whether it was a call of this cycle.
    mutating func ended(
        _ id: Engine.CallID, _ outcome: DeliveryOutcome, _ body: JSONValue?, _ remote: Remote, _ context: inout Context
    ) -> Bool {
        guard let call = inFlight.removeValue(forKey: id) else { return false }
        let reason = outcome.error ?? outcome.outcome.rawValue
        guard let read = call.read else {
            listEnded(outcome, body, reason, remote)
            return true
        }
        if call.spansStep {
            queue.append(read.request)
        } else if let body {
            report(read, body, remote, &context)
        } else if outcome.absence == .route {
            fail(read, reason)
        } else if isNotAllowed(read, outcome, remote) {
            context.report(
                .unreadable(
                    read.request, remote: remote.name, reason: reason,
                    hint: "a response showed something else than what was sent, and \(remote.name) does not allow to read it: "
                        + "let the token read, or look there"))
            completed.append(read)
        } else {
            switch outcome.outcome {
            case .gone: missingInBatch.append(read)
            case .dead, .delivered:
                // Another request would have the same result.
                leaveOut(read, reason, hint: nil, remote, &context)
            case .retry, .throttled, .park, .interrupted: fail(read, reason)
            }
        }
        return true
    }

    /// Whether the response to a requested read is final although it says to stop. A remote without polls and webhook calls is read only after
    /// responses that show something else than was sent, and a token that may write need not be allowed to read.
    private func isNotAllowed(_ read: CompletedRead, _ outcome: DeliveryOutcome, _ remote: Remote) -> Bool {
        remote.poll == nil && remote.webhook == nil && outcome.outcome == .park && outcome.failure == nil
            && requested.contains(read.request)
    }

    private mutating func fail(_ read: CompletedRead, _ reason: String) {
        failed.append(read)
        failure = reason
        hasFailedInBatch = true
    }

    private mutating func listEnded(_ outcome: DeliveryOutcome, _ body: JSONValue?, _ reason: String, _ remote: Remote) {
        guard case .listing(let token, let pagesLeft) = phase else { return }
        guard let body else {
            let isAbsent = outcome.outcome == .gone && outcome.absence != .route
            listFailed(isAbsent ? "the list does not exist: HTTP 404; see remotes.\(remote.name).paths" : "list: \(reason)")
            return
        }
        do {
            phase = .comparing(try remote.adapter.page(in: body, after: token, of: agents.first ?? nil), pagesLeft: pagesLeft - 1)
            isAsking = true
        } catch {
            listFailed("list: \(error.reason)")
        }
    }

    /// The rotation waits for the next list, at the same place: it would be many calls to a remote that may fail as a whole.
    private mutating func listFailed(_ reason: String) {
        listFailure = reason
        rotationCursor = nil
        phase = .reading
    }

    var hasListFailed: Bool { listFailure != nil }

    /// What failed if the list did. If no object responded either, it is not the list alone.
    private var scopeOfListFailure: PollSchedule.Failure {
        understood > 0 || (failed.isEmpty && missing.isEmpty && unreadable.isEmpty) ? .list : .everything
    }

    /// A body that says nothing about the object is reported immediately.
    private mutating func report(_ read: CompletedRead, _ body: JSONValue, _ remote: Remote, _ context: inout Context) {
        hasFound = true
        let (reason, hint): (String, String?)
        do {
            let observation = try remote.adapter.conversation(in: body)
            guard let stray = remote.adapter.strayReport(in: body, asked: read.request.remoteID, of: read.request.agentID) else {
                completed.append(read)
                reports.append(
                    Report(remote: remote.name, subject: .object(read.request), observation: observation, readAt: read.beganAt))
                return
            }
            reason = stray.text
            hint = "it is ignored; check what responds for \(remote.name): a cache, a proxy, remotes.\(remote.name).paths"
        } catch {
            (reason, hint) = (error.reason, nil)
        }
        leaveOut(read, reason, hint: hint, remote, &context)
    }

    /// Its request ends with the cycle, once it is known whether any other object can be understood.
    private mutating func leaveOut(
        _ read: CompletedRead, _ reason: String, hint: String?, _ remote: Remote, _ context: inout Context
    ) {
        context.report(.unreadable(read.request, remote: remote.name, reason: reason, hint: hint))
        unreadableInBatch.append(read)
        unreadableReason = reason
    }

    // MARK: Batches and the end

    private var isBatchOver: Bool {
        guard inFlight.isEmpty, begunInBatch > 0 else { return false }
        return begunInBatch >= Reader.batch || queue.isEmpty || interruption != nil || (storesEarly && !completed.isEmpty)
    }

    /// The results that have to be stored before the cycle continues; nil while a batch is being read, or if there is nothing to store.
    mutating func takeBatch() -> (reports: [Report], completed: [CompletedRead])? {
        guard case .reading = phase, !isStoringBatch, isBatchOver else { return nil }
        understood += reports.count
        missing += missingInBatch
        unreadable += unreadableInBatch
        if hasFailedInBatch {
            let hasResponse = !completed.isEmpty || !missingInBatch.isEmpty || !unreadableInBatch.isEmpty
            if hasResponse {
                hasFailures = true
            } else {
                interruption = interruption ?? .failed(failure, of: understood > 0 ? .objects : .everything)
            }
        }
        defer {
            (reports, completed, missingInBatch, unreadableInBatch) = ([], [], [], [])
            (begunInBatch, storesEarly, hasFailedInBatch) = (0, false, false)
        }
        guard !reports.isEmpty || !completed.isEmpty else { return nil }
        isStoringBatch = true
        return (reports, completed)
    }

    private mutating func batchStored(_ result: ReadResult) {
        isStoringBatch = false
        let again = result.reconciled.filter(\.verdict.mustRead).compactMap(\.object)
        queue += again.filter { wasReadAgain.insert($0).inserted }
    }

    /// How the cycle ended; nil while it goes on.
    mutating func end(_ context: inout Context, _ remote: Remote) -> End? {
        guard inFlight.isEmpty, !isStoringBatch, begunInBatch == 0 else { return nil }
        if interruption == nil {
            guard case .reading = phase, queue.isEmpty, !isAsking else { return nil }
        }
        reportFailed(&context, remote)
        var end = End(kind: .through)
        let (hasMissing, hasUnreadable): (Bool, Bool)
        if let kind = listFailure.map({ End.Kind.failed($0, of: scopeOfListFailure) }) ?? interruption {
            end.kind = kind
            (hasMissing, hasUnreadable) = (hasFound, understood > 0)
        } else if let reason = doubt(remote) {
            end.kind = .failed(reason, of: .everything)
            (hasMissing, hasUnreadable) = (false, false)
        } else {
            (hasMissing, hasUnreadable) = (true, true)
        }
        if hasMissing { reportMissing(&context, remote) }
        var useless = failed
        if hasMissing { end.completed += missing } else { useless += missing }
        if hasUnreadable { end.completed += unreadable } else { useless += unreadable }
        end.failed = useless.filter { requested.contains($0.request) }
        end.hasOnlyRequestedFailed = end.failed.count == useless.count
        return end
    }

    /// Why nothing is concluded from the responses; nil if there is no reason.
    private func doubt(_ remote: Remote) -> String? {
        if understood == 0, unreadable.count > 1 { return "none of \(unreadable.count) objects can be read: \(unreadableReason)" }
        guard missing.count > 1, !hasFound else { return nil }
        return "HTTP 404 for \(missing.count) objects and no other response; see remotes.\(remote.name).url and paths"
    }

    private func reportFailed(_ context: inout Context, _ remote: Remote) {
        guard hasFailures else { return }
        for read in failed { context.report(.unreadable(read.request, remote: remote.name, reason: failure, hint: nil)) }
    }

    /// Missing objects are reported once, and not requested again.
    private func reportMissing(_ context: inout Context, _ remote: Remote) {
        for read in missing {
            context.report(
                .unreadable(
                    read.request, remote: remote.name, reason: "HTTP 404: \(remote.name) does not know this object",
                    hint: "correct its row in the table links, or delete it; what changes here is sent all the same"))
        }
    }
}

extension [CompletedRead] {
    /// After the clock was set. What is not corrected is too early, so that a later request is not taken for a served one.
    mutating func setBack(by step: Duration) {
        for index in indices { self[index].beganAt = self[index].beganAt + Swift.min(step, .zero) }
    }
}
