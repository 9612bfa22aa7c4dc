import SandboxModel
import SyncCore
import SyncEngine
import SyncRemotes
import SyncStore

/// What happens outside of the service in the first phase.
extension Simulation {
    func anything() async throws {
        guard !isCalm else { return }
        after(.milliseconds(number(1...Int(plan.spacing.milliseconds) * 2)), .anything)
        let id = plan.conversations[number(0...plan.conversations.count - 1)]
        switch number(0...99) {
        case 0..<40: try await change(id)
        case 40..<55: try await write(id)
        case 55..<78: try people(id)
        case 78..<84: try fin(id)
        case 84..<89: try await pause()
        case 89..<92: try await handle(.turnRequested(.request))
        case 92..<94: if plan.reloads { try await reload(isPlanned: chance(50)) }
        case 94..<96: if engine != nil { try await handle(.stopRequested(within: span(0...10_000))) }
        case 96: if let remote = plan.remotes.randomElement(using: &random) { try await handle(.credentialReplaced(remote.name)) }
        case 97: try await relink(id)
        default: if plan.killShare > 0 { try await kill() }
        }
    }

    // MARK: The application

    private func change(_ id: String) async throws {
        count("changes of the application")
        let assignee = ["agent_fin", "jane", "bob", nil].randomElement(using: &random) ?? nil
        let status = ["open", "open", "resolved", "closed", "ended"].randomElement(using: &random) ?? "open"
        let assignments: SQL
        switch number(0...5) {
        case 0:
            count("titles")
            assignments = "title = \(Titles.ofApplication(counts["titles"] ?? 0))"
        case 1:
            let tags = (0..<5).filter { _ in chance(40) }.shuffled(using: &random).map { "\"t\($0)\"" }.joined(separator: ",")
            assignments = "tags = \("[\(tags)]")"
        case 2: assignments = "assignee_id = \(assignee)"
        default: assignments = "status = \(status), assignee_id = \(assignee)"
        }
        note("application \(id) \(assignments.text) \(status) \(assignee ?? "-")")
        if try await attempt({ try await application.change(id, assignments) }) { committed() }
    }

    private func write(_ id: String) async throws {
        count("messages")
        let message = "m\(counts["messages"] ?? 0)"
        note("application \(id) writes \(message)")
        guard try await attempt({ try await application.write(message: message, of: id) }) else { return }
        committed()
        guard plan.isTwoWay, plan.remotes.contains(where: { $0.name == "voicebot" }), chance(50) else { return }
        for hook in try remotes.customerWrites(id, now: clock.truth) { send(hook, "voicebot") }
    }

    /// A conversation without a link gets one.
    private func relink(_ id: String) async throws {
        note("application links \(id)")
        let remote = chance(50) ? "voicebot" : "vg"
        if try await attempt({ try await application.link(id, to: remote) }) { committed() }
    }

    /// Somebody other than the service has committed: the service is told a little later.
    func committed() {
        mutateChecks { $0.disturbed(at: clock.uptime) }
        after(chance(95) ? span(0...30) : span(100...5000), .engine(.databaseChanged, generation: generation))
    }

    // MARK: People

    private func people(_ id: String) throws {
        guard plan.isTwoWay, let remote = plan.remotes.randomElement(using: &random), remote.kind.isReadable else { return }
        count("acts of people")
        let object = RemoteSystems.Object(remote: remote.name, conversation: id)
        let hooks = try remotes.act(at: object, mayUseUnmapped: plan.options.hasUnmappedValues, now: clock.truth, &random)
        for hook in hooks { send(hook, remote.name) }
    }

    private func fin(_ id: String) throws {
        guard plan.isTwoWay, plan.remotes.contains(where: { $0.kind.receivesMessages }), !remotes.messages(id).isEmpty else { return }
        let word = ["thinking", "replying", "awaiting_user_reply", "escalated", "resolved", "complete"].randomElement(using: &random) ?? ""
        for hook in try remotes.finActs(id, word, now: clock.truth) { send(hook, "fin") }
    }

    private func pause() async throws {
        guard let remote = plan.remotes.randomElement(using: &random)?.name else { return }
        var isPaused = false
        try await attempt { isPaused = try await application.store.pause(remote, now: clock.wall) != nil }
        guard isPaused else { return }
        count("pauses")
        note("pause \(remote)")
        mutateChecks { $0.paused(remote, at: clock.uptime) }
        committed()
        after(gap(500...60_000), .resumed(remote))
    }

    func resume(_ remote: String) async throws {
        note("resume \(remote)")
        let attemptsNow = chance(30)
        guard try await attempt({ _ = try await application.store.resume(remote, attemptsNow: attemptsNow, now: clock.wall) }) else {
            return after(.seconds(5), .resumed(remote))
        }
        mutateChecks { $0.resumed(remote) }
        committed()
    }

    // MARK: Webhooks

    func send(_ hook: SandboxModel.WebhookCall, _ remote: String) {
        let delay = Duration.milliseconds(hook.delayMilliseconds)
        if !isCalm, chance(plan.lostHooks) { return count("webhook calls that got lost") }
        after(delay + span(1...(chance(80) ? 50 : 8000)), .webhook(hook, remote: remote))
        if !isCalm, chance(10) { after(delay + span(1...5000), .webhook(hook, remote: remote)) }
    }

    func receive(_ hook: SandboxModel.WebhookCall, _ name: String) async throws {
        guard engine != nil, let remote = configured.first(where: { $0.name == name && $0.isEnabled }), let scheme = remote.kind.webhook
        else {
            return
        }
        let reader = WebhookReader(scheme, own: remote.profile.own, secret: WebhookSecret(WorldPlan.secret))
        let reading: WebhookReading
        do throws(WebhookRejection) {
            reading = try reader.read(hook.body, proof: reader.proofHeader.flatMap { hook.headers[$0] })
        } catch {
            return fail("a webhook call of \(name) was refused: \(error)")
        }
        guard var notices = reading.notices, !notices.isEmpty else { return }
        if !isCalm, remote.kind.operations.contains(where: { $0.role == .list }), chance(plan.vagueHooks) { notices = [.somethingChanged] }
        count("webhook calls")
        try await receive(notices, from: name, hook)
    }

    /// - Parameter hook: the call that says it; it comes again when the engine wants that.
    func receive(_ notices: [Notice], from remote: String, _ hook: SandboxModel.WebhookCall? = nil) async throws {
        nextTicket += 1
        hooks[nextTicket] = (hook, remote)
        mutateChecks { $0.disturbed(at: clock.uptime) }
        try await handle(.remoteEvents(nextTicket, remote, notices))
    }

    func respond(_ ticket: UInt64, _ new: Int?) {
        note("respond \(ticket) \(new.map { "\($0)" } ?? "-")")
        guard let (hook, remote) = hooks.removeValue(forKey: ticket) else { return fail("ticket \(ticket) got two responses") }
        // A sender that is told to repeat a call usually does so.
        if new == nil, let hook, isCalm || chance(80) { after(span(1000...10_000), .webhook(hook, remote: remote)) }
    }

    // MARK: Weather and clock

    func changeWeather() {
        guard !isCalm else { return }
        after(gap(5_000...90_000), .weatherChanges)
        guard plan.faultShare > 0, let remote = plan.remotes.randomElement(using: &random)?.name else { return }
        let weather = RemoteSystems.Weather.allCases.randomElement(using: &random) ?? .fair
        note("the weather at \(remote) is \(weather)")
        remotes.weather[remote] = weather
        after(gap(1000...60_000), .weatherEnds(remote))
    }

    func setClock() {
        guard !isCalm, plan.stepsClock else { return }
        after(gap(20_000...300_000), .clockIsSet)
        // A clock step while no process runs cannot be noticed.
        guard engine != nil else { return }
        let step: Duration =
            switch number(0...4) {
            case 0: span(-900...900)
            case 1: .seconds(number(-120...120))
            default: .minutes(Int64(number(-300...300)))
            }
        count("steps of the clock")
        note("the clock is set by \(step.milliseconds)")
        setClock(by: step)
        clockSteps.wasSet(by: step)
    }
}

extension WebhookReading {
    fileprivate var notices: [Notice]? {
        switch self {
        case .notices(let notices), .partial(let notices, _, _): notices
        case .ignored: nil
        }
    }
}
