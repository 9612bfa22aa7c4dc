import Fixtures
import SyncCore
import Testing

/// A remote and its rows, driven by random numbers: calls with random outcomes, a wall clock that is set forward and back, pauses, new
/// credentials and crashes. The promises of the machines are checked after every step against records that the model keeps itself.
///
/// As in the engine, the gate uses a clock that is never set, and rows use the wall clock; when that is set, waiting rows are moved.
struct DeliveryModel {
    struct Row {
        var row: OutboxRow
        /// When the first send whose outcome is unknown began, by the wall clock.
        var firstDoubtfulSend: Instant?

        mutating func noteDoubtfulSend(at moment: Instant) { firstDoubtfulSend = firstDoubtfulSend ?? moment }
    }

    struct Call {
        var index: Int
        /// Times by the wall clock, and by the steady one.
        var startedAt: Instant
        var began: Instant
        var credential: Int
    }

    static let timeout = Duration.seconds(10)
    let policy = RetryPolicy(base: .milliseconds(200), cap: .seconds(1), maximumAttempts: 6, maximumAge: .minutes(10))
    let settings: RemoteGate.Settings
    /// In percent of calls.
    let failureShare: Int
    /// The longest step of time, in milliseconds: some histories are busy.
    let pace: Int64
    /// Whether the remote also refuses tokens and throttles.
    let hasHolds: Bool
    let seed: UInt64

    var random: SeededGenerator
    var gate: RemoteGate
    var rows: [Row] = []
    var calls: [Call] = []
    var step = 0
    /// Time as it passes. The wall clock is this and an offset, which people and NTP change; the steady clock begins with the wall clock's
    /// time when the process begins.
    var elapsed = Duration.zero
    var offset = Instant(milliseconds: 1_700_000_000_000)
    var steadyOffset = Instant(milliseconds: 1_700_000_000_000)
    var now: Instant { offset + elapsed }
    var steady: Instant { steadyOffset + elapsed }

    // The records that the model keeps itself.
    var credential = 0
    var isPaused = false
    /// How long the remote has throttled, in time as it passes.
    var patience = Duration.zero
    /// How often each thing happened: a test in which nothing happens cannot fail.
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
            probeInterval: .seconds(Int64.random(in: 10...60, using: &random)))
        gate = RemoteGate(settings, now: offset)
    }

    mutating func noted(_ what: String) { tally[what, default: 0] += 1 }

    func expect(_ condition: Bool, _ what: String) {
        // Only a failure gets a message: there are a million checks.
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
        case 985..<992: pass(max((gate.opensAt(now: steady) ?? steady) - steady, .zero))
        default: pass(.milliseconds(Int64.random(in: 0...100 * pace, using: &random)))
        }
        expect(gate.inFlight == calls.count, "the gate counts \(gate.inFlight) calls, \(calls.count) are out")
        expect(calls.count <= settings.concurrency, "\(calls.count) calls are out, \(settings.concurrency) may be")
        expect((1...settings.concurrency).contains(gate.concurrency), "the limit is \(gate.concurrency)")
        let opensAt = gate.opensAt(now: steady)
        expect((opensAt == nil) == isPaused, "a gate that is not paused has a moment at which it opens")
    }

    mutating func pass(_ span: Duration) {
        elapsed = elapsed + span
    }

    /// No wait becomes longer or shorter because of a large clock step; a smaller one moves what rows wait for.
    mutating func setClock(by span: Duration) {
        offset = offset + span
        if max(span, .zero - span) > .seconds(2) {
            for index in rows.indices { rows[index].row.dueAt = rows[index].row.dueAt + span }
            noted("clock step")
        }
        noted(span > .zero ? "clock forward" : "clock back")
    }

    mutating func setPaused(_ paused: Bool) {
        if paused, !isPaused { noted("paused") }
        isPaused = paused
        if paused {
            gate.pause(now: steady)
        } else {
            // An operator resumes the remote in spite of its last response.
            gate.resume()
            patience = min(patience, elapsed)
        }
    }

    /// The process ends abruptly; another one begins with what is stored.
    mutating func crash() {
        for call in calls {
            rows[call.index].row.state = .pending
            rows[call.index].row.dueAt = now
            if rows[call.index].row.inDoubtSince == nil { rows[call.index].row.inDoubtSince = call.startedAt }
            rows[call.index].noteDoubtfulSend(at: call.startedAt)
        }
        calls = []
        // Stored by the wall clock, with whose time the next process begins.
        let stored = gate.stored.moved(by: now - steady)
        steadyOffset = offset
        gate = RemoteGate(settings, stored: stored, now: steady)
        patience = max(min((stored.throttledUntil ?? steady) - steady, .days(1)), .zero) + elapsed
        expect(gate.stored.parkedAt == stored.parkedAt && gate.stored.breakerOpenings == stored.breakerOpenings, "a restart forgets")
        expect(gate.stored.concurrency == stored.concurrency, "a restart forgets what the remote takes")
        noted("crash")
    }

    mutating func addRow() {
        guard rows.count(where: { !$0.row.state.isFinished }) < 60 else { return }
        let payload: PayloadKind = Bool.random(using: &random) ? .state : .message
        let row = Row(row: OutboxRow(payload: payload, dueAt: now))
        // Replaces a finished one, so that the model does not grow.
        if let free = rows.firstIndex(where: { $0.row.state.isFinished }) { rows[free] = row } else { rows.append(row) }
    }

    mutating func tryCall() {
        let due = rows.indices.filter { rows[$0].row.state == .pending && rows[$0].row.dueAt <= now }
        guard let index = due.randomElement(using: &random) else { return }
        tryCall(index)
    }

    /// Sends a due row if the gate admits it. A row that must not be sent never reaches the gate.
    mutating func tryCall(_ index: Int) {
        guard rows[index].row.mayBeSent(now: now, timeout: DeliveryModel.timeout) else {
            rows[index].row.state = .sending
            rows[index].row.expire()
            return noted("expired")
        }
        let before = (isProbing: gate.isProbing, concurrency: gate.concurrency, opensAt: gate.opensAt(now: steady))
        let (admission, change) = gate.admit(now: steady)
        switch admission {
        case .admitted:
            noted(before.isProbing ? "probe" : "admitted")
            if change == .breaker(.halfOpen) { noted("half open") }
            send(index)
            expect(!isPaused, "a call went out while the remote is paused")
            expect(elapsed >= patience, "a call went out before the remote wants one")
            expect(before.opensAt.map { $0 <= steady } == true, "a call went out through a gate that was closed")
            expect(calls.count <= before.concurrency, "\(calls.count) calls are out under a limit of \(before.concurrency)")
            expect(!before.isProbing || calls.count == 1, "\(calls.count) calls are out, one to find out was wanted")
        case .wait(let until):
            expect(until > steady, "waiting for the past")
            expect(until - steady <= .days(1), "waiting for \((until - steady).notation)")
        case .full: expect(!calls.isEmpty, "nothing is out, and nothing may go out")
        case .paused: expect(isPaused, "the gate is paused, and nobody paused it")
        }
    }

    private mutating func send(_ index: Int) {
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
        calls.append(Call(index: index, startedAt: now, began: steady, credential: credential))
    }
}
