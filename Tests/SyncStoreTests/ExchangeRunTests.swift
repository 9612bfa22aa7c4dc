import SyncCore
import Testing

@testable import SyncStore

/// The row of `runs` that exchanges belong to, the brake of a page, retention, and the start.
@Suite struct ExchangeRunTests {
    private static func at(_ seconds: Int64) -> Instant { StoreScenario.start + .seconds(seconds) }
    private let ok = DeliveryOutcome(.delivered, httpStatus: 200)

    private func run(_ scenario: StoreScenario, _ part: RunPart, now: Instant, _ fill: (inout Exchange) -> Void = { _ in }) async throws
        -> ExchangeResult
    {
        let exchange = scenario.exchange(now: now) { exchange in
            exchange.run = part
            exchange.plan = scenario.page()
            fill(&exchange)
        }
        let result = try await scenario.store.exchange(exchange, for: scenario.parties())
        #expect(result.problems == [])
        return result
    }

    // MARK: Runs

    @Test func `a run is stored with its first effect, and its counts are sums`() async throws {
        let scenario = try StoreScenario([.vg])
        var part = RunPart(cause: .request, startedAt: StoreScenario.start, endsIfDone: true)
        let nothing = try await run(scenario, part, now: StoreScenario.start)
        #expect(nothing.runID == nil)
        #expect(nothing.hasEndedRun)
        #expect(try scenario.lines("SELECT count(*) FROM runs") == ["0"])
        try scenario.addConversations("c1")
        var lane = LaneRequest(remote: "vg")
        lane.claim = .init(rows: 1, retries: 1, retriesDueBy: Self.at(1), leaseDuration: .seconds(60))
        let first = try await run(scenario, part, now: Self.at(1)) { [lane] in $0.lanes = [lane] }
        part.id = first.runID
        #expect(part.id != nil)
        #expect(!first.hasEndedRun, "a row was claimed")
        #expect(
            try scenario.lines("SELECT id, cause, started_at, finished_at, examined, planned, delivered FROM runs")
                == ["1|request|\(StoreScenario.start.iso8601)|-|2|1|0"])
        #expect(try scenario.lines("SELECT run_id FROM outbox") == ["1"])
        lane.claim = nil
        lane.finished = [scenario.finished(try #require(first.lanes["vg"]?.claimed.first), ok, now: Self.at(2))]
        (part.counts.delivered, part.counts.putBack, part.counts.dead) = (1, 2, 3)
        try scenario.write("UPDATE conversations SET title = 'x'")
        let second = try await run(scenario, part, now: Self.at(2)) { [lane] in $0.lanes = [lane] }
        #expect(second.runID == 1)
        #expect(second.hasEndedRun)
        #expect(
            try scenario.lines("SELECT finished_at, examined, planned, delivered, put_back, dead, error FROM runs")
                == ["\(Self.at(2).iso8601)|4|2|1|2|3|-"])
    }

    @Test func `a run that waits for calls does not end by itself, and ends when the engine says so`() async throws {
        let scenario = try StoreScenario([.vg, .helpdesk])
        try scenario.addConversations("c1")
        try await scenario.plan()
        _ = try await scenario.claimOne("vg")
        try scenario.write("UPDATE conversations SET title = 'x'")
        var part = RunPart(cause: .change, startedAt: StoreScenario.start, endsIfDone: true)
        let exchange = scenario.exchange { [part] exchange in
            var page = scenario.page()
            page.stall = .seconds(30)
            exchange.plan = page
            exchange.run = part
        }
        let first = try await scenario.store.exchange(exchange, for: scenario.parties())
        #expect(try scenario.feed() == ["c1|helpdesk|3", "c1|vg|1"])
        #expect(!first.hasEndedRun)
        part.id = first.runID
        #expect(part.id != nil)
        part.ends = true
        part.error = "locked"
        let last = try await scenario.store.exchange(
            scenario.exchange(now: Self.at(9)) { [part] in $0.run = part }, for: scenario.parties())
        #expect(last.hasEndedRun)
        #expect(
            try scenario.lines("SELECT finished_at, error FROM runs WHERE id = \(first.runID ?? 0)") == ["\(Self.at(9).iso8601)|locked"])
    }

    @Test func `the end of a run is written even if nothing else is`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        var part = RunPart(cause: .change, startedAt: StoreScenario.start)
        part.id = try await run(scenario, part, now: StoreScenario.start).runID
        #expect(part.id != nil)
        part.endsIfDone = true
        #expect(try await run(scenario, part, now: Self.at(5)).hasWritten)
        #expect(try scenario.lines("SELECT finished_at FROM runs") == [Self.at(5).iso8601])
    }

    @Test func `a run that cannot plan anything is not stored`() async throws {
        let scenario = try StoreScenario([.vg])
        for number in 1...(PlanWriter.hopelessPage + 1) { try scenario.addConversations("c\(number)") }
        try scenario.write(
            "CREATE TRIGGER refused BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'nothing goes'); END")
        let exchange = scenario.exchange { $0.plan = scenario.page() }
        let result = try await scenario.store.exchange(exchange, for: scenario.parties())
        #expect(result.problems.count == 1)
        #expect(result.plan?.hasMore == false, "the same would fail again")
        #expect(result.runID == nil)
        #expect(try scenario.lines("SELECT count(*) FROM runs") == ["0"])
    }

    @Test func `the same exchange leads to the same idempotency keys`() async throws {
        var keys: [[String]] = []
        for _ in 0..<2 {
            let scenario = try StoreScenario([.vg, .voicebot])
            try scenario.addConversations("c1", "c2")
            try await scenario.plan()
            keys.append(try scenario.lines("SELECT idempotency_key FROM outbox ORDER BY id"))
        }
        #expect(keys[0] == keys[1])
        #expect(Set(keys[0]).count == 4)
    }

    // MARK: The brake

    private func settings() -> Brake.Settings {
        var settings = Brake.Settings()
        (settings.touchMinimum, settings.finishMinimum) = (2, 2)
        return settings
    }

    private func changed(_ count: Int) async throws -> StoreScenario {
        let scenario = try StoreScenario([.vg, .helpdesk])
        for number in 1...count { try scenario.addConversations("c\(number)") }
        try await scenario.converge()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        return scenario
    }

    @Test func `many entries are surveyed before any of them is planned, and held if they exceed a rule of the brake`() async throws {
        let scenario = try await changed(3)
        var brake = Brake(settings())
        let planning = scenario.exchange { [brake] in $0.plan = scenario.page(brake) }
        let first = try #require(try await scenario.store.exchange(planning, for: scenario.parties()).plan)
        #expect(first.needsSurvey)
        #expect(!first.hasMore)
        #expect(first.batch.examined == 0)
        let surveying = scenario.exchange { $0.survey = FeedSurvey(rememberedRows: 10) }
        let surveyed = try await scenario.store.exchange(surveying, for: scenario.parties())
        #expect(!surveyed.hasWritten)
        let survey = try #require(surveyed.survey)
        #expect(survey.isComplete)
        #expect(survey.entries == 6)
        brake = first.brake
        let engagement = brake.survey(survey.reach, entries: survey.entries, conversations: survey.conversations)
        #expect(engagement?.rule == .finish)
        let exchange = scenario.exchange { [brake] in $0.plan = scenario.page(brake) }
        let second = try #require(try await scenario.store.exchange(exchange, for: scenario.parties()).plan)
        #expect(second.batch.held == 6)
        #expect(second.engagement == nil, "it has been told")
        #expect(
            try scenario.lines("SELECT DISTINCT state, last_error FROM outbox WHERE state <> 'delivered'")
                == ["held|held by the brake: its run would finish 3 and touch 3 of 3 conversations"])
    }

    @Test func `few entries are planned without a survey, and no more than were counted`() async throws {
        let scenario = try await changed(2)
        let exchange = scenario.exchange { $0.plan = scenario.page(Brake(self.settings())) }
        let planned = try #require(try await scenario.store.exchange(exchange, for: scenario.parties()).plan)
        #expect(!planned.needsSurvey)
        #expect(planned.batch.planned == 4)
        #expect(planned.brake.needsCount)
    }

    @Test func `nothing is planned before all conversations of a changed remote are on the feed`() async throws {
        let scenario = try await changed(2)
        _ = try await scenario.store.reconcileRemotes(scenario.remotes, now: StoreScenario.start)
        for pages in [2, 1, 0] {
            let exchange = scenario.exchange { $0.plan = scenario.page() }
            let planned = try #require(try await scenario.store.exchange(exchange, for: scenario.parties()).plan)
            #expect((planned.batch.examined == 0) == (pages > 0))
            #expect(planned.hasMore == (pages > 0))
        }
        #expect(try scenario.feed() == [])
    }

    // MARK: Retention and start

    @Test func `a step of retention follows the commit, and says whether another is needed`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
            INSERT INTO outbox (conversation_id, remote, payload, operation, method, path, body, target_id, idempotency_key, state, due_at,
                created_at, updated_at, finished_at)
            SELECT 'c', 'vg', 'state', 'o', 'PATCH', '/', '{}', 't', i, 'superseded', '2020-01-01', '2020-01-01', '2020-01-01', '2020-01-01'
            FROM n
            """)
        var retention = Retention(.init())
        var pruned: [Int] = []
        repeat {
            let exchange = scenario.exchange { [retention] in $0.retention = retention }
            let result = try await scenario.store.exchange(exchange, for: scenario.parties())
            retention = try #require(result.retention)
            pruned.append(result.prunedRows)
            #expect(result.hasMoreRetention == retention.isSweeping)
        } while retention.isSweeping
        #expect(pruned == [500, 500, 200])
        #expect(retention.removed == 1200)
        let exchange = scenario.exchange { [retention] in $0.retention = retention }
        #expect(try await scenario.store.exchange(exchange, for: scenario.parties()).prunedRows == 0, "no sweep is due")
    }

    @Test func `the last page of a sweep is repeated until the rows that remained are gone`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
            INSERT INTO inbox (remote, kind, conversation_id, event_key, occurred_at, received_at, payload, state)
            SELECT 'fin', 'status', 'c', i, 1, '2020-01-01', '{}', 'done' FROM n
            """)
        var retention = Retention(.init())
        var steps = 0
        repeat {
            let exchange = scenario.exchange { [retention] in $0.retention = retention }
            retention = try #require(try await scenario.store.exchange(exchange, for: scenario.parties()).retention)
            steps += 1
        } while retention.isSweeping && steps < 10
        #expect(try scenario.lines("SELECT count(*) FROM inbox") == ["0"])
        #expect(steps == 4)
    }

    @Test func `a start stores the process and its remotes, and puts back the rows of ended processes`() async throws {
        let scenario = try StoreScenario([.vg, .helpdesk])
        try scenario.addConversations("c1")
        let process = ProcessIdentity(bootID: "b", pidNamespace: "n", pid: 1, startedTicks: 1)
        let first = try await scenario.store.start(process, for: scenario.parties(), Now(wall: StoreScenario.start, uptime: .zero))
        #expect(first.recovered == 0)
        #expect(Set(first.remotes.keys) == ["vg", "helpdesk"])
        try await scenario.plan()
        let claimed = try await scenario.claimOne("vg", process: first.processID)
        let again = try await scenario.store.start(
            process, for: scenario.parties(), except: [claimed.id], Now(wall: Self.at(3600), uptime: .hours(1)))
        #expect(again.processID != first.processID)
        #expect(again.recovered == 0)
        let last = try await scenario.store.start(process, for: scenario.parties(), Now(wall: Self.at(3600), uptime: .hours(1)))
        #expect(last.recovered == 1)
        #expect(try scenario.outbox("id = \(claimed.id)") == ["\(claimed.id)|c1|vg|pending"])
    }

    @Test func `what was committed is told although the step of retention after it fails`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.plan()
        let claimed = try await scenario.claimOne("vg")
        try scenario.write(
            """
            INSERT INTO outbox (conversation_id, remote, payload, operation, method, path, body, target_id, idempotency_key, state, due_at,
                created_at, updated_at, finished_at)
            VALUES ('c', 'vg', 'state', 'o', 'PATCH', '/', '{}', 't', 'k', 'superseded', '2020-01-01', '2020-01-01', '2020-01-01', '2020-01-01');
            CREATE TRIGGER refused BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'not this one'); END
            """)
        var lane = LaneRequest(remote: "vg")
        lane.finished = [scenario.finished(claimed, ok, now: Self.at(1))]
        let exchange = scenario.exchange(now: Self.at(1)) { [lane] in
            $0.lanes = [lane]
            $0.run.counts.delivered = 1
            $0.retention = Retention(.init())
        }
        let result = try await scenario.store.exchange(exchange, for: scenario.parties())
        #expect(result.runID != nil && result.lanes["vg"]?.fenced == [])
        #expect(result.retention == nil && !result.hasMoreRetention)
        #expect(result.problems.count == 1 && result.problems.first?.contains("not this one") == true, "\(result.problems)")
        #expect(try scenario.lines("SELECT state FROM outbox WHERE id = \(claimed.id)") == ["delivered"])
        let alone = scenario.exchange(now: Self.at(2)) { $0.retention = Retention(.init()) }
        await #expect(throws: StoreError.self) { try await scenario.store.exchange(alone, for: scenario.parties()) }
    }
}
