import SyncCore
import SyncRemotes
import SyncStore

/// Reads one remote: its list, the objects that the list or a hook named, and some linked conversations in rotation.
///
/// Lists only say where to look; what is reconciled was read from the object itself. Reads go through the remote's lane, so its rate
/// limit and its holds cover them. A read in progress never holds up a run.
package actor Poller {
    /// Objects that hooks and lists named, worked off in one go at most.
    private static let requestLimit = 200
    /// Reads in flight at once.
    private static let width = 4
    /// Answers that are reconciled together.
    private static let batch = 50

    private let remote: RemoteConfiguration
    private let adapter: any RemoteAdapter
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

    init(
        remote: RemoteConfiguration, lane: Lane, store: Store, reporter: InboundReporter,
        inbound: @escaping @Sendable (Instant) -> InboundContext, now: @escaping @Sendable () -> Instant,
        onWork: @escaping @Sendable () -> Void
    ) {
        self.remote = remote
        adapter = remote.kind.adapter(remote.profile)
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

    /// Begins to read what is due, in the background.
    /// - Returns: whether something was due.
    package func start() async -> Bool {
        let requests = (try? await store.readRequests(of: remote.name, limit: Poller.requestLimit)) ?? []
        guard let look = schedule.begin(hasRequests: !requests.isEmpty, now: now()) else { return false }
        Task { await self.look(requests, isListDue: look == .list) }
        return true
    }

    /// Returns when nothing is being read any more, or after the span.
    package func wait(atMost span: Span) async {
        guard schedule.isReading else { return }
        lastWaiter += 1
        let number = lastWaiter
        await withCheckedContinuation { continuation in
            waiters[number] = continuation
            Task {
                try? await Task.sleep(for: .milliseconds(span.milliseconds))
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

    private func look(_ requests: [ReadRequest], isListDue: Bool) async {
        let startedAt = now()
        do {
            var objects = requests.filter { !$0.remoteID.isEmpty }
            if isListDue || objects.count < requests.count { objects += try await changedInList() }
            if isListDue { objects += try await inRotation() }
            let (hasNews, hasFailures) = try await read(unique(objects))
            try await store.endReadRequests(requests.filter(\.remoteID.isEmpty), of: remote.name, readAt: startedAt)
            try await store.noteRead(remote.name, now: now())
            reporter.reportRead(remote.name, failure: nil)
            let looksAgain = schedule.ended(hasSingleFailures: hasFailures, now: now())
            end(hasNews || looksAgain || requests.count == Poller.requestLimit)
        } catch Interruption.held(let until) {
            end(schedule.held(until: until, now: now()))
        } catch {
            if case Interruption.failed(let reason) = error {
                reporter.reportRead(remote.name, failure: reason)
            } else {
                reporter.reportRead(remote.name, failure: "\(error)")
            }
            end(schedule.failed(now: now()))
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
        let known = try await store.knowledge(of: page.rows.map(\.remoteID), at: remote.name)
        return page.rows.compactMap { row in
            let request = ReadRequest(remoteID: row.remoteID, agentID: agent)
            guard let knowledge = known[request] ?? known[ReadRequest(remoteID: row.remoteID)],
                !adapter.news(in: row.observation, knowing: knowledge).isEmpty
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
        /// Objects whose read was answered, whatever the answer was.
        var answered: [ReadRequest] = []
        var missing: [ReadRequest] = []
        var failure: String?
        var hold: Interruption?
    }

    private enum Reading: Sendable {
        case answered(ReadRequest, Report?)
        case failed(ReadRequest, reason: String)
        /// The remote says that there is no such object.
        case missing(ReadRequest)
        case held(until: Instant?)
    }

    /// One object that fails says little about the others: what was read is taken in, and it is asked for again later. If no read of a
    /// batch is answered, the look ends.
    /// - Returns: whether something has to be planned because of what they say, and whether some failed.
    private func read(_ objects: [ReadRequest]) async throws -> (hasNews: Bool, hasFailures: Bool) {
        var hasNews = false
        var hasFailures = false
        var rest = objects[...]
        while !rest.isEmpty {
            let requested = Array(rest.prefix(Poller.batch))
            rest = rest.dropFirst(requested.count)
            let readAt = now()
            var batch = await batch(requested)
            try await bury(&batch)
            let results = try await store.reconcile(batch.reports, inbound(now()))
            reporter.report(results)
            try await store.endReadRequests(batch.answered, of: remote.name, readAt: readAt)
            if results.contains(where: { !$0.verdict.changes.isEmpty || $0.verdict.mustPlan }) { hasNews = true }
            if let hold = batch.hold { throw hold }
            guard let failure = batch.failure else { continue }
            if batch.answered.isEmpty { throw Interruption.failed(failure) }
            hasFailures = true
        }
        return (hasNews, hasFailures)
    }

    /// Objects that the remote does not know are gone if it knows others, and if there is only one, if it has a list: then the URL is
    /// right. Otherwise nothing is known about any of them; writing will show it.
    private func bury(_ batch: inout Batch) async throws {
        guard !batch.missing.isEmpty else { return }
        if batch.reports.isEmpty {
            let agent = batch.missing.first?.agentID ?? remote.profile.agentID
            guard batch.missing.count == 1, let call = adapter.listCall(agent: agent, after: nil) else {
                batch.failure =
                    "HTTP 404 for \(batch.missing.count) objects and no other response; see remotes.\(remote.name).url and paths"
                return
            }
            _ = try adapter.page(in: try await list(call))
        }
        for object in batch.missing {
            for id in try await store.noteGone(object, at: remote.participation, now: now()) {
                reporter.reportGone(id, remote: remote.name)
            }
        }
        batch.answered += batch.missing
    }

    private func batch(_ objects: [ReadRequest]) async -> Batch {
        await withTaskGroup(of: Reading.self) { group in
            var rest = objects[...]
            var batch = Batch()
            for object in rest.prefix(Poller.width) { group.addTask { await self.read(object) } }
            rest = rest.dropFirst(Poller.width)
            while let reading = await group.next() {
                switch reading {
                case .answered(let object, let report):
                    batch.answered.append(object)
                    if let report { batch.reports.append(report) }
                case .missing(let object):
                    batch.missing.append(object)
                case .failed(let object, let reason):
                    reporter.reportUnreadable(object.remoteID, remote: remote.name, reason: reason)
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
        let readAt = now()
        let call: OutboundCall
        do {
            call = try adapter.readCall(
                conversationID: object.remoteID, link: Link(remoteID: object.remoteID, agentID: object.agentID ?? remote.profile.agentID))
        } catch {
            // A link that cannot be called is planning's to report.
            return .answered(object, nil)
        }
        switch await lane.read(call) {
        case .body(let body):
            do {
                let observation = try adapter.conversation(in: body)
                return .answered(object, Report(remote: remote.name, subject: .object(object), observation: observation, readAt: readAt))
            } catch {
                reporter.reportUnreadable(object.remoteID, remote: remote.name, reason: error.reason)
                return .answered(object, nil)
            }
        case .gone: return .missing(object)
        case .refused(let reason):
            reporter.reportUnreadable(object.remoteID, remote: remote.name, reason: reason)
            return .answered(object, nil)
        case .failed(let reason), .noRoute(let reason): return .failed(object, reason: reason)
        case .held(let until): return .held(until: until)
        }
    }
}
