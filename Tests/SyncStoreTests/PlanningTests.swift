import SyncCore
import Synchronization
import Testing

@testable import SyncStore

/// Planning state rows: what is written to the outbox, what it replaces, and when nothing is.
@Suite struct PlanningTests {
    private func scenario() throws -> StoreScenario {
        let scenario = try StoreScenario([.voicebot])
        try scenario.addConversations("c1")
        return scenario
    }

    @Test func `a planned row contains its call, its target and its time`() async throws {
        let scenario = try StoreScenario([.vg])
        try scenario.addConversations("c1")
        try await scenario.plan()
        let row = try scenario.lines(
            """
            SELECT run_id, conversation_id, remote, payload, operation, method, path, body, delta, target_id, target_agent,
                idempotency_key, state, attempts, due_at, created_at, updated_at, finished_at, last_error FROM outbox
            """)
        let now = StoreScenario.start.iso8601
        let delta = "{\"status\":{\"to\":\"open\"},\"title\":{\"to\":null}}"
        #expect(
            row == [
                "1|c1|vg|state|update|PATCH|/vg/agent9/r-c1|{\"status\":\"open\",\"title\":null}|\(delta)|r-c1|agent9|\(StoreScenario.firstKey)|pending|0"
                    + "|\(now)|\(now)|\(now)|-|-"
            ])
    }

    @Test func `the delta contains the previous value of a field`() async throws {
        let scenario = try scenario()
        try await scenario.converge()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        #expect(
            try scenario.lines("SELECT delta FROM outbox WHERE state = 'pending'") == ["{\"status\":{\"from\":\"open\",\"to\":\"closed\"}}"]
        )
    }

    @Test func `the row and its feed entry are written in one transaction`() async throws {
        let scenario = try scenario()
        try scenario.write("CREATE TRIGGER fail BEFORE DELETE ON change_feed BEGIN SELECT RAISE(ABORT, 'disk on fire'); END")
        await #expect(throws: StoreScenario.Problem.self) { try await scenario.plan() }
        #expect(try scenario.outbox().isEmpty)
        #expect(try scenario.lines("SELECT * FROM link_state").isEmpty)
        #expect(try scenario.feed() == ["c1||0", "c1|voicebot|0"])
        try scenario.write("DROP TRIGGER fail")
        try await scenario.plan()
        #expect(try scenario.outbox() == ["1|c1|voicebot|pending"])
        #expect(try scenario.feed().isEmpty)
        #expect(try await scenario.store.feedIsEmpty())
    }

    @Test func `nothing is planned when nothing changed`() async throws {
        let scenario = try scenario()
        try await scenario.converge()
        #expect(try await scenario.planPage().examined == 0)
        #expect(try scenario.outbox() == ["1|c1|voicebot|delivered"])
    }

    @Test func `planning alone does not move the agreed state`() async throws {
        let scenario = try scenario()
        try await scenario.plan()
        #expect(try scenario.agreed() == [])
    }

    @Test func `a newer delta replaces a pending row and contains everything that is due`() async throws {
        let scenario = try scenario()
        try await scenario.plan()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        #expect(try scenario.outbox() == ["1|c1|voicebot|superseded", "2|c1|voicebot|pending"])
        #expect(try scenario.lines("SELECT superseded_by, finished_at IS NULL FROM outbox WHERE id = 1") == ["2|0"])
        #expect(try scenario.lines("SELECT body FROM outbox WHERE id = 2") == ["{\"status\":\"closed\",\"title\":null}"])
        #expect(try await scenario.store.superseded(by: 2).map(\.id) == [1])
    }

    @Test func `the rows that a row replaced are listed with those that they had replaced, and the times of both`() async throws {
        let scenario = try scenario()
        for (minute, title) in ["a", "b", "c"].enumerated() {
            try scenario.write("UPDATE conversations SET title = ?", [title])
            try await scenario.plan(now: StoreScenario.start + .minutes(Int64(minute)))
        }
        let times = (0..<3).map { (StoreScenario.start + .minutes(Int64($0))).iso8601 }
        #expect(
            try await scenario.store.superseded(by: 3) == [
                .init(id: 1, supersededBy: 2, createdAt: times[0], supersededAt: times[1]),
                .init(id: 2, supersededBy: 3, createdAt: times[1], supersededAt: times[2]),
            ])
        #expect(try await scenario.store.superseded(by: 2).map(\.id) == [1])
        #expect(try await scenario.store.superseded(by: 1).isEmpty)
    }

    @Test(arguments: ["held", "dead"])
    func `a newer delta also replaces a row that waits for an operator`(_ state: String) async throws {
        let scenario = try scenario()
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = ?", [state])
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        #expect(try scenario.outbox() == ["1|c1|voicebot|superseded", "2|c1|voicebot|pending"])
    }

    @Test(arguments: ["pending", "held", "dead"])
    func `a row with the same content is not written again`(_ state: String) async throws {
        let scenario = try scenario()
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = ?, last_error = 'HTTP 422'", [state])
        try scenario.write("UPDATE conversations SET updated_at = '2026-03-01T13:00:00Z'")
        try await scenario.plan()
        #expect(try scenario.outbox() == ["1|c1|voicebot|\(state)"])
    }

    @Test(arguments: ["pending", "held", "dead"])
    func `a change that is reverted discards the waiting row`(_ state: String) async throws {
        let scenario = try scenario()
        try await scenario.converge()
        try scenario.write("UPDATE conversations SET status = 'closed'")
        try await scenario.plan()
        try scenario.write("UPDATE outbox SET state = ? WHERE id = 2", [state])
        try scenario.write("UPDATE conversations SET status = 'open'")
        try await scenario.plan()
        #expect(try scenario.outbox() == ["1|c1|voicebot|delivered", "2|c1|voicebot|discarded"])
        let reason = try scenario.lines("SELECT last_error FROM outbox WHERE id = 2").first
        // Not that the remote has what is wanted: the row may have been attempted, or a rule may leave the remote's value.
        #expect(reason == "not needed any more: there is nothing to send now")
    }

    @Test func `a refused row is recorded once and replaced when it can be sent`() async throws {
        let scenario = try scenario()
        try scenario.write("UPDATE links SET remote_id = 'refused'")
        for time in ["13:00", "14:00"] {
            try scenario.write("UPDATE conversations SET updated_at = ?", ["2026-03-01T\(time):00Z"])
            try await scenario.plan()
        }
        #expect(try scenario.outbox() == ["1|c1|voicebot|dead"])
        #expect(
            try scenario.lines("SELECT last_error, finished_at IS NULL, delta FROM outbox")
                == ["not sendable: links.remote_id is refused|0|-"])
        try scenario.write("UPDATE links SET remote_id = 'good' WHERE remote = 'voicebot'")
        try await scenario.plan()
        #expect(try scenario.outbox() == ["1|c1|voicebot|discarded", "2|c1|voicebot|pending"])
    }

    @Test(
        arguments: [
            ("'oops'", "is not JSON (at byte 0)"), ("'[]'", "is not a JSON object"), ("NULL", nil), ("'{}'", nil),
            (
                "'{\"a\":' || replace(hex(zeroblob(300)), '00', '[') || replace(hex(zeroblob(300)), '00', ']') || '}'",
                "is nested deeper than 256 levels"
            ),
        ] as [(String, String?)])
    func `a conversation with an unreadable column is planned without that column`(value: String, problem: String?) async throws {
        let scenario = try scenario()
        try scenario.write("PRAGMA ignore_check_constraints = ON; UPDATE conversations SET attributes = \(value)")
        let seen = Mutex<[Conversation]>([])
        var context = scenario.context()
        let decide = context.decide
        context.decide = { snapshot in
            seen.withLock { $0.append(snapshot.conversation) }
            return decide(snapshot)
        }
        _ = try await scenario.planPage(context)
        #expect(try scenario.lines("SELECT state FROM outbox") == ["pending"])
        let conversation = try #require(seen.withLock { $0.first })
        #expect(conversation.unreadable[.attributes] == problem.map { "conversations.attributes of \"c1\" \($0)" })
        #expect(conversation.attributes == (value == "'{}'" ? [:] : nil))
    }

    @Test func `a batch reports its counts`() async throws {
        let scenario = try scenario()
        try scenario.addConversations("c2")
        try scenario.write("UPDATE links SET remote_id = 'refused' WHERE conversation_id = 'c2'")
        let batch = try await scenario.planPage()
        #expect(batch.planned == 1)
        #expect(batch.refused.map(\.conversationID) == ["c2"])
        try scenario.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
        let next = try await scenario.planPage()
        #expect(next.superseded.map(\.outboxID) == [1])
        #expect(next.superseded.map(\.supersededBy) == [3])
    }
}
