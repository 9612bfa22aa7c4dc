import SyncCore
import SyncRemotes
import SyncStore

/// Reads one remote: its list, the objects that the list or a hook named, and some linked conversations in rotation.
///
/// Lists only say where to look; what is reconciled was read from the object itself. Reads go through the remote's lane, so its rate
/// limit and its holds cover them. A read in progress never holds up a run.
package actor Poller {
    /// Objects that hooks and lists named, read in one go at most.
    private static let requestLimit = 200
    /// Reads in flight at once.
    private static let width = 4
    /// Answers that are reconciled together.
    private static let batch = 50

    private let remote: Remote
    private let adapter: any Adapter
    private let lane: Lane
    private let store: Store
    private let reporter: InboundReporter
    private let inbound: @Sendable (Instant) -> InboundContext
    private let now: @Sendable () -> Instant
    /// Called when something was taken over that has to be planned, or has to be read later.
    private let onWork: @Sendable () -> Void
    private var schedule: PollSchedule
    private var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    private var lastWaiter = 0
    private var seenResumptions = 0

    init(
        remote: Remote, lane: Lane, store: Store, reporter: InboundReporter,
        inbound: @escaping @Sendable (Instant) -> InboundContext, now: @escaping @Sendable () -> Instant,
        onWork: @escaping @Sendable () -> Void
    ) {
        self.remote = remote
        adapter = remote.adapter
        self.lane = lane
        self.store = store
        self.reporter = reporter
        self.inbound = inbound
        self.now = now
        self.onWork = onWork
        schedule = PollSchedule(interval: remote.poll?.interval, now: now())
    }

    /// When something is due to be read by itself.
    package var nextAt: Instant? { schedule.nextAt }

    package var isReading: Bool { schedule.isReading }

    /// Begins to read what is due, in the background.
    /// - Returns: whether something was due.
    package func start() async -> Bool {
        let resumptions = await lane.resumptions
        if resumptions != seenResumptions {
            seenResumptions = resumptions
            schedule.resumed(now: now())
        }
        let requests = (try? await store.readRequests(of: remote.name, limit: Poller.requestLimit)) ?? []
        let objects = requests.filter { !$0.remoteID.isEmpty }
        let begun = schedule.begin(hasRequests: !objects.isEmpty, asksForList: objects.count < requests.count, now: now())
        guard let begun else { return false }
        // Who asked for the list keeps waiting where only objects are read.
        Task { await self.look(begun == .requests ? objects : requests, begun, hasMore: requests.count == Poller.requestLimit) }
        return true
    }

    /// Returns when nothing is being read any more, or after the span.
    package func wait(atMost span: Duration) async {
        guard schedule.isReading else { return }
        lastWaiter += 1
        let number = lastWaiter
        await withCheckedContinuation { continuation in
            waiters[number] = continuation
            Task {
                try? await Task.sleep(for: span)
                waiters.removeValue(forKey: number)?.resume()
            }
        }
    }

    private func end(_ hasWork: Bool) {
        if hasWork { onWork() }
        for waiter in waiters.values { waiter.resume() }
        waiters = [:]
    }

    // MARK: One look

    private enum Interruption: Error {
        case held(until: Instant?)
        case failed(String)
    }

    private func look(_ requests: [ReadRequest], _ look: PollSchedule.Look, hasMore: Bool) async {
        let startedAt = now()
        do {
            var objects = requests.filter { !$0.remoteID.isEmpty }
            if look != .requests { objects += try await changedInList() }
            if look == .list { objects += try await inRotation() }
            let (hasNews, hasFailures) = try await read(unique(objects))
            try await store.endReadRequests(
                requests.filter(\.remoteID.isEmpty).map { CompletedRead($0, beganAt: startedAt) }, of: remote.name)
            // Objects that hooks named say nothing about the list.
            if look != .requests || remote.poll == nil {
                try await store.noteRead(remote.name, now: now())
                reporter.reportRead(remote.name, failure: nil)
            }
            // Hooks that came meanwhile do not ask for a run each.
            let isLeft = try await !store.readRequests(of: remote.name, limit: 1).isEmpty
            let looksAgain = schedule.ended(hasSingleFailures: hasFailures, hasMore: hasMore, now: now())
            end(hasNews || looksAgain || isLeft)
        } catch Interruption.held(let until) {
            end(schedule.held(until: until, now: now()))
        } catch Interruption.failed(let reason) {
            reporter.reportRead(remote.name, failure: reason)
            await noteFailure(reason)
            end(schedule.failed(now: now()))
        } catch {
            reporter.reportPostponed(remote.name, error: "\(error)")
            end(schedule.failed(now: now()))
        }
    }

    private func noteFailure(_ reason: String) async {
        do {
            try await store.noteReadFailure(remote.name, error: reason, now: now())
        } catch {
            reporter.reportPostponed(remote.name, error: "\(error)")
        }
    }

    private func unique(_ objects: [ReadRequest]) -> [ReadRequest] {
        var seen: Set<ReadRequest> = []
        return objects.filter { seen.insert($0).inserted }
    }

    private func list(_ call: OutboundCall) async throws -> JSONValue {
        switch await lane.read(call) {
        case .body(let body): return body
        case .gone: throw Interruption.failed("the list does not exist: HTTP 404; see remotes.\(remote.name).paths")
        case .failed(let reason), .refused(let reason), .noRoute(let reason): throw Interruption.failed("list: \(reason)")
        case .held(let until): throw Interruption.held(until: until)
        }
    }

    // MARK: List

    /// Linked objects of which the list says something that is not known.
    private func changedInList() async throws -> [ReadRequest] {
        var changed: [ReadRequest] = []
        for agent in try await store.agents(of: remote.participation) {
            var token: PageToken?
            for _ in 0..<(remote.poll?.pages ?? 1) {
                guard let call = adapter.listCall(agent: agent, after: token) else { break }
                let body = try await list(call)
                let page: ListPage
                do {
                    page = try adapter.page(in: body, after: token)
                } catch {
                    throw Interruption.failed("list: \(error.reason)")
                }
                changed += try await changedRows(page, agent: agent)
                token = page.next
                if token == nil { break }
            }
        }
        return changed
    }

    private func changedRows(_ page: ListPage, agent: String?) async throws -> [ReadRequest] {
        let known = try await store.records(of: page.rows.map(\.remoteID), at: remote.name)
        return page.rows.compactMap { row in
            let request = ReadRequest(remoteID: row.remoteID, agentID: agent)
            guard let record = known[request] ?? known[ReadRequest(remoteID: row.remoteID)],
                !adapter.news(in: row.observation, knowing: record).isEmpty
            else { return nil }
            return request
        }
    }

    private func inRotation() async throws -> [ReadRequest] {
        let limit = remote.poll?.rotate ?? 0
        var objects = try await store.nextInRotation(remote.participation, limit: limit)
        // Without a list the most recent ones are the likeliest to have changed.
        if !remote.kind.hasList { objects += try await store.recentlyAcknowledged(remote.name, limit: limit) }
        return objects
    }

    // MARK: Objects

    /// What became of the reads of a batch.
    private struct Batch {
        var reports: [Report] = []
        /// Objects whose read was answered with a body, or will not be answered otherwise.
        var answered: [CompletedRead] = []
        var missing: [CompletedRead] = []
        /// Whether the remote has shown any object: then the URL is right.
        var hasFound = false
        /// Why the remote's answers about objects say nothing.
        var unreadable: [String] = []
        var failed: [ReadRequest] = []
        var failure: String?
        var hold: Interruption?
    }

    private enum Reading: Sendable {
        case found(CompletedRead, Report)
        /// A body came that says nothing about the object.
        case unreadable(CompletedRead, reason: String)
        /// There is no use in asking again. No reason: planning reports it.
        case refused(CompletedRead, reason: String?)
        /// The remote says that there is no such object.
        case missing(CompletedRead)
        case failed(ReadRequest, reason: String)
        case held(until: Instant?)
    }

    /// One object that fails says little about the others: what was read is taken in, and it is asked for again later. If no read of a
    /// batch is answered, the look ends.
    ///
    /// A missing object is left alone: its link is only given up when a call that writes is answered so. But where all that is asked for is
    /// missing, the URL may be wrong, and nothing is known about any of it.
    /// - Returns: whether something has to be planned because of what they say, and whether some failed.
    private func read(_ objects: [ReadRequest]) async throws -> (hasNews: Bool, hasFailures: Bool) {
        var hasNews = false
        var hasFailures = false
        var hasFound = false
        var missing: [CompletedRead] = []
        // What was told of the objects that answered with a body or a refusal.
        var understood = 0
        var unreadable: [String] = []
        var rest = objects[...]
        // What may be a former state is read once more at once, and then believed.
        var wasReadAgain: Set<ReadRequest> = []
        while !rest.isEmpty {
            let requested = Array(rest.prefix(Poller.batch))
            rest = rest.dropFirst(requested.count)
            let batch = await batch(requested)
            let results = try await store.reconcile(batch.reports, inbound(now()))
            reporter.report(results)
            try await store.endReadRequests(batch.answered, of: remote.name)
            hasFound = hasFound || batch.hasFound
            understood += batch.reports.count
            unreadable += batch.unreadable
            missing += batch.missing
            if hasFound {
                try await leave(missing)
                missing = []
            }
            let again = results.filter(\.verdict.mustRead).compactMap(\.object)
            rest += unique(again).filter { wasReadAgain.insert($0).inserted }
            if results.contains(where: { !$0.verdict.changes.isEmpty || $0.verdict.mustPlan || $0.verdict.mustRead }) { hasNews = true }
            if let hold = batch.hold { throw hold }
            guard let failure = batch.failure else { continue }
            if batch.answered.isEmpty, batch.missing.isEmpty { throw Interruption.failed(failure) }
            hasFailures = true
            for object in batch.failed { reporter.reportUnreadable(object, remote: remote.name, reason: failure) }
        }
        if understood == 0, unreadable.count > 1, let reason = unreadable.last {
            throw Interruption.failed("none of \(unreadable.count) objects can be read: \(reason)")
        }
        guard missing.count > 1 else {
            try await leave(missing)
            return (hasNews, hasFailures)
        }
        throw Interruption.failed(
            "HTTP 404 for \(missing.count) objects and no other response; see remotes.\(remote.name).url and paths")
    }

    /// What is missing is said once, and not asked for again.
    private func leave(_ missing: [CompletedRead]) async throws {
        for read in missing {
            reporter.reportUnreadable(
                read.request, remote: remote.name, reason: "HTTP 404: \(remote.name) does not know this object",
                hint: "correct its row in the table links, or delete it; what changes here is sent all the same")
        }
        try await store.endReadRequests(missing, of: remote.name)
    }

    private func batch(_ objects: [ReadRequest]) async -> Batch {
        await withTaskGroup(of: Reading.self) { group in
            var rest = objects[...]
            var batch = Batch()
            for object in rest.prefix(Poller.width) { group.addTask { await self.read(object) } }
            rest = rest.dropFirst(Poller.width)
            while let reading = await group.next() {
                switch reading {
                case .found(let read, let report):
                    batch.hasFound = true
                    batch.answered.append(read)
                    batch.reports.append(report)
                case .unreadable(let read, let reason):
                    batch.hasFound = true
                    batch.answered.append(read)
                    batch.unreadable.append(reason)
                case .refused(let read, let reason):
                    batch.answered.append(read)
                    if let reason { batch.unreadable.append(reason) }
                case .missing(let read):
                    batch.missing.append(read)
                case .failed(let object, let reason):
                    batch.failed.append(object)
                    batch.failure = reason
                case .held(let until):
                    batch.hold = .held(until: until)
                    rest = []
                }
                if let object = rest.popFirst() { group.addTask { await self.read(object) } }
            }
            return batch
        }
    }

    private func read(_ object: ReadRequest) async -> Reading {
        let read = CompletedRead(object, beganAt: now())
        let call: OutboundCall
        do {
            call = try adapter.readCall(
                conversationID: object.remoteID, link: Link(remoteID: object.remoteID, agentID: object.agentID ?? adapter.defaultAgent))
        } catch {
            // A link that cannot be called is planning's to report.
            return .refused(read, reason: nil)
        }
        switch await lane.read(call) {
        case .body(let body): return report(read, body)
        case .gone: return .missing(read)
        case .refused(let reason):
            reporter.reportUnreadable(object, remote: remote.name, reason: reason)
            return .refused(read, reason: reason)
        case .failed(let reason), .noRoute(let reason): return .failed(object, reason: reason)
        case .held(let until): return .held(until: until)
        }
    }

    /// A body that says nothing about the object is reported at once.
    private func report(_ read: CompletedRead, _ body: JSONValue) -> Reading {
        let (reason, hint): (String, String?)
        do {
            let observation = try adapter.conversation(in: body)
            guard let stray = adapter.strayReport(in: body, asked: read.request.remoteID) else {
                return .found(
                    read, Report(remote: remote.name, subject: .object(read.request), observation: observation, readAt: read.beganAt))
            }
            reason = stray.text
            hint = "it is ignored; check what responds for \(remote.name): a cache, a proxy, remotes.\(remote.name).paths"
        } catch {
            (reason, hint) = (error.reason, nil)
        }
        reporter.reportUnreadable(read.request, remote: remote.name, reason: reason, hint: hint)
        return .unreadable(read, reason: reason)
    }
}
