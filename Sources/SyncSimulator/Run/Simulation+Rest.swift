import SandboxModel
import SyncCore
import SyncEngine
import SyncStore

/// The whole simulation: a first phase in which things happen, and a second one without disturbances, after which nothing may be left to do.
extension Simulation {
    /// The longest virtual time until nothing is left to do.
    private static let patience = Duration.minutes(90)
    /// The limit for the whole second phase.
    private static let mostEvents = 60_000

    /// - Returns: the conditions that did not hold; empty where all did.
    func run() async throws -> [String] {
        try await application.populate(plan)
        after(.zero, .daemonStarts)
        after(.milliseconds(500), .act(0))
        after(.seconds(5), .weatherChanges)
        after(.seconds(20), .clockIsSet)
        after(.seconds(25), .machineFreezes)
        after(.seconds(10), .diskFills)
        after(plan.length / 3, .backupIsMade)
        after(plan.length / 3 * 2, .backupIsRestored)
        after(.seconds(15), .databaseIsLocked)
        after(.seconds(30), .processIsSuspended)
        try await run(until: plan.length)
        try await calmDown()
        let begin = events
        guard try await comeToRest() else { return checks.problems }
        // Claims of killed processes end late in some worlds: messages may have become uncertain since.
        if try await settleUncertain() { guard try await comeToRest() else { return checks.problems } }
        if try await releaseUndone() { guard try await comeToRest() else { return checks.problems } }
        if try await retryConvicted() { guard try await comeToRest() else { return checks.problems } }
        if events - begin > Simulation.mostEvents { fail("\(events - begin) events until it was at rest") }
        try await expectDelivered()
        try await expectMessages()
        // What is not adopted from a remote stays there as it was sent after the copy was made.
        if !wasRestored { try await expectAgreement() }
        // What was counted and recorded before a backup was put in place does not belong together.
        if !wasRestored { try await expectBounds() }
        try await expectOrder()
        expectSmallEngine()
        try await expectFewCommits()
        try await expectWinners()
        try await expectRecoveries()
        try await expectIdleDrain()
        return checks.problems
    }

    /// Faults and changes end. An operator takes care of what waits for one.
    private func calmDown() async throws {
        tell("Everything calms down: no faults and no changes from now on.")
        (isCalm, calmSince) = (true, clock.uptime)
        if let end = suspendedUntil.values.max() { try await run(until: max(clock.uptime, end)) }
        remotes.faultShare = 0
        makeRoom()
        try await freeDatabase()
        try await endSharing()
        lastRowBeforeCalm = Int64(try await application.number("SELECT coalesce(max(id), 0) FROM outbox"))
        for remote in plan.remotes {
            remotes.weather[remote.name] = .fair
            try await resume(remote.name)
        }
        // A reload recovers rows that were lost, so it is made only where it has to be.
        if plan.reloads { try await reload(isPlanned: true) }
        try await run(until: clock.uptime + .seconds(45))
        let inDoubt = try await application.number(
            "SELECT count(*) FROM outbox WHERE payload = 'message' AND (state = 'uncertain' OR in_doubt_since IS NOT NULL AND finished_at IS NULL)"
        )
        // After the window it is decided whether they can be sent again.
        if inDoubt > 0 { try await run(until: clock.uptime + OutboxRow.messageWindow) }
        try await settleMessages()
    }

    /// An operator settles uncertain messages, and releases those that Fin does not take by itself.
    private func settleMessages() async throws {
        if wasRestored || chance(50) {
            var filter = OutboxFilter()
            filter.states = [.held]
            if !wasRestored { filter.holder = .receiver }
            tell("An operator releases what Fin does not take.")
            try await manage(.release, filter)
        }
        committed()
        try await run(until: clock.uptime + .minutes(1))
        try await takeDiscardsBack()
        try await retryDead()
        try await settleUncertain()
    }

    /// - Returns: whether there was anything to settle.
    @discardableResult
    private func settleUncertain() async throws -> Bool {
        let uncertain = try await application.lines(
            "SELECT id, conversation_id, message_id FROM outbox WHERE payload = 'message' AND state = 'uncertain' ORDER BY id", columns: 3)
        for line in uncertain {
            let parts = line.split(separator: "|").map(String.init)
            guard parts.count == 3, let row = Int64(parts[0]) else { continue }
            count("messages that were uncertain")
            let hasArrived = plan.conversations.flatMap { remotes.messages($0) }.contains {
                $0.author == "user" && Messages.id(of: $0.body) == parts[2]
            }
            var filter = OutboxFilter()
            filter.ids = [row]
            tell("An operator settles the message \(line), which \(hasArrived ? "has" : "has not") arrived.")
            settledMessages.insert(parts[2])
            try await manage(hasArrived ? .discard : .retry, filter, acceptDuplicate: true)
        }
        committed()
        return !uncertain.isEmpty
    }

    /// In the calm nobody undoes anything: what is held because a remote has undone it too often is sent once more, and stays there.
    /// - Returns: whether there was anything to release.
    private func releaseUndone() async throws -> Bool {
        let count = try await application.number("SELECT count(*) FROM outbox WHERE state = 'held' AND held_by = 'undone'")
        guard count > 0 else { return false }
        if !plan.isTwoWay { fail("\(count) rows are held as undone where nothing is adopted") }
        // What was undone before the calm does not count any more.
        try await run(until: max(clock.uptime, calmSince + TwoWayRules.standardWindow + .minutes(1)))
        var filter = OutboxFilter()
        filter.holder = .undone
        tell("An operator releases what remotes have undone.")
        try await manage(.release, filter)
        committed()
        return true
    }

    /// Rows whose response could not be read are dead: the remote may have done what they ask for. So are those that were refused, as long as their
    /// fields are sent one by one to find the one that the remote does not take.
    private func retryDead() async throws {
        var filter = OutboxFilter()
        filter.states = [.dead]
        for _ in 0..<20 {
            tell("An operator retries what is dead.")
            try await manage(.retry, filter, acceptDuplicate: true)
            committed()
            try await run(until: clock.uptime + .minutes(1))
            guard plan.refusals > 0, try await application.number("SELECT count(*) FROM outbox WHERE state = 'dead'") > 0 else { return }
        }
    }

    /// What the brake held is sent only while everything comes to rest, and only then it is known which member of an earlier call was refused. No call
    /// from the calm is refused, so none of its rows may be dead.
    /// - Returns: whether there was anything to retry.
    private func retryConvicted() async throws -> Bool {
        guard plan.refusals > 0 else { return false }
        let rows = try await application.lines(
            "SELECT id FROM outbox WHERE state = 'dead' AND refused_members IS NOT NULL AND id <= \(lastRowBeforeCalm)", columns: 1)
        guard !rows.isEmpty else { return false }
        var filter = OutboxFilter()
        filter.ids = rows.compactMap { Int64($0) }
        tell("An operator retries what is known to be refused by now.")
        try await manage(.retry, filter, acceptDuplicate: true)
        committed()
        return true
    }

    /// The entries that could be processed without an operator.
    private func leftOver() async throws -> [String] {
        let outbox = try await application.lines(
            """
            SELECT id, conversation_id, remote, state, behind, due_at, last_error FROM outbox o WHERE state IN ('pending', 'sending')
                AND NOT (payload = 'message' AND EXISTS (
                    SELECT 1 FROM outbox h WHERE h.conversation_id = o.conversation_id AND h.remote = o.remote AND h.state = 'held'
                        AND coalesce(h.place, h.id) < coalesce(o.place, o.id)))
            """, columns: 7)
        let feed = try await application.lines("SELECT conversation_id, remote, deferred, problem FROM change_feed", columns: 4)
        let requests = try await application.lines("SELECT remote, remote_id FROM read_requests", columns: 2)
        let inbox = try await application.lines(
            "SELECT id, state FROM inbox WHERE state <> 'done' AND NOT (state = 'waiting' AND conversation_id NOT IN (SELECT id FROM conversations))",
            columns: 2)
        return outbox + feed.map { "feed \($0)" } + requests.map { "read \($0)" } + inbox.map { "inbox \($0)" }
    }

    /// Runs until nothing was written, adopted or logged for long enough that every object was read meanwhile.
    /// - Parameters:
    ///   - more: how much longer than that nothing may have happened.
    ///   - round: the shortest time between two checks.
    func comeToRest(andMore more: Duration = .seconds(100), round shortest: Duration = .seconds(30)) async throws -> Bool {
        let reads = plan.remotes.compactMap { remote in
            // A read that lags shows only what an earlier one should have shown.
            remote.poll.map { $0.interval * (plan.conversations.count / $0.rotate + 3) * (1 + plan.options.laggingReads) }
        }
        let quiet = (reads.max() ?? .zero) + more
        let round = max(shortest, quiet / 20)
        let end = clock.uptime + Simulation.patience + quiet * 2 + lostClockSteps
        var since = clock.uptime
        var before = try await activity() + [checks.lines.count]
        while clock.uptime < end {
            try await run(until: clock.uptime + round)
            if plan.brakes { try await releaseBrake() }
            let present = try await activity() + [checks.lines.count]
            let left = try await leftOver()
            try await expectNothingOverdue()
            if present != before || !left.isEmpty { since = clock.uptime }
            before = present
            if clock.uptime - since >= quiet {
                try await expectRead(since: since)
                return checks.problems.isEmpty
            }
            if !checks.problems.isEmpty { return false }
        }
        let last = checks.lines.last.map { TraceText.of($0) } ?? "-"
        let health = daemon?.engine.map { "\($0.health(now: clock.now))" } ?? "no engine"
        fail(
            "it did not come to rest: \(try await leftOver()), \(before) writes, adoptions and lines of the log, the last \(last), \(health)"
        )
        return false
    }

    func activity() async throws -> [Int] {
        [remotes.writes.values.reduce(0, +), try await application.number("SELECT count(*) FROM test_changes WHERE writer = 'daemon'")]
    }
}
