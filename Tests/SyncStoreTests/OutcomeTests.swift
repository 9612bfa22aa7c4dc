import SyncCore
import Testing

@testable import SyncStore

/// Recording outcomes: the agreed state moves on acknowledgement only, and only under a valid lease.
@Suite struct OutcomeTests {
    private let ok = DeliveryOutcome(.delivered, httpStatus: 200)

    /// One pending row of c1 for vg.
    private func scenario() async throws -> StoreScenario {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.store.enterRemotes(scenario.remotes)
        try await scenario.plan()
        return scenario
    }

    private func linkState(_ scenario: StoreScenario) throws -> [String] {
        try scenario.lines(
            """
            SELECT coalesce((SELECT group_concat(key || '=' || coalesce(json_extract(value, '$.theirs'), 'null'), ' ')
                    FROM (SELECT key, value FROM json_each(fields) WHERE json_type(value, '$.theirs') IS NOT NULL ORDER BY key)), ''),
                (SELECT json_group_object(key, json_extract(value, '$.doubt')) FROM (
                    SELECT key, value FROM json_each(fields) WHERE json_type(value, '$.doubt') IS NOT NULL ORDER BY key)),
                acknowledged_at IS NULL, gone_at IS NULL FROM link_state
            """)
    }

    @Test func `an acknowledgement moves the agreed state and keeps the remote's own form`() async throws {
        let scenario = try await scenario()
        var outcome = ok
        outcome.observation = Observation(word: "completed")
        try await scenario.finish(try await scenario.claimOne("vg"), outcome)
        #expect(try linkState(scenario) == ["status=completed title=null user_id=null|{}|0|1"])
        #expect(
            try scenario.lines("SELECT state, attempts, lease, finished_at, last_http_status FROM outbox")
                == ["delivered|1|-|\(StoreScenario.start.iso8601)|200"])
        #expect(try await scenario.store.storedRemotes()["vg"]?.lastSuccessAt == StoreScenario.start.iso8601)
    }

    @Test(arguments: [OutcomeClass.retry, .throttled, .park, .dead, .interrupted])
    func `any other outcome leaves the agreed state alone`(_ outcome: OutcomeClass) async throws {
        let scenario = try await scenario()
        try await scenario.finish(try await scenario.claimOne("vg"), DeliveryOutcome(outcome, httpStatus: 500, error: "no"))
        #expect(try linkState(scenario) == ["|{}|1|1"])
        #expect(try scenario.lines("SELECT state, lease FROM outbox") == [outcome == .dead ? "dead|-" : "pending|-"])
    }

    @Test(arguments: [(OutcomeClass.retry, 1), (.dead, 1), (.throttled, 0), (.park, 0), (.interrupted, 0)])
    func `only real attempts are counted`(_ outcome: OutcomeClass, _ attempts: Int) async throws {
        let scenario = try await scenario()
        try await scenario.finish(try await scenario.claimOne("vg"), DeliveryOutcome(outcome, error: "no"))
        #expect(try scenario.lines("SELECT attempts FROM outbox") == ["\(attempts)"])
        #expect(try await scenario.store.attempts(of: 1).map(\.outcome) == [outcome.rawValue])
    }

    /// Throttles do not count, so nothing else ends their number.
    @Test func `of the attempts of a row the newest thousand stay`() async throws {
        let scenario = try await scenario()
        try scenario.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
            INSERT INTO outbox_attempts (outbox_id, attempt, started_at, finished_at, outcome)
            SELECT 1, i, '2026-03-01T11:00:00.000Z', '2026-03-01T11:00:00.000Z', 'throttled' FROM n
            """)
        let later = StoreScenario.start + .hours(1)
        for _ in 0..<2 {
            try await scenario.finish(try await scenario.claimOne("vg", now: later), DeliveryOutcome(.throttled, error: "429"), now: later)
        }
        let kept = "SELECT count(*), min(attempt), max(attempt) FROM outbox_attempts WHERE outbox_id = 1"
        #expect(try scenario.lines(kept) == ["1000|3|1002"])
        _ = try await scenario.claimOne("vg", now: later)
        #expect(try await scenario.store.recover(now: later + .hours(1), isGone: { _ in false }).rows == 1)
        #expect(try scenario.lines(kept) == ["1000|4|1003"], "an interrupted attempt as well")
    }

    @Test func `attempts are numbered from one, whether they were counted or not`() async throws {
        let scenario = try await scenario()
        for (index, outcome) in [OutcomeClass.throttled, .retry, .interrupted, .delivered].enumerated() {
            let claimed = try await scenario.claimOne("vg", now: StoreScenario.start + .hours(1))
            #expect(claimed.earlierAttempts == index)
            #expect(claimed.idempotencyKey == StoreScenario.firstKey, "the same key on each attempt")
            var result = DeliveryOutcome(outcome, httpStatus: 500 + index, error: outcome == .delivered ? nil : "e\(index)")
            result.responseExcerpt = "x\(index)"
            try await scenario.finish(claimed, result, now: StoreScenario.start + .hours(1))
        }
        let attempts = try await scenario.store.attempts(of: 1)
        #expect(attempts.map(\.attempt) == [1, 2, 3, 4])
        #expect(attempts.map(\.outcome) == ["throttled", "retry", "interrupted", "delivered"])
        #expect(attempts.map(\.httpStatus) == [500, 501, 502, 503])
        #expect(attempts.map(\.error) == ["e0", "e1", "e2", nil])
        #expect(attempts.map(\.responseExcerpt) == ["x0", "x1", "x2", "x3"])
    }

    @Test func `partial errors and drift of an acknowledged call are kept with the attempt`() async throws {
        let scenario = try await scenario()
        var outcome = ok
        outcome.partialErrors = ["user attribute plan: unknown"]
        outcome.drift = ["title"]
        try await scenario.finish(try await scenario.claimOne("vg"), outcome)
        #expect(try await scenario.store.attempts(of: 1).map(\.error) == ["user attribute plan: unknown; answered another value for title"])
    }

    @Test func `an outcome under a lost lease leaves the row and its history alone`() async throws {
        let scenario = try await scenario()
        let stale = try await scenario.claimOne("vg", process: 1)
        _ = try await scenario.store.recover(now: StoreScenario.start + .minutes(2), isGone: { _ in false })
        let claimed = try await scenario.claimOne("vg", now: StoreScenario.start + .minutes(2), process: 2)
        let row = "SELECT state, attempts, lease, lease_until, due_at, last_http_status, last_error, updated_at FROM outbox"
        let before = try scenario.lines(row) + (try scenario.lines("SELECT * FROM outbox_attempts"))
        let reply = try await scenario.finish(stale, ok, now: StoreScenario.start + .minutes(2))
        #expect(reply.fenced == [1])
        #expect(try scenario.lines(row) + (try scenario.lines("SELECT * FROM outbox_attempts")) == before)
        #expect(try await scenario.finish(claimed, ok, now: StoreScenario.start + .minutes(2)).fenced.isEmpty)
        #expect(try await scenario.finish(claimed, ok, now: StoreScenario.start + .minutes(2)).fenced == [1], "twice is once too often")
    }

    @Test func `a released claim leaves no trace`() async throws {
        let scenario = try await scenario()
        let claimed = try await scenario.claimOne("vg")
        var row = claimed.row
        row.state = .pending
        let released = FinishedCall(
            claimed: claimed, row: row, startedAt: StoreScenario.start, finishedAt: StoreScenario.start, outcome: nil, error: nil)
        #expect(try await scenario.exchange("vg", finished: [released]).fenced.isEmpty)
        #expect(
            try scenario.lines("SELECT state, attempts, due_at, lease, lease_until, last_error FROM outbox")
                == ["pending|0|\(StoreScenario.start.iso8601)|-|-|-"])
        #expect(try await scenario.store.attempts(of: 1).isEmpty)
        #expect(try await scenario.exchange("vg", finished: [released]).fenced == [1])
    }

    @Test func `a gone object is not planned for until its link is written again`() async throws {
        let scenario = try await scenario()
        try await scenario.finish(try await scenario.claimOne("vg"), DeliveryOutcome(.gone, httpStatus: 404, error: "HTTP 404"))
        #expect(try linkState(scenario) == ["|{}|1|0"])
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        #expect(try scenario.outbox() == ["1|c1|vg|dead"])
        try scenario.write("UPDATE links SET remote_id = remote_id")
        try await scenario.plan()
        #expect(try scenario.outbox("state = 'pending'") == ["2|c1|vg|pending"])
    }

    @Test func `writing a link again without a change revives the row that found its object gone`() async throws {
        let scenario = try await scenario()
        try await scenario.finish(try await scenario.claimOne("vg"), DeliveryOutcome(.gone, httpStatus: 404, error: "HTTP 404"))
        try scenario.write("INSERT OR REPLACE INTO links VALUES ('c1', 'vg', 'r-c1', NULL)")
        try await scenario.plan()
        let pending = try scenario.outbox("state = 'pending'")
        #expect(pending.count == 1)
    }

    @Test(arguments: [
        "DELETE FROM links", "UPDATE links SET remote_id = 'other'", "DELETE FROM conversations",
        "DELETE FROM links; INSERT INTO links VALUES ('c1', 'vg', 'other', NULL)",
    ])
    func `a link that changed during its call does not get the acknowledged state`(_ sql: String) async throws {
        let scenario = try await scenario()
        let claimed = try await scenario.claimOne("vg")
        try scenario.write(sql)
        try await scenario.plan()
        try await scenario.finish(claimed, ok)
        try await scenario.plan()
        #expect(try scenario.agreed() == [])
        let hasLink = try scenario.lines("SELECT 1 FROM links").count == 1
        #expect(
            try scenario.lines("SELECT path, body FROM outbox WHERE state = 'pending'")
                == (hasLink ? ["/vg/agent9/other|{\"status\":\"open\",\"title\":null}"] : []))
    }

    @Test func `the gate survives a restart and leaves the pause alone`() async throws {
        let scenario = try await scenario()
        _ = try await scenario.store.pause("vg", now: StoreScenario.start)
        let gate = RemoteGate.Stored(
            parkedAt: StoreScenario.start, parkReason: "HTTP 401", throttledUntil: StoreScenario.start + .seconds(5),
            breakerOpenUntil: StoreScenario.start + .seconds(9), breakerOpenings: 3)
        _ = try await scenario.exchange("vg", gate: gate)
        var expected = gate
        expected.pausedAt = StoreScenario.start
        #expect(try await scenario.store.storedRemotes()["vg"]?.gate == expected)
    }

    // MARK: Objects that seem to be missing

    /// Ends a call with a 404 that nothing has confirmed.
    private func miss(_ scenario: StoreScenario, _ claimed: ClaimedRow, now: Instant = StoreScenario.start) async throws {
        var call = scenario.finished(
            claimed, DeliveryOutcome(.gone, httpStatus: 404, error: "HTTP 404", absence: .object), now: now)
        call.isMissing = true
        #expect(try await scenario.exchange(claimed.remote, finished: [call], now: now).fenced.isEmpty)
    }

    private func conclude(_ scenario: StoreScenario, _ records: AbsenceRecord..., now: Instant) async throws -> LaneResult {
        try await scenario.exchange("vg", absences: records, now: now)
    }

    @Test func `rows given up because of a wrong URL are put back, the tombstone is removed, and later changes are planned`() async throws {
        let scenario = try StoreScenario([.vg, .voicebot])
        try scenario.addConversations("c1", "c2", "c3")
        try await scenario.store.enterRemotes(scenario.remotes)
        try await scenario.plan()
        for claimed in try await scenario.claim("vg", 2) { try await miss(scenario, claimed) }
        try await miss(scenario, try await scenario.claim("voicebot", 1)[0])
        #expect(try await scenario.store.storedRemotes()["vg"]?.suspects == ["c1", "c2"])
        try scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
        try await scenario.plan()
        let later = StoreScenario.start + .minutes(1)
        #expect(try await conclude(scenario, .takeBack, now: later).takenBack == 2)
        #expect(
            try scenario.lines(
                "SELECT conversation_id, state, attempts, due_at, finished_at FROM outbox WHERE remote = 'vg' AND id < 5 ORDER BY id"
            )
            .filter { $0.hasPrefix("c1") || $0.hasPrefix("c2") }.allSatisfy { $0.hasSuffix("|pending|0|\(later.iso8601)|-") })
        #expect(try scenario.lines("SELECT count(*) FROM link_state WHERE remote = 'vg' AND gone_at IS NOT NULL") == ["0"])
        #expect(try scenario.lines("SELECT count(*) FROM link_state WHERE remote = 'voicebot' AND gone_at IS NOT NULL") == ["1"])
        try await scenario.plan(now: later)
        #expect(
            try scenario.lines(
                "SELECT json_extract(body, '$.status') FROM outbox WHERE remote = 'vg' AND conversation_id = 'c1' AND state = 'pending'")
                == ["closed"], "what changed while it was gone")
        let claimed = try await scenario.claim("vg", now: later)
        #expect(claimed.first { $0.conversationID == "c2" }?.missingSince == StoreScenario.start)
    }

    @Test func `a confirmed absence is not undone`() async throws {
        let scenario = try await scenario()
        try await miss(scenario, try await scenario.claimOne("vg"))
        #expect(try await conclude(scenario, .confirm, .takeBack, now: StoreScenario.start).takenBack == 0)
        #expect(try scenario.outbox() == ["1|c1|vg|dead"])
        #expect(try linkState(scenario) == ["|{}|1|0"])
        #expect(try await scenario.store.storedRemotes()["vg"]?.suspects == [])
    }

    @Test func `a 5xx that is configured as gone leaves the fields in doubt`() async throws {
        let scenario = try await scenario()
        let outcome = DeliveryOutcome(.gone, fate: .unknown, httpStatus: 500, error: "HTTP 500")
        try await scenario.finish(try await scenario.claimOne("vg"), outcome)
        #expect(try linkState(scenario) == [#"|{"status":["open"],"title":[null]}|1|0"#])
    }

    @Test func `a member that is refused after an earlier attempt that may have arrived costs that member, and the rest is in doubt`()
        async throws
    {
        let scenario = try await StoreScenario.converged()
        try scenario.write("UPDATE conversations SET status = 'resolved', title = 'refused'")
        try await scenario.plan()
        let claimed = try await scenario.claimOne("vg")
        var outcome = DeliveryOutcome(.dead, fate: .unknown, httpStatus: 422, error: "HTTP 422")
        outcome.refusal = RefusedMembers(members: ["title"])
        try await scenario.finish(claimed, outcome)
        #expect(try scenario.lines("SELECT state, refused_members FROM outbox WHERE id = \(claimed.id)") == [#"dead|["title"]"#])
        let members = { (path: String) in
            try scenario.lines(
                "SELECT json_extract(fields, '$.status.\(path)'), json_extract(fields, '$.title.\(path)') FROM link_state WHERE remote = 'vg'"
            )
        }
        #expect(try members("doubt") == [#"["resolved"]|-"#])
        // If the object shows it, the first attempt was applied.
        #expect(try members("lost") == [#"-|["refused"]"#])
        try await scenario.plan()
        #expect(
            try scenario.lines("SELECT body FROM outbox WHERE remote = 'vg' AND state = 'pending'") == [#"{"status":"resolved"}"#])
    }
}
