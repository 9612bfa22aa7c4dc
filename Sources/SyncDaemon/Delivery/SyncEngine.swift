import SyncCore
import SyncHTTP
import SyncRemotes
import SyncStore

/// Carries out runs: ingest → plan → deliver → end-of-run push. One run at a time; lanes may outlive the run that started them.
package actor SyncEngine {
    /// What a run found and did, and when the next one is due by itself.
    package struct Summary: Sendable {
        package var runID: Int64
        package var counts: RunCounts
        package var nextDue: Instant?
        package var error: String?
    }

    /// How long a run of the service waits for what it began to read. What comes later is taken in by a run of its own.
    package static let readPatience = Duration.milliseconds(500)

    package nonisolated let configuration: Configuration
    let parts: Parts
    private let readPatience: Duration
    private let processID: Int64
    let commits: CommitQueue
    let reporter: DeliveryReporter
    let planner: Planner
    let lanes: [Lane]
    private let pollers: [Poller]
    private let inboundReporter: InboundReporter
    private let transports: [any HTTPTransport]
    private let credentialWatcher: CredentialWatcher
    var isStopping = false
    private var hasBegun = false
    private var repairedAt: Instant?
    /// Planning made no progress in the last run: what is left on the feed is not a reason for another one at once.
    private var isPlanningStalled = false
    /// When the run in progress came a step further.
    private(set) var stepAt: Instant?

    /// - Parameters:
    ///   - patience: how long an unusable database is waited for while outcomes have to be written.
    ///   - readPatience: how long a run waits for what it began to read.
    ///   - onWork: called when there is something to plan that no change of the file announces.
    /// - Throws: a ``ConfigurationError`` for credentials that cannot be read, `StoreError` for the database.
    package init(
        _ configuration: Configuration, _ parts: Parts, patience: Duration, readPatience: Duration = SyncEngine.readPatience,
        onWork: @escaping @Sendable () -> Void = {}
    ) async throws {
        // First of all: nothing has to be taken back when one is missing.
        let credentials = Credentials(try configuration.readCredentials(.token))
        self.configuration = configuration
        self.parts = parts
        self.readPatience = readPatience
        let now = parts.now()
        processID = try await parts.store.register(ProcessIdentity.current(), now: now)
        let planner = Planner(configuration: configuration, random: parts.random)
        let commits = CommitQueue(
            store: parts.store, processID: processID, log: parts.log, patience: patience, now: parts.now,
            inbound: { planner.inbound(now: $0) })
        let reporter = DeliveryReporter(log: parts.log, repeats: configuration.log.repeats, tally: parts.tally, now: parts.now)
        let inboundReporter = InboundReporter(log: parts.log, tally: parts.tally, now: parts.now)
        var transports: [any HTTPTransport] = []
        let lanes = configuration.enabledRemotes.map { remote in
            let transport = parts.makeTransport(remote.limits)
            transports.append(transport)
            let courier = Courier(
                remote: remote, adapter: remote.adapter, transport: transport, retry: configuration.retry,
                random: parts.random, now: parts.now)
            return Lane(
                remote: remote, courier: courier, credentials: credentials, commits: commits, reporter: reporter,
                inboundReporter: inboundReporter, onWork: onWork, now: parts.now)
        }
        pollers = lanes.filter(\.remote.kind.isReadable).map { lane in
            Poller(
                remote: lane.remote, lane: lane, store: parts.store, reporter: inboundReporter, inbound: { planner.inbound(now: $0) },
                now: parts.now, onWork: onWork)
        }
        self.lanes = lanes
        self.inboundReporter = inboundReporter
        self.transports = transports
        credentialWatcher = SyncEngine.watch(credentials, of: lanes, log: parts.log, onWork: onWork)
        self.commits = commits
        self.reporter = reporter
        self.planner = planner
    }

    /// One run. Failures of remotes are not errors; only the database can stop a run.
    package func run(cause: String) async -> Summary {
        let startedAt = parts.now()
        stepAt = startedAt
        isPlanningStalled = false
        defer { stepAt = nil }
        var summary = Summary(runID: 0, counts: RunCounts())
        do {
            summary.runID = try await parts.store.beginRun(cause: cause, processID: processID, now: startedAt)
            try await begin()
            await credentialWatcher.runBegins()
            parts.log.write(LogEvent("run.started", level: .debug).with("run", summary.runID).with("cause", cause))
            try await carryOut(&summary)
        } catch {
            summary.error = "\(error)"
        }
        await collect(&summary)
        if summary.runID != 0 {
            do {
                try await parts.store.endRun(summary.runID, summary.counts, error: summary.error, now: parts.now())
            } catch {
                summary.error = summary.error ?? "\(error)"
            }
        }
        report(summary, cause: cause, startedAt: startedAt)
        return summary
    }

    /// The remotes are entered, and the gates read, as late as this: at a reload the former engine works until the new one is there.
    private func begin() async throws {
        guard !hasBegun else { return }
        _ = try await parts.store.reconcileRemotes(configuration.remotes.map(\.participation), now: parts.now())
        // What the brake holds goes on where there is none any more.
        if !configuration.brake.isEnabled { _ = try await parts.store.releaseEnds(OutboxFilter(), dryRun: false, now: parts.now()) }
        try await parts.store.forgetReads(of: configuration.remotes.map(\.participation).filter { !$0.isRead }.map(\.name))
        let stored = try await parts.store.storedRemotes()
        for lane in lanes {
            guard let remote = stored[lane.remote.name] else { continue }
            await lane.restore(remote)
            inboundReporter.restore(lane.remote.name, failures: remote.readFailures)
        }
        hasBegun = true
    }

    private func carryOut(_ summary: inout Summary) async throws {
        try await recover()
        let participations = configuration.remotes.map(\.participation)
        for name in try await parts.store.dropStrayFeed(participations) {
            parts.log.write(
                LogEvent("link.unknown_remote", level: .warning).with("remote", name)
                    .with("hint", "rows in links or assignees name a remote that is not configured or not enabled"))
        }
        inboundReporter.reportShared(try await parts.store.sharedObjects(at: participations))
        try await ingest()
        // All of it is fed first: feeding page by page between plans would look at the same conversations again, the brake has to
        // see the whole, and rows of old state wait for it.
        while !isStopping, try await breathing({ try await parts.store.feedReplan(participations, now: parts.now()) }) > 0 {
            stepAt = parts.now()
        }
        // Messages first, then the state of linked remotes, then the helpdesk.
        try await planMessages(&summary)
        let messageLanes = lanes.filter(\.remote.kind.receivesMessages)
        for lane in messageLanes { await lane.start(run: summary.runID) }
        await LaneBarrier.wait(for: messageLanes, stall: configuration.schedule.stall, now: parts.now)
        var brake = Brake(configuration.brake)
        try await planAndDeliver(.linked, lanes.filter { $0.remote.kind.needsLink }, &brake, &summary)
        try await planAndDeliver(.endOfRun, lanes.filter { $0.remote.kind.isPushedAtEndOfRun }, &brake, &summary)
        if let failure = await laneFailure() { throw failure }
    }

    /// Takes in what hooks brought, and reads what is due. A remote that answers slowly is not waited for.
    private func ingest() async throws {
        var reading: [Poller] = []
        for poller in pollers where await poller.start() { reading.append(poller) }
        inboundReporter.report(try await parts.store.processInbox(planner.inbound(now: parts.now())))
        stepAt = parts.now()
        let deadline = parts.now() + readPatience
        for poller in reading { await poller.wait(atMost: max(deadline - parts.now(), .zero)) }
    }

    /// Plans a stage batch by batch; its lanes deliver while the rest is being planned.
    private func planAndDeliver(_ stage: PlanStage, _ lanes: [Lane], _ brake: inout Brake, _ summary: inout Summary) async throws {
        brake.beginStage()
        while !isStopping {
            let startedAt = ContinuousClock.now
            guard let batch = try await planPage(stage, &brake, runID: summary.runID) else { break }
            let taken = ContinuousClock.now - startedAt
            stepAt = parts.now()
            take(batch, &summary)
            if batch.planned > batch.held { for lane in lanes { await lane.start(run: summary.runID) } }
            guard goesOn(batch) else { break }
            try await breathe(after: taken)
        }
        for lane in lanes { await lane.start(run: summary.runID) }
        await LaneBarrier.wait(for: lanes, stall: configuration.schedule.stall, now: parts.now)
    }

    private func planMessages(_ summary: inout Summary) async throws {
        while !isStopping {
            let batch = try await breathing { try await parts.store.planMessages(planner.context(runID: summary.runID, now: parts.now())) }
            stepAt = parts.now()
            take(batch, &summary)
            guard goesOn(batch) else { return }
        }
    }

    /// Leaves the write lock alone for as long as it was held: who waits for it looks from time to time only, and would find it
    /// taken again and again between transactions that follow each other at once.
    private func breathe(after taken: Duration) async throws {
        guard taken > .milliseconds(2) else { return }
        try await Task.sleep(for: min(taken, .milliseconds(25)))
    }

    private func breathing<Value: Sendable>(_ work: () async throws -> Value) async throws -> Value {
        let startedAt = ContinuousClock.now
        let value = try await work()
        try await breathe(after: ContinuousClock.now - startedAt)
        return value
    }

    /// Whether there may be more to plan. A batch that took nothing off the feed would come again and again.
    private func goesOn(_ batch: PlanBatch) -> Bool {
        guard batch.examined > 0 else { return false }
        guard batch.takenOff == 0 else { return true }
        isPlanningStalled = true
        parts.log.write(
            LogEvent("plan.stalled", level: .error).with("entries", batch.examined)
                .with("hint", "planning took nothing off the change feed and is given up for this run; the other stages go on"))
        return false
    }

    private func take(_ batch: PlanBatch, _ summary: inout Summary) {
        summary.counts.examined += batch.examined
        summary.counts.planned += batch.planned + batch.refused.count
        summary.counts.dead += batch.refused.count
        reporter.report(batch)
        inboundReporter.report(batch.adopted)
    }

    /// Puts back what a process left behind that ended without recording its outcomes.
    private func recover() async throws {
        var inFlight: Set<Int64> = []
        for lane in lanes { inFlight.formUnion(await lane.claimed) }
        let recovered = try await parts.store.recover(now: parts.now(), except: inFlight) { ProcessIdentity.isGone($0) }
        if recovered > 0 {
            parts.log.write(LogEvent("outbox.recovered", level: .warning).with("rows", recovered))
        }
        // Looks at every pending row, so not on every run.
        let now = parts.now()
        if let repairedAt, now >= repairedAt, now - repairedAt < .hours(1) { return }
        repairedAt = now
        try await parts.store.repair(now: now, farthestDue: max(configuration.retry.maximumAge, .days(1)))
    }

    /// Tells the lanes that somebody wrote to the database while a run is on its way: a remote may have been resumed, a row replayed.
    package func lookForDue() async {
        guard hasBegun else { return }
        for lane in lanes { await lane.look() }
    }

    private func laneFailure() async -> StoreError? {
        var first: StoreError?
        for lane in lanes {
            if let failure = await lane.takeFailure() { first = first ?? failure }
        }
        return first
    }

    private func collect(_ summary: inout Summary) async {
        summary.counts.add(await takeCounts())
        for lane in lanes { await lane.runEnded() }
        summary.nextDue = await nextDue()
        guard !isStopping else { return }
        for poller in pollers {
            guard let nextAt = await poller.nextAt else { continue }
            // A read that outlives the run is no reason for one run after the other.
            let rest: Duration = await poller.isReading ? .seconds(1) : .milliseconds(20)
            let moment = max(nextAt, parts.now() + rest)
            summary.nextDue = min(summary.nextDue ?? moment, moment)
        }
    }

    private func takeCounts() async -> RunCounts {
        var sum = RunCounts()
        for lane in lanes { sum.add(await lane.takeCounts()) }
        return sum
    }

    /// When the next row falls due or the next gate opens for rows that wait; nil when nothing waits.
    package func nextDue() async -> Instant? {
        let now = parts.now()
        if isStopping { return nil }
        if !isPlanningStalled, (try? await parts.store.feedIsEmpty()) == false { return now }
        var earliest: Instant?
        for lane in lanes {
            // By the same clock reading: a gate that is open must not seem to open a millisecond from now.
            guard let opensAt = await lane.opensAt(now: now) else { continue }
            // Rows that were due and could not be claimed wait for an event, not for a moment. Others may have fallen due since the
            // lane last looked: it does not look while the run waits for another one.
            let lookedAt = min(await lane.lookedAt ?? now, now)
            var due = try? await parts.store.nextDue(lane.remote.name, after: lookedAt)
            let isLeft = await lane.hasLeftDueRows
            if opensAt > now || isLeft, (try? await parts.store.hasPending(lane.remote.name)) == true {
                due = min(due ?? opensAt, opensAt)
            }
            if let due {
                let moment = max(due, opensAt, now + .milliseconds(20))
                earliest = min(earliest ?? moment, moment)
            }
        }
        return earliest
    }

    private func report(_ summary: Summary, cause: String, startedAt: Instant) {
        let counts = summary.counts
        reporter.reportRepeats()
        inboundReporter.reportRepeats()
        parts.tally.count(summary, from: startedAt, to: parts.now())
        // A run that found nothing to do is of no interest.
        let isQuiet = counts == RunCounts() && summary.error == nil
        parts.log.write(
            LogEvent("run.finished", level: summary.error != nil ? .error : isQuiet ? .debug : .info)
                .with("run", summary.runID).with("cause", cause)
                .with("examined", counts.examined).with("planned", counts.planned).with("delivered", counts.delivered)
                .with("put_back", counts.putBack).with("dead", counts.dead)
                .with("duration_ms", (parts.now() - startedAt).milliseconds).with("error", summary.error))
    }

    // MARK: Stopping

    /// No new calls; calls in flight may end within the bound, then they are cut off and stay due.
    package func stop(within bound: Duration) async {
        isStopping = true
        for lane in lanes { await lane.stop() }
        await LaneBarrier.wait(for: lanes, limit: bound, now: parts.now)
        await commits.limitPatience(to: .seconds(2))
        for transport in transports { await transport.shutdown() }
        await LaneBarrier.wait(for: lanes, limit: .seconds(5), now: parts.now)
        reporter.reportRepeats(all: true)
        inboundReporter.reportRepeats(all: true)
    }

    /// Writes the counts of failures that were not written one by one, as far as their minute is over.
    package func reportRepeats() {
        reporter.reportRepeats()
        inboundReporter.reportRepeats()
    }

    /// For `sync --drain`: no lane waits for its gate beyond that moment.
    package func waitNoLonger(than moment: Instant) async {
        for lane in lanes { await lane.waitNoLonger(than: moment) }
    }

    /// Nothing is being delivered and nothing waits to be planned.
    package func isQuiet() async -> Bool {
        if isStopping { return false }
        for lane in lanes where await lane.isBusy { return false }
        return (try? await parts.store.feedIsEmpty()) ?? false
    }

    /// Waits until all lanes are idle: every due row has been tried, every call has ended.
    /// - Returns: what happened since the run was counted.
    package func finishCalls() async -> RunCounts {
        for poller in pollers { await poller.wait(atMost: configuration.schedule.shutdownTimeout) }
        for lane in lanes { await lane.waitUntilIdle() }
        return await takeCounts()
    }

    /// Rows delivered since the engine exists.
    package func delivered() async -> Int {
        var sum = 0
        for lane in lanes { sum += await lane.delivered }
        return sum
    }

    package func inFlight() async -> Int {
        var sum = 0
        for lane in lanes { sum += await lane.inFlight }
        return sum
    }
}
