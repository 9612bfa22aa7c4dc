import SyncCore
import SyncEngine
import SyncStore

/// What operators do: commands, signals, and the configuration file.
extension Simulation {
    func operate(_ id: String) async throws {
        guard let remote = plan.remotes.randomElement(using: &random)?.name else { return }
        switch number(0...15) {
        case 0..<4: try await pause(remote)
        case 4..<6: if let process = daemon { try await handle(.turnRequested(.request), process) }
        case 6..<8: if plan.reloads { try await reload(isPlanned: chance(50)) }
        case 8: if plan.reloads { edit(isPlanned: chance(30)) }
        case 9: if let process = daemon, process.engine != nil { try await stop(process) }
        case 10..<12: try await startSync()
        case 12: for process in running { try await handle(.credentialReplaced(remote), process) }
        case 13: chance(60) ? try await retry(remote) : try await discard(id, remote)
        case 14: try await resend(id, remote)
        default: plan.brakes && chance(50) ? try await releaseBrake() : try await release(remote)
        }
    }

    private func stop(_ process: ServiceProcess) async throws {
        let patience = span(0...10_000)
        tell("The \(process) is asked to stop within \(patience.milliseconds) ms.")
        try await handle(.stopRequested(within: patience), process)
    }

    func startSync() async throws {
        guard processes.values.count(where: { $0.command == .sync }) < 2 else { return }
        try await start(.sync)
    }

    // MARK: Pauses

    private func pause(_ remote: String) async throws {
        var isPaused = false
        try await attempt { isPaused = try await application.store.pause(remote, now: clock.wall) != nil }
        guard isPaused else { return }
        count("pauses")
        tell("An operator pauses \(remote).")
        mutateChecks { $0.paused(remote, at: clock.uptime) }
        committed()
        after(gap(500...60_000), .resumed(remote))
    }

    func resume(_ remote: String) async throws {
        tell("An operator resumes \(remote).")
        let attemptsNow = chance(30)
        let isResumed = try await attempt {
            try await followClock()
            _ = try await application.store.resume(remote, attemptsNow: attemptsNow, now: clock.wall)
        }
        guard isResumed else {
            return after(.seconds(5), .resumed(remote))
        }
        mutateChecks { $0.resumed(remote) }
        committed()
    }

    // MARK: The outbox

    func manage(_ action: OutboxAction, _ filter: OutboxFilter, acceptDuplicate: Bool = false) async throws(StoreError) {
        try await followClock()
        _ = try await application.store.manage(action, filter, acceptDuplicate: acceptDuplicate, now: clock.wall)
    }

    private func followClock() async throws(StoreError) { try await application.store.followClock(clock.now, boot: bootID) }

    private func retry(_ remote: String) async throws {
        var filter = OutboxFilter()
        filter.remote = remote
        tell("An operator retries what waits for \(remote).")
        if try await attempt({ try await manage(.retry, filter) }) { committed() }
    }

    /// What waits for the remote is never sent, until the operator takes that back; see ``takeDiscardsBack()``.
    private func discard(_ id: String, _ remote: String) async throws {
        var filter = OutboxFilter()
        (filter.remote, filter.conversation) = (remote, id)
        let messages = try await application.lines(
            """
            SELECT message_id FROM outbox WHERE payload = 'message' AND conversation_id = \(id) AND remote = \(remote)
                AND state IN ('pending', 'held', 'dead', 'uncertain')
            """, columns: 1)
        tell("An operator discards what waits of \(id) for \(remote).")
        guard try await attempt({ try await manage(.discard, filter) }) else { return }
        count("discards")
        settledMessages.formUnion(messages)
        committed()
    }

    /// What is still discarded is to be sent after all. Of several rows of one conversation at one remote, one is kept in mind at a time.
    func takeDiscardsBack() async throws {
        for _ in 0..<10 {
            var filter = OutboxFilter()
            filter.ids = try await application.lines("SELECT discarded_row FROM link_state WHERE discarded_row IS NOT NULL", columns: 1)
                .compactMap { Int64($0) }
            guard !filter.ids.isEmpty else { return }
            tell("An operator has what was discarded sent after all: \(filter.ids).")
            try await manage(.retry, filter)
            committed()
            try await run(until: clock.uptime + .minutes(1))
        }
        fail("something is still discarded")
    }

    private func release(_ remote: String) async throws {
        var filter = OutboxFilter()
        (filter.remote, filter.states) = (remote, [.held])
        tell("An operator releases what is held for \(remote).")
        if try await attempt({ try await manage(.release, filter) }) { committed() }
    }

    /// An operator has looked at what the brake holds.
    func releaseBrake() async throws {
        var filter = OutboxFilter()
        filter.holder = .brake
        let isHeld: [SQL] = [
            "SELECT count(*) FROM outbox WHERE state = 'held' AND held_by = 'brake'",
            "SELECT count(*) FROM link_state WHERE braked_at IS NOT NULL",
        ]
        for question in isHeld where try await application.number(question) > 0 {
            count("releases of the brake")
            tell("An operator releases what the brake holds.")
            try await attempt {
                try await manage(.release, filter)
                let remotes = (daemon?.configured ?? plan.remotes).filter(\.isEnabled).map(\.name)
                _ = try await application.store.releaseEnds(filter, at: remotes, dryRun: false, now: clock.wall)
            }
            return committed()
        }
    }

    func resend(_ id: String, _ remote: String) async throws {
        count("resends")
        tell("An operator has \(id) sent to \(remote) again.")
        let parties = daemon?.parties.remotes ?? []
        let scope = PreviewScope(conversationID: id, remote: remote)
        guard try await attempt({ try await application.store.resend(scope, at: parties, now: clock.wall) }) else { return }
        // It is not known any more which assignments are the service's.
        relinked.insert(id)
        try await attempt { try await application.expectWrite(of: id) }
        committed()
    }
}
