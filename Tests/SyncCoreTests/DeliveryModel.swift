import SeededRandom
import SyncCore
import Testing

/// A remote and its rows, driven by random numbers: calls with random ends, a wall clock that is set forward and back, pauses, new
/// credentials and crashes. What the machines promise is checked at every step, against books of the model's own.
struct DeliveryModel {
    struct Row {
        var row: OutboxRow
        /// When the first send began whose fate nobody knows, by the wall clock.
        var firstDoubtfulSend: Instant?

        mutating func noteDoubtfulSend(at moment: Instant) { firstDoubtfulSend = firstDoubtfulSend ?? moment }
    }

    struct Call {
        var index: Int
        var startedAt: Instant
        var isRetry: Bool
        var credential: Int
    }

    static let timeout = Duration.seconds(10)
    let policy = RetryPolicy(base: .milliseconds(200), cap: .seconds(1), maximumAttempts: 6, maximumAge: .minutes(10))
    let settings: RemoteGate.Settings
    /// In percent of calls.
    let failureShare: Int
    /// The longest step of time, in milliseconds: some lives are so busy that the retry budget is used up.
    let pace: Int64
    /// Whether the remote refuses tokens and asks for patience, too.
    let hasHolds: Bool
    let seed: UInt64

    var random: SeededGenerator
    var gate: RemoteGate
    var rows: [Row] = []
    var calls: [Call] = []
    var step = 0
    /// Time as it passes. The wall clock is that and an offset, which people and NTP change.
    var elapsed = Duration.zero
    var offset = Instant(milliseconds: 1_700_000_000_000)
    var now: Instant { offset + elapsed }

    // The model's own books.
    var credential = 0
    var isPaused = false
    /// Until when the remote has asked for patience, in time as it passes; steps forward shorten it, steps back do not count.
    var patience = Duration.zero
    var firstTries = 0
    var failedRetries = 0
    /// What the budget may have gained by time passing, by steps forward and by restarts.
    var budgetSeconds = 10.0
    /// How often each thing happened: a test in which nothing happens proves nothing.
    var tally: [String: Int] = [:]

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        failureShare = .random(in: 10...70, using: &random)
        pace = [1, 8, 20].randomElement(using: &random) ?? 8
        hasHolds = Int.random(in: 0..<3, using: &random) > 0
        settings = RemoteGate.Settings(
            concurrency: .random(in: 1...8, using: &random),
            rate: Bool.random(using: &random) ? RateLimit(calls: .random(in: 5...50, using: &random), period: .seconds(1)) : nil,
            breaker: .init(
                minimumSample: Bool.random(using: &random) ? .random(in: 2...10, using: &random) : .max,
                failureShare: .random(in: 30...100, using: &random),
                window: .seconds(Int64.random(in: 1...60, using: &random)),
                pause: .milliseconds(Int64.random(in: 100...5000, using: &random)),
                longestPause: .seconds(30)),
            retryBudget: .init(percent: .random(in: 0...20, using: &random), minimumPerSecond: .random(in: 1...3, using: &random)),
            probeInterval: .seconds(Int64.random(in: 10...60, using: &random)))
        gate = RemoteGate(settings, now: offset)
    }

    mutating func noted(_ what: String) { tally[what, default: 0] += 1 }

    func expect(_ condition: Bool, _ what: String) {
        // Only what fails is worth a message: there are a million of these.
        if !condition { Issue.record("\(what); seed \(seed), step \(step)") }
    }

    // MARK: Steps

    mutating func takeStep() {
        step += 1
        pass(.milliseconds(Int64.random(in: 0...pace, using: &random)))
        switch Int.random(in: 0..<1000, using: &random) {
        case 0..<350: tryCall()
        case 350..<700: endCall(randomOutcome())
        case 700..<900: addRow()
        case 900..<915: setClock(by: .milliseconds(Int64.random(in: -60 * pace...60 * pace, using: &random)))
        case 915..<918: setClock(by: .minutes(.random(in: -3000...3000, using: &random)))
        case 918..<920: setPaused(true)
        case 920..<928: setPaused(false)
        case 928..<958:
            credential += 1
            gate.credentialChanged()
        case 958 where Bool.random(using: &random): crash()
        case 958..<985: tryCall()
        case 985..<992: pass(max((gate.opensAt(now: now) ?? now) - now, .zero))
        default: pass(.milliseconds(Int64.random(in: 0...100 * pace, using: &random)))
        }
        expect(gate.inFlight == calls.count, "the gate counts \(gate.inFlight) calls, \(calls.count) are out")
        expect(calls.count <= settings.concurrency, "\(calls.count) calls are out, \(settings.concurrency) may be")
        expect((1...settings.concurrency).contains(gate.concurrency), "the limit is \(gate.concurrency)")
        let opensAt = gate.opensAt(now: now)
        expect((opensAt == nil) == isPaused, "a gate that is not paused has a moment at which it opens")
    }

    mutating func pass(_ span: Duration) {
        elapsed = elapsed + span
        budgetSeconds += span.seconds
    }

    /// A step back gains nothing and costs nothing; a step forward is time to everybody who reads the clock.
    mutating func setClock(by span: Duration) {
        offset = offset + span
        // What lies too far ahead for any pause is put right, as `Store.repair` does.
        for index in rows.indices where rows[index].row.dueAt > now + .minutes(1) { rows[index].row.dueAt = now }
        if span > .zero {
            patience = Duration.milliseconds(patience.milliseconds - span.milliseconds)
            budgetSeconds += min(span.seconds, 10)
            noted("clock forward")
        } else {
            noted("clock back")
        }
    }

    mutating func setPaused(_ paused: Bool) {
        if paused, !isPaused { noted("paused") }
        isPaused = paused
        if paused {
            gate.pause(now: now)
        } else {
            // Somebody knows better than the remote's last word.
            gate.resume()
            patience = min(patience, elapsed)
        }
    }

    /// The process ends without a word; another one begins with what is stored.
    mutating func crash() {
        for call in calls {
            rows[call.index].row.state = .pending
            rows[call.index].row.dueAt = now
            if rows[call.index].row.inDoubtSince == nil { rows[call.index].row.inDoubtSince = call.startedAt }
            rows[call.index].noteDoubtfulSend(at: call.startedAt)
        }
        calls = []
        let stored = gate.stored
        gate = RemoteGate(settings, stored: stored, now: now)
        patience = max(min((stored.throttledUntil ?? now) - now, .days(1)), .zero) + elapsed
        budgetSeconds += 10
        expect(gate.stored.parkedAt == stored.parkedAt && gate.stored.breakerOpenings == stored.breakerOpenings, "a restart forgets")
        expect(gate.stored.concurrency == stored.concurrency, "a restart forgets what the remote takes")
        noted("crash")
    }

    mutating func addRow() {
        guard rows.count(where: { !$0.row.state.isFinished }) < 60 else { return }
        let payload: PayloadKind = Bool.random(using: &random) ? .state : .message
        let row = Row(row: OutboxRow(payload: payload, dueAt: now))
        // In the place of one that is over: the model is not to grow.
        if let free = rows.firstIndex(where: { $0.row.state.isFinished }) { rows[free] = row } else { rows.append(row) }
    }

    mutating func tryCall() {
        let due = rows.indices.filter { rows[$0].row.state == .pending && rows[$0].row.dueAt <= now }
        guard let index = due.randomElement(using: &random) else { return }
        tryCall(index)
    }

    /// Sends a due row if the gate lets it through. What must not be sent never comes to the gate.
    mutating func tryCall(_ index: Int) {
        guard rows[index].row.mayBeSent(now: now, timeout: DeliveryModel.timeout) else {
            rows[index].row.state = .sending
            rows[index].row.expire()
            return noted("expired")
        }
        let isRetry = rows[index].row.attempts > 0
        let before = (isProbing: gate.isProbing, concurrency: gate.concurrency, opensAt: gate.opensAt(now: now))
        let (admission, change) = gate.admit(isRetry: isRetry, now: now)
        switch admission {
        case .admitted:
            noted(before.isProbing ? "probe" : "admitted")
            if change == .breaker(.halfOpen) { noted("half open") }
            send(index, isRetry: isRetry)
            expect(!isPaused, "a call went out while the remote is paused")
            expect(elapsed >= patience, "a call went out before the remote wants one")
            expect(before.opensAt.map { $0 <= now } == true, "a call went out through a gate that was closed")
            expect(calls.count <= before.concurrency, "\(calls.count) calls are out under a limit of \(before.concurrency)")
            expect(!before.isProbing || calls.count == 1, "\(calls.count) calls are out, one to find out was wanted")
        case .wait(let until), .noRetry(let until):
            expect(until > now, "waiting for the past")
            expect(until - now <= .days(1), "waiting for \((until - now).notation)")
            if case .noRetry = admission {
                expect(isRetry, "a first try waits for the retry budget")
                expect(until - now <= .seconds(1), "a retry waits for \((until - now).notation)")
                noted("no retry")
            }
        case .full: expect(!calls.isEmpty, "nothing is out, and nothing may go out")
        case .paused: expect(isPaused, "the gate is paused, and nobody paused it")
        }
    }

    private mutating func send(_ index: Int, isRetry: Bool) {
        let row = rows[index]
        if row.row.payload == .message {
            if let sent = row.firstDoubtfulSend {
                expect(
                    now >= sent && now + DeliveryModel.timeout < sent + OutboxRow.messageWindow,
                    "a message is repeated \((now - sent).notation) after a send that may have arrived")
                noted("repeated in its window")
            }
        }
        expect(row.row.attempts < policy.maximumAttempts, "a row is tried once more after \(row.row.attempts) attempts")
        rows[index].row.state = .sending
        calls.append(Call(index: index, startedAt: now, isRetry: isRetry, credential: credential))
        if !isRetry { firstTries += 1 }
    }
}
