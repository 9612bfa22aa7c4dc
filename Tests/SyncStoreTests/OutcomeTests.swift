import SyncCore
import Testing

@testable import SyncStore

/// Recording outcomes: the agreed state moves on acknowledgement only, and only under a valid lease.
@Suite struct OutcomeTests {
    private let ok = DeliveryOutcome(.delivered, httpStatus: 200)

    /// One pending row of c1 for vg.
    private func bench() async throws -> Bench {
        let bench = try Bench([.vg])
        try bench.addConversations("c1")
        try await bench.store.enterRemotes(bench.remotes)
        try await bench.plan()
        return bench
    }

    private func linkState(_ bench: Bench) throws -> [String] {
        try bench.lines(
            """
            SELECT coalesce((SELECT group_concat(key || '=' || coalesce(json_extract(value, '$.theirs'), 'null'), ' ')
                    FROM (SELECT key, value FROM json_each(fields) WHERE json_type(value, '$.theirs') IS NOT NULL ORDER BY key)), ''),
                (SELECT json_group_object(key, json_extract(value, '$.doubt')) FROM (
                    SELECT key, value FROM json_each(fields) WHERE json_type(value, '$.doubt') IS NOT NULL ORDER BY key)),
                acknowledged_at IS NULL, gone_at IS NULL FROM link_state
            """)
    }

    @Test func `an acknowledgement moves the agreed state and keeps the remote's own form`() async throws {
        let bench = try await bench()
        var outcome = ok
        outcome.observation = Observation(word: "completed")
        try await bench.finish(try await bench.claimOne("vg"), outcome)
        #expect(try linkState(bench) == ["status=completed title=null user_id=null|{}|0|1"])
        #expect(
            try bench.lines("SELECT state, attempts, lease, finished_at, last_http_status FROM outbox")
                == ["delivered|1|-|\(Bench.start.iso8601)|200"])
        #expect(try await bench.store.storedRemotes()["vg"]?.lastSuccessAt == Bench.start.iso8601)
    }

    @Test(arguments: [OutcomeClass.retry, .throttled, .park, .dead, .interrupted])
    func `any other outcome leaves the agreed state alone`(_ outcome: OutcomeClass) async throws {
        let bench = try await bench()
        try await bench.finish(try await bench.claimOne("vg"), DeliveryOutcome(outcome, httpStatus: 500, error: "no"))
        #expect(try linkState(bench) == ["|{}|1|1"])
        #expect(try bench.lines("SELECT state, lease FROM outbox") == [outcome == .dead ? "dead|-" : "pending|-"])
    }

    @Test(arguments: [(OutcomeClass.retry, 1), (.dead, 1), (.throttled, 0), (.park, 0), (.interrupted, 0)])
    func `only real attempts are counted`(_ outcome: OutcomeClass, _ attempts: Int) async throws {
        let bench = try await bench()
        try await bench.finish(try await bench.claimOne("vg"), DeliveryOutcome(outcome, error: "no"))
        #expect(try bench.lines("SELECT attempts FROM outbox") == ["\(attempts)"])
        #expect(try await bench.store.attempts(of: 1).map(\.outcome) == [outcome.rawValue])
    }

    @Test func `attempts are numbered from one, whether they were counted or not`() async throws {
        let bench = try await bench()
        for (index, outcome) in [OutcomeClass.throttled, .retry, .interrupted, .delivered].enumerated() {
            let claimed = try await bench.claimOne("vg", now: Bench.start + .hours(1))
            #expect(claimed.earlierAttempts == index)
            #expect(claimed.idempotencyKey == Bench.firstKey, "the same key on each attempt")
            var result = DeliveryOutcome(outcome, httpStatus: 500 + index, error: outcome == .delivered ? nil : "e\(index)")
            result.responseExcerpt = "x\(index)"
            try await bench.finish(claimed, result, now: Bench.start + .hours(1))
        }
        let attempts = try await bench.store.attempts(of: 1)
        #expect(attempts.map(\.attempt) == [1, 2, 3, 4])
        #expect(attempts.map(\.outcome) == ["throttled", "retry", "interrupted", "delivered"])
        #expect(attempts.map(\.httpStatus) == [500, 501, 502, 503])
        #expect(attempts.map(\.error) == ["e0", "e1", "e2", nil])
        #expect(attempts.map(\.responseExcerpt) == ["x0", "x1", "x2", "x3"])
    }

    @Test func `partial errors and drift of an acknowledged call are kept with the attempt`() async throws {
        let bench = try await bench()
        var outcome = ok
        outcome.partialErrors = ["user attribute plan: unknown"]
        outcome.drift = ["title"]
        try await bench.finish(try await bench.claimOne("vg"), outcome)
        #expect(try await bench.store.attempts(of: 1).map(\.error) == ["user attribute plan: unknown; answered another value for title"])
    }

    @Test func `an outcome under a lost lease leaves the row and its history alone`() async throws {
        let bench = try await bench()
        let stale = try await bench.claimOne("vg", process: 1)
        _ = try await bench.store.recover(now: Bench.start + .minutes(2), isGone: { _ in false })
        let claimed = try await bench.claimOne("vg", now: Bench.start + .minutes(2), process: 2)
        let row = "SELECT state, attempts, lease, lease_until, due_at, last_http_status, last_error, updated_at FROM outbox"
        let before = try bench.lines(row) + (try bench.lines("SELECT * FROM outbox_attempts"))
        let reply = try await bench.finish(stale, ok, now: Bench.start + .minutes(2))
        #expect(reply.fenced == [1])
        #expect(try bench.lines(row) + (try bench.lines("SELECT * FROM outbox_attempts")) == before)
        #expect(try await bench.finish(claimed, ok, now: Bench.start + .minutes(2)).fenced.isEmpty)
        #expect(try await bench.finish(claimed, ok, now: Bench.start + .minutes(2)).fenced == [1], "twice is once too often")
    }

    @Test func `a released claim leaves no trace`() async throws {
        let bench = try await bench()
        let claimed = try await bench.claimOne("vg")
        var row = claimed.row
        row.state = .pending
        let released = FinishedCall(
            claimed: claimed, row: row, startedAt: Bench.start, finishedAt: Bench.start, outcome: nil, error: nil)
        #expect(try await bench.exchange("vg", finished: [released]).fenced.isEmpty)
        #expect(
            try bench.lines("SELECT state, attempts, due_at, lease, lease_until, last_error FROM outbox")
                == ["pending|0|\(Bench.start.iso8601)|-|-|-"])
        #expect(try await bench.store.attempts(of: 1).isEmpty)
        #expect(try await bench.exchange("vg", finished: [released]).fenced == [1])
    }

    @Test func `a gone object is not planned for until its link is written again`() async throws {
        let bench = try await bench()
        try await bench.finish(try await bench.claimOne("vg"), DeliveryOutcome(.gone, httpStatus: 404, error: "HTTP 404"))
        #expect(try linkState(bench) == ["|{}|1|0"])
        try bench.write("UPDATE conversations SET status = 'closed'")
        try await bench.plan()
        #expect(try bench.outbox() == ["1|c1|vg|dead"])
        try bench.write("UPDATE links SET remote_id = remote_id")
        try await bench.plan()
        #expect(try bench.outbox("state = 'pending'") == ["2|c1|vg|pending"])
    }

    @Test func `writing a link again without a change revives the row that found its object gone`() async throws {
        let bench = try await bench()
        try await bench.finish(try await bench.claimOne("vg"), DeliveryOutcome(.gone, httpStatus: 404, error: "HTTP 404"))
        try bench.write("INSERT OR REPLACE INTO links VALUES ('c1', 'vg', 'r-c1', NULL)")
        try await bench.plan()
        let pending = try bench.outbox("state = 'pending'")
        #expect(pending.count == 1)
    }

    @Test(arguments: [
        "DELETE FROM links", "UPDATE links SET remote_id = 'other'", "DELETE FROM conversations",
        "DELETE FROM links; INSERT INTO links VALUES ('c1', 'vg', 'other', NULL)",
    ])
    func `a link that changed during its call does not get the acknowledged state`(_ sql: String) async throws {
        let bench = try await bench()
        let claimed = try await bench.claimOne("vg")
        try bench.write(sql)
        try await bench.plan()
        try await bench.finish(claimed, ok)
        try await bench.plan()
        #expect(try bench.agreed() == [])
        let hasLink = try bench.lines("SELECT 1 FROM links").count == 1
        #expect(
            try bench.lines("SELECT path, body FROM outbox WHERE state = 'pending'")
                == (hasLink ? ["/vg/agent9/other|{\"status\":\"open\",\"title\":null}"] : []))
    }

    @Test func `the gate survives a restart and leaves the pause alone`() async throws {
        let bench = try await bench()
        _ = try await bench.store.pause("vg", now: Bench.start)
        let gate = RemoteGate.Stored(
            parkedAt: Bench.start, parkReason: "HTTP 401", throttledUntil: Bench.start + .seconds(5),
            breakerOpenUntil: Bench.start + .seconds(9), breakerOpenings: 3)
        _ = try await bench.exchange("vg", gate: gate)
        var expected = gate
        expected.pausedAt = Bench.start
        #expect(try await bench.store.storedRemotes()["vg"]?.gate == expected)
    }

    // MARK: Objects that seem to be missing

    /// Ends a call with a 404 that nothing has confirmed.
    private func miss(_ bench: Bench, _ claimed: ClaimedRow, now: Instant = Bench.start) async throws {
        var call = bench.finished(
            claimed, DeliveryOutcome(.gone, httpStatus: 404, error: "HTTP 404", absence: .object), now: now)
        call.isMissing = true
        #expect(try await bench.exchange(claimed.remote, finished: [call], now: now).fenced.isEmpty)
    }

    private func conclude(_ bench: Bench, _ records: AbsenceRecord..., now: Instant) async throws -> LaneResult {
        try await bench.exchange("vg", absences: records, now: now)
    }

    @Test func `rows given up because of a wrong URL are put back, the tombstone is removed, and later changes are planned`() async throws {
        let bench = try Bench([.vg, .voicebot])
        try bench.addConversations("c1", "c2", "c3")
        try await bench.store.enterRemotes(bench.remotes)
        try await bench.plan()
        for claimed in try await bench.claim("vg", 2) { try await miss(bench, claimed) }
        try await miss(bench, try await bench.claim("voicebot", 1)[0])
        #expect(try await bench.store.storedRemotes()["vg"]?.suspects == ["c1", "c2"])
        try bench.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
        try await bench.plan()
        let later = Bench.start + .minutes(1)
        #expect(try await conclude(bench, .takeBack, now: later).takenBack == 2)
        #expect(
            try bench.lines(
                "SELECT conversation_id, state, attempts, due_at, finished_at FROM outbox WHERE remote = 'vg' AND id < 5 ORDER BY id"
            )
            .filter { $0.hasPrefix("c1") || $0.hasPrefix("c2") }.allSatisfy { $0.hasSuffix("|pending|0|\(later.iso8601)|-") })
        #expect(try bench.lines("SELECT count(*) FROM link_state WHERE remote = 'vg' AND gone_at IS NOT NULL") == ["0"])
        #expect(try bench.lines("SELECT count(*) FROM link_state WHERE remote = 'voicebot' AND gone_at IS NOT NULL") == ["1"])
        try await bench.plan(now: later)
        #expect(
            try bench.lines(
                "SELECT json_extract(body, '$.status') FROM outbox WHERE remote = 'vg' AND conversation_id = 'c1' AND state = 'pending'")
                == ["closed"], "what changed while it was gone")
        let claimed = try await bench.claim("vg", now: later)
        #expect(claimed.first { $0.conversationID == "c2" }?.missingSince == Bench.start)
    }

    @Test func `a confirmed absence is not undone`() async throws {
        let bench = try await bench()
        try await miss(bench, try await bench.claimOne("vg"))
        #expect(try await conclude(bench, .confirm, .takeBack, now: Bench.start).takenBack == 0)
        #expect(try bench.outbox() == ["1|c1|vg|dead"])
        #expect(try linkState(bench) == ["|{}|1|0"])
        #expect(try await bench.store.storedRemotes()["vg"]?.suspects == [])
    }

    @Test func `a 5xx that is configured as gone leaves the fields in doubt`() async throws {
        let bench = try await bench()
        let outcome = DeliveryOutcome(.gone, fate: .unknown, httpStatus: 500, error: "HTTP 500")
        try await bench.finish(try await bench.claimOne("vg"), outcome)
        #expect(try linkState(bench) == [#"|{"status":["open"],"title":[null]}|1|0"#])
    }
}
