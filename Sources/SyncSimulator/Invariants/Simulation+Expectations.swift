import SandboxModel
import SyncCore
import SyncEngine
import SyncStore

/// The conditions at rest.
extension Simulation {
    func expectDelivered() async throws {
        let left = try await application.lines(
            """
            SELECT id, conversation_id, remote, state, held_by, last_error FROM outbox
            WHERE payload = 'state' AND state NOT IN ('delivered', 'superseded', 'discarded')
            """, columns: 6)
        for row in left { fail("not delivered: \(row)") }
        let messages = try await application.lines(
            "SELECT id, message_id, state, last_error FROM outbox WHERE payload = 'message' AND state = 'dead'", columns: 4)
        for row in messages { fail("a message was given up: \(row)") }
    }

    /// Every message of a user is at Fin once, in the order in which it was written, unless it is held or was settled by an operator.
    func expectMessages() async throws {
        guard plan.remotes.contains(where: { $0.kind.receivesMessages }) else { return }
        let taken = Dictionary(
            uniqueKeysWithValues: plan.conversations.map { id in
                (id, remotes.messages(id).filter { $0.author == "user" }.map { Messages.id(of: $0.body) })
            })
        let texts = Set(plan.conversations.flatMap { remotes.messages($0) }.map { ExactText($0.body) })
        let arrivals = Dictionary(taken.values.joined().map { ($0, 1) }, uniquingKeysWith: +)
        for (message, count) in arrivals.sorted(by: { $0.key < $1.key })
        where count > 1 && !settledMessages.contains(message) && !wasRestored && lostClockSteps == .zero {
            fail("\(message) is at Fin \(count) times")
        }
        let existing = Set(try await application.lines("SELECT id FROM conversations", columns: 1))
        for id in plan.conversations where existing.contains(id) {
            let written = try await application.lines(
                """
                SELECT m.id, coalesce((SELECT o.state FROM outbox o WHERE o.message_id = m.id AND o.state <> 'discarded'
                    ORDER BY o.id DESC LIMIT 1), '-'), m.body FROM messages m
                WHERE m.conversation_id = \(id) AND m.author = 'user' ORDER BY m.rowid
                """, columns: 3)
            var order: [String] = []
            for line in written {
                let parts = line.split(separator: "|", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
                let (message, state, body) = (parts[0], parts[1], parts[2])
                if arrivals[message] != nil, !texts.contains(ExactText(body)) {
                    fail("\(message) of \(id) is at Fin with another text than '\(body)'")
                }
                let count = arrivals[message] ?? 0
                let isSettled = settledMessages.contains(message)
                if count == 0, state == "delivered" { fail("\(message) of \(id) is delivered, and not at Fin") }
                let isForgotten = plan.forgets && state == "-" && count > 0
                let isBehindHeld = state == "pending" && written.contains { $0.contains("|held|") }
                if !isSettled, !isForgotten, !isBehindHeld, state != "delivered", state != "held" {
                    fail("\(message) of \(id) is \(state)")
                }
                if count > 0, !isSettled, !movedMessages.contains(message), !givenUpMessages.contains(message) { order.append(message) }
            }
            let inOrder = (taken[id] ?? []).filter { order.contains($0) }
            if inOrder != order, !wasRestored, lostClockSteps == .zero {
                fail("messages of \(id) are at Fin as \(inOrder), written as \(order)")
            }
        }
    }

    /// A changed title at rest arrives within seconds, at the helpdesk last, and costs three commits: planned and claimed for vg, recorded with what the
    /// helpdesk gets, recorded.
    func expectFewCommits() async throws {
        let linked = try await application.lines(
            "SELECT c.id FROM conversations c JOIN links l ON l.conversation_id = c.id AND l.remote = 'vg' ORDER BY 1 LIMIT 1", columns: 1)
        guard !plan.isTwoWay, !plan.brakes, let id = linked.first else { return }
        let (commits, calls) = (checks.commitCount, checks.callCount)
        try await application.change([id], "title = 'the last one'")
        committed()
        try await run(until: clock.uptime + .seconds(10))
        let states = plan.remotes.count { $0.kind.carriesState && $0.name != "voicebot" }
        if checks.callCount - calls > states { fail("\(checks.callCount - calls) calls for one title at \(states) remotes") }
        if checks.commitCount - commits > 3 { fail("\(checks.commitCount - commits) commits for one title") }
        if checks.callCount - calls < states { fail("\(checks.callCount - calls) calls within 10 s of a changed title, \(states) remotes") }
        let changes = ["vg", "helpdesk"].map { remotes.changedAt[.init(remote: $0, conversation: id)] }
        if let first = changes[0], let last = changes[1], last <= first { fail("the helpdesk got a title before vg") }
    }

    /// A drain ends when its calls have ended and their outcomes are stored, unless it is stopped or the database cannot be used.
    func expectNothingCut(_ process: ServiceProcess, _ summary: Engine.DrainSummary) {
        guard process.stopBy == nil, summary.error == nil else { return }
        let cut = calls.keys.filter { $0.process == process.number }.map(\.id.number).sorted()
        if !cut.isEmpty { fail("the drain of \(process) ended while calls \(cut) were in flight") }
        if process.exchange != nil { fail("the drain of \(process) ended while an exchange was in progress") }
    }

    /// After its deadline a drain makes no call for a row that has failed before, unless the row was due when the drain began.
    func expectDueInDrain(_ purpose: Engine.CallPurpose, _ process: ServiceProcess) {
        guard let drain = process.drain, clock.uptime >= drain.until, !plan.stepsClock, case .deliver(let row) = purpose else { return }
        if row.isRetry, row.row.dueAt > drain.beganAt { fail("the drain of \(process) attempts row \(row.id) again after its deadline") }
    }

    /// `convosync sync` with nothing to do ends, and has done nothing.
    func expectIdleDrain() async throws {
        guard let process = daemon, process.engine != nil else { return fail("the daemon does not run") }
        let before = try await activity()
        try await handle(.drainRequested(until: nil), process)
        try await run(until: clock.uptime + .minutes(1))
        guard let drained = process.drained else { return fail("a drain with nothing to do does not end") }
        if drained.counts != RunCounts() { fail("a drain with nothing to do did something: \(drained.counts)") }
        if try await activity() != before { fail("a drain with nothing to do has written or adopted something") }
    }
}
