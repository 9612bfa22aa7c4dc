import SandboxModel
import SyncCore
import SyncStore

/// Incidents whose right end is known, at rest.
extension Simulation {
    /// How long something may take to happen that a drill needs; without it there is no drill.
    private static let patience = Duration.hours(3)
    /// By how much the clock is behind after a power cut: longer than anything takes to come to rest.
    private static let outage = Duration.hours(72)

    func expectRecoveries() async throws {
        // What the brake holds, and what is given up after some attempts, waits for an operator.
        guard !plan.brakes, !wasRestored, plan.settings.retry.maximumAttempts > 1000 else { return }
        random = SplitMix64(seed: ~seed)
        for _ in 0..<plan.drills where checks.problems.isEmpty {
            let objects = try await linkedObjects()
            let drills = Drill.allCases.flatMap { drill in
                objects.filter { drill.fits($0.remote, in: plan) }.map { (drill: drill, remote: $0.remote, id: $0.conversation) }
            }
            // Each kind is as likely as the others, however many objects there are for it.
            guard let kind = Set(drills.map(\.drill)).sorted(by: { "\($0)" < "\($1)" }).randomElement(using: &random),
                let drawn = drills.filter({ $0.drill == kind }).randomElement(using: &random)
            else { return }
            try await hold(drawn.drill, RemoteSystems.Object(remote: drawn.remote.name, conversation: drawn.id))
        }
    }

    private func linkedObjects() async throws -> [(remote: Remote, conversation: String)] {
        var objects: [(remote: Remote, conversation: String)] = []
        for remote in plan.remotes {
            let linked: SQL = "SELECT conversation_id FROM links WHERE remote = \(remote.name) ORDER BY 1"
            let present: SQL = "SELECT id FROM conversations ORDER BY 1"
            objects += try await application.lines(remote.kind.needsLink ? linked : present, columns: 1).map { (remote, $0) }
        }
        return objects
    }

    private func hold(_ drill: Drill, _ object: RemoteSystems.Object) async throws {
        guard try await isReady(object) else { return }
        tell("A drill begins: \(drill) of \(object.conversation) at \(object.remote).")
        let isHeld =
            switch drill {
            case .killed: try await killDuringCall(object)
            case .refusedAfterLost: try await refuseAfterLoss(object)
            case .refusedTags: try await refuseTags(object)
            case .discardedRefusal: try await discardRefusal(object)
            case .takenApart: try await takeApart(object)
            case .sharedObject: try await shareWhileRowWaits(object)
            case .clockBehind: try await startBehind(object)
            case .interruptedMessage: try await interruptMessage(object)
            case .unseenTakeover: try await takeOverUnseen(object)
            case .gateway: try await meetGateway(object)
            case .firstContact: try await changeBeforeFirstContact(object)
            }
        remotes.weather[object.remote] = .fair
        // What a drill has begun is done, even if it was not held.
        guard checks.problems.isEmpty, try await rest(), isHeld else { return }
        count("drills: \(drill)")
        try await expectAgreement()
    }

    // MARK: The drills

    private func killDuringCall(_ object: RemoteSystems.Object) async throws -> Bool {
        let id = object.conversation
        guard try await prepare(id, "status = 'resolved', assignee_id = NULL"), try await isRow(of: id, "resolved") else { return false }
        try await set(id, "status = 'closed'")
        guard try await wait(until: { remotes.state(object)?["status"]?.string == "closed" && isCalled(object) }) else { return false }
        for process in running { try await kill(process) }
        try await set(id, "status = 'resolved'")
        guard try await rest() else { return true }
        try await expectRow(of: id, "resolved", object)
        return true
    }

    private func refuseAfterLoss(_ object: RemoteSystems.Object) async throws -> Bool {
        let id = object.conversation
        let (first, second) = (nextTitle(), nextTitle())
        remotes.weather[object.remote] = .silent
        try await set(id, "title = \(first)")
        guard try await wait(until: { remotes.state(object)?["title"]?.string == first }) else { return false }
        remotes.weather[object.remote] = .refusingChanges
        try await set(id, "title = \(second)")
        guard try await wait(until: { try await hasRow(of: object, "state = 'dead'") }) else { return false }
        remotes.weather[object.remote] = .fair
        guard try await rest() else { return true }
        let title = try await application.lines("SELECT title FROM conversations WHERE id = \(id)", columns: 1).first
        if title != second { fail("the title is '\(title ?? "-")' instead of '\(second)', \(object)\(told(object))") }
        try await retryDead(of: object)
        return true
    }

    private func refuseTags(_ object: RemoteSystems.Object) async throws -> Bool {
        let id = object.conversation
        let tags = Array(plan.tags.prefix(3))
        func text(_ tags: [String]) -> String { JSONValue.array(tags.map(JSONValue.string)).text }
        guard tags.count == 3, try await prepare(id, "tags = \(text([tags[0]]))") else { return false }
        remotes.weather[object.remote] = .refusingChanges
        try await set(id, "tags = \(text([tags[0], tags[1]]))")
        guard try await wait(until: { try await hasRow(of: object, "state = 'dead'") }) else { return false }
        remotes.weather[object.remote] = .fair
        try people(at: object, ["tags": .array([tags[0], tags[2]].map(SandboxJSON.string))])
        guard try await rest() else { return true }
        try await retryDead(of: object)
        guard try await rest() else { return true }
        let present = Set(remotes.state(object)?["tags"]?.strings ?? [])
        if present != Set(tags) { fail("the tags are \(present.sorted()) instead of \(tags), \(object)\(told(object))") }
        return true
    }

    private func discardRefusal(_ object: RemoteSystems.Object) async throws -> Bool {
        let id = object.conversation
        let tag = plan.tags[0]
        guard try await prepare(id, "tags = '[]'") else { return false }
        remotes.weather[object.remote] = .refusingChanges
        try await set(id, "title = \(nextTitle())")
        guard try await wait(until: { try await hasRow(of: object, "state = 'dead'") }) else { return false }
        remotes.weather[object.remote] = .fair
        tell("An operator discards it.")
        try await manage(.discard, dead(of: object))
        committed()
        try await set(id, "tags = \(JSONValue.array([.string(tag)]).text)")
        guard try await rest() else { return true }
        let known = try await application.number(
            """
            SELECT count(*) FROM link_state WHERE conversation_id = \(id) AND remote = \(object.remote) AND discarded_row IS NOT NULL
            """)
        if known == 0 { fail("it is not known any more that \(object) lacks what was discarded\(told(object))") }
        try await takeDiscardsBack()
        return true
    }

    private func takeApart(_ object: RemoteSystems.Object) async throws -> Bool {
        let id = object.conversation
        guard try await prepare(id, "tags = '[]'") else { return false }
        remotes.weather[object.remote] = .refusingTags
        let before = remotes.failedWrites[object] ?? 0
        try await set(id, "title = \(nextTitle()), tags = \(JSONValue.array([.string(plan.tags[0])]).text)")
        guard try await wait(until: { (remotes.failedWrites[object] ?? 0) > before }) else { return false }
        remotes.weather[object.remote] = .throttlingChanges
        // A sweep begins every hour.
        try await run(until: clock.uptime + plan.settings.retention.maximumAge + .minutes(65))
        remotes.weather[object.remote] = .refusingTags
        guard try await rest() else { return true }
        if try await !hasRow(of: object, "state = 'dead'") { fail("there is no row for the tags that \(object) refuses\(told(object))") }
        remotes.weather[object.remote] = .fair
        try await retryDead(of: object)
        return true
    }

    private func shareWhileRowWaits(_ object: RemoteSystems.Object) async throws -> Bool {
        let id = object.conversation
        let others = try await linkedObjects().filter { $0.remote.name == object.remote && $0.conversation != id }.map(\.conversation)
        guard let other = others.randomElement(using: &random) else { return false }
        remotes.weather[object.remote] = .failing
        try await set(id, "title = \(nextTitle())")
        guard
            try await wait(until: {
                !isCalled(object) && running.allSatisfy { $0.exchange == nil } && remotes.writes[object] != nil
                    ? try await hasRow(of: object, "state = 'pending' AND attempts > 0") : false
            })
        else { return false }
        tell("The application links \(other) to the object that \(id) has.")
        guard try await application.link(other, to: object.remote, asThatOf: id) else { return false }
        relinked.formUnion([id, other])
        committed()
        remotes.weather[object.remote] = .fair
        let writes = remotes.writes[object]
        try await run(until: clock.uptime + .minutes(15))
        if remotes.writes[object] != writes { fail("something was sent to \(object), which belongs to two conversations\(told(object))") }
        try await endSharing()
        return true
    }

    private func startBehind(_ object: RemoteSystems.Object) async throws -> Bool {
        remotes.weather[object.remote] = .failing
        try await set(object.conversation, "title = \(nextTitle())")
        guard try await wait(until: { try await hasRow(of: object, "state = 'pending' AND attempts > 0") }) else { return false }
        try await losePower()
        tell("The clock is behind by \(Simulation.outage.milliseconds) ms.")
        setClock(by: .zero - Simulation.outage)
        remotes.weather[object.remote] = .fair
        try await run(until: clock.uptime + .seconds(5))
        return true
    }

    private func interruptMessage(_ object: RemoteSystems.Object) async throws -> Bool {
        let id = object.conversation
        let message = "drill\(clock.uptime.milliseconds)"
        tell("A user writes \(message) in \(id).")
        try await application.write(message: message, RawText(Messages.body(message, "")), of: id, at: clock.truth)
        customersWrote.insert(id)
        committed()
        let arrivals = { self.remotes.messages(id).count { $0.author == "user" && Messages.id(of: $0.body) == message } }
        guard try await wait(until: { arrivals() > 0 && isCalled(object) }) else { return false }
        for process in running {
            tell("The \(process) is killed.")
            try await ended(process, isKilled: true)
        }
        let step = Duration.hours(Bool.random(using: &random) ? 3 : -3)
        tell("The clock of the machine is set by \(step.milliseconds) ms.")
        setClock(by: step)
        guard try await rest() else { return true }
        let state = try await application.lines("SELECT state FROM outbox WHERE message_id = \(message)", columns: 1).last
        if let state, state != "delivered" { fail("\(message) is \(state), although five minutes were not over\(told(object))") }
        if arrivals() != 1 { fail("\(message) is at Fin \(arrivals()) times") }
        return true
    }

    private func takeOverUnseen(_ object: RemoteSystems.Object) async throws -> Bool {
        let id = object.conversation
        guard try await prepare(id, "status = 'closed', assignee_id = NULL"), try await isRow(of: id, "closed") else { return false }
        let old = TwoWayRules.standardLag + .seconds(1)
        let isOld = {
            let shown = try await self.application.lines(
                "SELECT record ->> '$.shown_at' FROM link_state WHERE conversation_id = \(id) AND remote = \(object.remote)", columns: 1)
            return shown.first.flatMap { Instant(iso8601: $0) }.map { self.clock.wall - $0 > old } ?? true
        }
        guard try await wait(until: isOld) else { return false }
        tell("Somebody at \(object.remote) takes \(id), and no webhook call tells it.")
        _ = try remotes.act(at: object, ["state": "human-chatting"], now: clock.truth)
        try await set(id, "status = 'open', assignee_id = \(WorldPlan.ai)")
        guard try await rest() else { return true }
        if remotes.state(object)?["state"]?.string != "human-chatting" { fail("the AI took \(object) from a person\(told(object))") }
        return true
    }

    private func meetGateway(_ object: RemoteSystems.Object) async throws -> Bool {
        remotes.weather[object.remote] = .gateway
        let before = remotes.failedWrites[object] ?? 0
        try await set(object.conversation, "title = \(nextTitle())")
        guard try await wait(until: { (remotes.failedWrites[object] ?? 0) > before }) else { return false }
        try await run(until: clock.uptime + .minutes(1))
        return true
    }

    private func changeBeforeFirstContact(_ object: RemoteSystems.Object) async throws -> Bool {
        let id = object.conversation
        // The name of the user is never read: it would always be sent.
        let user = try await application.lines("SELECT user_id FROM conversations WHERE id = \(id)", columns: 1).first
        try await set(id, "user_id = NULL")
        let isHeld = try await changeBeforeFirstContactWithoutUser(object)
        try await set(id, "user_id = \(user)")
        return isHeld
    }

    private func changeBeforeFirstContactWithoutUser(_ object: RemoteSystems.Object) async throws -> Bool {
        let id = object.conversation
        // What the chat shows before the AI gets it is read first.
        guard try await prepare(id, "status = 'open', assignee_id = \(WorldPlan.ai), tags = '[]'"), try await isRow(of: id, "open"),
            let state = remotes.state(object), state["state"]?.string == "ai-chatting",
            let tag = plan.tags.first(where: { state["tags"]?.strings?.contains($0) != true })
        else { return false }
        // Whatever the policy is, nothing is adopted at the first contact.
        try await decideConflicts(by: .remote)
        remotes.weather[object.remote] = .throttlingChanges
        let before = remotes.failedWrites[object] ?? 0
        try await resend(id, object.remote)
        // The state is there: what is planned after the read does without it.
        try await set(id, "tags = \(JSONValue.array([.string(tag)]).text)")
        guard try await wait(until: { (remotes.failedWrites[object] ?? 0) > before }) else { return false }
        try people(at: object, ["state": "completed"])
        guard try await wait(until: { try await isKnown("completed", of: object) }) else { return false }
        // Nothing is left to send that a response could be to.
        try await set(id, "tags = '[]'")
        try await run(until: clock.uptime + .minutes(1))
        remotes.weather[object.remote] = .fair
        guard try await rest() else { return true }
        try await expectRow(of: id, "open", object)
        return true
    }

    // MARK: Steps

    /// Nothing of the conversation waits for a person, and the object is there.
    private func isReady(_ object: RemoteSystems.Object) async throws -> Bool {
        let waiting = try await application.number(
            "SELECT count(*) FROM outbox WHERE conversation_id = \(object.conversation) AND state IN ('held', 'uncertain', 'dead')")
        guard waiting == 0, try await mayUndo(object.conversation) else { return false }
        return remotes.state(object) != nil || object.remote == "fin"
    }

    private func rest() async throws -> Bool { try await comeToRest(andMore: .minutes(1), round: .seconds(5)) }

    private func set(_ id: String, _ assignments: SQL) async throws {
        try await application.change([id], assignments)
        tell("The application changes \(id).")
        committed()
    }

    private func prepare(_ id: String, _ assignments: SQL) async throws -> Bool {
        try await set(id, assignments)
        return try await rest()
    }

    private func nextTitle() -> String {
        actCount += 1
        return Titles.ofApplication(actCount + 1000)
    }

    /// Lets happen what happens until the condition holds.
    /// - Returns: whether it does.
    private func wait(until condition: () async throws -> Bool) async throws -> Bool {
        let end = clock.uptime + Simulation.patience
        while try await !condition() {
            guard let next = queue.nextAt, next < end, checks.problems.isEmpty else { return false }
            try await run(until: next)
        }
        return true
    }

    /// Whether it is recorded that the object has this state.
    private func isKnown(_ state: String, of object: RemoteSystems.Object) async throws -> Bool {
        try await application.number(
            """
            SELECT count(*) FROM link_state WHERE conversation_id = \(object.conversation) AND remote = \(object.remote)
                AND fields ->> '$.state.held' = \(state)
            """) > 0
    }

    /// A call has arrived there, and its process does not know yet how it went.
    private func isCalled(_ object: RemoteSystems.Object) -> Bool {
        calls.values.contains { $0.remote.name == object.remote && $0.conversation == object.conversation && $0.exchange != nil }
    }

    private func hasRow(of object: RemoteSystems.Object, _ condition: SQL) async throws -> Bool {
        try await application.number(
            "SELECT count(*) FROM outbox WHERE conversation_id = \(object.conversation) AND remote = \(object.remote) AND \(condition)") > 0
    }

    private func dead(of object: RemoteSystems.Object) -> OutboxFilter {
        var filter = OutboxFilter()
        (filter.remote, filter.conversation, filter.states) = (object.remote, object.conversation, [.dead])
        return filter
    }

    /// Until nothing is dead: what was refused is sent member by member.
    private func retryDead(of object: RemoteSystems.Object) async throws {
        for _ in 0..<10 where try await hasRow(of: object, "state = 'dead'") {
            tell("An operator retries it.")
            try await manage(.retry, dead(of: object), acceptDuplicate: true)
            committed()
            try await run(until: clock.uptime + .minutes(1))
        }
    }

    private func isRow(of id: String, _ status: String) async throws -> Bool {
        try await application.lines("SELECT status FROM conversations WHERE id = \(id)", columns: 1) == [status]
    }

    private func expectRow(of id: String, _ status: String, _ object: RemoteSystems.Object) async throws {
        if try await !isRow(of: id, status) { fail("\(id) is not \(status) any more, \(object)\(told(object))") }
    }
}
