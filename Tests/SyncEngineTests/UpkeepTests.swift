import SyncCore
import Testing

@testable import SyncEngine

@Suite struct UpkeepTests {
    private func upkeep(isEnabled: Bool = true) -> Upkeep {
        var settings = Retention.Settings()
        settings.isEnabled = isEnabled
        return Upkeep(settings, MadeUp.time())
    }

    private func step(_ upkeep: inout Upkeep, at span: Duration, hasMore: Bool, pruned: Int = 0) -> [EngineReport] {
        var result = ExchangeResult()
        result.retention = upkeep.retention
        result.prunedRows = pruned
        result.hasMoreRetention = hasMore
        var context = MadeUp.context(span)
        upkeep.stepBegins()
        upkeep.take(result, &context)
        return context.reported
    }

    @Test func `a step is due a second after the start, and a minute after one that completed the work`() {
        var upkeep = upkeep()
        #expect(!upkeep.isDue(isQuiet: true, MadeUp.time(.milliseconds(999))))
        #expect(upkeep.isDue(isQuiet: false, MadeUp.time(.seconds(1))), "also while calls are in flight")
        #expect(upkeep.alarmAt == MadeUp.noon + .seconds(1))
        #expect(step(&upkeep, at: .seconds(1), hasMore: false).isEmpty)
        #expect(!upkeep.isDue(isQuiet: true, MadeUp.time(.seconds(60))) && upkeep.isDue(isQuiet: true, MadeUp.time(.seconds(61))))
    }

    @Test func `an incomplete step continues when the engine is quiet, and after a second in any case`() {
        var upkeep = upkeep()
        #expect(step(&upkeep, at: .seconds(1), hasMore: true, pruned: 500).count == 1)
        #expect(upkeep.isDue(isQuiet: true, MadeUp.time(.seconds(1))))
        #expect(!upkeep.isDue(isQuiet: false, MadeUp.time(.milliseconds(1999))))
        #expect(upkeep.isDue(isQuiet: false, MadeUp.time(.seconds(2))))
    }

    /// - Parameter pages: the last row of each page, nil for the last page, and how many rows were deleted.
    /// - Returns: the rows of each report, with `end` where the sweep is over.
    private func sweep(_ pages: [(last: Int64?, removed: Int)]) -> [String] {
        var upkeep = upkeep()
        var lines: [String] = []
        for page in pages {
            var result = ExchangeResult()
            var retention = upkeep.retention
            if retention.next(now: MadeUp.noon, newestRow: 2000) != nil { retention.swept(through: page.last, removed: page.removed) }
            result.retention = retention
            result.prunedRows = page.removed
            var context = MadeUp.context(.seconds(1))
            upkeep.stepBegins()
            upkeep.take(result, &context)
            for case .pruned(let rows, let sweepEnded) in context.reported { lines.append("\(rows)\(sweepEnded ? " end" : "")") }
        }
        return lines
    }

    @Test func `the end of a sweep is reported, also if it is a single page`() {
        #expect(sweep([(nil, 7)]) == ["7 end"])
        #expect(sweep([(500, 7), (1000, 0), (nil, 3)]) == ["7", "3 end"])
        #expect(sweep([(500, 7), (nil, 0)]) == ["7", "0 end"])
        #expect(sweep([(nil, 7), (nil, 0), (nil, 0)]) == ["7 end"], "no sweep is due after the first")
        #expect(sweep([(nil, 0)]) == [])
    }

    @Test func `only one step runs at a time, and after a failure the next one is due in a minute`() {
        var upkeep = upkeep()
        upkeep.stepBegins()
        #expect(!upkeep.isDue(isQuiet: true, MadeUp.time(.hours(1))))
        upkeep.stepFailed(MadeUp.time(.seconds(2)))
        // Nor does a command insist that would end afterwards.
        #expect(!upkeep.isDue(isQuiet: true, isLast: true, MadeUp.time(.seconds(61))) && !upkeep.hasStep)
        #expect(!upkeep.isDue(isQuiet: true, MadeUp.time(.seconds(61))) && upkeep.isDue(isQuiet: true, MadeUp.time(.seconds(62))))
    }

    @Test func `where nothing may be pruned, no step is due and no alarm set`() {
        let upkeep = upkeep(isEnabled: false)
        #expect(!upkeep.isDue(isQuiet: true, MadeUp.time(.hours(1))) && upkeep.alarmAt == nil)
    }
}
