import SyncCore
import Testing

@testable import SyncEngine

/// One lane by itself: what it asks of the next exchange.
@Suite struct LaneTests {
    private func lane(_ kind: String = "vg", concurrency: Int = 8) -> Lane {
        Lane(MadeUp.remote(kind, concurrency: concurrency), stored: StoredRemote(gate: .init(concurrency: concurrency)), MadeUp.time())
    }

    private func rows(_ ids: ClosedRange<Int64>, attempts: Int = 0) -> [ClaimedRow] {
        ids.map { MadeUp.claimedRow($0, "c\($0)", at: "vg", attempts: attempts) }
    }

    /// The lane after a claim of these rows.
    private func lane(claiming rows: [ClaimedRow], _ context: inout Context, concurrency: Int = 8) -> Lane {
        var lane = lane(concurrency: concurrency)
        _ = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
        var result = LaneResult()
        result.claimed = rows
        _ = lane.take(result, &context)
        return lane
    }

    @Test func `at most half of the claimed rows are retries, including those at hand`() throws {
        let context = MadeUp.context()
        var lane = lane()
        let first = try #require(lane.request(context, retriesDueBy: nil, mayFreeRows: false).claim)
        #expect(first.rows == 16 && first.retries == 8 && first.retriesDueBy == MadeUp.noon)
        #expect(first.leaseDuration == MadeUp.remote("vg").leaseDuration)
        lane = self.lane()
        lane.buffer = ArraySlice(rows(1...6, attempts: 2))
        let second = try #require(lane.request(context, retriesDueBy: MadeUp.noon - .hours(1), mayFreeRows: false).claim)
        #expect(second.rows == 16 && second.retries == 5 && second.retriesDueBy == MadeUp.noon - .hours(1))
    }

    /// At a slow rate a claim has one row.
    @Test func `claims of single rows take turns`() throws {
        var context = MadeUp.context()
        var lane = Lane(
            MadeUp.remote("vg", rate: RateLimit(calls: 1, period: .seconds(1))), stored: StoredRemote(gate: .init()), MadeUp.time())
        var retries: [Int] = []
        for row in [(id: 1, attempts: 2), (2, 0), (3, 1), (4, 0)] as [(id: Int64, attempts: Int)] {
            let claim = try #require(lane.request(context, retriesDueBy: nil, mayFreeRows: false).claim)
            #expect(claim.rows == 1)
            retries.append(claim.retries)
            var result = LaneResult()
            result.claimed = [MadeUp.claimedRow(row.id, "c\(row.id)", at: "vg", attempts: row.attempts)]
            _ = lane.take(result, &context)
            lane.buffer = []
            lane.claims.mayBeDue()
        }
        #expect(retries == [1, 0, 1, 0])
    }

    @Test func `rows are sent as far as the gate admits, in the order in which they were claimed`() {
        var context = MadeUp.context()
        var lane = lane(claiming: rows(1...16), &context)
        lane.admit(&context)
        let sent = context.actions.compactMap { if case .call(_, _, .deliver(let row)) = $0 { row.id } else { nil } }
        #expect(sent == Array(1...8) && lane.buffer.map(\.id) == Array(9...16) && Set(lane.ownRows) == Set(1...16))
    }

    @Test(arguments: [1, 3] as [Int64])
    func `a conversation with a call in flight gets no second one, even if a row of it is claimed again`(second: Int64) throws {
        var context = MadeUp.context()
        var lane = lane(claiming: rows(1...2), &context)
        lane.admit(&context)
        let call = try #require(lane.inFlight.first { $0.value.claimed.id == 1 }?.key)
        // Another process took the first row for abandoned, while this one got no time.
        let row = MadeUp.claimedRow(second, "c1", at: "vg", lease: 7)
        var result = LaneResult()
        result.claimed = [row]
        _ = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
        _ = lane.take(result, &context)
        lane.admit(&context)
        #expect(lane.inFlight.count == 2 && Set(lane.ownRows) == [1, 2, second] && lane.isBusy)
        lane.ended(call, DeliveryOutcome(.delivered), hadPresentCredential: true, &context)
        lane.admit(&context)
        let first = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
        #expect(first.finished.map(\.claimed.lease) == [1] && lane.inFlight.count == 1)
        result = LaneResult()
        result.fenced = [1]
        _ = lane.take(result, &context)
        lane.admit(&context)
        let putBack = lane.request(context, retriesDueBy: nil, mayFreeRows: false).finished
        #expect(putBack.map(\.claimed.lease) == [7] && putBack[0].row.state == .pending && putBack[0].outcome == nil)
        _ = lane.take(LaneResult(), &context)
        #expect(lane.ownRows == [2] && lane.inFlight.count == 1)
    }

    @Test func `after a claim that large rows cut short, the next one follows when half of its rows are sent`() {
        var context = MadeUp.context()
        var lane = lane()
        #expect(lane.request(context, retriesDueBy: nil, mayFreeRows: false).claim?.rows == 16)
        var result = LaneResult()
        result.claimed = rows(1...10)
        result.isCutShort = true
        _ = lane.take(result, &context)
        #expect(lane.claim(context, retriesDueBy: nil) == nil)
        lane.admit(&context)
        #expect(lane.buffer.count == 2 && lane.claim(context, retriesDueBy: nil)?.rows == 10)
    }

    @Test func `outcomes wait briefly for others while calls are in flight, and not otherwise`() {
        var context = MadeUp.context()
        var lane = lane(claiming: [], &context)
        func wants(_ span: Duration, isQuiet: Bool) -> Bool {
            lane.wantsExchange(isQuiet: isQuiet, MadeUp.context(span), retriesDueBy: nil)
        }
        #expect(!wants(.zero, isQuiet: true))
        lane.append(MadeUp.finishedCall(rows(1...1)[0]), MadeUp.time(.milliseconds(5)))
        #expect(wants(.milliseconds(5), isQuiet: true))
        #expect(!wants(.milliseconds(24), isQuiet: false) && wants(.milliseconds(25), isQuiet: false))
        #expect(lane.alarmAt(MadeUp.time(.milliseconds(5))) == MadeUp.noon + .milliseconds(25))
        for row in rows(2...Int64(Lane.uncommittedLimit / 2)) { lane.append(MadeUp.finishedCall(row), MadeUp.time(.milliseconds(5))) }
        #expect(wants(.milliseconds(5), isQuiet: false), "many of them wait for nothing")
    }

    @Test func `no call goes out while the number of outcomes that are not stored is at its limit`() {
        var context = MadeUp.context()
        var lane = lane(claiming: rows(1...16), &context)
        #expect(Lane.uncommittedLimit == 256)
        for row in rows(101...100 + Int64(Lane.uncommittedLimit)) { lane.append(MadeUp.finishedCall(row), MadeUp.time()) }
        lane.admit(&context)
        #expect(lane.inFlight.isEmpty && lane.buffer.count == 16)
        _ = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
        lane.admit(&context)
        #expect(lane.inFlight.isEmpty, "they are on their way to the store, and may fail to get there")
        _ = lane.take(LaneResult(), &context)
        lane.admit(&context)
        #expect(lane.inFlight.count == 8)
    }

    @Test func `an exchange that failed gives back outcomes, gate and claim, in their order`() {
        var context = MadeUp.context()
        var lane = lane(claiming: [], &context)
        lane.claims.mayBeDue()
        _ = lane.gate.admit(now: MadeUp.noon)
        for change in lane.gate.finished(DeliveryOutcome(.park, error: "HTTP 401"), now: MadeUp.noon) { lane.note(change, &context) }
        for row in rows(1...2) { lane.append(MadeUp.finishedCall(row), MadeUp.time()) }
        let first = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
        #expect(first.gate?.parkReason == "HTTP 401" && first.finished.map(\.claimed.id) == [1, 2])
        lane.append(MadeUp.finishedCall(rows(3...3)[0]), MadeUp.time())
        lane.exchangeFailed()
        #expect(lane.wantsExchange(isQuiet: false, context, retriesDueBy: nil))
        let second = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
        #expect(second.finished.map(\.claimed.id) == [1, 2, 3] && second.gate == first.gate)
        _ = lane.take(LaneResult(), &context)
        #expect(lane.request(context, retriesDueBy: nil, mayFreeRows: false).onlyAsks, "what is stored is not stored again")
    }

    @Test func `a row whose lease is too short for a call is put back without using an attempt`() throws {
        var context = MadeUp.context()
        let short = MadeUp.claimedRow(1, "c1", at: "vg", leaseUntil: MadeUp.noon + .seconds(34))
        var lane = lane(claiming: [short], &context)
        lane.admit(&context)
        let put = try #require(lane.request(context, retriesDueBy: nil, mayFreeRows: true).finished.first)
        #expect(put.row.state == .pending && put.row.attempts == 0 && put.outcome == nil && lane.gate.inFlight == 0)
    }

    @Test func `an outcome whose lease was lost is reported and not counted`() {
        var context = MadeUp.context()
        var lane = lane(claiming: rows(1...2), &context)
        for row in rows(1...2) { lane.append(MadeUp.finishedCall(row), MadeUp.time()) }
        _ = lane.request(context, retriesDueBy: nil, mayFreeRows: true)
        context = MadeUp.context()
        var result = LaneResult()
        result.fenced = [2]
        let counts = lane.take(result, &context)
        #expect(counts.delivered == 1)
        let fenced = context.reported.compactMap { if case .fenced(let id, "vg") = $0 { id } else { nil } }
        let attempted = context.reported.compactMap { if case .attempted(let call, _) = $0 { call.claimed.id } else { nil } }
        #expect(fenced == [2] && attempted == [1])
    }

    @Test func `a retired lane puts back its rows at hand, and claims nothing`() {
        var context = MadeUp.context()
        var lane = lane(claiming: rows(1...16), &context)
        lane.admit(&context)
        lane.retire(&context)
        lane.claims.mayBeDue()
        let request = lane.request(context, retriesDueBy: nil, mayFreeRows: true)
        #expect(request.finished.count == 8 && request.finished.allSatisfy { $0.row.state == .pending } && request.claim == nil)
        #expect(!lane.isIdle && lane.inFlight.count == 8)
    }

    @Test func `a missing object waits for the read that decides, which goes out before the rows at hand`() throws {
        var context = MadeUp.context()
        var lane = Lane(MadeUp.remote("voicebot"), stored: nil, MadeUp.time())
        lane.buffer = ArraySlice(rows(1...6))
        lane.admit(&context)
        let call = try #require(lane.inFlight.keys.min { $0.number < $1.number })
        lane.ended(call, DeliveryOutcome(.gone, error: "HTTP 404", absence: .object), hadPresentCredential: true, &context)
        #expect(lane.finished.isEmpty && lane.undecided.count == 1)
        context = MadeUp.context()
        lane.admit(&context)
        guard case .call(let read, "voicebot", .read)? = context.actions.first, context.actions.count == 1 else {
            return #expect(Bool(false), "\(context.actions)")
        }
        #expect(lane.absenceReadEnded(read, DeliveryOutcome(.delivered), .object(["data": .array([])]), &context) == true)
        #expect(lane.finished.map(\.row.state) == [.dead] && lane.undecided.isEmpty)
    }

    @Test(arguments: [false, true], [false, true])
    func `a missing object is decided without a read once no call may go out`(isRetired: Bool, endsBefore: Bool) throws {
        var context = MadeUp.context()
        var lane = Lane(MadeUp.remote("voicebot"), stored: nil, MadeUp.time())
        lane.buffer = ArraySlice(rows(1...1))
        lane.admit(&context)
        let call = try #require(lane.inFlight.keys.first)
        let missing = DeliveryOutcome(.gone, error: "HTTP 404", absence: .object)
        if endsBefore { lane.ended(call, missing, hadPresentCredential: true, &context) }
        context = MadeUp.context(isStopping: !isRetired)
        if isRetired { lane.retire(&context) } else { lane.stop(&context) }
        if !endsBefore { lane.ended(call, missing, hadPresentCredential: true, &context) }
        lane.admit(&context)
        #expect(lane.undecided.isEmpty && lane.wantedRead == nil && !lane.isBusy && context.actions.isEmpty)
        #expect(lane.finished.map(\.row.state) == [.dead] && lane.finished.map(\.isMissing) == [true], "it may be taken back later")
    }

    @Test(arguments: [(10_000, true), (10_001, false)] as [(Int64, Bool)])
    func `the read that decides about missing objects waits for a gate that opens within ten seconds`(wait: Int64, isMade: Bool) throws {
        var context = MadeUp.context()
        var lane = Lane(MadeUp.remote("voicebot"), stored: nil, MadeUp.time())
        lane.buffer = ArraySlice(rows(1...2))
        lane.admit(&context)
        let calls = lane.inFlight.keys.sorted { $0.number < $1.number }
        try #require(calls.count == 2)
        let missing = DeliveryOutcome(.gone, error: "HTTP 404", absence: .object)
        lane.ended(calls[0], missing, hadPresentCredential: true, &context)
        let throttled = DeliveryOutcome(.throttled, httpStatus: 429, notBefore: MadeUp.noon + .milliseconds(wait))
        lane.ended(calls[1], throttled, hadPresentCredential: true, &context)
        for span in [Duration.zero, .milliseconds(wait)] {
            context = MadeUp.context(span)
            lane.admit(&context)
            let reads = context.actions.count { if case .call(_, _, .read) = $0 { true } else { false } }
            #expect(reads == (isMade && span > .zero ? 1 : 0))
            #expect(lane.undecided.count == (isMade ? 1 : 0) && lane.absences.isReading == isMade)
        }
        let states: [OutboxState] = isMade ? [.pending] : [.pending, .dead]
        #expect(lane.finished.map(\.row.state) == states)
    }
}
