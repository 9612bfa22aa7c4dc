import GRDB
import SyncCore
import Synchronization
import Testing

@testable import SyncStore

/// Planning state rows: what is written to the outbox, what it replaces, and when nothing is.
@Suite struct PlanningTests {
    private func bench() throws -> Bench {
        let bench = try Bench([.voicebot])
        try bench.addConversations("c1")
        return bench
    }

    @Test func `a planned row contains its call, its target and its time`() async throws {
        let bench = try Bench([.vg])
        try bench.addConversations("c1")
        try await bench.plan()
        let row = try bench.lines(
            """
            SELECT run_id, conversation_id, remote, payload, operation, method, path, body, delta, target_id, target_agent,
                idempotency_key, state, attempts, due_at, created_at, updated_at, finished_at, last_error FROM outbox
            """)
        let now = Bench.start.iso8601
        let delta = "{\"status\":{\"to\":\"open\"},\"title\":{\"to\":null}}"
        #expect(
            row == [
                "1|c1|vg|state|update|PATCH|/vg/agent9/r-c1|{\"status\":\"open\",\"title\":null}|\(delta)|r-c1|agent9|\(Bench.firstKey)|pending|0"
                    + "|\(now)|\(now)|\(now)|-|-"
            ])
    }

    @Test func `the delta contains the previous value of a field`() async throws {
        let bench = try bench()
        try await bench.converge()
        try bench.write("UPDATE conversations SET status = 'closed'")
        try await bench.plan()
        #expect(
            try bench.lines("SELECT delta FROM outbox WHERE state = 'pending'") == ["{\"status\":{\"from\":\"open\",\"to\":\"closed\"}}"])
    }

    @Test func `the row and its feed entry are written in one transaction`() async throws {
        let bench = try bench()
        try bench.write("CREATE TRIGGER fail BEFORE DELETE ON change_feed BEGIN SELECT RAISE(ABORT, 'disk on fire'); END")
        await #expect(throws: Bench.Problem.self) { try await bench.plan() }
        #expect(try bench.outbox().isEmpty)
        #expect(try bench.lines("SELECT * FROM link_state").isEmpty)
        #expect(try bench.feed() == ["c1||0", "c1|voicebot|0"])
        try bench.write("DROP TRIGGER fail")
        try await bench.plan()
        #expect(try bench.outbox() == ["1|c1|voicebot|pending"])
        #expect(try bench.feed().isEmpty)
        #expect(try await bench.store.feedIsEmpty())
    }

    @Test func `nothing is planned when nothing changed`() async throws {
        let bench = try bench()
        try await bench.converge()
        #expect(try await bench.planPage().examined == 0)
        #expect(try bench.outbox() == ["1|c1|voicebot|delivered"])
    }

    @Test func `planning alone does not move the agreed state`() async throws {
        let bench = try bench()
        try await bench.plan()
        #expect(try bench.agreed() == [])
    }

    @Test func `a newer delta replaces a pending row and contains everything that is due`() async throws {
        let bench = try bench()
        try await bench.plan()
        try bench.write("UPDATE conversations SET status = 'closed'")
        try await bench.plan()
        #expect(try bench.outbox() == ["1|c1|voicebot|superseded", "2|c1|voicebot|pending"])
        #expect(try bench.lines("SELECT superseded_by, finished_at IS NULL FROM outbox WHERE id = 1") == ["2|0"])
        #expect(try bench.lines("SELECT body FROM outbox WHERE id = 2") == ["{\"status\":\"closed\",\"title\":null}"])
        #expect(try await bench.store.absorbed(by: 2) == [1])
    }

    @Test(arguments: ["held", "dead"])
    func `a newer delta also replaces a row that waits for an operator`(_ state: String) async throws {
        let bench = try bench()
        try await bench.plan()
        try bench.write("UPDATE outbox SET state = ?", [state])
        try bench.write("UPDATE conversations SET status = 'closed'")
        try await bench.plan()
        #expect(try bench.outbox() == ["1|c1|voicebot|superseded", "2|c1|voicebot|pending"])
    }

    @Test(arguments: ["pending", "held", "dead"])
    func `a row with the same content is not written again`(_ state: String) async throws {
        let bench = try bench()
        try await bench.plan()
        try bench.write("UPDATE outbox SET state = ?, last_error = 'HTTP 422'", [state])
        try bench.write("UPDATE conversations SET updated_at = '2026-03-01T13:00:00Z'")
        try await bench.plan()
        #expect(try bench.outbox() == ["1|c1|voicebot|\(state)"])
    }

    @Test(arguments: ["pending", "held", "dead"])
    func `a change that is reverted discards the waiting row`(_ state: String) async throws {
        let bench = try bench()
        try await bench.converge()
        try bench.write("UPDATE conversations SET status = 'closed'")
        try await bench.plan()
        try bench.write("UPDATE outbox SET state = ? WHERE id = 2", [state])
        try bench.write("UPDATE conversations SET status = 'open'")
        try await bench.plan()
        #expect(try bench.outbox() == ["1|c1|voicebot|delivered", "2|c1|voicebot|discarded"])
        let reason = try bench.lines("SELECT last_error FROM outbox WHERE id = 2").first
        #expect(reason?.contains("not needed any more") == true)
    }

    @Test func `a refused row is recorded once and replaced when it can be sent`() async throws {
        let bench = try bench()
        try bench.write("UPDATE links SET remote_id = 'refused'")
        for time in ["13:00", "14:00"] {
            try bench.write("UPDATE conversations SET updated_at = ?", ["2026-03-01T\(time):00Z"])
            try await bench.plan()
        }
        #expect(try bench.outbox() == ["1|c1|voicebot|dead"])
        #expect(
            try bench.lines("SELECT last_error, finished_at IS NULL, delta FROM outbox")
                == ["not sendable: links.remote_id is refused|0|-"])
        try bench.write("UPDATE links SET remote_id = 'good' WHERE remote = 'voicebot'")
        try await bench.plan()
        #expect(try bench.outbox() == ["1|c1|voicebot|discarded", "2|c1|voicebot|pending"])
    }

    @Test(
        arguments: [
            ("'oops'", "is not JSON"), ("'[]'", "is not a JSON object"), ("NULL", nil), ("'{}'", nil),
            (
                "'{\"a\":' || replace(hex(zeroblob(300)), '00', '[') || replace(hex(zeroblob(300)), '00', ']') || '}'",
                "is nested deeper than 256 levels"
            ),
        ] as [(String, String?)])
    func `a conversation with an unreadable column is planned without that column`(value: String, problem: String?) async throws {
        let bench = try bench()
        try bench.write("PRAGMA ignore_check_constraints = ON; UPDATE conversations SET attributes = \(value)")
        let seen = Mutex<[Conversation]>([])
        var context = bench.context()
        let decide = context.decide
        context.decide = { snapshot in
            seen.withLock { $0.append(snapshot.conversation) }
            return decide(snapshot)
        }
        _ = try await bench.planPage(context)
        #expect(try bench.lines("SELECT state FROM outbox") == ["pending"])
        let conversation = try #require(seen.withLock { $0.first })
        #expect(conversation.unreadable[.attributes] == problem.map { "conversations.attributes of \"c1\" \($0)" })
        #expect(conversation.attributes == (value == "'{}'" ? [:] : nil))
    }

    @Test func `a batch reports its counts`() async throws {
        let bench = try bench()
        try bench.addConversations("c2")
        try bench.write("UPDATE links SET remote_id = 'refused' WHERE conversation_id = 'c2'")
        let batch = try await bench.planPage()
        #expect(batch.planned == 1)
        #expect(batch.refused.map(\.conversationID) == ["c2"])
        try bench.write("UPDATE conversations SET status = 'closed' WHERE id = 'c1'")
        let next = try await bench.planPage()
        #expect(next.superseded.map(\.outboxID) == [1])
        #expect(next.superseded.map(\.supersededBy) == [3])
    }
}
