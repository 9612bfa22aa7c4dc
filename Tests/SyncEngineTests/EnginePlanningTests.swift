import SyncCore
import Testing

@testable import SyncEngine

/// Pages of planning, the brake, and a feed that makes no progress.
@Suite struct EnginePlanningTests {
    private func scenario() -> EngineScenario {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        return scenario
    }

    private func feed(_ scenario: EngineScenario, _ count: Int) {
        for index in 0..<count { scenario.store.change("c\(index)", at: ["vg"], now: scenario.wall) }
        scenario.send(.databaseChanged)
    }

    private func plans(_ scenario: EngineScenario, from start: Int) -> [(at: Duration, page: PlanPage)] {
        scenario.exchanges[start...].compactMap { made in made.exchange.plan.map { (made.at, $0) } }
    }

    @Test func `a long feed is planned page by page in one run, with pauses for the application between pages`() {
        let scenario = scenario()
        scenario.store.pageSize = 10
        scenario.exchangeTime = .milliseconds(15)
        scenario.ending = { _ in .never }
        let before = scenario.exchanges.count
        feed(scenario, 100)
        scenario.run(for: .seconds(1))
        #expect(scenario.store.feed.isEmpty && scenario.store.runs == 1)
        let pages = plans(scenario, from: before)
        #expect(pages.count == 10)
        let gaps = zip(pages, pages.dropFirst()).map { $1.at - $0.at }
        #expect(gaps.dropFirst().allSatisfy { $0 >= .milliseconds(30) && $0 <= .milliseconds(40) }, "\(gaps.map(\.notation))")
        #expect(pages.allSatisfy { $0.page.limit == 500 && $0.page.timeLimit == .milliseconds(20) })
        #expect(pages.map(\.page.isFirst) == [true] + Array(repeating: false, count: 9))
        #expect(Set(pages.map(\.page.keySeed)).count == 10, "idempotency keys are never the same")
    }

    @Test func `a feed that may exceed the brake is surveyed page by page, and planned with the verdict of the brake`() throws {
        let scenario = scenario()
        var surveys = 0
        scenario.adjust = { exchange, result in
            if let page = exchange.plan, page.brake.allowance == 0, !page.brake.isEngaged {
                result.plan = PlanResult(brake: page.brake)
                result.plan?.needsSurvey = true
            }
            guard var survey = exchange.survey else { return }
            surveys += 1
            survey.entries += 3000
            survey.conversations = 9000
            survey.reach = survey.reach + Brake.Reaches(others: .init(touched: 3000), any: .init(touched: 3000))
            if surveys == 3 { survey.cursor = nil }
            result.survey = survey
        }
        let before = scenario.exchanges.count
        scenario.store.change("c1", at: ["vg"], now: scenario.wall)
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(5))
        #expect(surveys == 3)
        let engaged = scenario.reports.compactMap { if case .brakeEngaged(let engagement, _) = $0 { engagement } else { nil } }
        let engagement = try #require(engaged.first)
        #expect(engaged.count == 1 && engagement.rule == .touch && engagement.reach.touched == 9000 && engagement.conversations == 9000)
        let last = try #require(plans(scenario, from: before).last)
        #expect(last.page.brake.isEngaged && last.page.brake.allowance == 9000)
        #expect(plans(scenario, from: before).count <= 4 && scenario.exchanges.count - before <= 8)
    }

    @Test func `a page that takes nothing off the feed is reported and not repeated`() {
        let scenario = scenario()
        scenario.adjust = { exchange, result in
            guard exchange.plan != nil else { return }
            result.plan?.batch.examined = 5
            result.plan?.batch.takenOff = 0
            result.plan?.hasMore = true
        }
        let before = scenario.exchanges.count
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(50))
        #expect(scenario.exchanges.count - before <= 3)
        let stalled = scenario.reports.compactMap { if case .planStalled(let entries) = $0 { entries } else { nil } }
        #expect(stalled.first == 5)
        let errors = scenario.reports.compactMap { if case .runEnded(_, _, _, let error, _, _) = $0 { error } else { nil } }
        #expect(errors == ["planning took nothing off the change feed"])
    }

    // MARK: Exchanges without a page

    private enum Freeing: CaseIterable {
        /// The call was the one that an entry waited for.
        case waiting
        /// Its response led to an adoption.
        case adopting
        /// Rows that had been given up are due again, and their conversations are planned.
        case takenBack
    }

    private static var adopted: [Reconciled] {
        var verdict = Verdict(kind: .adopted, rule: "made up")
        verdict.changes.status = .closed
        return [Reconciled(conversationID: "freed", remote: "vg", verdict: verdict, isNew: true)]
    }

    private static func free(_ lane: inout LaneResult, by freeing: Freeing) {
        switch freeing {
        case .waiting: lane.hasFreedPlanning = true
        case .adopting: lane.reconciled = adopted
        case .takenBack: lane.takenBack = 1
        }
    }

    @Test func `what the end of a call frees while planning waits for a list is planned once the list has been read`() throws {
        for freeing in Freeing.allCases {
            let poll = PollSettings(interval: .seconds(10), pages: 1, rotate: 1)
            let scenario = EngineScenario(
                [MadeUp.remote("vg"), MadeUp.remote("voicebot", poll: poll)], MadeUp.settings(interval: .hours(1)))
            scenario.ending = { $0.isRead ? .readAfter(.milliseconds(300), .object(["data": .array([])])) : .never }
            scenario.adjust = { [unowned scenario] exchange, result in
                guard exchange.lanes.contains(where: { $0.remote == "vg" && !$0.finished.isEmpty }) else { return }
                scenario.store.change("freed", at: ["voicebot"], now: scenario.wall)
                Self.free(&result.lanes["vg", default: LaneResult()], by: freeing)
            }
            scenario.store.addRow("c1", at: "vg", dueAt: scenario.wall)
            scenario.start()
            scenario.run(for: .seconds(30)) { scenario.openCalls.contains(where: \.isRead) }
            try #require(scenario.openCalls.count == 2, "a call and the list")
            let (endedAt, before) = (scenario.uptime, scenario.exchanges.count)
            scenario.end(try #require(scenario.calls(to: "vg").first), DeliveryOutcome(.delivered))
            scenario.run(for: .seconds(2))
            let stored = try #require(scenario.exchanges.dropFirst(before).first)
            #expect(stored.exchange.plan == nil, "planning waits for the list")
            let sent = try #require(scenario.calls.first { $0.conversation == "freed" }, "\(freeing)")
            #expect(sent.at - endedAt <= .milliseconds(560), "\(freeing): after \((sent.at - endedAt).notation)")
        }
    }

    @Test func `what the rest of a full inbox changes is planned at once`() throws {
        let scenario = EngineScenario([MadeUp.remote("vg")], MadeUp.settings(interval: .hours(1)))
        scenario.start()
        scenario.adjust = { [unowned scenario] exchange, result in
            guard exchange.processesInbox, exchange.plan == nil else { return }
            scenario.store.change("freed", at: ["vg"], now: scenario.wall)
            result.inbox.reconciled = Self.adopted
        }
        scenario.store.inbox = 250
        let changedAt = scenario.uptime
        scenario.send(.databaseChanged)
        scenario.run(for: .seconds(1))
        let sent = try #require(scenario.calls.first { $0.conversation == "freed" })
        #expect(sent.at - changedAt <= .milliseconds(100), "after \((sent.at - changedAt).notation)")
    }

    @Test func `rows left behind by ended processes are put back at the start, and later those of this process are not`() throws {
        let scenario = EngineScenario([MadeUp.remote("vg")])
        scenario.start()
        #expect(scenario.exchanges.first?.exchange.recoversExcept == [])
        scenario.ending = { _ in .never }
        feed(scenario, 3)
        scenario.run(for: .seconds(1))
        scenario.send(.turnRequested(.request))
        scenario.run(for: .seconds(1))
        let recovering = try #require(scenario.exchanges.last { $0.exchange.recoversExcept != nil })
        #expect(recovering.exchange.recoversExcept == [1, 2, 3])
    }

    @Test func `rows whose process cannot be seen are put back when their claims end, not after the interval`() {
        let scenario = EngineScenario([MadeUp.remote("vg")], MadeUp.settings(interval: .hours(1)))
        scenario.store.claimsOfOthers = [.seconds(70), .seconds(75)].map { scenario.present.wall + $0 }
        scenario.start()
        scenario.run(for: .seconds(69))
        #expect(scenario.store.claimsOfOthers.count == 2)
        scenario.run(for: .seconds(2))
        #expect(scenario.store.claimsOfOthers.count == 1)
        scenario.run(for: .seconds(5))
        #expect(scenario.store.claimsOfOthers == [])
        let count = scenario.exchanges.count
        scenario.run(for: .minutes(50))
        #expect(scenario.exchanges.allSatisfy { $0.exchange.recoversExcept == nil || $0.exchange.now < MadeUp.noon + .minutes(2) })
        #expect(scenario.exchanges.count - count < 10)
    }
}
