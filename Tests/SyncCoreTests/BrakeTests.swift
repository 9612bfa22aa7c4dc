import Testing

@testable import SyncCore

/// When a run is held back instead of sent.
@Suite struct BrakeTests {
    private func settings(_ change: (inout Brake.Settings) -> Void = { _ in }) -> Brake.Settings {
        var settings = Brake.Settings()
        settings.touchPercent = 50
        settings.touchMinimum = 20
        settings.finishPercent = 10
        settings.finishMinimum = 5
        change(&settings)
        return settings
    }

    @Test(
        arguments: [
            // Both the number and the share have to be exceeded; reaching them is allowed.
            (Brake.Reach(touched: 20, finished: 0), 20, nil), (.init(touched: 21, finished: 0), 42, nil),
            (.init(touched: 21, finished: 0), 41, .touch), (.init(touched: 0, finished: 5), 5, nil),
            (.init(touched: 0, finished: 6), 60, nil), (.init(touched: 0, finished: 6), 59, .finish),
            (.init(touched: 100, finished: 100), 100, .finish), (.init(), 0, nil),
        ] as [(Brake.Reach, Int, Brake.Rule?)])
    func `a run is held when both the number and the share are exceeded`(reach: Brake.Reach, conversations: Int, rule: Brake.Rule?) {
        #expect(Brake(settings()).judge(reach, of: conversations)?.rule == rule)
    }

    @Test func `100 percent switches one rule off, enabled = false switches off both`() {
        let everything = Brake.Reach(touched: 100, finished: 100)
        let off = Brake(settings { $0.finishPercent = 100 })
        #expect(off.judge(everything, of: 100)?.rule == .touch)
        var disabled = Brake(settings { $0.isEnabled = false })
        #expect(disabled.judge(everything, of: 100) == nil)
        #expect(!disabled.needsCount)
        let isSurveyDue = disabled.counted(waiting: 1000)
        #expect(!isSurveyDue)
    }

    @Test func `a few entries are planned without a survey, but no more than were counted`() {
        var brake = Brake(settings())
        #expect(brake.needsCount)
        let isSurveyDue = brake.counted(waiting: 5)
        #expect(!isSurveyDue)
        #expect(brake.allowance == 5)
        let first = brake.planned(entries: 3, .init(others: .init(touched: 3)))
        #expect(first == nil)
        #expect(brake.allowance == 2)
        let second = brake.planned(entries: 2, .init(others: .init(touched: 2)))
        #expect(second == nil)
        #expect(brake.needsCount)
    }

    @Test func `small portions of one run are added up`() {
        var brake = Brake(settings())
        let isFirstSurveyDue = brake.counted(waiting: 4)
        #expect(!isFirstSurveyDue)
        let first = brake.planned(entries: 4, .init(others: .init(touched: 4, finished: 4)))
        #expect(first == nil)
        let isSurveyDue = brake.counted(waiting: 4)
        #expect(isSurveyDue, "with these it would be eight that are finished")
        let engagement = brake.survey(
            .init(others: .init(touched: 4, finished: 4), any: .init(touched: 4, finished: 4)), entries: 4, conversations: 20)
        #expect(engagement?.rule == .finish)
        #expect(brake.isEngaged)
        #expect(!brake.needsCount)
    }

    /// Otherwise the same survey of nothing is made again and again, until the run ends.
    @Test func `as long as nothing waits there is nothing to survey, however much the run has planned`() {
        var brake = Brake(settings())
        let isSurveyDue = brake.counted(waiting: 20)
        let reach = Brake.Reaches(others: .init(touched: 20, finished: 20), any: .init(touched: 20, finished: 20))
        let engagement = brake.survey(reach, entries: 20, conversations: 1000)
        #expect(isSurveyDue && engagement == nil)
        _ = brake.planned(entries: 20, reach)
        #expect(brake.needsCount)
        let isDueForNothing = brake.counted(waiting: 0)
        #expect(!isDueForNothing && !brake.isEngaged)
        let isDueForOne = brake.counted(waiting: 1)
        #expect(isDueForOne)
    }

    @Test func `a conversation that goes to both groups of remotes is counted once`() {
        var brake = Brake(settings())
        for isLast in [false, true] {
            let isSurveyDue = brake.counted(waiting: isLast ? 0 : 5)
            #expect(!isSurveyDue)
            let reach = Brake.Reach(touched: 5, finished: 5)
            let engagement = brake.planned(entries: 5, isLast ? .init(pushedLast: reach) : .init(others: reach))
            #expect(engagement == nil)
        }
        let isSurveyDue = brake.counted(waiting: 1)
        #expect(isSurveyDue, "a sixth conversation, at either sort")
        let engagement = brake.survey(
            .init(pushedLast: .init(touched: 1, finished: 1), any: .init(touched: 1, finished: 1)), entries: 1, conversations: 59)
        #expect(engagement == Brake.Engagement(rule: .finish, reach: .init(touched: 6, finished: 6), conversations: 59))
    }

    @Test func `two groups of remotes that are below the limit alone are held if they exceed it together`() {
        var brake = Brake(settings())
        let isSurveyDue = brake.counted(waiting: 6)
        #expect(isSurveyDue)
        let half = Brake.Reach(touched: 3, finished: 3)
        let engagement = brake.survey(
            .init(pushedLast: half, others: half, any: .init(touched: 6, finished: 6)), entries: 6, conversations: 6)
        #expect(engagement?.rule == .finish)
    }

    @Test func `what was surveyed may be planned, and a mass change that arrives meanwhile engages the brake`() {
        var brake = Brake(settings())
        let isSurveyDue = brake.counted(waiting: 21)
        #expect(isSurveyDue)
        let survey = brake.survey(
            .init(others: .init(touched: 10, finished: 0), any: .init(touched: 10, finished: 0)), entries: 100, conversations: 100)
        #expect(survey == nil)
        let first = brake.planned(entries: 50, .init(others: .init(touched: 10)))
        #expect(first == nil)
        let engagement = brake.planned(entries: 50, .init(others: .init(touched: 50, finished: 50)))
        #expect(engagement == Brake.Engagement(rule: .finish, reach: .init(touched: 60, finished: 50), conversations: 100))
    }

    @Test func `an engaged brake stays engaged until the end of the run`() {
        var brake = Brake(settings())
        _ = brake.counted(waiting: 21)
        _ = brake.survey(
            .init(others: .init(touched: 90, finished: 90), any: .init(touched: 90, finished: 90)), entries: 100, conversations: 100)
        #expect(brake.isEngaged)
        let engagement = brake.planned(entries: 100, .init())
        #expect(engagement == nil, "it says so once")
    }
}
