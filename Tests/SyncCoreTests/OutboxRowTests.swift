import Fixtures
import SyncCore
import Testing

@Suite struct OutboxRowTests {
    private let start = Instant(milliseconds: 1_700_000_000_000)
    private let policy = RetryPolicy(base: .seconds(2), cap: .minutes(1), maximumAttempts: 3, maximumAge: .hours(1))
    private let timeout = Duration.seconds(30)

    private func sending(
        _ payload: PayloadKind = .state, attempts: Int = 0, countedSince: Instant? = nil, inDoubtSince: Instant? = nil
    ) -> OutboxRow {
        OutboxRow(
            payload: payload, state: .sending, attempts: attempts, dueAt: start, countedSince: countedSince, inDoubtSince: inDoubtSince)
    }

    private func finish(_ row: inout OutboxRow, _ outcome: DeliveryOutcome, after: Duration = .zero, seed: UInt64 = 1) -> String? {
        var random = SeededGenerator(seed: seed)
        return row.finish(outcome, startedAt: start + after, now: start + after, policy: policy, timeout: timeout, using: &random)
    }

    @Test func `an acknowledged row is delivered`() {
        var row = sending(inDoubtSince: start)
        #expect(finish(&row, DeliveryOutcome(.delivered)) == nil)
        #expect(row.state == .delivered && row.attempts == 1 && row.inDoubtSince == nil)
    }

    @Test func `a failed row is due again within the ceiling`() {
        for seed in 1...200 {
            var row = sending()
            #expect(finish(&row, DeliveryOutcome(.retry), seed: UInt64(seed)) == nil)
            #expect(row.state == .pending && row.attempts == 1)
            #expect((start...(start + .seconds(2))).contains(row.dueAt))
        }
    }

    @Test func `Retry-After is a lower limit for the next attempt of a failed row`() {
        var row = sending()
        _ = finish(&row, DeliveryOutcome(.retry, notBefore: start + .minutes(5)))
        #expect(row.dueAt == start + .minutes(5))
    }

    @Test func `the last failed attempt makes the row dead with its cause`() {
        var row = sending(attempts: 2)
        let reason = finish(&row, DeliveryOutcome(.retry, error: "HTTP 500"))
        #expect(row.state == .dead && row.attempts == 3)
        #expect(reason == "gave up after 3 attempts: HTTP 500")
    }

    @Test func `a row that is too old becomes dead`() {
        var row = sending(countedSince: start)
        let reason = finish(&row, DeliveryOutcome(.retry, error: "HTTP 500"), after: .hours(1) + .seconds(1))
        #expect(row.state == .dead)
        #expect(reason == "gave up after 1h: HTTP 500")
    }

    @Test(arguments: [OutcomeClass.throttled, .park, .interrupted])
    func `the age of a row counts from the first attempt, not from days when nothing could be attempted`(_ waiting: OutcomeClass) {
        for payload in [PayloadKind.state, .message] {
            var row = sending(payload)
            for day in 0..<4 {
                _ = finish(&row, DeliveryOutcome(waiting), after: .days(Int64(day)))
                #expect(row.countedSince == nil)
                row.state = .sending
            }
            #expect(finish(&row, DeliveryOutcome(.retry, error: "HTTP 503"), after: .days(4)) == nil)
            #expect(row.state == .pending && row.countedSince == start + .days(4))
            row.state = .sending
            _ = finish(&row, DeliveryOutcome(.park), after: .days(4) + .minutes(2))
            #expect(row.countedSince == start + .days(4), "what does not count moves nothing")
            row.state = .sending
            let wait = DeliveryOutcome(.throttled, notBefore: start + .days(5))
            var waiting = row
            _ = finish(&waiting, wait, after: .days(4) + .minutes(3))
            #expect(waiting.countedSince == start + .days(5) - .minutes(3), "but for a wait that the remote asks for")
            row.state = .sending
            #expect(finish(&row, DeliveryOutcome(.retry, error: "HTTP 503"), after: .days(4) + .hours(2)) == "gave up after 1h: HTTP 503")
            #expect(row.state == .dead)
        }
    }

    @Test func `a message that could not be sent for lack of a connection has its window from the first send in doubt`() {
        var row = sending(.message)
        _ = finish(&row, DeliveryOutcome(.retry, fate: .unknown, error: "HTTP 500"))
        row.state = .sending
        _ = finish(&row, DeliveryOutcome(.retry, error: "connection_refused"), after: .minutes(3))
        #expect(row.state == .pending && row.inDoubtSince == start)
        #expect(row.dueAt < start + OutboxRow.messageWindow)
        row.state = .sending
        _ = finish(&row, DeliveryOutcome(.retry, error: "connection_refused"), after: .minutes(5))
        #expect(row.state == .uncertain)
    }

    @Test func `a message that certainly did not arrive is retried normally, even hours later`() {
        let patient = RetryPolicy(base: .seconds(2), cap: .minutes(15), maximumAttempts: 1000, maximumAge: .days(3))
        var random = SeededGenerator(seed: 1)
        var row = sending(.message)
        for hour in 0..<40 {
            let now = start + .hours(Int64(hour))
            _ = row.finish(
                DeliveryOutcome(.retry, error: "connection_refused"), startedAt: now, now: now, policy: patient, timeout: timeout,
                using: &random)
            #expect(row.state == .pending && row.inDoubtSince == nil)
            row.state = .sending
        }
    }

    @Test(arguments: [OutcomeClass.gone, .dead])
    func `a refusal leaves an earlier send of the message in doubt`(outcome: OutcomeClass) {
        var row = sending(.message, inDoubtSince: start)
        let reason = finish(&row, DeliveryOutcome(outcome, error: "HTTP 400"))
        #expect(row.state == .uncertain)
        #expect(reason == "HTTP 400; an earlier attempt may have arrived")
    }

    @Test(arguments: [OutcomeClass.throttled, .park, .interrupted])
    func `waiting for the remote does not use up an attempt`(outcome: OutcomeClass) {
        var row = sending(attempts: 2)
        #expect(finish(&row, DeliveryOutcome(outcome, notBefore: start + .seconds(9))) == nil)
        #expect(row.state == .pending && row.attempts == 2)
        #expect(row.dueAt == (outcome == .throttled ? start + .seconds(9) : start))
    }

    @Test(arguments: [OutcomeClass.gone, .dead])
    func `a refusal makes the row dead`(outcome: OutcomeClass) {
        var row = sending()
        #expect(finish(&row, DeliveryOutcome(outcome, error: "HTTP 422")) == "HTTP 422")
        #expect(row.state == .dead && row.attempts == 1)
    }

    @Test func `a message in doubt is retried within its window only`() {
        for seed in 1...200 {
            var row = sending(.message, inDoubtSince: start)
            _ = finish(&row, DeliveryOutcome(.retry, fate: .unknown), after: .minutes(4), seed: UInt64(seed))
            #expect(row.state == .pending)
            #expect(row.mayBeSent(now: row.dueAt, timeout: timeout))
        }
    }

    @Test func `a message in doubt becomes uncertain after the window`() {
        var row = sending(.message, inDoubtSince: start)
        #expect(finish(&row, DeliveryOutcome(.retry, fate: .unknown), after: .minutes(5)) == OutboxRow.uncertainReason)
        #expect(row.state == .uncertain)
    }

    @Test func `a throttle that ends after the window makes a message in doubt uncertain, and never resends it`() {
        var row = sending(.message, inDoubtSince: start)
        _ = finish(&row, DeliveryOutcome(.throttled, notBefore: start + .minutes(10)))
        #expect(row.state == .uncertain)
    }

    @Test func `a message that certainly did not arrive may wait without limit`() {
        var row = sending(.message)
        _ = finish(&row, DeliveryOutcome(.throttled, notBefore: start + .minutes(30)))
        #expect(row.state == .pending && row.inDoubtSince == nil)
        #expect(row.mayBeSent(now: start + .hours(20), timeout: timeout))
    }

    @Test func `a row in doubt that has no attempts left is uncertain as a message, and dead as a state`() {
        var message = sending(.message, attempts: 2)
        _ = finish(&message, DeliveryOutcome(.retry, fate: .unknown))
        #expect(message.state == .uncertain)
        var state = sending(.state, attempts: 2)
        _ = finish(&state, DeliveryOutcome(.retry, fate: .unknown))
        #expect(state.state == .dead)
    }

    @Test func `a message is sent only while the response can still arrive inside the window`() {
        let row = OutboxRow(payload: .message, dueAt: start, inDoubtSince: start)
        #expect(row.mayBeSent(now: start + .seconds(269), timeout: timeout))
        #expect(!row.mayBeSent(now: start + .seconds(270), timeout: timeout))
        #expect(!row.mayBeSent(now: start - .seconds(1), timeout: timeout), "a clock that stepped back proves nothing")
    }

    /// Thousands of random rows: the invariants in the machine's comment hold for each of them.
    @Test(arguments: [UInt64(20_261), 20_262, 20_263])
    func `random outcomes keep the row's invariants`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for life in 0..<3000 {
            let payload: PayloadKind = Bool.random(using: &random) ? .message : .state
            var row = OutboxRow(payload: payload, dueAt: start)
            var now = start
            var counted = 0
            while !row.state.isFinished {
                now = max(now + Duration.milliseconds(Int64.random(in: 0...60_000, using: &random)), row.dueAt)
                guard row.mayBeSent(now: now, timeout: timeout) else {
                    row.state = .sending
                    row.expire()
                    break
                }
                row.state = .sending
                let outcome = OutcomeClass.allCases.randomElement(using: &random) ?? .retry
                let fate: CallFate = outcome == .retry && Bool.random(using: &random) ? .unknown : .notApplied
                if ![.throttled, .park, .interrupted].contains(outcome) { counted += 1 }
                let ended = now + Duration.milliseconds(Int64.random(in: 0...30_000, using: &random))
                _ = row.finish(
                    DeliveryOutcome(outcome, fate: fate), startedAt: now, now: ended, policy: policy, timeout: timeout, using: &random)
                now = ended
                #expect(row.attempts == counted, "seed \(seed), life \(life)")
                #expect(row.attempts <= policy.maximumAttempts, "seed \(seed), life \(life)")
                if row.state == .pending, payload == .message, let doubt = row.inDoubtSince {
                    #expect(row.dueAt < doubt + OutboxRow.messageWindow, "seed \(seed), life \(life)")
                }
            }
            #expect(payload == .message || row.state != .uncertain, "seed \(seed), life \(life)")
        }
    }
}
