import SyncCore

/// Makes all decisions while the service runs: takes events and returns actions. The same seed and events give the same actions.
///
/// | part              | decides                                                                       |
/// |-------------------|-------------------------------------------------------------------------------|
/// | ``Lane``          | which rows of a remote are sent when, and the effects of the outcomes; one per remote |
/// | ``Reader``        | what is read from a remote and when; one per remote that can be read          |
/// | ``TurnSchedule``  | when the feeds are planned                                                    |
/// | ``Turn``          | what counts as one run                                                        |
/// | ``Upkeep``        | when finished rows are pruned                                                 |
/// | ``Drain``         | when `convosync sync` has done its work                                       |
///
/// After every event ``settle(_:)`` runs: calls that may go out are started, and if an exchange with the store is needed, everything that
/// is ready goes into one. Invariants: at most one exchange is in progress; nothing in it is lost when it fails; no remote waits for
/// another one.
package struct Engine: Sendable {
    /// A read that is in flight.
    struct Read: Sendable {
        var remote: String
        /// By the steady clock.
        var startedAt: Instant
    }

    var settings: Settings
    var clock: EngineClock
    var random: SplitMix64
    var lastCall: UInt64 = 0
    /// Sorted by name.
    var remotes: [RemoteMachines] = []
    var reads: [CallID: Read] = [:]
    var schedule: TurnSchedule
    var turn: Turn?
    var survey: FeedSurvey?
    var upkeep: Upkeep
    var recovery = Recovery()
    var leases: LeaseValues
    var exchange = ExchangeProgress()
    /// Received events that are not stored yet.
    var events: [ReceivedEvents] = []
    var hasInbox = true
    var clockStep: Duration?
    var drain: Drain?
    var stopAt: Instant?
    var hasStopped = false
    var hasCancelled = false
    var alarmAt: Instant?
    /// Actions that are returned with the first event.
    private var beginning: [Action] = []

    package init(_ remotes: [Remote], _ settings: Settings, stored: StoredState, seed: UInt64, now: Now) {
        self.settings = settings
        clock = EngineClock(now)
        let (time, _) = clock.read(now)
        random = SplitMix64(seed: seed)
        schedule = TurnSchedule(settings, time)
        upkeep = Upkeep(settings.retention, time)
        leases = LeaseValues(processID: stored.processID, counter: 0)
        var context = Context(time: time, retry: settings.retry, isStopping: false, random: random, lastCall: 0)
        enter(remotes, stored, &context)
        beginning = context.actions
    }

    /// Processes an event and appends the resulting actions, in the order in which they have to be carried out.
    package mutating func handle(_ event: Event, now: Now, into actions: inout [Action]) {
        let (time, step) = clock.read(now)
        var context = Context(
            time: time, retry: settings.retry, isStopping: stopAt != nil, random: random, lastCall: lastCall)
        (context.actions, beginning) = (beginning, [])
        if let step { clockWasSet(by: step) }
        take(event, &context)
        settle(&context)
        random = context.random
        lastCall = context.lastCall
        actions += context.actions
    }

    // MARK: Events

    private mutating func take(_ event: Event, _ context: inout Context) {
        let time = context.time
        switch event {
        case .databaseChanged:
            schedule.databaseChanged(time)
        case .alarmRang:
            alarmAt = nil
        case .credentialReplaced(let name):
            if let index = index(of: name) { remotes[index].lane.credentialReplaced() }
        case .exchanged(.success(let result)):
            exchanged(result, &context)
        case .exchanged(.failure(let error)):
            exchangeFailed(error, &context)
        case .callEnded(let id, let end):
            callEnded(id, end, &context)
        case .remoteEvents(let ticket, let remote, let notices):
            events.append(ReceivedEvents(ticket: ticket, remote: remote, notices: notices))
        case .turnRequested(let cause):
            schedule.request(cause, time)
        case .drainRequested(let until):
            schedule.request(.request, time)
            for index in remotes.indices {
                remotes[index].reader?.drain(time)
                (remotes[index].lane.hasSent, remotes[index].lane.hasRead) = (false, false)
            }
            drain = Drain(until: until.map { time.steady + ($0 - clock.uptime(of: time.steady)) }, time)
        case .stopRequested(let span):
            stop(within: span, &context)
        case .configured(let remotes, let fresh, let stored):
            configure(remotes, fresh, stored, &context)
        }
    }

    private mutating func callEnded(_ id: CallID, _ end: CallEnd, _ context: inout Context) {
        switch end {
        case .delivered(let outcome, let hadPresentCredential):
            guard let index = remotes.firstIndex(where: { $0.lane.inFlight[id] != nil }) else { return }
            remotes[index].lane.ended(id, outcome, hadPresentCredential: hadPresentCredential, &context)
        case .read(let outcome, let body):
            guard let read = reads.removeValue(forKey: id), let index = index(of: read.remote) else { return }
            if remotes[index].lane.absenceReadEnded(id, outcome, body, &context) { return }
            if remotes[index].lane.readBeforeWriteEnded(id, outcome, body, &context) { return }
            remotes[index].lane.readEnded(outcome, startedAt: read.startedAt, &context)
            // A call that was cut off by the stop says nothing about the remote.
            if !context.isStopping { remotes[index].reader?.ended(id, outcome, body, &context) }
        }
    }

    func index(of name: String) -> Int? { remotes.firstIndex { $0.lane.remote.name == name } }

    private mutating func clockWasSet(by step: Duration) {
        clockStep = (clockStep ?? .zero) + step
        drain?.clockWasSet(by: step)
        for index in remotes.indices {
            remotes[index].lane.clockWasSet(by: step)
            remotes[index].reader?.clockWasSet(by: step)
        }
    }

    // MARK: Configuration

    private mutating func enter(_ fresh: [Remote], _ stored: StoredState, _ context: inout Context) {
        for remote in fresh where remote.isEnabled {
            if let index = index(of: remote.name) {
                remotes[index].configure(remote, &context)
            } else {
                let known = stored.remotes[remote.name]
                remotes.append(RemoteMachines(remote, stored: known, context.time))
                if let failures = known?.readFailures, failures > 0 { context.report(.readsFailedBefore(remote.name, failures: failures)) }
            }
        }
        remotes.sort { $0.lane.remote.name < $1.lane.remote.name }
    }

    private mutating func configure(_ fresh: [Remote], _ settings: Settings, _ stored: StoredState, _ context: inout Context) {
        self.settings = settings
        let present = Set(fresh.filter(\.isEnabled).map(\.name))
        for index in remotes.indices where !present.contains(remotes[index].lane.remote.name) { remotes[index].retire(&context) }
        enter(fresh, stored, &context)
        // While the engine stops, nothing begins at remotes that are new either.
        if context.isStopping { for index in remotes.indices { remotes[index].stop(&context) } }
        schedule.configure(settings, context.time)
        upkeep.configure(settings.retention)
        survey = nil
        turn?.brake = Brake(settings.brake)
        schedule.request(.request, context.time)
    }

    // MARK: Stopping

    private mutating func stop(within span: Duration, _ context: inout Context) {
        let deadline = context.time.steady + span
        stopAt = min(stopAt ?? deadline, deadline)
        context.isStopping = true
        for index in remotes.indices { remotes[index].stop(&context) }
        survey = nil
    }

    // MARK: After every event

    private mutating func settle(_ context: inout Context) {
        guard !hasStopped else { return }
        context.holdsClaims = drain != nil && planningWaitsUntil(context.time) != nil
        // Removes lanes whose remote is no longer configured and whose calls have ended.
        if !exchange.isInProgress { remotes.removeAll { $0.lane.isRetired && $0.lane.isIdle } }
        leaveRetries(context.time)
        for index in remotes.indices {
            let before = context.lastCall
            remotes[index].admit(&context)
            guard context.lastCall > before else { continue }
            for case .call(let id, let name, .read) in context.actions where id.number > before {
                reads[id] = Read(remote: name, startedAt: context.time.steady)
            }
        }
        if !context.isStopping, recovery.claimEnds(context.time) { schedule.request(.interval, context.time) }
        proceedStopping(&context)
        guard !hasStopped else { return }
        exchangeIfWanted(&context)
        proceedDraining(&context)
        setAlarm(&context)
    }

    var isCalling: Bool { !reads.isEmpty || remotes.contains { !$0.lane.inFlight.isEmpty } }

    private mutating func proceedStopping(_ context: inout Context) {
        guard let stopAt else { return }
        let time = context.time
        if isCalling, time.steady >= stopAt, !hasCancelled {
            hasCancelled = true
            let inFlight = remotes.flatMap(\.lane.inFlight.keys) + reads.keys
            context.actions += inFlight.sorted { $0.number < $1.number }.map(Action.cancel)
        }
        // Nothing is waited for longer than this: not for a transport that lost a call, nor for a database that cannot be written.
        let isLate = time.steady >= stopAt + Engine.stopGrace
        let isDone = !isCalling && !exchange.isInProgress && !wantsExchange(context)
        guard isLate || isDone else { return }
        hasStopped = true
        for event in events { context.actions.append(.respond(event.ticket, nil)) }
        endDrain(&context)
        context.actions += [.setAlarm(nil), .stopped]
    }

    /// The time for the last outcomes after the deadline.
    package static let stopGrace = Duration.seconds(5)

    private mutating func setAlarm(_ context: inout Context) {
        let time = context.time
        var times = [upkeep.alarmAt, exchange.retryAt, drain?.until, drain?.planningEnds, planningWaitsUntil(time)].compactMap { $0 }
        if stopAt == nil { times += [schedule.alarmAt, recovery.nextAt].compactMap { $0 } }
        if let stopAt { times += [stopAt, stopAt + Engine.stopGrace] }
        for remote in remotes { times += remote.alarms(time) }
        // Work that is due already waits for an event: the exchange in progress, or the end of a call.
        let next = times.filter { $0 > time.steady }.min()
        guard next != alarmAt else { return }
        alarmAt = next
        context.actions.append(.setAlarm(next.map { clock.uptime(of: $0) }))
    }
}
