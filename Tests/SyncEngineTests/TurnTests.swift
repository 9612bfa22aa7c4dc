import SyncCore
import Testing

@testable import SyncEngine

@Suite struct TurnTests {
    private func turn() -> Turn { Turn(.change, .init(), MadeUp.time()) }

    private func part(_ turn: Turn, isStopping: Bool = false, isQuiet: Bool = true, at span: Duration = .zero) -> RunPart {
        var turn = turn
        return part(&turn, isStopping: isStopping, isQuiet: isQuiet, at: span)
    }

    private func part(_ turn: inout Turn, isStopping: Bool = false, isQuiet: Bool = true, at span: Duration = .zero) -> RunPart {
        turn.part(RunCounts(), isQuiet: isQuiet, interval: .seconds(30), isStopping: isStopping, MadeUp.time(span))
    }

    private func result(runID: Int64? = nil, hasEnded: Bool = false, planned: Int = 0) -> ExchangeResult {
        var result = ExchangeResult()
        result.runID = runID
        result.hasEndedRun = hasEnded
        var plan = PlanResult(brake: Brake(.init()))
        plan.batch.examined = planned
        plan.batch.planned = planned
        if planned > 0 { result.plan = plan }
        return result
    }

    private func counts(delivered: Int) -> RunCounts {
        var counts = RunCounts()
        counts.delivered = delivered
        return counts
    }

    @Test func `a run begins with the first exchange that had an effect, and is reported once`() {
        var (turn, context) = (turn(), MadeUp.context())
        #expect(turn.take(result(), RunCounts(), &context) == false)
        #expect(turn.id == nil && context.actions.isEmpty)
        #expect(turn.take(result(runID: 9), RunCounts(), &context) == false)
        #expect(turn.take(result(runID: 9), RunCounts(), &context) == false)
        #expect(turn.id == 9 && part(turn).id == 9)
        #expect(context.reported.count == 1)
        guard case .runBegan(9, .change)? = context.reported.first else { return #expect(Bool(false), "\(context.reported)") }
    }

    @Test func `the counts of a run are reported when it ends`() {
        var turn = turn()
        var context = MadeUp.context(.seconds(4))
        _ = turn.take(result(runID: 9, planned: 3), RunCounts(), &context)
        _ = turn.take(result(runID: 9), counts(delivered: 2), &context)
        #expect(turn.take(result(runID: 9, hasEnded: true), counts(delivered: 1), &context) == true)
        guard case .runEnded(9, .change, let counts, error: nil, let startedAt, let endedAt)? = context.reported.last else {
            return #expect(Bool(false), "\(context.reported)")
        }
        #expect(counts.planned == 3 && counts.examined == 3 && counts.delivered == 3)
        #expect(startedAt == MadeUp.noon && endedAt == MadeUp.noon + .seconds(4))
    }

    @Test func `a run ends when nothing is in flight, after the interval, and when the service stops`() {
        let turn = turn()
        #expect(part(turn).endsIfDone && !part(turn).ends)
        #expect(!part(turn, isQuiet: false).endsIfDone)
        #expect(!part(turn, at: .milliseconds(29_999)).ends && part(turn, at: .seconds(30)).ends)
        #expect(part(turn, isStopping: true).ends && !part(turn, isStopping: true, isQuiet: false).ends)
    }

    @Test func `an error is stored once, even when there is nothing else to store`() {
        var (turn, context) = (turn(), MadeUp.context())
        #expect(!turn.mustBeStored)
        turn.error = "planning took nothing off the change feed"
        // It was found in the result of an exchange that did not carry it.
        _ = turn.take(result(), RunCounts(), &context)
        #expect(turn.mustBeStored)
        let carrying = part(&turn)
        #expect(carrying.error == turn.error && carrying.mustBeWritten)
        _ = turn.take(result(runID: 1), RunCounts(), &context)
        #expect(!turn.mustBeStored && part(turn).error == nil)
        _ = turn.take(result(runID: 1, hasEnded: true), RunCounts(), &context)
        guard case .runEnded(_, _, _, error: "planning took nothing off the change feed"?, _, _)? = context.reported.last else {
            return #expect(Bool(false), "\(context.reported)")
        }
    }

    @Test func `outcomes are counted by the new state of the row`() {
        var counts = RunCounts()
        let row = MadeUp.claimedRow(1, "c1", at: "vg")
        counts.count(MadeUp.finishedCall(row))
        counts.count(MadeUp.finishedCall(row, DeliveryOutcome(.dead)))
        counts.count(MadeUp.finishedCall(row, DeliveryOutcome(.retry)))
        // Put back without a call.
        counts.count(MadeUp.finishedCall(row, nil))
        #expect(counts.delivered == 1 && counts.dead == 1 && counts.putBack == 1)
    }
}

extension Context {
    var reported: [EngineReport] { actions.compactMap { if case .report(let report) = $0 { report } else { nil } } }
}
