import SyncCore
import Testing

@testable import SyncEngine

/// Rows whose object is read before they are sent, in one lane.
@Suite struct ReadBeforeWriteLaneTests {
    private struct Known: KnownLink {
        var linkRecord = LinkRecord()
        var seenAt: Instant? { nil }
        var values: [JSONValue] { [] }
    }

    private func row(_ id: Int64 = 1, sends state: JSONValue = "ai-chatting", heard: Instant? = nil, isSuspect: Bool = false) -> ClaimedRow
    {
        var row = MadeUp.claimedRow(id, "c\(id)", at: "vg")
        row.delta = Delta(fields: ["state": state])
        row.agent = "agent"
        row.plannedAt = MadeUp.noon
        var known = Known()
        known.linkRecord.shownAt = heard
        known.linkRecord.isSuspect = isSuspect
        row.known = known
        return row
    }

    private func lane(rate: RateLimit? = nil, isRead: Bool = true, _ rows: [ClaimedRow]) -> Lane {
        let remote = MadeUp.remote("vg", rate: rate, poll: isRead ? PollSettings(interval: .minutes(1)) : nil)
        var lane = Lane(remote, stored: StoredRemote(gate: .init(concurrency: 8)), MadeUp.time())
        lane.buffer = ArraySlice(rows)
        for row in rows { lane.claimed[ExactText(row.conversationID)] = row.id }
        return lane
    }

    /// What goes out: `read c1`, `row 1`.
    private func calls(_ lane: inout Lane, _ context: inout Context) -> [String] {
        let before = context.actions.count
        lane.admit(&context)
        return context.actions.dropFirst(before).compactMap { action in
            switch action {
            case .call(_, _, .read(let call)): "read \(call.path.split(separator: "/").last ?? "")"
            case .call(_, _, .deliver(let row)): "row \(row.id)"
            default: nil
            }
        }
    }

    private func end(_ lane: inout Lane, _ outcome: DeliveryOutcome, body: JSONValue? = nil, _ context: inout Context) throws {
        let id = try #require(lane.readsBeforeWrites.keys.first)
        #expect(lane.readBeforeWriteEnded(id, outcome, body, &context))
    }

    private static let shown: JSONValue = ["success": true, "data": ["ID": "c1", "state": "ended_chat"]]

    @Test func `the object is read before a value that must not replace another one, and not before other values`() {
        var context = MadeUp.context()
        var lane = lane([row(1), row(2, sends: "human-chatting"), row(3, sends: "ended_chat")])
        #expect(calls(&lane, &context) == ["read c1", "row 2", "row 3"])
        #expect(lane.isBusy && !lane.isIdle && lane.gate.inFlight == 3 && Set(lane.ownRows) == [1, 2, 3])
    }

    @Test(arguments: [(-9, 0, false), (-11, 0, true), (-1, 5, false), (0, 5, true), (2, 5, true), (60, 5, true)] as [(Int64, Int64, Bool)])
    func `it is not read if the plan was made with what was heard in the last ten seconds`(heard: Int64, now: Int64, isRead: Bool) {
        var context = MadeUp.context(.seconds(now))
        var lane = lane([row(heard: MadeUp.noon + .seconds(heard))])
        #expect(calls(&lane, &context) == [isRead ? "read c1" : "row 1"])
    }

    @Test func `a remote that is never read gets the row at once`() {
        var context = MadeUp.context()
        var lane = lane(isRead: false, [row()])
        #expect(calls(&lane, &context) == ["row 1"])
    }

    @Test func `what was read goes into the next exchange, and a confirmed row is sent before all others`() throws {
        var context = MadeUp.context()
        var lane = lane([row(1)])
        #expect(calls(&lane, &context) == ["read c1"])
        try end(&lane, DeliveryOutcome(.delivered, httpStatus: 200), body: Self.shown, &context)
        #expect(lane.gate.inFlight == 0 && !lane.isIdle && lane.wantsExchange(isQuiet: false, context, retriesDueBy: nil))
        lane.buffer = [row(2, sends: "ended_chat")]
        let request = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
        let read = try #require(request.reads.first)
        #expect(read.report.subject == .object(ReadRequest(remoteID: "c1", agentID: "agent")) && read.report.readAt == MadeUp.noon)
        #expect(!request.onlyAsks && request.finished.isEmpty)
        // Nothing was written: the same goes into the next one.
        lane.exchangeFailed()
        #expect(lane.request(context, retriesDueBy: nil, mayFreeRows: false).reads.map(\.claimed.id) == [1])
        var result = LaneResult()
        result.confirmed = [read.claimed]
        _ = lane.take(result, &context)
        #expect(lane.claimed[ExactText("c1")] == 1)
        #expect(calls(&lane, &context) == ["row 1", "row 2"])
    }

    @Test func `a row that is not confirmed is no longer this lane's`() throws {
        var context = MadeUp.context()
        var lane = lane([row(1)])
        _ = calls(&lane, &context)
        try end(&lane, DeliveryOutcome(.delivered, httpStatus: 200), body: Self.shown, &context)
        _ = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
        _ = lane.take(LaneResult(), &context)
        #expect(lane.ownRows == [] && lane.isIdle)
    }

    @Test func `a failure that may pass ends the row like its own call, without doubt`() throws {
        var context = MadeUp.context()
        var lane = lane([row(1)])
        _ = calls(&lane, &context)
        let timeout = DeliveryOutcome(.retry, fate: .unknown, error: "timeout")
        try end(&lane, timeout, &context)
        let call = try #require(lane.finished.first)
        #expect(call.row.state == .pending && call.row.attempts == 1 && call.row.inDoubtSince == nil)
        #expect(call.outcome?.fate == .notApplied && call.error == "the object could not be read before the call: timeout")
        #expect(lane.gate.inFlight == 0)
    }

    @Test(
        arguments: [
            DeliveryOutcome(.gone, httpStatus: 404, absence: .object), DeliveryOutcome(.retry, httpStatus: 404, absence: .route),
            DeliveryOutcome(.dead, httpStatus: 400), DeliveryOutcome(.park, httpStatus: 401, error: "HTTP 401"),
            DeliveryOutcome(.retry, httpStatus: 200, error: "not JSON"), DeliveryOutcome(.retry, fate: .unknown, httpStatus: 501),
        ])
    func `an object that cannot be read at all keeps nothing back`(outcome: DeliveryOutcome) throws {
        var context = MadeUp.context()
        var lane = lane([row(1)])
        _ = calls(&lane, &context)
        try end(&lane, outcome, &context)
        #expect(calls(&lane, &context) == ["row 1"] && lane.gate.parkedAt == nil)
    }

    @Test func `a response that is not about the object is reported, and keeps nothing back`() throws {
        var context = MadeUp.context()
        var lane = lane([row(1)])
        _ = calls(&lane, &context)
        try end(&lane, DeliveryOutcome(.delivered, httpStatus: 200), body: ["hello": "world"], &context)
        let isReported = context.actions.contains { if case .report(.unreadable) = $0 { true } else { false } }
        #expect(isReported && calls(&lane, &context) == ["row 1"])
    }

    @Test(arguments: [(nil, 10, false), (nil, 11, true), ("2/min", 130, false), ("2/min", 131, true)] as [(String?, Int64, Bool)])
    func `a read counts for ten seconds, and at a slow rate until its call has had its turn`(rate: String?, seconds: Int64, isRead: Bool)
        throws
    {
        var context = MadeUp.context()
        var lane = lane(rate: rate.flatMap { RateLimit($0) }, [row(1)])
        _ = calls(&lane, &context)
        try end(&lane, DeliveryOutcome(.delivered, httpStatus: 200), body: Self.shown, &context)
        _ = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
        _ = lane.take(LaneResult(), &context)
        // The row was put back meanwhile, and claimed again.
        lane.buffer = [row(1)]
        context = MadeUp.context(.seconds(seconds))
        #expect(calls(&lane, &context) == [isRead ? "read c1" : "row 1"])
    }

    /// Each read uses up what the remote admits for a while.
    @Test func `a row that has to wait after each of its reads is sent after the second`() throws {
        var lane = lane([row(1)])
        for window in 0...2 {
            var context = MadeUp.context(.minutes(Int64(window)))
            #expect(calls(&lane, &context) == [window < 2 ? "read c1" : "row 1"])
            guard window < 2 else { break }
            var usedUp = DeliveryOutcome(.delivered, httpStatus: 200)
            usedUp.quotaResetsAt = MadeUp.noon + .minutes(Int64(window + 1))
            try end(&lane, usedUp, body: Self.shown, &context)
            let read = try #require(lane.request(context, retriesDueBy: nil, mayFreeRows: false).reads.first)
            var result = LaneResult()
            result.confirmed = [read.claimed]
            _ = lane.take(result, &context)
            #expect(calls(&lane, &context) == [] && lane.finished.map(\.row.state) == [.pending])
            _ = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
            _ = lane.take(LaneResult(), &context)
            lane.buffer = [row(1)]
        }
    }

    @Test func `what was read before a pause, a park or an open breaker does not count after it, however often it was`() throws {
        var context = MadeUp.context()
        var lane = lane([row(1)])
        for _ in 1...2 {
            _ = calls(&lane, &context)
            try end(&lane, DeliveryOutcome(.delivered, httpStatus: 200), body: Self.shown, &context)
            _ = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
            _ = lane.take(LaneResult(), &context)
            lane.readFor[1]?.until = MadeUp.noon - .seconds(1)
            lane.buffer = [row(1)]
        }
        lane.readFor[1]?.until = MadeUp.noon + .seconds(10)
        lane.gate.pause(now: MadeUp.noon)
        lane.admit(&context)
        #expect(lane.buffer.isEmpty && lane.finished.count == 1)
        lane.gate.resume()
        lane.buffer = [row(1)]
        context = MadeUp.context(.minutes(30))
        #expect(calls(&lane, &context) == ["read c1"])
    }

    @Test func `another attempt is preceded by another read`() throws {
        var context = MadeUp.context()
        var lane = lane([row(1)])
        _ = calls(&lane, &context)
        try end(&lane, DeliveryOutcome(.dead, httpStatus: 400), &context)
        #expect(calls(&lane, &context) == ["row 1"])
        let id = try #require(lane.inFlight.keys.first)
        lane.ended(id, DeliveryOutcome(.retry, httpStatus: 503), hadPresentCredential: true, &context)
        lane.buffer = [row(1)]
        #expect(calls(&lane, &context) == ["read c1"])
    }

    @Test func `a read that succeeds says nothing about whether the remote takes calls`() throws {
        var context = MadeUp.context()
        var lane = lane([row(1)])
        _ = lane.gate.park(for: .access, reason: "HTTP 403", now: MadeUp.noon - .minutes(1))
        #expect(calls(&lane, &context) == ["read c1"])
        try end(&lane, DeliveryOutcome(.delivered, httpStatus: 200), body: Self.shown, &context)
        #expect(lane.gate.parkedAt != nil)
    }

    @Test func `what may be an earlier state is read twice, and no more`() throws {
        var context = MadeUp.context()
        var lane = lane([row(1, isSuspect: true)])
        for _ in 1...2 {
            #expect(calls(&lane, &context) == ["read c1"])
            try end(&lane, DeliveryOutcome(.delivered, httpStatus: 200), body: Self.shown, &context)
            _ = lane.request(context, retriesDueBy: nil, mayFreeRows: false)
            _ = lane.take(LaneResult(), &context)
            lane.buffer = [row(1, isSuspect: true)]
        }
        #expect(calls(&lane, &context) == ["row 1"])
    }

    @Test func `when the engine stops, the row is put back`() throws {
        var context = MadeUp.context()
        var lane = lane([row(1)])
        _ = calls(&lane, &context)
        context.isStopping = true
        lane.stop(&context)
        try end(&lane, DeliveryOutcome(.delivered, httpStatus: 200), body: Self.shown, &context)
        #expect(lane.shown.isEmpty && lane.finished.first?.row.state == .pending && lane.finished.first?.outcome == nil)
    }

    @Test func `a read during which the clock was set is not used`() throws {
        var context = MadeUp.context()
        var lane = lane([row(1)])
        _ = calls(&lane, &context)
        lane.clockWasSet(by: .hours(-1))
        try end(&lane, DeliveryOutcome(.delivered, httpStatus: 200), body: Self.shown, &context)
        #expect(lane.shown.isEmpty && lane.finished.first?.claimed.leaseUntil == MadeUp.noon)
    }
}
