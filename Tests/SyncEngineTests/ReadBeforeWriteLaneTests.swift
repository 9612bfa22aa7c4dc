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
        known.linkRecord.lastHeardAt = heard
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

    @Test(arguments: [(-9, 0, false), (-11, 0, true), (-1, 5, false), (2, 5, true), (60, 5, true)] as [(Int64, Int64, Bool)])
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

    @Test func `a refused token parks the remote`() throws {
        var context = MadeUp.context()
        var lane = lane([row(1)])
        _ = calls(&lane, &context)
        try end(&lane, DeliveryOutcome(.park, httpStatus: 401, error: "HTTP 401"), &context)
        #expect(lane.gate.parkedAt != nil && lane.finished.first?.row.state == .pending && lane.finished.first?.row.attempts == 0)
    }

    @Test(arguments: [
        DeliveryOutcome(.gone, httpStatus: 404, absence: .object), DeliveryOutcome(.retry, httpStatus: 404, absence: .route),
        DeliveryOutcome(.dead, httpStatus: 400),
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
